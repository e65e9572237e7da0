/* pieces.h - texts that are tokens, found from their first byte on.
 *
 *     gs_piece_range range = gs_pieces_all(&pieces);
 *     for (size_t i = 0; i < length && gs_pieces_narrow(&pieces, &range, i, text[i]); i++)
 *         if ((piece = gs_pieces_whole(&pieces, range, i + 1))) ...       // text[0 .. i] is one
 */
#ifndef GS_PIECES_H
#define GS_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t offset, length; /* of its UTF-8 text among the texts; length is at least 1 */
    uint32_t id;
    float score; /* the logarithm of its probability; SigLIP's alone */
} gs_piece;

typedef struct {
    const gs_piece *list; /* [n]  borrowed; sorted by their bytes, no text twice */
    const char *texts;    /* borrowed */
    uint32_t n;
} gs_pieces;

typedef struct {
    uint32_t from, end;
} gs_piece_range;

static inline gs_piece_range gs_pieces_all(const gs_pieces *pieces)
{
    return (gs_piece_range){0, pieces->n};
}

/* Leaves in range those whose byte at is byte; they have at bytes in common already. False when there are none. */
bool gs_pieces_narrow(const gs_pieces *pieces, gs_piece_range *range, size_t at, char byte);

/* The one of range that is length bytes long, as long as what all have in common; NULL: none. */
const gs_piece *gs_pieces_whole(const gs_pieces *pieces, gs_piece_range range, size_t length);

/* Whether the list is sorted, and every text lies within texts [size]. */
bool gs_pieces_valid(const gs_pieces *pieces, size_t size);

#endif

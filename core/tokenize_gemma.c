/* tokenize_gemma.c - Gemma's byte pair encoding, which SigLIP 2 uses: of characters, a whole text at once. */
#include "core/tokenize_kinds.h"

#include <stdlib.h> /* malloc, free */
#include <string.h> /* memcpy */

#define SPACE 0x2581 /* what stands for a space in the vocabulary */

/* The token of a character, or those of its bytes, to ids; returns how many. */
static size_t symbols_of(const gs_tokenizer *t, uint32_t point, uint32_t *ids)
{
    uint8_t bytes[4];
    size_t size = gs_unicode_encode(point, bytes);
    gs_piece_range range = gs_pieces_all(&t->pieces);
    size_t i = 0;
    while (i < size && gs_pieces_narrow(&t->pieces, &range, i, (char)bytes[i]))
        i++;
    const gs_piece *piece = i == size ? gs_pieces_whole(&t->pieces, range, size) : NULL;
    if (piece) {
        ids[0] = piece->id;
        return 1;
    }
    for (i = 0; i < size; i++)
        ids[i] = t->byte[bytes[i]];
    return size;
}

bool gs_encode_gemma(const gs_tokenizer *t, const char *text, size_t length, gs_token_list *out)
{
    size_t capacity = length * GS_UNICODE_GROWTH, count = 0;
    uint32_t *points = malloc(2 * capacity * sizeof *points), *lower = points + capacity;
    uint32_t *ids = NULL;
    bool done = false;
    if (!points)
        goto end;
    size_t n = gs_unicode_decode(text, length, points);
    if (t->flags & GS_TOKENIZER_LOWER) {
        n = gs_unicode_lower(points, n, lower);
        memcpy(points, lower, n * sizeof *points);
    }
    ids = malloc(n * 4 * (GS_BPE_WORK + sizeof *ids));
    if (!ids)
        goto end;
    for (size_t i = 0; i < n; i++)
        count += symbols_of(t, points[i] == ' ' ? SPACE : points[i], ids + count);
    /* Behind the ids, at a multiple of 8 bytes. */
    count = gs_bpe_merge(t->merges, t->n_merges, ids, count, ids + 4 * n);
    for (size_t i = 0; i < count; i++)
        gs_token_emit(out, ids[i]);
    done = true;
end:
    free(ids);
    free(points);
    return done;
}

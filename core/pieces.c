#include "core/pieces.h"

#include <string.h> /* memcmp */

/* Of piece i the byte at, -1 where it ends before. */
static int byte_of(const gs_pieces *pieces, uint32_t i, size_t at)
{
    const gs_piece *p = &pieces->list[i];
    return at < p->length ? (unsigned char)pieces->texts[p->offset + at] : -1;
}

/* The first of range whose byte at is least or more. */
static uint32_t first_from(const gs_pieces *pieces, gs_piece_range range, size_t at, int least)
{
    while (range.from < range.end) {
        uint32_t middle = range.from + (range.end - range.from) / 2;
        if (byte_of(pieces, middle, at) < least)
            range.from = middle + 1;
        else
            range.end = middle;
    }
    return range.from;
}

bool gs_pieces_narrow(const gs_pieces *pieces, gs_piece_range *range, size_t at, char byte)
{
    int wanted = (unsigned char)byte;
    range->from = first_from(pieces, *range, at, wanted);
    range->end = first_from(pieces, *range, at, wanted + 1);
    return range->from < range->end;
}

const gs_piece *gs_pieces_whole(const gs_pieces *pieces, gs_piece_range range, size_t length)
{
    return range.from < range.end && pieces->list[range.from].length == length ? &pieces->list[range.from] : NULL;
}

bool gs_pieces_valid(const gs_pieces *pieces, size_t size)
{
    for (uint32_t i = 0; i < pieces->n; i++) {
        const gs_piece *p = &pieces->list[i], *q = p - 1;
        if (p->length == 0 || p->offset > size || p->length > size - p->offset)
            return false;
        if (i == 0)
            continue;
        uint32_t shorter = p->length < q->length ? p->length : q->length;
        int order = memcmp(pieces->texts + q->offset, pieces->texts + p->offset, shorter);
        if (order > 0 || (order == 0 && q->length >= p->length))
            return false;
    }
    return true;
}

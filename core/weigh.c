#include "core/weigh.h"

#include "core/clones.h"

#include <stdbool.h> /* bool */
#include <string.h>  /* memcpy */

#define LANES  GS_WEIGH_LANES
#define ROWS   GS_WEIGH_ROWS
#define HALF   (1 << (GS_WEIGHT_BITS - 1))
#define INLINE static inline __attribute__((always_inline)) /* into every clone */

INLINE uint8_t to_pixel(int32_t sum)
{
    sum >>= GS_WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* out [bytes] = rows of bytes in [count], stride apart, times weights [count]. */
static void weigh_plainly(const uint8_t *in, size_t stride, const int32_t *weights, int count, size_t bytes,
                          uint8_t *out)
{
    for (size_t i = 0; i < bytes; i++) {
        int32_t sum = HALF;
        for (int tap = 0; tap < count; tap++)
            sum += in[(size_t)tap * stride + i] * weights[tap];
        out[i] = to_pixel(sum);
    }
}

/* The same for LANES bytes, all sums at once: they stay in registers. */
INLINE void weigh_lanes(const uint8_t *in, size_t stride, const int32_t *weights, int count, uint8_t *out)
{
    int32_t sums[LANES];
    for (int i = 0; i < LANES; i++)
        sums[i] = HALF;
    for (int tap = 0; tap < count; tap++, in += stride) {
#pragma omp simd
        for (int i = 0; i < LANES; i++)
            sums[i] += in[i] * weights[tap];
    }
#pragma omp simd
    for (int i = 0; i < LANES; i++)
        out[i] = to_pixel(sums[i]);
}

GS_CLONES void gs_weigh_down(const gs_taps *t, int y, const uint8_t *in, size_t stride, size_t bytes, uint8_t *out)
{
    const int32_t *weights = t->weights + (size_t)y * (size_t)t->taps;
    int count = t->count[y];
    in += (size_t)t->begin[y] * stride;
    if (bytes < LANES) {
        weigh_plainly(in, stride, weights, count, bytes, out);
        return;
    }
    for (size_t at = 0; at + LANES <= bytes; at += LANES)
        weigh_lanes(in + at, stride, weights, count, out + at);
    size_t last = bytes - LANES; /* overlaps the one before, most often */
    weigh_lanes(in + last, stride, weights, count, out + last);
}

/* Moves the pixels of one column. Four bytes at a time is twice as fast as three: the one too many is overwritten by
 * the pixel that comes there, if there is room for it. */
INLINE void move_column(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride, bool room)
{
    if (room)
        for (size_t row = 0; row < ROWS; row++)
            memcpy(to + row * to_stride, from + row * from_stride, 4);
    else
        for (size_t row = 0; row < ROWS; row++)
            memcpy(to + row * to_stride, from + row * from_stride, 3);
}

/* ROWS rows. A column of them becomes LANES bytes on end, so that sums across are sums down. */
GS_CLONES static void weigh_block_across(const gs_taps *t, const uint8_t *in, size_t stride, int span, uint8_t *mixed,
                                         uint8_t *out)
{
    for (int x = 0; x < span; x++)
        move_column(mixed + (size_t)x * LANES, 3, in + (size_t)x * 3, stride, x < span - 1);
    mixed[(size_t)span * LANES - 1] = 0; /* the byte to spare, which nothing came to */
    for (int x = 0; x < t->n; x++) {
        uint8_t column[LANES];
        weigh_lanes(mixed + (size_t)t->begin[x] * LANES, LANES, t->weights + (size_t)x * (size_t)t->taps, t->count[x],
                    column);
        move_column(out + (size_t)x * 3, (size_t)t->n * 3, column, 3, x < t->n - 1);
    }
}

static void weigh_row_across(const gs_taps *t, const uint8_t *in, uint8_t *out)
{
    for (int x = 0; x < t->n; x++)
        weigh_plainly(in + (size_t)t->begin[x] * 3, 3, t->weights + (size_t)x * (size_t)t->taps, t->count[x], 3,
                      out + (size_t)x * 3);
}

void gs_weigh_across(const gs_taps *t, const uint8_t *in, size_t stride, int span, int rows, uint8_t *mixed,
                     uint8_t *out)
{
    size_t out_stride = (size_t)t->n * 3;
    if (rows < ROWS) {
        for (int y = 0; y < rows; y++)
            weigh_row_across(t, in + (size_t)y * stride, out + (size_t)y * out_stride);
        return;
    }
    for (int y = 0; y < rows; y += ROWS) {
        size_t first = (size_t)(y + ROWS <= rows ? y : rows - ROWS); /* the last overlaps the one before, most often */
        weigh_block_across(t, in + first * stride, stride, span, mixed, out + first * out_stride);
    }
}

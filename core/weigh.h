/* weigh.h - weighted sums of bytes, which is what a resize spends its time on; nothing but resize.c needs it.
 *
 *     gs_weigh_across(&taps, in, stride, span, rows, mixed, out);   // every row, in x
 *     gs_weigh_down(&taps, y, in, stride, bytes, out);              // one row of the result, in y
 *
 * A sum is taken over 64 bytes at a time, in loops that a compiler makes vector instructions of, and plainly where
 * there are fewer. Both give the same bytes: a weight has 22 fractional bits, and its products with bytes and their
 * sums fit 32 bits, also those of a filter that overshoots.
 */
#ifndef GS_WEIGH_H
#define GS_WEIGH_H

#include <stddef.h>
#include <stdint.h>

#define GS_WEIGHT_BITS 22
#define GS_WEIGH_LANES 64
#define GS_WEIGH_ROWS  21 /* of 3 bytes a pixel, and a byte to spare: that many rows fill the lanes with one column */

/* n outputs: number i is the rounded and clipped sum of count[i] inputs from begin[i] on times weights[i]. */
typedef struct {
    int n, taps;
    int *begin, *count; /* [n]        borrowed, as all here */
    int32_t *weights;   /* [n, taps]  of a row the first count[i] */
} gs_taps;

/* in: rows of span pixels of 3 bytes, stride bytes apart -> out [rows, t->n, 3]. mixed [span, GS_WEIGH_LANES]: scratch,
 * not used for fewer than GS_WEIGH_ROWS rows. */
void gs_weigh_across(const gs_taps *t, const uint8_t *in, size_t stride, int span, int rows, uint8_t *mixed,
                     uint8_t *out);

/* Output y, the inputs being rows of bytes, stride apart -> out [bytes]. */
void gs_weigh_down(const gs_taps *t, int y, const uint8_t *in, size_t stride, size_t bytes, uint8_t *out);

#endif

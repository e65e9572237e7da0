/* int8.h - products of whole numbers: rows of activations in 8 bits without a sign, weights in 8 bits with one, sums in 32 bits.
 *
 *     const gs_int8_kernel *kernel = gs_int8_kernel_pick();
 *     if ((st = gs_int8_pack(&weight, kernel, values, out, in, err)) != GS_OK) return st;
 *     size_t size = gs_int8_row_size(kernel, in);
 *     gs_int8_quantise(kernel, x, in, row, &scale, &zero);                       // x ~ scale (row - zero)
 *     kernel->multiply(row, size, 1, gs_int8_panel(&weight, 0), weight.depth, sums);   // the first kernel->columns channels
 *     y[c] = scale * weight.step[c] * (sums[c] - zero * weight.sum[c]);
 *     gs_int8_unpack(&weight);
 *
 * A row's numbers are spread over 0 .. 255 from its least to its largest, a channel's weights over -127 .. 127. Nothing saturates: 255 * 127
 * times GS_INT8_MAX_IN stays below 2^31, and AVX2's kernel multiplies 16-bit numbers into 32-bit sums. All kernels give the same sums.
 */
#ifndef GS_INT8_H
#define GS_INT8_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

#define GS_INT8_MAX_IN 65536

typedef struct {
    const char *name;
    size_t rows, columns; /* of a tile, at most those of tile.h */
    size_t group;         /* numbers of a channel that lie side by side in a panel */
    size_t width;         /* bytes of a number of a row */

    /* sums [rows, columns] = x [rows, depth] times a panel's channels. x's rows are stride bytes apart; rows is at most the kernel's. */
    void (*multiply)(const void *x, size_t stride, size_t rows, const int8_t *panel, size_t depth, int32_t *sums);
} gs_int8_kernel;

/* The quickest of this processor, or the one that the environment's GENSEARCH_INT8 names, to compare them. */
const gs_int8_kernel *gs_int8_kernel_pick(void);

/* Every kernel that this processor can run, the quickest first, then NULL. name: "vnni", "avx2" or "plain"; the last one is the reference. */
const gs_int8_kernel *const *gs_int8_kernels(void);

typedef struct {
    const gs_int8_kernel *kernel;
    size_t in, out, depth; /* depth: in, made a multiple of 4 with zeros */
    int8_t *
        values; /* [panels, depth / group, columns, group]  owned, as the next two; channels behind the last one are 0 */
    float *step;  /* [panels * columns]  of a channel: its weights are step times values */
    int32_t *sum; /* [panels * columns]  of a channel's values */
} gs_int8_weight;

/* weight [out, in] (borrowed for the call). One that is not finite makes its channel's step NaN. GS_EARGS beyond GS_INT8_MAX_IN, GS_ENOMEM. */
gs_status gs_int8_pack(gs_int8_weight *w, const gs_int8_kernel *kernel, const float *weight, size_t out, size_t in,
                       gs_error *err);
void gs_int8_unpack(gs_int8_weight *w); /* safe on a zeroed one */

/* The channels [columns] that start at panel * kernel->columns. */
static inline const int8_t *gs_int8_panel(const gs_int8_weight *w, size_t panel)
{
    return w->values + panel * w->depth * w->kernel->columns;
}

/* Bytes of a quantised row of n numbers, and zeros behind them. */
size_t gs_int8_row_size(const gs_int8_kernel *kernel, size_t n);

/* x [n] -> row [gs_int8_row_size()]. A number that is not finite makes the scale NaN. */
void gs_int8_quantise(const gs_int8_kernel *kernel, const float *x, size_t n, void *row, float *scale, int32_t *zero);

#endif

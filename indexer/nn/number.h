/* number.h - what flows between a transformer's matrix products: f32, or bf16 where the processor multiplies that.
 *
 *     void *normed = gs_number_at(GS_NUMBER_BF16, work, 0);
 *     gs_norm_rows(&norm, x, width, rows, GS_NUMBER_BF16, normed);      // x [rows, width] f32 -> normed
 *
 * The residual stream itself is always f32: what 12 or 24 layers add up to must not be rounded 24 or 48 times.
 */
#ifndef GS_NUMBER_H
#define GS_NUMBER_H

#include <stddef.h>

typedef enum { GS_NUMBER_F32, GS_NUMBER_BF16 } gs_number;

typedef struct {
    const float *weight, *bias; /* [width] each  borrowed */
    size_t width;
    float epsilon;
} gs_norm;

/* Bytes of n elements. */
static inline size_t gs_number_size(gs_number type, size_t n)
{
    return n * (type == GS_NUMBER_BF16 ? 2 : 4);
}

/* Element i of a row or matrix. */
static inline void *gs_number_at(gs_number type, void *base, size_t i)
{
    return (char *)base + gs_number_size(type, i);
}

static inline const void *gs_number_in(gs_number type, const void *base, size_t i)
{
    return (const char *)base + gs_number_size(type, i);
}

/* values [n] f32 -> y [n], rounded to nearest even. */
void gs_number_store(gs_number type, const float *values, size_t n, void *y);

/* y [rows, width] = layer norm of x's rows, x_stride apart. y may be x where both are f32. */
void gs_norm_rows(const gs_norm *norm, const float *x, size_t x_stride, size_t rows, gs_number type, void *y);

#endif

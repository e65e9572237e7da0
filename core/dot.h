/* dot.h - sums of products in one fixed order, for native and wasm alike.
 *
 *     double cosine = gs_dot(a, b, dim);        // of two vectors of length 1
 *
 * Products are exact f64 of f32 factors and go to GS_LANES interleaved sums: position i to lane i % GS_LANES. The lanes
 * are then added by halves. Compilers turn that into vector instructions of any width without changing a bit. The
 * functions are inlined into kernels that GS_CLONES compiles for several processors.
 */
#ifndef GS_DOT_H
#define GS_DOT_H

#include <stddef.h>

#define GS_LANES  16
#define GS_INLINE static inline __attribute__((always_inline))

/* The sum of lanes, which are overwritten. */
GS_INLINE double gs_sum_lanes(double lanes[GS_LANES])
{
    for (size_t half = GS_LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

/* lanes += a * b for a [n], b [n]; n is a multiple of GS_LANES, or these are the last products. */
GS_INLINE void gs_dot_add(double lanes[GS_LANES], const float *a, const float *b, size_t n)
{
    size_t i = 0;
    for (; i + GS_LANES <= n; i += GS_LANES)
        for (size_t l = 0; l < GS_LANES; l++)
            lanes[l] += (double)a[i + l] * b[i + l];
    for (size_t l = 0; i < n; i++, l++)
        lanes[l] += (double)a[i] * b[i];
}

/* a . b for a [n], b [n]. */
GS_INLINE double gs_dot(const float *a, const float *b, size_t n)
{
    double lanes[GS_LANES] = {0};
    gs_dot_add(lanes, a, b, n);
    return gs_sum_lanes(lanes);
}

#endif

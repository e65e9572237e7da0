/* backend.h - the arithmetic of a transformer, behind a table of functions picked once.
 *
 *     const gs_backend *backend = gs_backend_blas();
 *     backend->layer_norm(&layer->norm, x, width, rows, normed);                       // normed [rows, width]
 *     backend->linear(&layer->inner, normed, rows, GS_EPILOGUE_GELU, hidden, inner);   // hidden [rows, inner]
 *
 * All matrices are row-major f32. The functions hold no state between calls and may be called from several threads at
 * once.
 */
#ifndef GS_BACKEND_H
#define GS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const float *weight; /* [out, in]    borrowed */
    const float *bias;   /* [out]        borrowed; NULL: none */
    size_t in, out;
} gs_linear;

typedef struct {
    const float *weight, *bias; /* [width] each  borrowed */
    size_t width;
    float epsilon;
} gs_norm;

typedef enum {
    GS_EPILOGUE_NONE,
    GS_EPILOGUE_ADD,        /* y += ... instead of y = ... */
    GS_EPILOGUE_QUICK_GELU, /* needs a bias */
    GS_EPILOGUE_GELU,       /* needs a bias */
} gs_epilogue;

/* Sequences of a batch one after the other: sequence i is the next length[i] rows. */
typedef struct {
    const size_t *length; /* [count]  borrowed */
    size_t count;
} gs_sequences;

typedef struct gs_backend {
    const char *name;

    /* y [rows, out], its rows y_stride apart = epilogue(x [rows, in] weight^T + bias). */
    void (*linear)(const gs_linear *layer, const float *x, size_t rows, gs_epilogue epilogue, float *y,
                   size_t y_stride);

    /* y [rows, width] = layer norm of x's rows, x_stride apart. */
    void (*layer_norm)(const gs_norm *norm, const float *x, size_t x_stride, size_t rows, float *y);

    /* Scaled dot-product attention within each sequence. qkv [rows, 3 width]: query, key, value, each its heads side by
     * side -> y [rows, width]. causal: a row sees itself and those before it. scores: scratch [longest, longest]. */
    void (*attention)(const float *qkv, gs_sequences sequences, size_t width, size_t heads, bool causal, float *scores,
                      float *y);

    /* How many threads one call may use from now on, over the whole process; returns what it was. */
    int (*set_threads)(int threads);
} gs_backend;

const gs_backend *gs_backend_blas(void); /* OpenBLAS, f32: the reference */

#endif

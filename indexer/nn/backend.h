/* backend.h - the matrix products of a transformer, behind a table of functions picked once.
 *
 *     const gs_backend *backend;
 *     if ((st = gs_backend_pick(&backend, NULL, GS_PRECISION_AUTO, rows, err)) != GS_OK) return st;
 *     void *context;
 *     st = backend->open(&context, err);                   // once a thread
 *     st = backend->pack(context, &layer, err);            // once a layer: the weights as the backend likes them best
 *     st = backend->linear(context, &layer, x, rows, gs_epilogue_of(GS_GELU), y, err);
 *     backend->close(context);
 *     backend->unpack(&layer);
 *
 * Matrices are row-major. "act" below is the backend's type of activation (number.h); x, y and scores are borrowed.
 */
#ifndef GS_BACKEND_H
#define GS_BACKEND_H

#include "core/status.h"
#include "indexer/hf/config.h" /* gs_activation */
#include "indexer/nn/linear.h"
#include "indexer/nn/number.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    GS_PRECISION_F32,
    GS_PRECISION_BF16, /* features within 2e-4 cosine of f32's */
    GS_PRECISION_INT8, /* weights by channel, activations by token; everything else in f32. For jobs: it is nobody's default */
    GS_PRECISION_AUTO, /* bf16 where the processor has the instructions, else f32 */
} gs_precision;

typedef enum {
    GS_EPILOGUE_NONE,     /* y act = x weight^T + bias */
    GS_EPILOGUE_F32,      /* y f32 = the same */
    GS_EPILOGUE_ADD,      /* y f32 += the same */
    GS_EPILOGUE_ACTIVATE, /* y act = an activation of the same: this one and gs_activation's number more */
} gs_epilogue;

static inline gs_epilogue gs_epilogue_of(gs_activation activation)
{
    return (gs_epilogue)(GS_EPILOGUE_ACTIVATE + activation);
}

static inline bool gs_epilogue_activates(gs_epilogue epilogue)
{
    return epilogue >= GS_EPILOGUE_ACTIVATE;
}

static inline gs_activation gs_epilogue_activation(gs_epilogue epilogue)
{
    return (gs_activation)(epilogue - GS_EPILOGUE_ACTIVATE);
}

/* Sequences of a batch one after the other: sequence i is the next length[i] rows. */
typedef struct {
    const size_t *length; /* [count]  borrowed */
    size_t count;
} gs_sequences;

/* One head of one sequence of n rows. q, k, v act [n, head] have rows stride apart, y act [n, head] y_stride. */
typedef struct {
    const void *q, *k, *v;
    size_t stride, n, head;
    bool causal;  /* a row sees itself and those before it */
    void *scores; /* scratch, gs_attention_scratch(n) bytes */
    void *y;
    size_t y_stride;
} gs_attention;

typedef struct gs_backend {
    const char *name;
    gs_precision precision; /* of its products */
    gs_number number;

    /* What one thread needs; not to be shared. */
    gs_status (*open)(void **context, gs_error *err);
    void (*close)(void *context); /* NULL is fine */

    gs_status (*pack)(void *context, gs_linear *layer, gs_error *err); /* good for every context */
    void (*unpack)(gs_linear *layer);                                  /* a layer that was not packed is fine */

    /* How many threads a product may use from now on; return what it was. The first is of the whole process (OpenBLAS)
     * and called while no product runs, the second of the calling thread (OpenMP). */
    int (*set_threads)(int threads);
    int (*set_own_threads)(int threads);

    /* x act [rows, in], y [rows, out]. */
    gs_status (*linear)(void *context, const gs_linear *layer, const void *x, size_t rows, gs_epilogue epilogue,
                        void *y, gs_error *err);

    /* Scaled dot-product attention. */
    gs_status (*attention)(void *context, const gs_attention *a, gs_error *err);
} gs_backend;

/* A backend, and what the calling thread needs of it. */
typedef struct {
    const gs_backend *backend;
    void *context;
} gs_engine;

/* Bytes of scratch for the longest sequence of n rows. */
static inline size_t gs_attention_scratch(size_t n)
{
    return n * n * (sizeof(float) + sizeof(uint16_t));
}

/* "f32", "bf16", "int8", "auto": static text. */
const char *gs_precision_name(gs_precision precision);

/* name: "blas", "onednn", "panels", or NULL for the quickest with so many rows a product. GS_EARGS for an unknown name, for bf16 where the backend or the processor has none, and
 * for int8 with a name. */
gs_status gs_backend_pick(const gs_backend **backend, const char *name, gs_precision precision, size_t rows,
                          gs_error *err);

const gs_backend *gs_backend_blas(void);   /* OpenBLAS, f32: the reference */
const gs_backend *gs_backend_onednn(void); /* oneDNN, f32 */
const gs_backend *gs_backend_panels(
    void); /* own kernels of f32; NULL where the processor has neither AVX-512 nor AVX2 with FMA */
const gs_backend *gs_backend_int8(void);        /* own kernels of bytes; a product uses one thread */
const gs_backend *gs_backend_onednn_bf16(void); /* oneDNN, bf16; NULL where the processor has no such instructions */

/* From now on products outside an encoder, LAPACK's included, and those of the calling thread use no more threads than
 * gs_cores(). OpenBLAS and OpenMP start with one per core of the affinity mask, and do not know a group's quota. Call it
 * first in main(). */
void gs_backend_follow_cores(void);

#endif

/* onednn.c - the backends of oneDNN's matrix products: f32, or bf16 where the processor multiplies that (AVX512-BF16, AMX). */
#include "indexer/nn/cpu/onednn_products.h"
#include "indexer/nn/vector.h"

#include <math.h> /* sqrtf */
#include <omp.h>  /* omp_set_num_threads: Debian's oneDNN runs on OpenMP */
#include <stdlib.h>
#include <string.h>

#define TYPICAL 512 /* rows, for the choice of a weight's layout */

/* A weight in oneDNN's own layout. */
typedef struct {
    dnnl_memory_desc_t desc;
    void *bytes; /* owned */
} packed;

static gs_status open_context(void **context, gs_error *err)
{
    gs_products *products = NULL;
    gs_status st = gs_products_open(&products, err);
    *context = products;
    return st;
}

static void close_context(void *context)
{
    gs_products_close(context);
}

/* The products of attention in f32 are OpenBLAS's. */
static int set_threads(int threads)
{
    return gs_backend_blas()->set_threads(threads);
}

static int set_own_threads(int threads)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    return before;
}

static uint64_t threads_now(void)
{
    return (uint64_t)omp_get_max_threads();
}

/* y without gaps: with a packed weight oneDNN has only slow code for others. */
static gs_product linear_product(const gs_linear *layer, size_t rows, gs_epilogue epilogue, dnnl_data_type_t type)
{
    bool wide = epilogue == GS_EPILOGUE_ADD || epilogue == GS_EPILOGUE_F32;
    return (gs_product){.rows = rows,
                        .in = layer->in,
                        .out = layer->out,
                        .x_stride = layer->in,
                        .y_stride = layer->out,
                        .x_type = type,
                        .y_type = wide ? dnnl_f32 : type,
                        .epilogue = epilogue,
                        .has_bias = layer->bias != NULL,
                        .threads = threads_now()};
}

static void unpack(gs_linear *layer)
{
    packed *p = layer->packed;
    if (p)
        free(p->bytes);
    free(p);
    layer->packed = NULL;
}

/* Room for a weight in the layout that oneDNN likes best for it; NULL when there is no memory. */
static packed *make_room(const dnnl_memory_desc_t *desc)
{
    packed *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->desc = *desc;
    p->bytes = gs_products_alloc(dnnl_memory_desc_get_size(desc));
    if (p->bytes)
        return p;
    free(p);
    return NULL;
}

static gs_status pack(gs_products *products, gs_linear *layer, dnnl_data_type_t type, gs_error *err)
{
    gs_product typical = linear_product(layer, TYPICAL, GS_EPILOGUE_NONE, type);
    dnnl_memory_desc_t plain, best;
    gs_status st = gs_product_layout(&plain, layer->in, layer->out, 1, layer->in, dnnl_f32, err);
    if (st == GS_OK)
        st = gs_products_best_layout(products, &typical, &best, err);
    if (st != GS_OK)
        return st;
    packed *p = layer->packed = make_room(&best);
    float *expanded = layer->weight ? NULL : malloc(layer->out * layer->in * sizeof *expanded);
    if (p && (layer->weight || expanded))
        st = gs_products_reorder(products, &plain, gs_linear_weight(layer, expanded), &p->desc, p->bytes, err);
    else
        st = gs_fail(err, GS_ENOMEM, "no memory to pack a weight of %zu x %zu", layer->out, layer->in);
    free(expanded);
    if (st != GS_OK)
        unpack(layer);
    return st;
}

static gs_status pack_f32(void *context, gs_linear *layer, gs_error *err)
{
    return pack(context, layer, dnnl_f32, err);
}

static gs_status pack_bf16(void *context, gs_linear *layer, gs_error *err)
{
    return pack(context, layer, dnnl_bf16, err);
}

static gs_status linear(void *context, const gs_linear *layer, const void *x, size_t rows, gs_epilogue epilogue,
                        void *y, gs_error *err)
{
    const packed *p = layer->packed;
    gs_product product = linear_product(layer, rows, epilogue, p->desc.data_type);
    return gs_products_multiply(context, &product, &p->desc, x, p->bytes, layer->bias, y, err);
}

static gs_status attention_bf16(void *context, const gs_attention *a, gs_error *err)
{
    size_t n = a->n;
    float *scores = a->scores;
    uint16_t *shares = (uint16_t *)(scores + n * n); /* [n, n]: the scores' softmax */
    gs_product similarity = {.rows = n,
                             .in = a->head,
                             .out = n,
                             .x_stride = a->stride,
                             .y_stride = n,
                             .x_type = dnnl_bf16,
                             .y_type = dnnl_f32,
                             .threads = threads_now()};
    gs_product mixture = {.rows = n,
                          .in = n,
                          .out = a->head,
                          .x_stride = n,
                          .y_stride = a->y_stride,
                          .x_type = dnnl_bf16,
                          .y_type = dnnl_bf16,
                          .threads = similarity.threads};
    dnnl_memory_desc_t k, v;
    gs_status st = gs_product_layout(&k, a->head, n, 1, a->stride, dnnl_bf16, err);
    if (st == GS_OK)
        st = gs_product_layout(&v, n, a->head, a->stride, 1, dnnl_bf16, err);
    if (st == GS_OK)
        st = gs_products_multiply(context, &similarity, &k, a->q, a->k, NULL, scores, err);
    if (st != GS_OK)
        return st;
    float scale = 1.0f / sqrtf((float)a->head);
    for (size_t i = 0; i < n; i++) {
        size_t seen = a->causal ? i + 1 : n;
        gs_softmax(scores + i * n, seen, scale);
        gs_to_bf16(scores + i * n, seen, shares + i * n);
        memset(shares + i * n + seen, 0, (n - seen) * sizeof *shares);
    }
    return gs_products_multiply(context, &mixture, &v, shares, a->v, NULL, a->y, err);
}

/* On the small products of one head OpenBLAS is no slower. */
static gs_status attention_f32(void *context, const gs_attention *a, gs_error *err)
{
    (void)context;
    return gs_backend_blas()->attention(NULL, a, err);
}

const gs_backend *gs_backend_onednn(void)
{
    static const gs_backend backend = {.name = "onednn",
                                       .precision = GS_PRECISION_F32,
                                       .number = GS_NUMBER_F32,
                                       .open = open_context,
                                       .close = close_context,
                                       .pack = pack_f32,
                                       .unpack = unpack,
                                       .set_threads = set_threads,
                                       .set_own_threads = set_own_threads,
                                       .linear = linear,
                                       .attention = attention_f32};
    return &backend;
}

const gs_backend *gs_backend_onednn_bf16(void)
{
    static const gs_backend backend = {.name = "onednn-bf16",
                                       .precision = GS_PRECISION_BF16,
                                       .number = GS_NUMBER_BF16,
                                       .open = open_context,
                                       .close = close_context,
                                       .pack = pack_bf16,
                                       .unpack = unpack,
                                       .set_threads = set_threads,
                                       .set_own_threads = set_own_threads,
                                       .linear = linear,
                                       .attention = attention_bf16};
    unsigned needed = dnnl_cpu_isa_avx512_core_bf16;
    return ((unsigned)dnnl_get_effective_cpu_isa() & needed) == needed ? &backend : NULL;
}

#include "indexer/nn/backend.h"
#include "indexer/nn/vector.h"

#include <cblas.h>
#include <math.h> /* sqrtf */
#include <stdlib.h>
#include <string.h> /* memcpy, memset */

static gs_status open_context(void **context, gs_error *err)
{
    (void)err;
    *context = NULL;
    return GS_OK;
}

static void close_context(void *context)
{
    (void)context;
}

/* OpenBLAS packs panels as it goes, but of f32 only. */
static gs_status pack(void *context, gs_linear *layer, gs_error *err)
{
    (void)context;
    if (layer->weight)
        return GS_OK;
    layer->packed = malloc(layer->out * layer->in * sizeof(float));
    if (!layer->packed)
        return gs_fail(err, GS_ENOMEM, "no memory to expand a weight of %zu x %zu", layer->out, layer->in);
    gs_linear_weight(layer, layer->packed);
    return GS_OK;
}

static void unpack(gs_linear *layer)
{
    free(layer->packed);
    layer->packed = NULL;
}

static int set_threads(int threads)
{
    int before = openblas_get_num_threads();
    if (threads != before)
        openblas_set_num_threads(threads);
    return before;
}

static int set_own_threads(int threads)
{
    return threads; /* OpenBLAS knows one number for all */
}

/* OpenBLAS accumulates into y, so that a bias laid there beforehand, or the residual, costs no pass of its own. */
static gs_status linear(void *context, const gs_linear *layer, const void *x, size_t rows, gs_epilogue epilogue,
                        void *out, gs_error *err)
{
    (void)context;
    (void)err;
    float *y = out;
    const float *weight = layer->packed ? layer->packed : layer->weight;
    size_t n = layer->out;
    bool activates = gs_epilogue_activates(epilogue);
    bool adds = epilogue == GS_EPILOGUE_ADD, fills = layer->bias && !activates && !adds;
    for (size_t r = 0; fills && r < rows; r++)
        memcpy(y + r * n, layer->bias, n * sizeof *y);
    for (size_t r = 0; layer->bias && adds && r < rows; r++)
        gs_add(y + r * n, n, layer->bias);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)n, (int)layer->in, 1.0f, x, (int)layer->in,
                weight, (int)layer->in, fills || adds ? 1.0f : 0.0f, y, (int)n);
    for (size_t r = 0; activates && r < rows; r++)
        gs_activate(gs_epilogue_activation(epilogue), y + r * n, n, layer->bias);
    return GS_OK;
}

static gs_status attention(void *context, const gs_attention *a, gs_error *err)
{
    (void)context;
    (void)err;
    int stride = (int)a->stride, n = (int)a->n, head = (int)a->head;
    float *scores = a->scores, scale = 1.0f / sqrtf((float)a->head);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, head, 1.0f, a->q, stride, a->k, stride, 0.0f, scores, n);
    for (size_t i = 0; i < a->n; i++) {
        size_t seen = a->causal ? i + 1 : a->n;
        gs_softmax(scores + i * a->n, seen, scale);
        memset(scores + i * a->n + seen, 0, (a->n - seen) * sizeof *scores);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, head, n, 1.0f, scores, n, a->v, stride, 0.0f, a->y,
                (int)a->y_stride);
    return GS_OK;
}

const gs_backend *gs_backend_blas(void)
{
    static const gs_backend backend = {.name = "blas",
                                       .precision = GS_PRECISION_F32,
                                       .number = GS_NUMBER_F32,
                                       .open = open_context,
                                       .close = close_context,
                                       .pack = pack,
                                       .unpack = unpack,
                                       .set_threads = set_threads,
                                       .set_own_threads = set_own_threads,
                                       .linear = linear,
                                       .attention = attention};
    return &backend;
}

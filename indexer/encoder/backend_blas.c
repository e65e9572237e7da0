#include "backend.h"
#include "vector.h"

#include <cblas.h>
#include <math.h>   /* sqrtf */
#include <string.h> /* memcpy */

/* OpenBLAS accumulates into y, so that a bias laid there beforehand, or the residual, costs no pass of its own. */
static void fill_rows(float *y, size_t y_stride, size_t rows, const float *bias, size_t n)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * y_stride, bias, n * sizeof *y);
}

static void linear(const gs_linear *layer, const float *x, size_t rows, gs_epilogue epilogue, float *y, size_t y_stride)
{
    bool activates = epilogue == GS_EPILOGUE_QUICK_GELU || epilogue == GS_EPILOGUE_GELU;
    bool adds = epilogue == GS_EPILOGUE_ADD || (layer->bias && !activates);
    if (layer->bias && epilogue == GS_EPILOGUE_NONE)
        fill_rows(y, y_stride, rows, layer->bias, layer->out);
    if (layer->bias && epilogue == GS_EPILOGUE_ADD)
        for (size_t r = 0; r < rows; r++)
            gs_add(y + r * y_stride, layer->out, layer->bias);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)layer->out, (int)layer->in, 1.0f, x,
                (int)layer->in, layer->weight, (int)layer->in, adds ? 1.0f : 0.0f, y, (int)y_stride);
    for (size_t r = 0; activates && r < rows; r++) {
        if (epilogue == GS_EPILOGUE_GELU)
            gs_gelu(y + r * y_stride, layer->out, layer->bias);
        else
            gs_quick_gelu(y + r * y_stride, layer->out, layer->bias);
    }
}

static void layer_norm(const gs_norm *norm, const float *x, size_t x_stride, size_t rows, float *y)
{
    for (size_t r = 0; r < rows; r++)
        gs_layer_norm(x + r * x_stride, norm->width, norm->weight, norm->bias, norm->epsilon, y + r * norm->width);
}

/* One head of one sequence of n rows: q, k, v have rows 3 width apart, y rows width apart. */
static void attend(const float *q, const float *k, const float *v, size_t n, size_t width, size_t head, bool causal,
                   float *scores, float *y)
{
    int stride = (int)(3 * width), length = (int)n;
    float scale = 1.0f / sqrtf((float)head);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, length, length, (int)head, 1.0f, q, stride, k, stride, 0.0f,
                scores, length);
    for (size_t i = 0; i < n; i++) {
        size_t seen = causal ? i + 1 : n;
        gs_softmax(scores + i * n, seen, scale);
        memset(scores + i * n + seen, 0, (n - seen) * sizeof *scores);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, length, (int)head, length, 1.0f, scores, length, v, stride,
                0.0f, y, (int)width);
}

static void attention(const float *qkv, gs_sequences sequences, size_t width, size_t heads, bool causal, float *scores,
                      float *y)
{
    size_t head = width / heads;
    for (size_t s = 0; s < sequences.count; s++) {
        size_t n = sequences.length[s];
        for (size_t h = 0; h < heads; h++) {
            const float *q = qkv + h * head;
            attend(q, q + width, q + 2 * width, n, width, head, causal, scores, y + h * head);
        }
        qkv += n * 3 * width;
        y += n * width;
    }
}

static int set_threads(int threads)
{
    int before = openblas_get_num_threads();
    if (threads != before)
        openblas_set_num_threads(threads);
    return before;
}

const gs_backend *gs_backend_blas(void)
{
    static const gs_backend backend = {"blas", linear, layer_norm, attention, set_threads};
    return &backend;
}

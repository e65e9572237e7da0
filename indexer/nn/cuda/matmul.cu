/* Row-major y [rows, out] = x [rows, in] weight [out, in]^T is, to cublasLt, which thinks in columns, the product of
 * weight (in x out, to be transposed) and x (in x rows) into y (out x rows): no copy is turned. */
#include "indexer/nn/cuda/matmul.cuh"

#include "indexer/nn/cuda/kernels_bias.cuh"

#include <cublasLt.h>

#define MAX_PLANS 128
#define WORKSPACE ((size_t)32 << 20) /* what NVIDIA recommends for Hopper */

/* What cublasLt wants to know of one shape. */
struct plan {
    size_t rows, in, out;
    product kind;
    bool bias;
    bool fused; /* the epilogue adds the bias; else a kernel of ours does, after it */
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t weight, x, y;
    cublasLtMatmulAlgo_t algorithm;
};

struct matmul {
    cublasLtHandle_t handle;
    cublasLtMatmulPreference_t preference;
    cudaStream_t stream; /* borrowed */
    device_memory memory;
    uint8_t *workspace; /* [WORKSPACE] */
    plan plans[MAX_PLANS];
    size_t n_plans;
};

static gs_status check_blas(cublasStatus_t code, const char *call, const plan *p, gs_error *err)
{
    if (code == CUBLAS_STATUS_SUCCESS)
        return GS_OK;
    return gs_fail(err, code == CUBLAS_STATUS_ALLOC_FAILED ? GS_ENOMEM : GS_EIO,
                   "cublasLt: %s for [%zu, %zu] x [%zu, %zu]^T: status %d (%s)", call, p ? p->rows : 0, p ? p->in : 0,
                   p ? p->out : 0, p ? p->in : 0, (int)code, cublasLtGetStatusString(code));
}

static void destroy_plan(plan *p)
{
    cublasLtMatmulDescDestroy(p->operation);
    cublasLtMatrixLayoutDestroy(p->weight);
    cublasLtMatrixLayoutDestroy(p->x);
    cublasLtMatrixLayoutDestroy(p->y);
    *p = {};
}

template <typename T>
static gs_status set(plan *p, cublasLtMatmulDescAttributes_t attribute, const T &value, const char *name, gs_error *err)
{
    return check_blas(cublasLtMatmulDescSetAttribute(p->operation, attribute, &value, sizeof value), name, p, err);
}

static const void *epilogue_bias(const device_linear *layer)
{
    return layer->kind == PRODUCT_BF16 ? (const void *)layer->bias_bf16 : layer->bias;
}

static gs_status describe(plan *p, gs_error *err)
{
    cudaDataType_t type = p->kind == PRODUCT_BF16 ? CUDA_R_16BF : CUDA_R_32F;
    cublasOperation_t transposed = CUBLAS_OP_T;
    TRY(check_blas(cublasLtMatmulDescCreate(&p->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "MatmulDescCreate", p,
                   err));
    TRY(set(p, CUBLASLT_MATMUL_DESC_TRANSA, transposed, "TRANSA", err));
    TRY(check_blas(cublasLtMatrixLayoutCreate(&p->weight, CUDA_R_16BF, p->in, p->out, (int64_t)p->in),
                   "weight's layout", p, err));
    TRY(check_blas(cublasLtMatrixLayoutCreate(&p->x, CUDA_R_16BF, p->in, p->rows, (int64_t)p->in), "x's layout", p,
                   err));
    return check_blas(cublasLtMatrixLayoutCreate(&p->y, type, p->out, p->rows, (int64_t)p->out), "y's layout", p, err);
}

/* Whether there is an algorithm, with the bias in the epilogue or without. */
static bool find_algorithm(matmul *m, plan *p)
{
    cublasLtMatmulHeuristicResult_t found = {};
    int count = 0;
    cublasStatus_t code = cublasLtMatmulAlgoGetHeuristic(m->handle, p->operation, p->weight, p->x, p->y, p->y,
                                                         m->preference, 1, &found, &count);
    p->algorithm = found.algo;
    return code == CUBLAS_STATUS_SUCCESS && count > 0 && found.state == CUBLAS_STATUS_SUCCESS;
}

static gs_status make_plan(matmul *m, plan *p, const device_linear *layer, gs_error *err)
{
    TRY(describe(p, err));
    if (p->bias) {
        /* Its type follows y's. The pointer matters already: the alignment is taken from it. */
        TRY(set(p, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS, "EPILOGUE", err));
        TRY(set(p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, epilogue_bias(layer), "BIAS_POINTER", err));
        p->fused = find_algorithm(m, p);
        if (p->fused)
            return GS_OK;
        TRY(set(p, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT, "EPILOGUE", err));
    }
    if (!find_algorithm(m, p))
        return check_blas(CUBLAS_STATUS_NOT_SUPPORTED, "MatmulAlgoGetHeuristic", p, err);
    return GS_OK;
}

static gs_status find_plan(matmul *m, const device_linear *layer, size_t rows, plan **out, gs_error *err)
{
    bool bias = layer->bias != NULL;
    for (size_t i = 0; i < m->n_plans; i++) {
        plan *p = &m->plans[i];
        if (p->rows == rows && p->in == layer->in && p->out == layer->out && p->kind == layer->kind &&
            p->bias == bias) {
            *out = p;
            return GS_OK;
        }
    }
    if (m->n_plans == MAX_PLANS) /* hardly ever: rows come rounded */
        while (m->n_plans > 0)
            destroy_plan(&m->plans[--m->n_plans]);
    plan *p = &m->plans[m->n_plans];
    *p = {};
    p->rows = rows;
    p->in = layer->in;
    p->out = layer->out;
    p->kind = layer->kind;
    p->bias = bias;
    gs_status st = make_plan(m, p, layer, err);
    if (st != GS_OK) {
        destroy_plan(p);
        return st;
    }
    m->n_plans++;
    *out = p;
    return GS_OK;
}

static gs_status add_bias(matmul *m, const device_linear *layer, size_t rows, void *y, gs_error *err)
{
    size_t n = rows * layer->out;
    if (layer->kind == PRODUCT_BF16)
        return launch(err, "add_bias", m->stream, blocks_for(n, 256), 256, 0, add_bias_kernel<bf16>, (bf16 *)y,
                      layer->bias, n, (int)layer->out);
    return launch(err, "add_bias", m->stream, blocks_for(n, 256), 256, 0, add_bias_kernel<float>, (float *)y,
                  layer->bias, n, (int)layer->out);
}

gs_status matmul_run(matmul *m, const device_linear *layer, const bf16 *x, size_t rows, void *y, gs_error *err)
{
    plan *p;
    TRY(find_plan(m, layer, rows, &p, err));
    if (p->fused)
        TRY(set(p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, epilogue_bias(layer), "BIAS_POINTER", err));
    float one = 1, kept = p->kind == PRODUCT_ADD ? 1 : 0;
    TRY(check_blas(cublasLtMatmul(m->handle, p->operation, &one, layer->weight, p->weight, x, p->x, &kept, y, p->y, y,
                                  p->y, &p->algorithm, m->workspace, WORKSPACE, m->stream),
                   "Matmul", p, err));
    return p->bias && !p->fused ? add_bias(m, layer, rows, y, err) : GS_OK;
}

gs_status matmul_create(matmul **out, cudaStream_t stream, gs_error *err)
{
    matmul *m = *out = (matmul *)calloc(1, sizeof *m);
    size_t workspace = WORKSPACE;
    if (!m)
        return gs_fail(err, GS_ENOMEM, "cuda: no memory");
    m->stream = stream;
    gs_status st = check_blas(cublasLtCreate(&m->handle), "Create", NULL, err);
    if (st == GS_OK)
        st = check_blas(cublasLtMatmulPreferenceCreate(&m->preference), "PreferenceCreate", NULL, err);
    if (st == GS_OK)
        st = check_blas(cublasLtMatmulPreferenceSetAttribute(m->preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                             &workspace, sizeof workspace),
                        "PreferenceSetAttribute", NULL, err);
    if (st == GS_OK)
        st = m->memory.take(&m->workspace, WORKSPACE, "cublasLt's workspace", err);
    if (st != GS_OK) {
        matmul_destroy(m);
        *out = NULL;
    }
    return st;
}

void matmul_destroy(matmul *m)
{
    if (!m)
        return;
    while (m->n_plans > 0)
        destroy_plan(&m->plans[--m->n_plans]);
    if (m->preference)
        cublasLtMatmulPreferenceDestroy(m->preference);
    if (m->handle)
        cublasLtDestroy(m->handle);
    m->memory.release();
    free(m);
}

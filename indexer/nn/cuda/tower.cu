/* The layers in their order: indexer/nn/transformer.c in kernels. */
#include "indexer/nn/cuda/tower.cuh"

#include "indexer/nn/cuda/kernels_attention.cuh"
#include "indexer/nn/cuda/kernels_layers.cuh"

/* Where the layers of one run are launched, and on what. */
struct run {
    const scratch *s;
    matmul *products;
    cudaStream_t stream;
    size_t rows, padded; /* tokens, and rows of the products: a few shapes only, what is beyond is never read */
    const int *offsets;  /* [count + 1] of the sequences */
    size_t count, longest;
    bool causal;
    gs_error *err;
};

/* y [rows, width] = norm of x's rows picks[r], or r step. */
template <typename Out>
static gs_status layer_norm(const run *r, const device_norm *norm, const float *x, const int *picks, size_t step,
                            size_t rows, Out *y)
{
    void (*kernel)(const float *, const int *, int, int, int, const float *, const float *, float, Out *) =
        norm->width <= 1024 ? layer_norm_kernel<Out, 8> : layer_norm_kernel<Out, 16>;
    return launch(r->err, "layer_norm", r->stream, blocks_for(rows, ROWS_PER_BLOCK), ROW_THREADS, 0, kernel, x, picks,
                  (int)step, (int)rows, (int)norm->width, norm->weight, norm->bias, norm->epsilon, y);
}

template <int HEAD> static gs_status attention_of(const run *r, const bf16 *qkv, size_t width, size_t head, bf16 *y)
{
    size_t shared = attention_layout<HEAD>::bytes;
    TRY(check(cudaFuncSetAttribute((const void *)attention_kernel<HEAD>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   (int)shared),
              r->err, "%zu bytes of shared memory for heads of %d", shared, HEAD));
    dim3 blocks((unsigned)(width / head), (unsigned)r->count, blocks_for(r->longest, TILE));
    return launch(r->err, "attention", r->stream, blocks, ATTENTION_THREADS, shared, attention_kernel<HEAD>, qkv,
                  r->offsets, (int)width, (int)head, r->causal, y);
}

static gs_status attention(const run *r, const gs_tower_config *c, const bf16 *qkv, bf16 *y)
{
    size_t head = c->width / c->heads;
    if (head <= 32)
        return attention_of<32>(r, qkv, c->width, head, y);
    if (head <= 64)
        return attention_of<64>(r, qkv, c->width, head, y);
    if (head <= 96)
        return attention_of<96>(r, qkv, c->width, head, y);
    return attention_of<ATTENTION_MAX_HEAD>(r, qkv, c->width, head, y);
}

static gs_status activate_rows(const run *r, gs_activation activation, bf16 *x, size_t n)
{
    /* by gs_activation's numbers */
    static void (*const kernels[])(bf16 *, size_t) = {activation_kernel<GS_QUICK_GELU>, activation_kernel<GS_GELU>,
                                                      activation_kernel<GS_GELU_TANH>, activation_kernel<GS_SILU>,
                                                      activation_kernel<GS_RELU>};
    return launch(r->err, "activation", r->stream, blocks_for(n, 256 * VALUES_PER_THREAD), 256, 0,
                  kernels[activation], x, n);
}

static gs_status run_stack(const run *r, const device_stack *stack)
{
    const gs_tower_config *c = &stack->config;
    const scratch *s = r->s;
    for (const device_layer *layer = stack->layers; layer < stack->layers + c->layers; layer++) {
        TRY(layer_norm(r, &layer->before_attention, s->x, NULL, 1, r->rows, s->normed));
        TRY(matmul_run(r->products, &layer->qkv, s->normed, r->padded, s->hidden, r->err));
        TRY(attention(r, c, s->hidden, s->normed));
        TRY(matmul_run(r->products, &layer->out, s->normed, r->padded, s->x, r->err));
        TRY(layer_norm(r, &layer->before_inner, s->x, NULL, 1, r->rows, s->normed));
        TRY(matmul_run(r->products, &layer->expand, s->normed, r->padded, s->hidden, r->err));
        TRY(activate_rows(r, c->activation, s->hidden, r->rows * c->inner));
        TRY(matmul_run(r->products, &layer->contract, s->hidden, r->padded, s->x, r->err));
    }
    return GS_OK;
}

/* The rows of x that are the sequences' features: normed, and projected where there is a projection. */
static gs_status finish(const run *r, const device_norm *norm, const device_linear *projection, const int *picks,
                        size_t step)
{
    const scratch *s = r->s;
    if (!projection->weight)
        return layer_norm(r, norm, s->x, picks, step, r->count, s->projected);
    TRY(layer_norm(r, norm, s->x, picks, step, r->count, s->normed));
    return matmul_run(r->products, projection, s->normed, round_up(r->count, MATMUL_ROWS), s->projected, r->err);
}

gs_status vision_run(const device_vision *v, const scratch *s, matmul *products, cudaStream_t stream, size_t n,
                     gs_error *err)
{
    size_t rows = n * v->tokens, size = v->tokens * v->stack.config.width;
    run r = {s, products, stream, rows, round_up(rows, MATMUL_ROWS), s->even, n, v->tokens, false, err};
    TRY(launch(err, "repeat", stream, blocks_for(n * size, 256 * 4), 256, 0, repeat_kernel, v->base, size, n, s->x));
    TRY(matmul_run(products, &v->patches, s->hidden, r.padded, s->x, err));
    if (v->before.weight)
        TRY(layer_norm(&r, &v->before, s->x, NULL, 1, rows, s->x));
    TRY(run_stack(&r, &v->stack));
    return finish(&r, &v->after, &v->projection, NULL, v->tokens);
}

gs_status text_run(const device_text *t, const scratch *s, matmul *products, cudaStream_t stream, size_t count,
                   size_t rows, size_t longest, gs_error *err)
{
    run r = {s, products, stream, rows, round_up(rows, MATMUL_ROWS), s->offsets, count, longest, true, err};
    TRY(launch(err, "embed_tokens", stream, blocks_for(rows, ROWS_PER_BLOCK), ROW_THREADS, 0, embed_tokens_kernel,
               t->token, t->position, s->ids, s->positions, (int)rows, (int)t->stack.config.width, s->x));
    TRY(run_stack(&r, &t->stack));
    return finish(&r, &t->final_norm, &t->projection, s->ends, 1);
}

gs_status vision_patches(const device_vision *v, const scratch *s, cudaStream_t stream, const uint8_t *rgb, size_t n,
                         const float *level, gs_error *err)
{
    size_t values = n * v->tokens * v->patch_values;
    return launch(err, "patches", stream, blocks_for(values, 256 * VALUES_PER_THREAD), 256, 0, patches_kernel, rgb, n,
                  (int)v->size, (int)v->patch_size, (int)v->tokens, (int)v->patch_values, level, s->hidden);
}

gs_status features_finish(const scratch *s, cudaStream_t stream, size_t n, size_t dim, float *features, gs_error *err)
{
    return launch(err, "unit_length", stream, blocks_for(n, ROWS_PER_BLOCK), ROW_THREADS, 0, unit_length_kernel,
                  s->projected, (int)n, (int)dim, features);
}

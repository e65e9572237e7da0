/* Weights of the host to the device: matrices as bf16, the rest as it is. */
#include "indexer/nn/cuda/tower.cuh"

#include <stdlib.h>
#include <string.h> /* memcpy */

#define PATCH_VALUES_MULTIPLE 64

static gs_status upload_f32(const float **out, const float *values, size_t n, const char *what, device_memory *memory,
                            gs_error *err)
{
    float *block = NULL;
    TRY(memory->take(&block, n, what, err));
    *out = block;
    return check(cudaMemcpy(block, values, n * sizeof *values, cudaMemcpyHostToDevice), err, "copying %s", what);
}

/* rows [n, in] of f32 -> target [n, stride] of bf16, to nearest even, zero from in on. */
static gs_status upload_rows(bf16 *target, const float *rows, size_t n, size_t in, size_t stride, const char *what,
                             gs_error *err)
{
    bf16 *host = (bf16 *)calloc(n * stride, sizeof *host);
    if (!host)
        return gs_fail(err, GS_ENOMEM, "cuda: no memory to convert %s [%zu, %zu]", what, n, in);
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < in; i++)
            host[r * stride + i] = __float2bfloat16(rows[r * in + i]);
    gs_status st = check(cudaMemcpy(target, host, n * stride * sizeof *host, cudaMemcpyHostToDevice), err,
                         "copying %s [%zu, %zu]", what, n, in);
    free(host);
    return st;
}

/* layer's weight, which the file may have in halves, likewise. */
static gs_status upload_weight(bf16 *target, const gs_linear *layer, size_t stride, const char *what, gs_error *err)
{
    float *expanded = layer->weight ? NULL : (float *)malloc(layer->out * layer->in * sizeof *expanded);
    if (!layer->weight && !expanded)
        return gs_fail(err, GS_ENOMEM, "cuda: no memory to expand %s [%zu, %zu]", what, layer->out, layer->in);
    gs_status st =
        upload_rows(target, gs_linear_weight(layer, expanded), layer->out, layer->in, stride, what, err);
    free(expanded);
    return st;
}

/* One layer of count linear layers that read the same input, one below the other; each [out, in] with a bias or all
 * without. Rows are stride >= in values apart. */
static gs_status upload_stacked(device_linear *out, const gs_linear *const *parts, size_t count, size_t stride,
                                product kind, const char *what, device_memory *memory, gs_error *err)
{
    size_t each = parts[0]->out;
    bf16 *weight = NULL, *bias_bf16 = NULL;
    float *bias = NULL;
    *out = {};
    out->in = stride;
    out->out = each * count;
    out->kind = kind;
    TRY(memory->take(&weight, out->out * stride, what, err));
    out->weight = weight;
    for (size_t i = 0; i < count; i++)
        TRY(upload_weight(weight + i * each * stride, parts[i], stride, what, err));
    if (!parts[0]->bias)
        return GS_OK;
    TRY(memory->take(&bias, out->out, what, err));
    TRY(memory->take(&bias_bf16, out->out, what, err));
    out->bias = bias;
    out->bias_bf16 = bias_bf16;
    for (size_t i = 0; i < count; i++) {
        TRY(check(cudaMemcpy(bias + i * each, parts[i]->bias, each * sizeof *bias, cudaMemcpyHostToDevice), err,
                  "copying the bias of %s", what));
        TRY(upload_rows(bias_bf16 + i * each, parts[i]->bias, 1, each, each, what, err));
    }
    return GS_OK;
}

static gs_status upload_linear(device_linear *out, const gs_linear *in, product kind, const char *what,
                               device_memory *memory, gs_error *err)
{
    return upload_stacked(out, &in, 1, in->in, kind, what, memory, err);
}

static gs_status upload_norm(device_norm *out, const gs_norm *in, const char *what, device_memory *memory,
                             gs_error *err)
{
    *out = {NULL, NULL, in->width, in->epsilon};
    if (!in->weight)
        return GS_OK;
    TRY(upload_f32(&out->weight, in->weight, in->width, what, memory, err));
    return upload_f32(&out->bias, in->bias, in->width, what, memory, err);
}

static gs_status upload_layer(device_layer *out, const gs_transformer_layer *in, device_memory *memory, gs_error *err)
{
    const gs_linear *qkv[] = {&in->query, &in->key, &in->value};
    TRY(upload_norm(&out->before_attention, &in->before_attention, "layer_norm1", memory, err));
    TRY(upload_norm(&out->before_inner, &in->before_inner, "layer_norm2", memory, err));
    TRY(upload_stacked(&out->qkv, qkv, 3, in->query.in, PRODUCT_BF16, "query, key and value", memory, err));
    TRY(upload_linear(&out->out, &in->out, PRODUCT_ADD, "out_proj", memory, err));
    TRY(upload_linear(&out->expand, &in->expand, PRODUCT_BF16, "fc1", memory, err));
    return upload_linear(&out->contract, &in->contract, PRODUCT_ADD, "fc2", memory, err);
}

/* What the kernels and cublasLt's quick paths are made for. */
static gs_status check_stack(const gs_tower_config *c, const char *name, gs_error *err)
{
    size_t head = c->width / c->heads;
    if (c->width % 8 || c->inner % 8 || head % 8 || head > ATTENTION_MAX_HEAD || c->width > NORM_MAX_WIDTH)
        return gs_fail(err, GS_EARGS,
                       "cuda: the %s tower has width %zu, inner width %zu and heads of %zu, expected multiples of 8, "
                       "heads of at most %d and a width of at most %d",
                       name, c->width, c->inner, head, ATTENTION_MAX_HEAD, NORM_MAX_WIDTH);
    return GS_OK;
}

static gs_status upload_stack(device_stack *out, const gs_transformer *in, const char *name, device_memory *memory,
                              gs_error *err)
{
    TRY(check_stack(&in->config, name, err));
    out->config = in->config;
    out->layers = (device_layer *)calloc(in->config.layers, sizeof *out->layers);
    if (!out->layers)
        return gs_fail(err, GS_ENOMEM, "cuda: no memory for %zu layers", in->config.layers);
    for (size_t i = 0; i < in->config.layers; i++) {
        gs_status st = upload_layer(&out->layers[i], &in->layers[i], memory, err);
        if (st != GS_OK)
            return gs_error_prefix(err, st, "layer %zu of the %s tower", i, name);
    }
    return GS_OK;
}

void stack_free(device_stack *stack)
{
    free(stack->layers);
    *stack = {};
}

gs_status vision_upload(device_vision *out, const gs_clip_vision *in, device_memory *memory, gs_error *err)
{
    out->size = in->image_size;
    out->patch_size = in->patch_size;
    out->tokens = in->tokens;
    out->dim = in->dim;
    out->patch_values = round_up(in->patch_values, PATCH_VALUES_MULTIPLE);
    const gs_linear *parts = &in->patch_embedding;
    TRY(upload_stack(&out->stack, &in->stack, "vision", memory, err));
    TRY(upload_f32(&out->base, in->embedding, in->tokens * in->stack.config.width, "embeddings", memory, err));
    TRY(upload_stacked(&out->patches, &parts, 1, out->patch_values, PRODUCT_ADD, "patch_embedding", memory, err));
    TRY(upload_norm(&out->before, &in->before, "pre_layrnorm", memory, err));
    TRY(upload_norm(&out->after, &in->after, "post_layernorm", memory, err));
    if (in->projection.out)
        TRY(upload_linear(&out->projection, &in->projection, PRODUCT_F32, "visual_projection", memory, err));
    else if (in->dim != in->stack.config.width)
        return gs_fail(err, GS_EARGS, "cuda: no visual projection from width %zu to %zu", in->stack.config.width,
                       in->dim);
    return GS_OK;
}

gs_status text_upload(device_text *out, const gs_clip_text *in, device_memory *memory, gs_error *err)
{
    size_t width = in->stack.config.width;
    out->context = in->context;
    out->vocabulary = in->vocabulary;
    out->dim = in->dim;
    TRY(upload_stack(&out->stack, &in->stack, "text", memory, err));
    TRY(upload_f32(&out->token, in->token_embedding, in->vocabulary * width, "token embeddings", memory, err));
    TRY(upload_f32(&out->position, in->position_embedding, in->context * width, "position embeddings", memory, err));
    TRY(upload_norm(&out->final_norm, &in->final_norm, "final_layer_norm", memory, err));
    return upload_linear(&out->projection, &in->projection, PRODUCT_F32, "text_projection", memory, err);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

gs_status scratch_take(scratch *s, const device_vision *vision, const device_text *text, size_t batch,
                       device_memory *memory, gs_error *err)
{
    const gs_tower_config *v = &vision->stack.config, *t = text ? &text->stack.config : v;
    size_t context = text ? text->context : 0;
    size_t rows = round_up(batch * vision->tokens, MATMUL_ROWS), text_rows = round_up(batch * context, MATMUL_ROWS);
    size_t hidden = larger(larger(3 * v->width, v->inner), vision->patch_values),
           text_hidden = larger(3 * t->width, t->inner);
    size_t sequences = round_up(batch, MATMUL_ROWS);
    size_t normed = larger(larger(rows * v->width, text_rows * t->width), sequences * larger(v->width, t->width));
    TRY(memory->take(&s->x, larger(rows * v->width, text_rows * t->width), "the residual", err));
    TRY(memory->take(&s->normed, normed, "normed rows", err));
    TRY(memory->take(&s->hidden, larger(rows * hidden, text_rows * text_hidden), "hidden rows", err));
    TRY(memory->take(&s->projected, sequences * larger(vision->dim, text ? text->dim : 0), "features", err));
    TRY(memory->take(&s->even, batch + 1, "offsets", err));
    TRY(memory->take(&s->ids, batch * context, "tokens", err));
    TRY(memory->take(&s->positions, batch * context, "tokens", err));
    TRY(memory->take(&s->offsets, batch + 1, "offsets", err));
    TRY(memory->take(&s->ends, batch, "ends of text", err));
    int *even = (int *)malloc((batch + 1) * sizeof *even);
    if (!even)
        return gs_fail(err, GS_ENOMEM, "cuda: no memory");
    for (size_t i = 0; i <= batch; i++)
        even[i] = (int)(i * vision->tokens);
    gs_status st =
        check(cudaMemcpy(s->even, even, (batch + 1) * sizeof *even, cudaMemcpyHostToDevice), err, "copying offsets");
    free(even);
    return st;
}

#include "indexer/nn/transformer.h"

#include "indexer/nn/names.h"

#include <stdio.h>  /* snprintf */
#include <stdlib.h> /* calloc */
#include <string.h> /* memcpy */

#define MAX_NAME 160

gs_status gs_norm_load(gs_norm *norm, size_t width, float epsilon, gs_weights *weights, const char *prefix,
                       gs_error *err)
{
    char name[MAX_NAME];
    *norm = (gs_norm){.width = width, .epsilon = epsilon};
    snprintf(name, sizeof name, "%s.weight", prefix);
    gs_status st = gs_weights_get(weights, name, &width, 1, &norm->weight, err);
    if (st != GS_OK)
        return st;
    snprintf(name, sizeof name, "%s.bias", prefix);
    return gs_weights_get(weights, name, &width, 1, &norm->bias, err);
}

gs_status gs_linear_load(gs_linear *linear, size_t in, size_t out, bool bias, gs_weights *weights, const char *prefix,
                         gs_error *err)
{
    char name[MAX_NAME];
    *linear = (gs_linear){.in = in, .out = out};
    snprintf(name, sizeof name, "%s.weight", prefix);
    gs_tensor_view weight;
    gs_status st = gs_weights_view(weights, name, (size_t[]){out, in}, 2, &weight, err);
    if (st != GS_OK)
        return st;
    linear->weight = weight.f32;
    linear->half = weight.half;
    linear->half_is_bf16 = weight.half_is_bf16;
    if (!bias)
        return GS_OK;
    snprintf(name, sizeof name, "%s.bias", prefix);
    return gs_weights_get(weights, name, &out, 1, &linear->bias, err);
}

gs_status gs_projection_load(gs_linear *linear, size_t in, size_t out, bool bias, bool turned, gs_weights *weights,
                             const char *prefix, gs_error *err)
{
    const float *stored;
    float *weight;
    gs_status st;
    if (!turned)
        return gs_linear_load(linear, in, out, bias, weights, prefix, err);
    if ((st = gs_weights_get(weights, prefix, (size_t[]){in, out}, 2, &stored, err)) != GS_OK ||
        (st = gs_weights_take(weights, in * out, &weight, err)) != GS_OK)
        return st;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            weight[o * in + i] = stored[i * out + o];
    *linear = (gs_linear){.weight = weight, .in = in, .out = out};
    return GS_OK;
}

/* Linear layers whose weights and biases lie below each other in PREFIX_weight and PREFIX_bias. */
static gs_status load_stacked(gs_linear *const linears[], size_t n, size_t in, size_t out, gs_weights *weights,
                              const char *prefix, gs_error *err)
{
    char name[MAX_NAME];
    gs_tensor_view weight;
    const float *bias;
    snprintf(name, sizeof name, "%s_weight", prefix);
    gs_status st = gs_weights_view(weights, name, (size_t[]){n * out, in}, 2, &weight, err);
    if (st != GS_OK)
        return st;
    snprintf(name, sizeof name, "%s_bias", prefix);
    if ((st = gs_weights_get(weights, name, (size_t[]){n * out}, 1, &bias, err)) != GS_OK)
        return st;
    for (size_t i = 0; i < n; i++)
        *linears[i] = (gs_linear){.weight = weight.f32 ? weight.f32 + i * out * in : NULL,
                                  .half = weight.half ? weight.half + i * out * in : NULL,
                                  .half_is_bf16 = weight.half_is_bf16,
                                  .bias = bias + i * out,
                                  .in = in,
                                  .out = out};
    return GS_OK;
}

/* scale (W x + b) = (scale W) x + scale b: multiplied in once, it costs nothing later. */
static gs_status fold_scale(gs_linear *linear, gs_weights *weights, const char *name, gs_error *err)
{
    const float *scale;
    float *weight, *bias;
    gs_status st;
    if ((st = gs_weights_get(weights, name, &linear->out, 1, &scale, err)) != GS_OK ||
        (st = gs_weights_take(weights, linear->out * linear->in, &weight, err)) != GS_OK ||
        (st = gs_weights_take(weights, linear->out, &bias, err)) != GS_OK)
        return st;
    const float *unscaled = gs_linear_weight(linear, weight);
    for (size_t o = 0; o < linear->out; o++) {
        for (size_t i = 0; i < linear->in; i++)
            weight[o * linear->in + i] = scale[o] * unscaled[o * linear->in + i];
        bias[o] = scale[o] * linear->bias[o];
    }
    linear->weight = weight;
    linear->half = NULL;
    linear->bias = bias;
    return GS_OK;
}

static gs_status load_linears(gs_transformer_layer *layer, const gs_tower_config *config, gs_weights *weights,
                              const char *prefix, gs_error *err)
{
    size_t width = config->width, inner = config->inner;
    const gs_layer_names *names = gs_layer_names_of(config->architecture);
    struct {
        const char *name, *scale;
        gs_linear *linear;
        size_t in, out;
        bool bias;
    } linears[] = {
        {names->query, NULL, &layer->query, width, width, config->qkv_bias},
        {names->key, NULL, &layer->key, width, width, config->qkv_bias},
        {names->value, NULL, &layer->value, width, width, config->qkv_bias},
        {names->out, names->scale_attention, &layer->out, width, width, true},
        {names->expand, NULL, &layer->expand, width, inner, true},
        {names->contract, names->scale_inner, &layer->contract, inner, width, true},
    };
    char name[MAX_NAME - 16];
    gs_status st = GS_OK;
    for (size_t i = 0; st == GS_OK && i < sizeof linears / sizeof *linears; i++) {
        if (!linears[i].name)
            continue;
        snprintf(name, sizeof name, "%s.%s", prefix, linears[i].name);
        st = gs_linear_load(linears[i].linear, linears[i].in, linears[i].out, linears[i].bias, weights, name, err);
        if (st == GS_OK && linears[i].scale && config->layer_scale) {
            snprintf(name, sizeof name, "%s.%s", prefix, linears[i].scale);
            st = fold_scale(linears[i].linear, weights, name, err);
        }
    }
    if (st != GS_OK || !names->in)
        return st;
    gs_linear *stacked[] = {&layer->query, &layer->key, &layer->value};
    snprintf(name, sizeof name, "%s.%s", prefix, names->in);
    return load_stacked(stacked, 3, width, width, weights, name, err);
}

static gs_status load_layer(gs_transformer_layer *layer, const gs_tower_config *config, gs_weights *weights,
                            const char *prefix, gs_error *err)
{
    const gs_layer_names *names = gs_layer_names_of(config->architecture);
    char name[MAX_NAME - 16];
    gs_status st = load_linears(layer, config, weights, prefix, err);
    if (st != GS_OK)
        return st;
    snprintf(name, sizeof name, "%s.%s", prefix, names->before_attention);
    if ((st = gs_norm_load(&layer->before_attention, config->width, config->epsilon, weights, name, err)) != GS_OK)
        return st;
    snprintf(name, sizeof name, "%s.%s", prefix, names->before_inner);
    return gs_norm_load(&layer->before_inner, config->width, config->epsilon, weights, name, err);
}

gs_status gs_transformer_load(gs_transformer *stack, const gs_tower_config *config, gs_weights *weights,
                              const char *prefix, gs_error *err)
{
    *stack = (gs_transformer){.config = *config, .layers = calloc(config->layers, sizeof *stack->layers)};
    if (!stack->layers)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", prefix);
    char name[64], beyond[MAX_NAME];
    for (size_t i = 0; i < config->layers; i++) {
        snprintf(name, sizeof name, "%s.%zu", prefix, i);
        gs_status st = load_layer(&stack->layers[i], config, weights, name, err);
        if (st != GS_OK)
            return st;
    }
    snprintf(beyond, sizeof beyond, "%s.%zu.%s.weight", prefix, config->layers,
             gs_layer_names_of(config->architecture)->before_attention);
    if (gs_weights_has(weights, beyond))
        return gs_fail(err, GS_EFORMAT, "%s: has a tensor '%s', but config.json says %zu layers", weights->path, beyond,
                       config->layers);
    return GS_OK;
}

void gs_transformer_free(gs_transformer *stack)
{
    free(stack->layers);
    *stack = (gs_transformer){0};
}

gs_status gs_linear_pack(gs_linear *linear, gs_engine engine, const gs_weights *weights, gs_error *err)
{
    if (linear->packed) /* by a call that failed later on */
        return GS_OK;
    gs_status st = engine.backend->pack(engine.context, linear, err);
    if (st == GS_OK && linear->packed) {
        size_t count = linear->in * linear->out;
        if (linear->weight)
            gs_weights_forget(weights, linear->weight, count * sizeof *linear->weight);
        else
            gs_weights_forget(weights, linear->half, count * sizeof *linear->half);
    }
    return st;
}

#define LINEARS 6

static void list_linears(gs_transformer_layer *layer, gs_linear *list[LINEARS])
{
    gs_linear *all[LINEARS] = {&layer->query, &layer->key,    &layer->value,
                               &layer->out,   &layer->expand, &layer->contract};
    memcpy(list, all, sizeof all);
}

gs_status gs_transformer_pack(gs_transformer *stack, gs_engine engine, const gs_weights *weights, gs_error *err)
{
    for (size_t i = 0; i < stack->config.layers; i++) {
        gs_linear *linears[LINEARS];
        list_linears(&stack->layers[i], linears);
        for (size_t k = 0; k < LINEARS; k++) {
            gs_status st = gs_linear_pack(linears[k], engine, weights, err);
            if (st != GS_OK)
                return st;
        }
    }
    return GS_OK;
}

void gs_transformer_unpack(gs_transformer *stack, const gs_backend *backend)
{
    for (size_t i = 0; stack->layers && i < stack->config.layers; i++) {
        gs_linear *linears[LINEARS];
        list_linears(&stack->layers[i], linears);
        for (size_t k = 0; k < LINEARS; k++)
            backend->unpack(linears[k]);
    }
}

/* Where everything lies in the scratch. */
typedef struct {
    size_t normed; /* [rows, width] act, then the attention's output */
    size_t hidden; /* query, key and value, [rows, width] act each, then [rows, inner] */
    size_t scores; /* gs_attention_scratch(longest) */
    size_t end;
} layout;

static size_t align(size_t size)
{
    return (size + 63) / 64 * 64;
}

static layout lay_out(const gs_tower_config *config, gs_number number, size_t rows, size_t longest)
{
    size_t widest = config->inner > 3 * config->width ? config->inner : 3 * config->width;
    layout l = {.normed = 0};
    l.hidden = align(gs_number_size(number, rows * config->width));
    l.scores = l.hidden + align(gs_number_size(number, rows * widest));
    l.end = l.scores + align(gs_attention_scratch(longest));
    return l;
}

size_t gs_transformer_workspace(const gs_tower_config *config, gs_number number, size_t rows, size_t longest)
{
    return lay_out(config, number, rows, longest).end;
}

/* query, key, value act [rows, width] each, one behind the other; their heads side by side -> y act [rows, width]. */
static gs_status attend(const gs_tower_config *config, gs_engine engine, const void *query, size_t rows,
                        gs_sequences sequences, bool causal, void *scores, void *y, gs_error *err)
{
    gs_number type = engine.backend->number;
    size_t width = config->width, head = width / config->heads, row = 0;
    for (size_t s = 0; s < sequences.count; row += sequences.length[s++]) {
        for (size_t at = 0; at < width; at += head) {
            size_t q = row * width + at;
            gs_attention one = {.q = gs_number_in(type, query, q),
                                .k = gs_number_in(type, query, q + rows * width),
                                .v = gs_number_in(type, query, q + 2 * rows * width),
                                .stride = width,
                                .n = sequences.length[s],
                                .head = head,
                                .causal = causal,
                                .scores = scores,
                                .y = gs_number_at(type, y, q),
                                .y_stride = width};
            gs_status st = engine.backend->attention(engine.context, &one, err);
            if (st != GS_OK)
                return st;
        }
    }
    return GS_OK;
}

gs_status gs_transformer_run(const gs_transformer *stack, gs_engine engine, float *x, size_t rows,
                             gs_sequences sequences, bool causal, void *work, gs_error *err)
{
    const gs_tower_config *config = &stack->config;
    const gs_backend *backend = engine.backend;
    gs_number type = backend->number;
    size_t width = config->width, longest = 0;
    for (size_t i = 0; i < sequences.count; i++)
        longest = sequences.length[i] > longest ? sequences.length[i] : longest;
    layout l = lay_out(config, type, rows, longest);
    void *c = engine.context, *normed = (char *)work + l.normed, *hidden = (char *)work + l.hidden,
         *scores = (char *)work + l.scores;
    void *key = gs_number_at(type, hidden, rows * width), *value = gs_number_at(type, hidden, 2 * rows * width);
    gs_epilogue activation = gs_epilogue_of(config->activation);

    for (const gs_transformer_layer *layer = stack->layers; layer < stack->layers + config->layers; layer++) {
        gs_status st;
        gs_norm_rows(&layer->before_attention, x, width, rows, type, normed);
        if ((st = backend->linear(c, &layer->query, normed, rows, GS_EPILOGUE_NONE, hidden, err)) != GS_OK ||
            (st = backend->linear(c, &layer->key, normed, rows, GS_EPILOGUE_NONE, key, err)) != GS_OK ||
            (st = backend->linear(c, &layer->value, normed, rows, GS_EPILOGUE_NONE, value, err)) != GS_OK ||
            (st = attend(config, engine, hidden, rows, sequences, causal, scores, normed, err)) != GS_OK ||
            (st = backend->linear(c, &layer->out, normed, rows, GS_EPILOGUE_ADD, x, err)) != GS_OK)
            return st;
        gs_norm_rows(&layer->before_inner, x, width, rows, type, normed);
        if ((st = backend->linear(c, &layer->expand, normed, rows, activation, hidden, err)) != GS_OK ||
            (st = backend->linear(c, &layer->contract, hidden, rows, GS_EPILOGUE_ADD, x, err)) != GS_OK)
            return st;
    }
    return GS_OK;
}

#include "transformer.h"

#include <stdio.h>  /* snprintf */
#include <stdlib.h> /* calloc */

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
    gs_status st = gs_weights_get(weights, name, (size_t[]){out, in}, 2, &linear->weight, err);
    if (st != GS_OK || !bias)
        return st;
    snprintf(name, sizeof name, "%s.bias", prefix);
    return gs_weights_get(weights, name, &out, 1, &linear->bias, err);
}

/* What an architecture calls the tensors of a layer. */
typedef struct {
    const char *query, *key, *value, *out, *expand, *contract;
    const char *before_attention, *before_inner;
    const char *scale_attention, *scale_inner; /* layer scale; NULL: none */
} layer_names;

static const layer_names names_of[] = {
    [GS_CLIP] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2",
                 "layer_norm1", "layer_norm2", NULL, NULL},
    [GS_VIT] = {"attention.attention.query", "attention.attention.key", "attention.attention.value",
                "attention.output.dense", "intermediate.dense", "output.dense", "layernorm_before", "layernorm_after",
                NULL, NULL},
    [GS_DINOV2] = {"attention.attention.query", "attention.attention.key", "attention.attention.value",
                   "attention.output.dense", "mlp.fc1", "mlp.fc2", "norm1", "norm2", "layer_scale1.lambda1",
                   "layer_scale2.lambda1"},
};

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
    for (size_t o = 0; o < linear->out; o++) {
        for (size_t i = 0; i < linear->in; i++)
            weight[o * linear->in + i] = scale[o] * linear->weight[o * linear->in + i];
        bias[o] = scale[o] * linear->bias[o];
    }
    linear->weight = weight;
    linear->bias = bias;
    return GS_OK;
}

static gs_status load_layer(gs_transformer_layer *layer, const gs_tower_config *config, gs_weights *weights,
                            const char *prefix, gs_error *err)
{
    size_t width = config->width, inner = config->inner;
    const layer_names *names = &names_of[config->architecture];
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
        snprintf(name, sizeof name, "%s.%s", prefix, linears[i].name);
        st = gs_linear_load(linears[i].linear, linears[i].in, linears[i].out, linears[i].bias, weights, name, err);
        if (st == GS_OK && linears[i].scale) {
            snprintf(name, sizeof name, "%s.%s", prefix, linears[i].scale);
            st = fold_scale(linears[i].linear, weights, name, err);
        }
    }
    if (st != GS_OK)
        return st;
    snprintf(name, sizeof name, "%s.%s", prefix, names->before_attention);
    if ((st = gs_norm_load(&layer->before_attention, width, config->epsilon, weights, name, err)) != GS_OK)
        return st;
    snprintf(name, sizeof name, "%s.%s", prefix, names->before_inner);
    return gs_norm_load(&layer->before_inner, width, config->epsilon, weights, name, err);
}

gs_status gs_transformer_load(gs_transformer *stack, const gs_tower_config *config, gs_weights *weights,
                              const char *prefix, gs_error *err)
{
    *stack = (gs_transformer){.config = *config, .layers = calloc(config->layers, sizeof *stack->layers)};
    if (!stack->layers)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", prefix);
    for (size_t i = 0; i < config->layers; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%zu", prefix, i);
        gs_status st = load_layer(&stack->layers[i], config, weights, name, err);
        if (st != GS_OK)
            return st;
    }
    return GS_OK;
}

void gs_transformer_free(gs_transformer *stack)
{
    free(stack->layers);
    *stack = (gs_transformer){0};
}

static size_t hidden_width(const gs_tower_config *config)
{
    return config->inner > 3 * config->width ? config->inner : 3 * config->width;
}

size_t gs_transformer_workspace(const gs_tower_config *config, size_t rows, size_t longest)
{
    return rows * config->width + rows * hidden_width(config) + longest * longest;
}

void gs_transformer_run(const gs_transformer *stack, const gs_backend *backend, float *x, gs_sequences sequences,
                        bool causal, float *work)
{
    const gs_tower_config *config = &stack->config;
    size_t width = config->width, rows = 0;
    for (size_t i = 0; i < sequences.count; i++)
        rows += sequences.length[i];
    float *normed = work;                                 /* [rows, width], then the attention's output */
    float *hidden = normed + rows * width;                /* [rows, 3 width], then [rows, inner] */
    float *scores = hidden + rows * hidden_width(config); /* [longest, longest] */
    gs_epilogue activation = config->activation == GS_GELU ? GS_EPILOGUE_GELU : GS_EPILOGUE_QUICK_GELU;

    for (const gs_transformer_layer *layer = stack->layers; layer < stack->layers + config->layers; layer++) {
        backend->layer_norm(&layer->before_attention, x, width, rows, normed);
        backend->linear(&layer->query, normed, rows, GS_EPILOGUE_NONE, hidden, 3 * width);
        backend->linear(&layer->key, normed, rows, GS_EPILOGUE_NONE, hidden + width, 3 * width);
        backend->linear(&layer->value, normed, rows, GS_EPILOGUE_NONE, hidden + 2 * width, 3 * width);
        backend->attention(hidden, sequences, width, config->heads, causal, scores, normed);
        backend->linear(&layer->out, normed, rows, GS_EPILOGUE_ADD, x, width);
        backend->layer_norm(&layer->before_inner, x, width, rows, normed);
        backend->linear(&layer->expand, normed, rows, activation, hidden, config->inner);
        backend->linear(&layer->contract, hidden, rows, GS_EPILOGUE_ADD, x, width);
    }
}

#include "indexer/nn/pool.h"

#include "indexer/nn/vector.h"

#include <math.h>   /* sqrtf */
#include <stdio.h>  /* snprintf */
#include <string.h> /* memset */

#define MAX_NAME 160

/* What the probe asks: score [heads, width] = per head (W_q probe + b_q)' W_k / sqrt(head width). */
static gs_status fold_probe(gs_pool *pool, const float *probe, const float *weight, const float *bias,
                            gs_weights *weights, gs_error *err)
{
    size_t width = pool->width, head = width / pool->heads;
    const float *key = weight + width * width;
    float *score, scale = 1 / sqrtf((float)head);
    gs_status st = gs_weights_take(weights, pool->heads * width, &score, err);
    if (st != GS_OK)
        return st;
    for (size_t j = 0; j < width; j++) {
        double query = bias[j];
        for (size_t i = 0; i < width; i++)
            query += (double)weight[j * width + i] * probe[i];
        for (size_t i = 0; i < width; i++)
            score[j / head * width + i] += (float)query * scale * key[j * width + i];
    }
    pool->score = (gs_linear){.weight = score, .in = width, .out = pool->heads};
    return GS_OK;
}

/* attention.in_proj_weight and in_proj_bias hold query, key and value below each other. */
static gs_status load_attention(gs_pool *pool, gs_weights *weights, const char *prefix, gs_error *err)
{
    char name[MAX_NAME];
    size_t width = pool->width;
    const float *probe, *weight, *bias;
    gs_status st;
    snprintf(name, sizeof name, "%s.probe", prefix);
    if ((st = gs_weights_get(weights, name, (size_t[]){1, 1, width}, 3, &probe, err)) != GS_OK)
        return st;
    snprintf(name, sizeof name, "%s.attention.in_proj_weight", prefix);
    if ((st = gs_weights_get(weights, name, (size_t[]){3 * width, width}, 2, &weight, err)) != GS_OK)
        return st;
    snprintf(name, sizeof name, "%s.attention.in_proj_bias", prefix);
    if ((st = gs_weights_get(weights, name, (size_t[]){3 * width}, 1, &bias, err)) != GS_OK)
        return st;
    pool->value =
        (gs_linear){.weight = weight + 2 * width * width, .bias = bias + 2 * width, .in = width, .out = width};
    return fold_probe(pool, probe, weight, bias, weights, err);
}

gs_status gs_pool_load(gs_pool *pool, const gs_tower_config *config, gs_weights *weights, const char *prefix,
                       gs_error *err)
{
    char name[MAX_NAME];
    size_t width = config->width;
    *pool = (gs_pool){.heads = config->heads, .width = width, .activation = config->activation};
    struct {
        const char *name;
        gs_linear *linear;
        size_t in, out;
    } linears[] = {{"attention.out_proj", &pool->out, width, width},
                   {"mlp.fc1", &pool->expand, width, config->inner},
                   {"mlp.fc2", &pool->contract, config->inner, width}};
    gs_status st = load_attention(pool, weights, prefix, err);
    for (size_t i = 0; st == GS_OK && i < sizeof linears / sizeof *linears; i++) {
        snprintf(name, sizeof name, "%s.%s", prefix, linears[i].name);
        st = gs_linear_load(linears[i].linear, linears[i].in, linears[i].out, true, weights, name, err);
    }
    snprintf(name, sizeof name, "%s.layernorm", prefix);
    return st == GS_OK ? gs_norm_load(&pool->norm, width, config->epsilon, weights, name, err) : st;
}

#define LINEARS 5

static void list_linears(gs_pool *pool, gs_linear *list[LINEARS])
{
    gs_linear *all[LINEARS] = {&pool->score, &pool->value, &pool->out, &pool->expand, &pool->contract};
    memcpy(list, all, sizeof all);
}

gs_status gs_pool_pack(gs_pool *pool, gs_engine engine, const gs_weights *weights, gs_error *err)
{
    gs_linear *linears[LINEARS];
    gs_status st = GS_OK;
    list_linears(pool, linears);
    for (size_t i = 0; st == GS_OK && i < LINEARS; i++)
        st = gs_linear_pack(linears[i], engine, weights, err);
    return st;
}

void gs_pool_unpack(gs_pool *pool, const gs_backend *backend)
{
    gs_linear *linears[LINEARS];
    list_linears(pool, linears);
    for (size_t i = 0; i < LINEARS; i++)
        backend->unpack(linears[i]);
}

/* Where everything lies in the scratch, in bytes. */
typedef struct {
    size_t values; /* [rows, width] f32 */
    size_t scores; /* [rows, heads] f32, then [heads] rows of a picture's tokens */
    size_t row;    /* [tokens] f32 */
    size_t mixed;  /* [n, width] f32 */
    size_t act;    /* [n, width] act */
    size_t hidden; /* [n, inner] act */
    size_t end;
} layout;

static size_t align(size_t size)
{
    return (size + 63) / 64 * 64;
}

static layout lay_out(const gs_pool *pool, gs_number number, size_t n, size_t tokens)
{
    layout l = {.values = 0};
    l.scores = align(n * tokens * pool->width * sizeof(float));
    l.row = l.scores + align(n * tokens * pool->heads * sizeof(float));
    l.mixed = l.row + align(tokens * sizeof(float));
    l.act = l.mixed + align(n * pool->width * sizeof(float));
    l.hidden = l.act + align(gs_number_size(number, n * pool->width));
    l.end = l.hidden + align(gs_number_size(number, n * pool->expand.out));
    return l;
}

size_t gs_pool_workspace(const gs_pool *pool, gs_number number, size_t n, size_t tokens)
{
    return pool->heads ? lay_out(pool, number, n, tokens).end : 0;
}

/* scores [tokens, heads], values [tokens, width] of one picture -> mixed [width]. row: scratch [tokens]. */
static void mix(const gs_pool *pool, const float *scores, const float *values, size_t tokens, float *row, float *mixed)
{
    size_t width = pool->width, head = width / pool->heads;
    memset(mixed, 0, width * sizeof *mixed);
    for (size_t h = 0; h < pool->heads; h++) {
        for (size_t i = 0; i < tokens; i++)
            row[i] = scores[i * pool->heads + h];
        gs_softmax(row, tokens, 1);
        for (size_t i = 0; i < tokens; i++)
            for (size_t k = h * head; k < (h + 1) * head; k++)
                mixed[k] += row[i] * values[i * width + k];
    }
}

gs_status gs_pool_run(const gs_pool *pool, gs_engine engine, const void *normed, size_t n, size_t tokens, void *work,
                      float *features, gs_error *err)
{
    const gs_backend *backend = engine.backend;
    gs_number type = backend->number;
    size_t width = pool->width, rows = n * tokens;
    layout l = lay_out(pool, type, n, tokens);
    char *base = work;
    float *values = (float *)(base + l.values), *scores = (float *)(base + l.scores),
          *mixed = (float *)(base + l.mixed);
    void *act = base + l.act, *hidden = base + l.hidden, *c = engine.context;
    gs_status st;
    if ((st = backend->linear(c, &pool->score, normed, rows, GS_EPILOGUE_F32, scores, err)) != GS_OK ||
        (st = backend->linear(c, &pool->value, normed, rows, GS_EPILOGUE_F32, values, err)) != GS_OK)
        return st;
    for (size_t i = 0; i < n; i++)
        mix(pool, scores + i * tokens * pool->heads, values + i * tokens * width, tokens, (float *)(base + l.row),
            mixed + i * width);
    gs_number_store(type, mixed, n * width, act);
    if ((st = backend->linear(c, &pool->out, act, n, GS_EPILOGUE_F32, features, err)) != GS_OK)
        return st;
    gs_norm_rows(&pool->norm, features, width, n, type, act);
    if ((st = backend->linear(c, &pool->expand, act, n, gs_epilogue_of(pool->activation), hidden, err)) != GS_OK)
        return st;
    return backend->linear(c, &pool->contract, hidden, n, GS_EPILOGUE_ADD, features, err);
}

#include "indexer/nn/clip_text.h"

#include "indexer/nn/names.h"
#include "indexer/nn/vector.h"

#include <stdio.h>  /* snprintf */
#include <string.h> /* memcpy */

#define MAX_NAME 128

static const char *join(char name[MAX_NAME], const char *prefix, const char *rest)
{
    snprintf(name, MAX_NAME, "%s%s", prefix, rest);
    return name;
}

gs_status gs_clip_text_load(gs_clip_text *tower, const gs_clip_config *config, size_t dim, gs_weights *weights,
                            gs_error *err)
{
    const gs_text_names *names = gs_text_names_of(config->text.architecture);
    size_t width = config->text.width;
    char name[MAX_NAME];
    const char *prefix = names->prefix;
    if (names->other_prefix && gs_weights_has(weights, join(name, names->other_prefix, names->tokens)))
        prefix = names->other_prefix;
    *tower = (gs_clip_text){.vocabulary = config->vocabulary,
                            .context = config->context,
                            .dim = dim,
                            .causal = config->text.architecture != GS_SIGLIP,
                            .end_token = config->end_token};
    gs_status st;
    if ((st = gs_weights_get(weights, join(name, prefix, names->tokens), (size_t[]){config->vocabulary, width}, 2,
                             &tower->token_embedding, err)) != GS_OK ||
        (st = gs_weights_get(weights, join(name, prefix, names->positions), (size_t[]){config->context, width}, 2,
                             &tower->position_embedding, err)) != GS_OK ||
        (st = gs_transformer_load(&tower->stack, &config->text, weights, join(name, prefix, names->layers), err)) !=
            GS_OK ||
        (st = gs_norm_load(&tower->final_norm, width, config->text.epsilon, weights,
                           join(name, prefix, names->final_norm), err)) != GS_OK)
        return st;
    return gs_projection_load(&tower->projection, width, dim, names->projection_bias,
                              gs_projections_are_turned(config->text.architecture), weights,
                              join(name, prefix, names->projection), err);
}

void gs_clip_text_free(gs_clip_text *tower)
{
    gs_transformer_free(&tower->stack);
}

gs_status gs_clip_text_pack(gs_clip_text *tower, gs_engine engine, const gs_weights *weights, gs_error *err)
{
    gs_status st = gs_transformer_pack(&tower->stack, engine, weights, err);
    return st == GS_OK ? gs_linear_pack(&tower->projection, engine, weights, err) : st;
}

void gs_clip_text_unpack(gs_clip_text *tower, const gs_backend *backend)
{
    gs_transformer_unpack(&tower->stack, backend);
    backend->unpack(&tower->projection);
}

/* Rows are computed in multiples of 16: a backend then meets few different shapes, and one row costs what 16 do. */
static size_t round_rows(size_t tokens)
{
    return (tokens + 15) / 16 * 16;
}

/* x [rows, width] f32, then the stack's scratch, which afterwards holds the end-of-text rows. */
static size_t residual_size(const gs_clip_text *tower, size_t tokens)
{
    return round_rows(tokens) * tower->stack.config.width * sizeof(float);
}

size_t gs_clip_text_workspace(const gs_clip_text *tower, gs_number number, size_t tokens)
{
    size_t longest = tokens < tower->context ? tokens : tower->context;
    return residual_size(tower, tokens) +
           gs_transformer_workspace(&tower->stack.config, number, round_rows(tokens), longest);
}

/* Returns the number of tokens. */
static size_t embed(const gs_clip_text *tower, const int32_t *ids, gs_sequences sequences, float *x)
{
    size_t width = tower->stack.config.width, row = 0;
    for (size_t s = 0; s < sequences.count; s++) {
        for (size_t i = 0; i < sequences.length[s]; i++, row++) {
            memcpy(x + row * width, tower->token_embedding + (size_t)ids[row] * width, width * sizeof *x);
            gs_add(x + row * width, width, tower->position_embedding + i * width);
        }
    }
    memset(x + row * width, 0, (round_rows(row) - row) * width * sizeof *x);
    return row;
}

gs_status gs_clip_text_run(const gs_clip_text *tower, gs_engine engine, const int32_t *ids, gs_sequences sequences,
                           void *work, float *features, gs_error *err)
{
    gs_number type = engine.backend->number;
    size_t width = tower->stack.config.width;
    float *x = work; /* [rows, width] */
    size_t tokens = embed(tower, ids, sequences, x);
    void *ends = (char *)work + residual_size(tower, tokens); /* [count, width] act; before that the stack's scratch */
    gs_status st =
        gs_transformer_run(&tower->stack, engine, x, round_rows(tokens), sequences, tower->causal, ends, err);
    if (st != GS_OK)
        return st;
    for (size_t s = 0, row = 0; s < sequences.count; row += sequences.length[s++]) {
        size_t end = row + gs_clip_text_end(tower, ids + row, sequences.length[s]);
        gs_norm_rows(&tower->final_norm, x + end * width, width, 1, type, gs_number_at(type, ends, s * width));
    }
    st = engine.backend->linear(engine.context, &tower->projection, ends, sequences.count, GS_EPILOGUE_F32, features,
                                err);
    for (size_t s = 0; st == GS_OK && s < sequences.count; s++)
        gs_unit_length(features + s * tower->dim, tower->dim);
    return st;
}

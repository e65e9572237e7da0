#include "clip_text.h"

#include "vector.h"

#include <string.h> /* memcpy */

gs_status gs_clip_text_load(gs_clip_text *tower, const gs_clip_config *config, size_t dim, gs_weights *weights,
                            gs_error *err)
{
    size_t width = config->text.width;
    *tower = (gs_clip_text){
        .vocabulary = config->vocabulary, .context = config->context, .dim = dim, .end_token = config->end_token};
    gs_status st;
    if ((st = gs_weights_get(weights, "text_model.embeddings.token_embedding.weight",
                             (size_t[]){config->vocabulary, width}, 2, &tower->token_embedding, err)) != GS_OK ||
        (st = gs_weights_get(weights, "text_model.embeddings.position_embedding.weight",
                             (size_t[]){config->context, width}, 2, &tower->position_embedding, err)) != GS_OK ||
        (st = gs_transformer_load(&tower->stack, &config->text, weights, "text_model", err)) != GS_OK ||
        (st = gs_norm_load(&tower->final_norm, width, config->text.epsilon, weights, "text_model.final_layer_norm",
                           err)) != GS_OK)
        return st;
    return gs_linear_load(&tower->projection, width, dim, false, weights, "text_projection", err);
}

void gs_clip_text_free(gs_clip_text *tower)
{
    gs_transformer_free(&tower->stack);
}

size_t gs_clip_text_workspace(const gs_clip_text *tower, size_t tokens)
{
    size_t longest = tokens < tower->context ? tokens : tower->context;
    return tokens * tower->stack.config.width + gs_transformer_workspace(&tower->stack.config, tokens, longest);
}

void gs_clip_text_run(const gs_clip_text *tower, const gs_backend *backend, const int32_t *ids, gs_sequences sequences,
                      float *work, float *features)
{
    size_t width = tower->stack.config.width, rows = 0;
    float *x = work; /* [tokens, width] */
    for (size_t s = 0; s < sequences.count; s++) {
        for (size_t i = 0; i < sequences.length[s]; i++, rows++) {
            memcpy(x + rows * width, tower->token_embedding + (size_t)ids[rows] * width, width * sizeof *x);
            gs_add(x + rows * width, width, tower->position_embedding + i * width);
        }
    }
    work += rows * width;
    gs_transformer_run(&tower->stack, backend, x, sequences, true, work);

    float *ends = work; /* [count, width]; the stack's scratch is free again */
    for (size_t s = 0, row = 0; s < sequences.count; row += sequences.length[s++])
        backend->layer_norm(&tower->final_norm,
                            x + (row + gs_clip_text_end(tower, ids + row, sequences.length[s])) * width, width, 1,
                            ends + s * width);
    backend->linear(&tower->projection, ends, sequences.count, GS_EPILOGUE_NONE, features, tower->dim);
    for (size_t s = 0; s < sequences.count; s++)
        gs_unit_length(features + s * tower->dim, tower->dim);
}

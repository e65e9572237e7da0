/* clip_text.h - CLIP's text tower: tokens to features.
 *
 *     gs_clip_text tower;
 *     if ((st = gs_clip_text_load(&tower, &config, dim, &weights, err)) != GS_OK) return st;
 *     st = gs_clip_text_pack(&tower, engine, &weights, err);                     // once, before the first run
 *     st = gs_clip_text_run(&tower, engine, ids, sequences, work, features, err);    // features [count, dim]
 *     gs_clip_text_unpack(&tower, backend);
 *     gs_clip_text_free(&tower);
 *
 * CLIP's sequences come at their true length: attention is causal and the feature is taken at end-of-text, so padding
 * would change nothing. SigLIP's are padded, by its tokenizer: its tower was trained to see that.
 */
#ifndef GS_CLIP_TEXT_H
#define GS_CLIP_TEXT_H

#include "indexer/nn/transformer.h"

#include <stdint.h>

typedef struct {
    size_t vocabulary, context, dim;
    bool causal; /* a token sees those before it; else, in SigLIP, all, and the feature is at the last */
    size_t
        end_token; /* GS_END_TOKEN_LEGACY: the feature is at the largest id, else at the first of this one, which is the
                         first token where there is none */
    const float *token_embedding;    /* [vocabulary, width]  borrowed from the weights */
    const float *position_embedding; /* [context, width]     borrowed from the weights */
    gs_transformer stack;
    gs_norm final_norm;
    gs_linear projection; /* [dim, width], with a bias in SigLIP alone */
} gs_clip_text;

gs_status gs_clip_text_load(gs_clip_text *tower, const gs_clip_config *config, size_t dim, gs_weights *weights,
                            gs_error *err);
void gs_clip_text_free(gs_clip_text *tower); /* safe on a zeroed one */

/* Where in one sequence, ids [n], the feature is taken. */
static inline size_t gs_clip_text_end(const gs_clip_text *tower, const int32_t *ids, size_t n)
{
    size_t at = 0;
    if (!tower->causal)
        return n - 1;
    if (tower->end_token == GS_END_TOKEN_LEGACY) {
        for (size_t i = 1; i < n; i++)
            at = ids[i] > ids[at] ? i : at;
        return at;
    }
    while (at < n && (size_t)ids[at] != tower->end_token)
        at++;
    return at < n ? at : 0;
}

gs_status gs_clip_text_pack(gs_clip_text *tower, gs_engine engine, const gs_weights *weights, gs_error *err);
void gs_clip_text_unpack(gs_clip_text *tower, const gs_backend *backend);

/* Bytes of scratch for so many tokens in all. */
size_t gs_clip_text_workspace(const gs_clip_text *tower, gs_number number, size_t tokens);

/* ids: the sequences one after the other, each of at most context tokens below vocabulary. */
gs_status gs_clip_text_run(const gs_clip_text *tower, gs_engine engine, const int32_t *ids, gs_sequences sequences,
                           void *work, float *features, gs_error *err);

#endif

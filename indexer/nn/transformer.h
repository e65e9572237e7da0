/* transformer.h - the stack of pre-norm layers that both towers of CLIP are made of, and ViT and Dinov2.
 *
 *     gs_transformer stack;
 *     if ((st = gs_transformer_load(&stack, &config.text, &weights, "text_model.encoder.layers", err)) != GS_OK)
 *         return st;
 *     st = gs_transformer_pack(&stack, engine, &weights, err);                  // once, before the first run
 *     void *work = malloc(gs_transformer_workspace(&config.text, backend->number, rows, longest));
 *     st = gs_transformer_run(&stack, engine, x, rows, sequences, true, work, err);   // x [rows, width], in place
 *     gs_transformer_free(&stack);
 */
#ifndef GS_TRANSFORMER_H
#define GS_TRANSFORMER_H

#include "indexer/hf/config.h"
#include "indexer/hf/weights.h"
#include "indexer/nn/backend.h"

typedef struct {
    gs_norm before_attention, before_inner; /* layer_norm1, layer_norm2 */
    gs_linear query, key, value, out;       /* the first three without a bias where config has no qkv_bias */
    gs_linear expand, contract;             /* mlp.fc1, mlp.fc2 */
} gs_transformer_layer;

typedef struct {
    gs_tower_config config;
    gs_transformer_layer *layers; /* [config.layers]  owned; the tensors are borrowed from the weights */
} gs_transformer;

/* Tensors PREFIX.N.*, called as config's architecture calls them. Layer scale is multiplied into out and contract. */
gs_status gs_transformer_load(gs_transformer *stack, const gs_tower_config *config, gs_weights *weights,
                              const char *prefix, gs_error *err);
void gs_transformer_free(gs_transformer *stack); /* safe on a zeroed one */

/* The layers' weights as the engine's backend likes them best; of what it copied, the file's pages leave the memory. */
gs_status gs_transformer_pack(gs_transformer *stack, gs_engine engine, const gs_weights *weights, gs_error *err);
void gs_transformer_unpack(gs_transformer *stack, const gs_backend *backend);

/* Bytes of scratch for so many rows, of which one sequence takes at most longest. */
size_t gs_transformer_workspace(const gs_tower_config *config, gs_number number, size_t rows, size_t longest);

/* x [rows, width] -> the last layer's output, in place. Rows after those of the sequences are computed with them, and
 * mean nothing: they round a number of rows up to one that was met before. */
gs_status gs_transformer_run(const gs_transformer *stack, gs_engine engine, float *x, size_t rows,
                             gs_sequences sequences, bool causal, void *work, gs_error *err);

/* PREFIX.weight and PREFIX.bias of a layer norm, and of a linear layer [out, in]. */
gs_status gs_norm_load(gs_norm *norm, size_t width, float epsilon, gs_weights *weights, const char *prefix,
                       gs_error *err);
gs_status gs_linear_load(gs_linear *linear, size_t in, size_t out, bool bias, gs_weights *weights, const char *prefix,
                         gs_error *err);

/* The last layer of a tower, without a bias in CLIP. turned: it is stored as [in, out], under PREFIX itself. */
gs_status gs_projection_load(gs_linear *linear, size_t in, size_t out, bool bias, bool turned, gs_weights *weights,
                             const char *prefix, gs_error *err);

/* backend->pack() of one linear, whose weight then leaves the memory if it was copied. */
gs_status gs_linear_pack(gs_linear *linear, gs_engine engine, const gs_weights *weights, gs_error *err);

#endif

/* pool.h - SigLIP's feature of a picture: attention of one learned query, the probe, over all patches, and a small network.
 *
 *     if ((st = gs_pool_load(&pool, &config.vision, &weights, "vision_model.head", err)) != GS_OK) return st;
 *     st = gs_pool_pack(&pool, engine, &weights, err);
 *     st = gs_pool_run(&pool, engine, normed, n, tokens, work, features, err);      // features [n, width]
 *     gs_pool_unpack(&pool, backend);
 *
 * The probe is the same for all pictures: what it asks of a head's keys is one vector, made when the tower is loaded. The
 * keys' bias adds the same to every patch's score, which the softmax takes away.
 */
#ifndef GS_POOL_H
#define GS_POOL_H

#include "indexer/nn/transformer.h"

typedef struct {
    size_t heads, width; /* heads 0: there is no pool */
    gs_activation activation;
    gs_linear score; /* [heads, width], no bias: a patch's score in every head */
    gs_linear value; /* [width, width], as the next */
    gs_linear out;
    gs_norm norm;
    gs_linear expand, contract; /* [inner, width], [width, inner] */
} gs_pool;

/* Tensors PREFIX.*. */
gs_status gs_pool_load(gs_pool *pool, const gs_tower_config *config, gs_weights *weights, const char *prefix,
                       gs_error *err);

gs_status gs_pool_pack(gs_pool *pool, gs_engine engine, const gs_weights *weights, gs_error *err);
void gs_pool_unpack(gs_pool *pool, const gs_backend *backend);

/* Bytes of scratch for n pictures of so many tokens. */
size_t gs_pool_workspace(const gs_pool *pool, gs_number number, size_t n, size_t tokens);

/* normed act [n, tokens, width] -> features f32 [n, width]. */
gs_status gs_pool_run(const gs_pool *pool, gs_engine engine, const void *normed, size_t n, size_t tokens, void *work,
                      float *features, gs_error *err);

#endif

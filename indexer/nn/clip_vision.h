/* clip_vision.h - CLIP's vision tower, or ViT's or Dinov2's: prepared pictures to features.
 *
 *     gs_clip_vision tower;
 *     if ((st = gs_clip_vision_find(&config, &weights, err)) != GS_OK) return st;
 *     if ((st = gs_clip_vision_load(&tower, &config, dim, &weights, err)) != GS_OK) return st;
 *     st = gs_clip_vision_pack(&tower, engine, &weights, err);               // once, before the first run
 *     void *work = malloc(gs_clip_vision_workspace(&tower, number, n));
 *     for (size_t i = 0; i < n; i++)
 *         gs_clip_vision_place(&tower, number, pixels[i], i, n, work);   // pixels[i] [3, image_size, image_size]
 *     st = gs_clip_vision_run(&tower, engine, n, lengths, work, features, err);    // features [n, dim], unit length
 *     gs_clip_vision_unpack(&tower, backend);
 *     gs_clip_vision_free(&tower);
 *
 * The feature is made of the class token behind the last layer norm: CLIP projects it, the others take it as it is,
 * which is transformers' last_hidden_state[:, 0] of ViTModel and pooler_output of Dinov2Model and CLIPVisionModel.
 * SigLIP's is its pool's.
 */
#ifndef GS_CLIP_VISION_H
#define GS_CLIP_VISION_H

#include "indexer/nn/pool.h"
#include "indexer/nn/transformer.h"

typedef struct {
    size_t image_size, patch_size, dim;
    size_t grid;               /* patches a side */
    size_t leading;            /* tokens before the patches: the class token, and registers */
    size_t tokens;             /* rows of one picture: leading, then grid * grid patches */
    size_t patch_values;       /* 3 patch_size patch_size */
    const float *embedding;    /* [tokens, width]        borrowed from the weights; what is added to the patches:
                                        positions and bias, and the leading tokens themselves */
    gs_linear patch_embedding; /* [width, patch_values], no bias */
    gs_norm before, after;     /* pre_layrnorm (spelled so in every file), post_layernorm; CLIP alone has before */
    gs_transformer stack;
    gs_pool pool;         /* in SigLIP alone, which has no class token */
    gs_linear projection; /* [dim, width], no bias; without weights where there is none: dim is width */
} gs_clip_vision;

/* Finds the prefix of the model's tensors (gs_weights_find_prefix), by one that every vision tower has. */
gs_status gs_clip_vision_find(const gs_clip_config *config, gs_weights *weights, gs_error *err);

gs_status gs_clip_vision_load(gs_clip_vision *tower, const gs_clip_config *config, size_t dim, gs_weights *weights,
                              gs_error *err);
/* Whether the class token is projected: always in CLIP, in its vision tower alone when it was saved so. */
bool gs_clip_vision_projects(const gs_clip_config *config, const gs_weights *weights);

void gs_clip_vision_free(gs_clip_vision *tower); /* safe on a zeroed one */

gs_status gs_clip_vision_pack(gs_clip_vision *tower, gs_engine engine, const gs_weights *weights, gs_error *err);
void gs_clip_vision_unpack(gs_clip_vision *tower, const gs_backend *backend);

/* Bytes of scratch for n pictures. */
size_t gs_clip_vision_workspace(const gs_clip_vision *tower, gs_number number, size_t n);

/* Lays picture i of n, pixels [3, image_size, image_size], cut into patches, where run will look for it in work. */
void gs_clip_vision_place(const gs_clip_vision *tower, gs_number number, const float *pixels, size_t i, size_t n,
                          void *work);

/* The n pictures placed in work -> features [n, dim]. lengths: scratch [n]. */
gs_status gs_clip_vision_run(const gs_clip_vision *tower, gs_engine engine, size_t n, size_t *lengths, void *work,
                             float *features, gs_error *err);

#endif

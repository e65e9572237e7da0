/* tower.cuh - CLIP's two towers in device memory, and their run. Private to the plug-in.
 *
 *     TRY(vision_upload(&vision, &clip_vision, &memory, err));
 *     TRY(text_upload(&text, &clip_text, &memory, err));
 *     TRY(scratch_take(&scratch, &vision, &text, batch, &memory, err));
 *     TRY(vision_patches(&vision, &scratch, stream, rgb, n, level, err));
 *     TRY(vision_run(&vision, &scratch, products, stream, n, err));
 *     TRY(features_finish(&scratch, stream, n, dim, features, err));        // features [n, dim]
 */
#ifndef GS_TOWER_CUH
#define GS_TOWER_CUH

#include "indexer/nn/cuda/matmul.cuh"

extern "C" {
#include "indexer/nn/clip_text.h"
#include "indexer/nn/clip_vision.h"
}

/* What the kernels are made for, beside multiples of 8. */
#define NORM_MAX_WIDTH     2048
#define ATTENTION_MAX_HEAD 128

struct device_norm {
    const float *weight, *bias; /* [width] each; weight NULL: no such layer */
    size_t width;
    float epsilon;
};

struct device_layer {
    device_norm before_attention, before_inner;
    device_linear qkv; /* query, key and value, one below the other: [3 width, width] */
    device_linear out, expand, contract;
};

struct device_stack {
    gs_tower_config config;
    device_layer *layers; /* [config.layers] in host memory  owned: stack_free() */
};

struct device_vision {
    size_t size, patch_size, tokens, dim;
    size_t patch_values; /* of a row of patches: 3 patch_size patch_size rounded up, for cublasLt to be quick */
    const float *base;   /* [tokens, width] what is added to the patches */
    device_linear patches;
    device_norm before, after;
    device_stack stack;
    device_linear projection; /* weight NULL: the normed class token is the feature */
};

struct device_text {
    size_t context, vocabulary, dim;
    const float *token, *position; /* [vocabulary, width], [context, width] */
    device_norm final_norm;
    device_stack stack;
    device_linear projection;
};

/* What the layers write to, for batch pictures, or batch texts of full length. Both towers share it: they run one after
 * the other. */
struct scratch {
    float *x;         /* [rows, width] the residual */
    bf16 *normed;     /* [rows, width] */
    bf16 *hidden;     /* [rows, 3 width or inner], and before the first layer the patches [rows, patch_values] */
    float *projected; /* [batch, dim] */
    int *even;        /* [batch + 1] 0, tokens, 2 tokens ...: the pictures' sequences */
    int *ids, *positions, *offsets, *ends; /* of texts: [batch context] twice, [batch + 1], [batch] */
};

gs_status vision_upload(device_vision *out, const gs_clip_vision *in, device_memory *memory, gs_error *err);
gs_status text_upload(device_text *out, const gs_clip_text *in, device_memory *memory, gs_error *err);
void stack_free(device_stack *stack); /* safe on a zeroed one */

/* text may be NULL. */
gs_status scratch_take(scratch *s, const device_vision *vision, const device_text *text, size_t batch,
                       device_memory *memory, gs_error *err);

/* Prepared pictures rgb [n, size, size, 3], normalised by level [3, 256], -> patches in s->hidden. */
gs_status vision_patches(const device_vision *v, const scratch *s, cudaStream_t stream, const uint8_t *rgb, size_t n,
                         const float *level, gs_error *err);

/* The patches of n pictures in s->hidden -> s->projected [n, dim], not yet of unit length. */
gs_status vision_run(const device_vision *v, const scratch *s, matmul *products, cudaStream_t stream, size_t n,
                     gs_error *err);

/* s->ids and so on, of count texts of rows tokens, the longest of longest -> s->projected [count, dim]. */
gs_status text_run(const device_text *t, const scratch *s, matmul *products, cudaStream_t stream, size_t count,
                   size_t rows, size_t longest, gs_error *err);

/* s->projected [n, dim] -> features [n, dim] of unit length. */
gs_status features_finish(const scratch *s, cudaStream_t stream, size_t n, size_t dim, float *features, gs_error *err);

#endif

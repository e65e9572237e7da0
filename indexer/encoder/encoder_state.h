/* encoder_state.h - what an encoder is made of; for encoder.c, which opens it, load.c, which reads its files, and
 * encode.c, which uses it. */
#ifndef GS_ENCODER_STATE_H
#define GS_ENCODER_STATE_H

#include "indexer/encoder/encoder.h"
#include "indexer/hf/config.h"
#include "indexer/hf/weights.h"
#include "indexer/nn/clip_text.h"
#include "indexer/nn/clip_vision.h"
#include "indexer/nn/device.h"
#include "indexer/util/file.h" /* gs_bytes */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one thread needs to encode a share of a batch by itself. */
typedef struct {
    void *preparation; /* [preparation_size]  owned; grows with the largest picture met */
    size_t preparation_size;
    float *pixels;                /* [3, image_size, image_size]  owned, as all below */
    void *context, *text_context; /* the backends'; one where they are the same */
    void *work; /* [work_size]  what a share needs, of pictures or of texts; grows to the larger when that is used */
    size_t work_size;
    int32_t *ids;    /* [share, context] */
    size_t *lengths; /* [share] */
} gs_encoder_worker;

struct gs_encoder {
    char *directory; /* owned */
    gs_encoder_info info;
    gs_clip_config config;
    gs_preprocess preprocess;
    gs_bytes vocabulary;
    gs_tokenizer tokenizer;
    gs_weights weights;
    gs_clip_text text;
    gs_clip_vision vision;
    const gs_backend *backend,
        *text_backend; /* texts are never int8: they are few, and many pictures are compared with each */
    bool text_packed, vision_packed;
    const gs_cuda_api *cuda;    /* borrowed; NULL: the processor does it all */
    gs_cuda *gpu;               /* owned through cuda */
    gs_encoder_worker *workers; /* [threads]  owned */
    size_t threads;
    size_t share; /* pictures, or texts, that a worker takes at once */
};

/* Reads directory's files into encoder: what its config, preprocess, tokenizer, weights and towers say, and info but
 * name and directory. Errors name the file and the field or tensor. */
gs_status gs_encoder_load(gs_encoder *encoder, gs_directory *directory, gs_error *err);

#endif

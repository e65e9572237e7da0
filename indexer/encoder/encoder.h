/* encoder.h - CLIP, ViT or Dinov2 from a Hugging Face directory: texts and pictures to L2-normalised features.
 *
 *     gs_encoder *encoder;
 *     st = gs_encoder_open(&encoder, "clip-vit-base-patch32", &(gs_encoder_options){.threads = 2}, err);
 *     const gs_encoder_info *info = gs_encoder_get_info(encoder);
 *     float *features = malloc(n * info->dim * sizeof *features);
 *     st = gs_encoder_images(encoder, pictures, n, features, err);      // features [n, info->dim]
 *     st = gs_encoder_texts(encoder, texts, n, features, err);
 *     gs_encoder_close(encoder);
 *
 * What a directory may be is in hf/directory.h, what it may hold in the README's table. What its configuration asks for
 * and this encoder does not know (an activation, an architecture) is refused by name, never approximated.
 *
 * ViT (such as DINO), Dinov2 and CLIP's vision tower saved by itself know no texts, which are refused: a feature is the
 * normalised class token behind the last layer norm. They have learned no scale that makes a similarity a likelihood:
 * theirs is CLIP's, 100.
 */
#ifndef GS_ENCODER_H
#define GS_ENCODER_H

#include "core/moments.h"
#include "core/preprocess.h"
#include "core/status.h"
#include "core/tokenize.h"
#include "indexer/hf/notes.h"
#include "indexer/image/image.h"
#include "indexer/nn/backend.h" /* gs_precision */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS_TAU_WITHOUT_SCALE 100.0

typedef struct gs_encoder gs_encoder; /* one thread at a time */

typedef enum {
    GS_DEVICE_AUTO, /* a GPU where there is one and bf16 is wanted, else the processor */
    GS_DEVICE_CPU,
    GS_DEVICE_CUDA, /* an error where there is none, and with GS_PRECISION_F32, GS_PRECISION_INT8 or a backend */
} gs_device;

typedef struct {
    int threads;            /* of the encoder's arithmetic and of picture preparation; 0: one per core */
    size_t batch;           /* pictures encoded at once; 0: 32 or two for each thread, on a GPU 256 */
    gs_precision precision; /* of the matrix products; 0: f32 */
    gs_device device;       /* 0: auto */
    const char *backend;    /* of the processor, "blas", "onednn" or "panels"; NULL: the quickest */
} gs_encoder_options;

typedef struct {
    const char *directory;  /* where it was opened: absolute  borrowed from the encoder */
    char name[128];         /* config.json's "_name_or_path", else the directory's last component */
    char fingerprint[65];   /* hex SHA-256 over what decides the features: see fingerprint.h */
    size_t dim;             /* of a feature */
    double tau;             /* exp(logit_scale); GS_TAU_WITHOUT_SCALE when there is none */
    bool has_text;          /* false: gs_encoder_texts refuses */
    int image_size;         /* pixels a side of what the vision tower sees */
    size_t batch;           /* pictures encoded at once */
    gs_precision precision; /* of the matrix products: f32, bf16 or int8 */
    char backend[32];       /* what multiplies: "blas", "onednn", "onednn-bf16", "panels", "int8", "cuda" */
    gs_notes notes;         /* what was assumed where the files say nothing */
    gs_error gpu_refused;   /* with GS_DEVICE_AUTO, why the GPU or the plug-in that is there is not used; else empty */
} gs_encoder_info;

/* Maps the weights; a tower takes its memory when it is first used, on a GPU now. gs_encoder_close() releases all.
 * Errors name the file and the field or tensor. */
gs_status gs_encoder_open(gs_encoder **encoder, const char *directory, const gs_encoder_options *options,
                          gs_error *err);
void gs_encoder_close(gs_encoder *encoder); /* NULL is fine */

const gs_encoder_info *gs_encoder_get_info(const gs_encoder *encoder);     /* borrowed */
const gs_tokenizer *gs_encoder_get_tokenizer(const gs_encoder *encoder);   /* borrowed; NULL without has_text */
const gs_preprocess *gs_encoder_get_preprocess(const gs_encoder *encoder); /* borrowed */

/* The bytes of tokenizer.bin (core/tokenize.h), borrowed; none without has_text. */
const void *gs_encoder_get_vocabulary(const gs_encoder *encoder, size_t *size);

/* texts [n] NUL-terminated UTF-8 (borrowed) -> features [n, dim], L2-normalised. GS_EARGS when the encoder has no text
 * tower, whatever n. */
gs_status gs_encoder_texts(gs_encoder *encoder, const char *const *texts, size_t n, float *features, gs_error *err);

/* images [n] (borrowed) -> features [n, dim], L2-normalised. */
gs_status gs_encoder_images(gs_encoder *encoder, const gs_image *images, size_t n, float *features, gs_error *err);

/* The same for frames [n, height, width, 3] u8 that lie in the GPU's memory (borrowed), whose writing has finished.
 * GS_EARGS where gs_encoder_accumulates_moments() is false. */
gs_status gs_encoder_device_frames(gs_encoder *encoder, const uint8_t *frames, int width, int height, size_t n,
                                   float *features, gs_error *err);

/* A GPU sums up moments beside its features, in f64, quicker than the processor could. Where gs_encoder_accumulates_moments() is false
 * the caller does that with core/moments.h, and these must not be called. add: the features of the last call of
 * gs_encoder_images or gs_encoder_device_frames; get and set: all so far, of dimension dim. */
bool gs_encoder_accumulates_moments(const gs_encoder *encoder);
gs_status gs_encoder_moments_set(gs_encoder *encoder, const gs_moments *moments, gs_error *err);
gs_status gs_encoder_moments_add(gs_encoder *encoder, gs_error *err);
gs_status gs_encoder_moments_get(gs_encoder *encoder, gs_moments *moments, gs_error *err);

#endif

/* cuda.h - the encoder on an NVIDIA GPU: what the plug-in gensearch_cuda.so offers. device.h opens it.
 *
 *     const gs_cuda_api *cuda;
 *     if ((st = gs_cuda_open(&cuda, err)) != GS_OK) return st;               // device.h; says why there is none
 *     gs_cuda *gpu;
 *     st = cuda->create(&gpu, &(gs_cuda_options){.vision = &vision, .text = &text, .preprocess = &preprocess,
 *                                                .batch = 256, .graph = true}, err);
 *     st = cuda->images(gpu, images, n, features, err);                      // features [n, dim], unit length
 *     st = cuda->moments_add(gpu, err);                                      // of the features of the last call
 *     st = cuda->moments_get(gpu, &moments, err);
 *     cuda->destroy(gpu);
 *
 * Matrix products are bf16 with f32 sums; the residual, layer norms, softmax and embeddings are f32. Pictures are
 * resized on the GPU from the bytes to the same bytes as core/resize.c's. A handle serves one thread at a time, on the
 * process's first device (CUDA_VISIBLE_DEVICES picks it). Errors of the device are GS_EIO, or GS_ENOMEM, with the call
 * that failed; after GS_EIO a handle is only good for destroy.
 */
#ifndef GS_CUDA_H
#define GS_CUDA_H

#include "core/moments.h"
#include "core/preprocess.h"
#include "core/status.h"
#include "indexer/image/image.h"
#include "indexer/nn/clip_text.h"
#include "indexer/nn/clip_vision.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raise it with every change of a structure that the program and the plug-in share: those of this file, gs_clip_vision,
 * gs_clip_text, gs_transformer_layer, gs_linear, gs_preprocess, gs_image and gs_moments. A plug-in of another version is
 * refused. */
#define GS_CUDA_VERSION 1u

typedef struct gs_cuda gs_cuda;

typedef struct {
    const gs_clip_vision *vision; /* its tensors are borrowed during create alone, as are the text tower's */
    const gs_clip_text *text;     /* NULL: pictures only */
    const gs_preprocess *preprocess;
    size_t batch; /* pictures, and texts of full length, encoded at once: 1 .. 4096 */
    bool graph;   /* replay full batches as a CUDA graph; without it, kernel by kernel */
} gs_cuda_options;

typedef struct {
    char name[128];
    size_t memory_free, memory_total; /* bytes */
    int major, minor;                 /* compute capability */
    int driver, runtime;              /* CUDA versions, 1000 major + 10 minor */
} gs_cuda_device;

typedef struct {
    unsigned version; /* GS_CUDA_VERSION of the plug-in */

    /* GS_ENOTFOUND, and why, when there is no device that can be used: none, too old, no driver. */
    gs_status (*device)(gs_cuda_device *device, gs_error *err);

    gs_status (*create)(gs_cuda **gpu, const gs_cuda_options *options, gs_error *err);
    void (*destroy)(gs_cuda *gpu); /* NULL is fine */

    /* images [n] (borrowed), each of its own size -> features [n, dim] on the host. features may be NULL here and
     * below: then they stay on the device, for moments_add. */
    gs_status (*images)(gs_cuda *gpu, const gs_image *images, size_t n, float *features, gs_error *err);

    /* The same for frames [n, height, width, 3] in device memory (borrowed), whose writing has finished. */
    gs_status (*frames)(gs_cuda *gpu, const uint8_t *frames, int width, int height, size_t n, float *features,
                        gs_error *err);

    /* ids: the sequences one after the other, each of 1 .. context tokens below vocabulary, as for gs_clip_text_run.
     * GS_EARGS without a text tower. */
    gs_status (*texts)(gs_cuda *gpu, const int32_t *ids, gs_sequences sequences, float *features, gs_error *err);

    /* What the tower is shown: rgb [n, image_size, image_size, 3], resized and cropped, before it is normalised. */
    gs_status (*prepared)(gs_cuda *gpu, const gs_image *images, size_t n, uint8_t *rgb, gs_error *err);

    /* The moments of dimension dim kept on the device, in f64: emptied; joined by the features of the last images,
     * frames or texts; copied out to, and replaced by, a gs_moments of the same dimension (GS_EMISMATCH else). */
    gs_status (*moments_reset)(gs_cuda *gpu, gs_error *err);
    gs_status (*moments_add)(gs_cuda *gpu, gs_error *err);
    gs_status (*moments_get)(gs_cuda *gpu, gs_moments *moments, gs_error *err);
    gs_status (*moments_set)(gs_cuda *gpu, const gs_moments *moments, gs_error *err);
} gs_cuda_api;

/* The one symbol of the plug-in. */
#define GS_CUDA_SYMBOL "gs_cuda_plugin"
typedef const gs_cuda_api *gs_cuda_plugin_function(void);

#endif

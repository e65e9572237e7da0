/* preprocess.h - a picture as CLIP wants it: resized as Pillow does, cropped, normalised.
 *
 *     gs_preprocess p = gs_preprocess_clip(224);
 *     size_t need = gs_preprocess_workspace(&p, width, height);   // bytes, 0 when the size is absurd
 *     st = gs_preprocess_run(&p, rgb, width, height, work, pixels, err);      // pixels [3, 224, 224]
 *
 * The resize is Pillow's (resize.h), and the whole is to the bit what transformers' CLIPImageProcessor makes with
 * Pillow: the longer side is rounded down, a crop larger than the picture is padded with black.
 */
#ifndef GS_PREPROCESS_H
#define GS_PREPROCESS_H

#include "core/resize.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    bool do_resize, do_center_crop, do_rescale, do_normalize;
    gs_resample resample;
    int shortest_edge; /* resize target of the shorter side; 0: resize to resize_width x resize_height */
    int longest_edge;  /* beside shortest_edge: what the longer side may become; 0: anything */
    int resize_width, resize_height;
    bool fit; /* keeps the proportions: resize_width x resize_height is what the result must fit into */
    int crop_width, crop_height;
    bool even_crop;        /* what an odd pixel leaves at the start is rounded to even, as torchvision does, not down */
    double rescale_factor; /* 1/255 */
    float mean[3], std[3];
} gs_preprocess;

/* OpenAI's CLIP for square inputs of size pixels. */
gs_preprocess gs_preprocess_clip(int size);

/* The size of the result for an input of width x height: the crop's, or the resized one's when nothing is cropped. */
void gs_preprocess_output_size(const gs_preprocess *p, int width, int height, int *out_width, int *out_height);

/* Where an input of width x height goes: the part of the resized picture that the result shows, and at which x, y of
 * the result it lies; the rest of the result is black. */
typedef struct {
    gs_resize_part part;
    int x, y;
    int width, height; /* of the result */
} gs_preprocess_frame;

/* False when a size is below 1. */
bool gs_preprocess_place(gs_preprocess_frame *frame, const gs_preprocess *p, int width, int height);

/* level [256] := what a byte of the channel (0 red, 1 green, 2 blue) becomes. */
void gs_preprocess_levels(const gs_preprocess *p, int channel, float *level);

/* Bytes of scratch that gs_preprocess_run needs for this input; 0 when it does not fit a size_t. */
size_t gs_preprocess_workspace(const gs_preprocess *p, int width, int height);

/* rgb [height, width, 3] u8 (borrowed) -> pixels [3, out_height, out_width] f32. work: aligned for double. GS_EARGS for
 * a size below 1 or too large. */
gs_status gs_preprocess_run(const gs_preprocess *p, const uint8_t *rgb, int width, int height, void *work,
                            float *pixels, gs_error *err);

#endif

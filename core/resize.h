/* resize.h - Pillow's Image.resize for 8-bit pictures of 3 channels, as Pillow 13 has it byte for byte.
 *
 *     size_t need = gs_resize_workspace(width, height, 256, 256);          // bytes, 0 when the size is absurd
 *     st = gs_resize(rgb, width, height, GS_BICUBIC, work, out, 256, 256, err);
 *
 * Two passes, one per direction, with weights in 22-bit fixed point and a result rounded to 8 bits after each;
 * downscaling widens the filter (antialiasing). The filters are the textbook's (Keys's cubic with a = -1/2, Lanczos
 * with three lobes). A pixel does not depend on its neighbours in the result, so a part of a large result costs no more
 * than the part.
 */
#ifndef GS_RESIZE_H
#define GS_RESIZE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pillow's numbers for its filters, as preprocessor_config.json stores them. */
typedef enum {
    GS_NEAREST = 0,
    GS_LANCZOS = 1,
    GS_BILINEAR = 2,
    GS_BICUBIC = 3,
    GS_BOX = 4,
    GS_HAMMING = 5
} gs_resample;

size_t gs_resize_workspace(int width, int height, int out_width, int out_height);

/* rgb [height, width, 3] (borrowed) -> out [out_height, out_width, 3]. work: aligned for double. GS_EARGS for a size
 * below 1, an input side above 2^24, or an unknown filter. */
gs_status gs_resize(const uint8_t *rgb, int width, int height, gs_resample resample, void *work, uint8_t *out,
                    int out_width, int out_height, gs_error *err);

/* A part of a resized picture: of the whole result [out_height, out_width], what lies at (x, y) and is part_width by
 * part_height. */
typedef struct {
    int width, height; /* of the input */
    int out_width, out_height;
    int x, y, part_width, part_height;
    gs_resample resample;
} gs_resize_part;

size_t gs_resize_part_workspace(const gs_resize_part *p);

/* rgb [height, width, 3] (borrowed) -> out [part_height, part_width, 3]. */
gs_status gs_resize_part_run(const gs_resize_part *p, const uint8_t *rgb, void *work, uint8_t *out, gs_error *err);

/* One direction as numbers, for code that computes the pixels elsewhere (on a GPU): channel value of output i is
 * the sum over begin[i] <= k < end[i] of input[k] * weights[i * taps + k - begin[i]], plus 2^21, shifted right by 22,
 * clipped to 0 .. 255. An output without inputs is black. */
typedef struct {
    int n;            /* outputs of the part */
    int low, span;    /* the inputs that they depend on: low .. low + span - 1 */
    int taps;         /* inputs of one output, at most */
    int *begin, *end; /* [n]        each in the workspace, as below */
    int32_t *weights; /* [n, taps] */
} gs_resize_axis;

typedef struct {
    gs_resize_axis across, down;
    bool down_first; /* which pass comes first shows in the result, because each rounds and clips */
} gs_resize_plan;

/* Every filter, GS_NEAREST too, and a part of a picture that keeps its size come out as such weights. work: as for
 * gs_resize_part_run, gs_resize_plan_workspace() bytes, which the plan then points into. */
size_t gs_resize_plan_workspace(const gs_resize_part *p);
gs_status gs_resize_plan_make(gs_resize_plan *plan, const gs_resize_part *p, void *work, gs_error *err);

#endif

/* array.h - pictures in an array of numbers.
 *
 *     gs_picture_array pictures;
 *     if ((st = gs_picture_array_init(&pictures, &npy, model->sampler, "samples.npy", err)) != GS_OK) return st;
 *     for (uint64_t i = 0; i < pictures.count; i++)
 *         st = gs_picture_array_read(&pictures, i, &image, err);
 *
 * The axes are [n, height, width] (grey), [n, channels, height, width] or [n, height, width, channels] of 1, 3 (RGB) or 4 (RGBA, laid on
 * white) channels. The sampler block may have, as that of an ONNX generator (site/lib/pictures.js):
 *
 *     "layout": "NCHW" or "NHWC"   where the channels stand: needed where both ends could be channels
 *     "range": [low, high]         the values that mean black and white; not needed of uint8, where they are 0 and 255, and of bool
 */
#ifndef GS_ARRAY_H
#define GS_ARRAY_H

#include "indexer/image/image.h"
#include "indexer/util/npy.h"

#include <cjson/cJSON.h>

typedef struct {
    gs_npy array;     /* whose data is borrowed */
    const char *name; /* what messages call it  borrowed */
    uint64_t count;
    int width, height, channels;
    struct {
        uint64_t picture, row, column, channel;
    } stride; /* in elements */
    double low, high;
} gs_picture_array;

/* Whether the array can hold pictures: numbers, with axes as above. */
bool gs_picture_array_fits(const gs_npy *array);

/* block, name and the array's data are borrowed; block only for the call. GS_EFORMAT says what does not fit, or what the block must tell. */
gs_status gs_picture_array_init(gs_picture_array *pictures, const gs_npy *array, const cJSON *block, const char *name,
                                gs_error *err);

/* Picture i, below count. Values beyond the range are black and white; GS_EFORMAT for one that holds a number that is none (NaN). */
gs_status gs_picture_array_read(const gs_picture_array *pictures, uint64_t i, gs_image *image, gs_error *err);

#endif

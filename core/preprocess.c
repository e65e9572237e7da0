#include "core/preprocess.h"

#include <limits.h> /* INT_MAX */
#include <math.h>   /* rint */
#include <string.h> /* memset, memcpy */

gs_preprocess gs_preprocess_clip(int size)
{
    return (gs_preprocess){
        .do_resize = true,
        .do_center_crop = true,
        .do_rescale = true,
        .do_normalize = true,
        .resample = GS_BICUBIC,
        .shortest_edge = size,
        .crop_width = size,
        .crop_height = size,
        .rescale_factor = 1.0 / 255,
        .mean = {0.48145466f, 0.4578275f, 0.40821073f},
        .std = {0.26862954f, 0.26130258f, 0.27577711f},
    };
}

/* The longer side of the result when the shorter becomes target; INT_MAX when it would be longer than that. */
static int scale_side(int target, int longer, int shorter)
{
    double length = (double)target * longer / shorter;
    return length < INT_MAX ? (int)length : INT_MAX;
}

/* The sides become those of transformers' get_size_with_aspect_ratio() for p->longest_edge. */
static void limited_size(const gs_preprocess *p, int shorter, int longer, int *out_shorter, int *out_longer)
{
    double ratio = (double)longer / shorter, side = p->shortest_edge;
    bool limited = p->longest_edge > 0 && ratio * side > p->longest_edge;
    if (limited)
        side = (double)p->longest_edge * shorter / longer;
    *out_shorter = (int)rint(side);
    if (*out_shorter == shorter)
        *out_longer = longer;
    else if (limited)
        *out_longer = (int)(side * longer / shorter);
    else
        *out_longer = scale_side(p->shortest_edge, longer, shorter);
}

/* As large as fits into resize_width x resize_height. */
static void fitted_size(const gs_preprocess *p, int width, int height, int *out_width, int *out_height)
{
    double down = (double)p->resize_height / height, across = (double)p->resize_width / width;
    double scale = down < across ? down : across;
    *out_width = (int)(width * scale);
    *out_height = (int)(height * scale);
}

static void resized_size(const gs_preprocess *p, int width, int height, int *out_width, int *out_height)
{
    *out_width = width;
    *out_height = height;
    if (!p->do_resize || width < 1 || height < 1)
        return;
    if (p->shortest_edge == 0 && p->fit) {
        fitted_size(p, width, height, out_width, out_height);
    } else if (p->shortest_edge == 0) {
        *out_width = p->resize_width;
        *out_height = p->resize_height;
    } else if (width <= height) {
        limited_size(p, width, height, out_width, out_height);
    } else {
        limited_size(p, height, width, out_height, out_width);
    }
}

void gs_preprocess_output_size(const gs_preprocess *p, int width, int height, int *out_width, int *out_height)
{
    resized_size(p, width, height, out_width, out_height);
    if (p->do_center_crop) {
        *out_width = p->crop_width;
        *out_height = p->crop_height;
    }
}

/* Where the resized picture and the crop meet, in one direction. */
typedef struct {
    int from; /* in the resized picture */
    int to;   /* in the crop */
    int length;
} overlap;

/* The middle. An odd pixel is cut from the end, or as even_crop says, and padded at the start, as transformers does. */
static overlap centre(const gs_preprocess *p, int picture, int crop)
{
    if (crop <= picture)
        return (overlap){.from = p->even_crop ? (int)rint((picture - crop) / 2.0) : (picture - crop) / 2,
                         .length = crop};
    return (overlap){.to = (crop - picture + 1) / 2, .length = picture};
}

/* Only the part that the crop keeps is computed, so that a strip of 1 x 10,000 pixels costs no more than a square. */
bool gs_preprocess_place(gs_preprocess_frame *f, const gs_preprocess *p, int width, int height)
{
    gs_resize_part *part = &f->part;
    *part = (gs_resize_part){.width = width, .height = height, .resample = p->resample};
    resized_size(p, width, height, &part->out_width, &part->out_height);
    gs_preprocess_output_size(p, width, height, &f->width, &f->height);
    if (part->out_width < 1 || part->out_height < 1 || f->width < 1 || f->height < 1)
        return false;
    overlap across = centre(p, part->out_width, f->width), down = centre(p, part->out_height, f->height);
    f->x = across.to;
    f->y = down.to;
    part->x = across.from;
    part->y = down.from;
    part->part_width = across.length;
    part->part_height = down.length;
    return true;
}

size_t gs_preprocess_workspace(const gs_preprocess *p, int width, int height)
{
    gs_preprocess_frame f;
    if (!gs_preprocess_place(&f, p, width, height))
        return 0;
    size_t resize = gs_resize_part_workspace(&f.part), part_width = (size_t)f.part.part_width;
    if (resize == 0 || (size_t)f.part.part_height > (SIZE_MAX - resize) / 3 / part_width)
        return 0;
    return resize + (size_t)f.part.part_height * part_width * 3;
}

/* In transformers' steps: scaled in f64, rounded to f32, normalised in f32. */
void gs_preprocess_levels(const gs_preprocess *p, int channel, float *level)
{
    for (int byte = 0; byte < 256; byte++) {
        float value = (float)(p->do_rescale ? byte * p->rescale_factor : byte);
        level[byte] = p->do_normalize ? (value - p->mean[channel]) / p->std[channel] : value;
    }
}

/* part [f->part.part_height, f->part.part_width, 3] -> pixels [3, f->height, f->width], black around it. */
static void place(const gs_preprocess *p, const gs_preprocess_frame *f, const uint8_t *part, float *pixels)
{
    float levels[3][256];
    size_t width = (size_t)f->width, plane = width * (size_t)f->height;
    for (int channel = 0; channel < 3; channel++)
        gs_preprocess_levels(p, channel, levels[channel]);
    if (f->part.part_width < f->width || f->part.part_height < f->height)
        for (int channel = 0; channel < 3; channel++)
            for (size_t i = 0; i < plane; i++)
                pixels[(size_t)channel * plane + i] = levels[channel][0];
    for (int y = 0; y < f->part.part_height; y++) {
        float *red = pixels + (size_t)(f->y + y) * width + (size_t)f->x;
        float *green = red + plane, *blue = green + plane;
        for (int x = 0; x < f->part.part_width; x++, part += 3) {
            red[x] = levels[0][part[0]];
            green[x] = levels[1][part[1]];
            blue[x] = levels[2][part[2]];
        }
    }
}

gs_status gs_preprocess_run(const gs_preprocess *p, const uint8_t *rgb, int width, int height, void *work,
                            float *pixels, gs_error *err)
{
    gs_preprocess_frame f;
    if (!gs_preprocess_place(&f, p, width, height))
        return gs_fail(err, GS_EARGS, "preprocess: cannot prepare a picture of %d x %d", width, height);
    uint8_t *part = (uint8_t *)work + gs_resize_part_workspace(&f.part);
    gs_status st = gs_resize_part_run(&f.part, rgb, work, part, err);
    if (st != GS_OK)
        return st;
    place(p, &f, part, pixels);
    return GS_OK;
}

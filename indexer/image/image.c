#include "indexer/image/image.h"

#include "indexer/image/codec.h"
#include "indexer/util/file.h"

#include <stdlib.h>

gs_status gs_image_reserve(gs_image *image, uint32_t width, uint32_t height, int channels, uint64_t most_pixels,
                           gs_error *err)
{
    *image = (gs_image){0};
    if (width < 1 || height < 1 || width > GS_IMAGE_MAX_SIDE || height > GS_IMAGE_MAX_SIDE)
        return gs_fail(err, GS_EFORMAT, "a picture of %u x %u pixels, expected 1 to %d a side", width, height,
                       GS_IMAGE_MAX_SIDE);
    uint64_t pixels = (uint64_t)width * height; /* at most 2^30 */
    if (pixels > most_pixels)
        return gs_fail(err, GS_EFORMAT, "a picture of %u x %u pixels, at most %llu in all are read", width, height,
                       (unsigned long long)most_pixels);
    image->rgb = malloc((size_t)pixels * (size_t)channels);
    if (!image->rgb)
        return gs_fail(err, GS_ENOMEM, "no memory for a picture of %u x %u pixels", width, height);
    image->width = (int)width;
    image->height = (int)height;
    return GS_OK;
}

static gs_status alloc(gs_image *image, int width, int height, int channels, gs_error *err)
{
    return gs_image_reserve(image, width < 0 ? 0 : (uint32_t)width, height < 0 ? 0 : (uint32_t)height, channels,
                            GS_IMAGE_MAX_PIXELS, err);
}

gs_status gs_image_alloc(gs_image *image, int width, int height, gs_error *err)
{
    return alloc(image, width, height, 3, err);
}

gs_status gs_image_alloc_rgba(gs_image *image, int width, int height, gs_error *err)
{
    return alloc(image, width, height, 4, err);
}

void gs_image_free(gs_image *image)
{
    free(image->rgb);
    *image = (gs_image){0};
}

/* With alpha 255 and 0 exact, rounded to nearest between: v a / 255 + 255 (255 - a) / 255. */
void gs_image_flatten(gs_image *image)
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    const uint8_t *from = image->rgb;
    uint8_t *to = image->rgb;
    for (size_t i = 0; i < pixels; i++, from += 4, to += 3) {
        unsigned alpha = from[3], white = 255 * (255 - alpha) + 127;
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)((from[c] * alpha + white) / 255);
    }
    uint8_t *smaller = pixels ? realloc(image->rgb, pixels * 3) : NULL;
    if (smaller)
        image->rgb = smaller;
}

gs_status gs_image_decode(gs_image *image, const void *bytes, size_t size, const char *name, gs_error *err)
{
    return gs_image_decode_within(image, GS_IMAGE_MAX_PIXELS, bytes, size, name, err);
}

gs_status gs_image_decode_within(gs_image *image, uint64_t most_pixels, const void *bytes, size_t size,
                                 const char *name, gs_error *err)
{
    *image = (gs_image){0};
    gs_decoder *decode;
    int orientation = 1;
    gs_status st = gs_image_find_decoder(&decode, bytes, size, err);
    if (st == GS_OK)
        st = decode(image, &orientation, most_pixels, bytes, size, err);
    if (st == GS_OK)
        st = gs_image_orient(image, orientation, err);
    if (st == GS_OK)
        return GS_OK;
    gs_image_free(image);
    return gs_error_prefix(err, st, "%s", name);
}

gs_status gs_image_read(gs_image *image, const char *path, gs_error *err)
{
    *image = (gs_image){0};
    gs_bytes bytes;
    gs_status st = gs_file_read(&bytes, path, GS_IMAGE_MAX_FILE, err);
    if (st != GS_OK)
        return st;
    st = gs_image_decode(image, bytes.data, bytes.size, path, err);
    gs_bytes_free(&bytes);
    return st;
}

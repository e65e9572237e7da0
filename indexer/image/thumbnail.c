#include "indexer/image/image.h"

#include "core/preprocess.h"

#include <stdlib.h>
#include <string.h>
#include <webp/encode.h>

#define QUALITY 80 /* of lossy WebP: faces and textures look right, a 128-pixel thumbnail takes 2 to 4 KB */

static int scaled(int side, int longer, int target)
{
    int rounded = (int)(((int64_t)side * target * 2 + longer) / ((int64_t)longer * 2));
    return rounded < 1 ? 1 : rounded;
}

/* rgb [height, width, 3] as WebP in memory of malloc. */
static gs_status encode(const uint8_t *rgb, int width, int height, uint8_t **bytes, size_t *size, gs_error *err)
{
    uint8_t *encoded = NULL;
    size_t length = WebPEncodeRGB(rgb, width, height, width * 3, QUALITY, &encoded);
    *bytes = length ? malloc(length) : NULL;
    if (*bytes) {
        memcpy(*bytes, encoded, length);
        *size = length;
    }
    WebPFree(encoded);
    return *bytes ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for a thumbnail of %d x %d pixels", width, height);
}

gs_status gs_image_thumbnail(const gs_image *image, int side, uint8_t **bytes, size_t *size, int *width, int *height,
                             gs_error *err)
{
    *bytes = NULL;
    if (side < 1 || side > WEBP_MAX_DIMENSION)
        return gs_fail(err, GS_EARGS, "a thumbnail of %d pixels a side, expected 1 to %d", side, WEBP_MAX_DIMENSION);
    int longer = image->width > image->height ? image->width : image->height;
    int target = longer > side ? side : longer;
    *width = scaled(image->width, longer, target);
    *height = scaled(image->height, longer, target);
    if (target == longer)
        return encode(image->rgb, *width, *height, bytes, size, err);

    size_t need = gs_resize_workspace(image->width, image->height, *width, *height);
    void *work = need ? malloc(need) : NULL;
    uint8_t *small = malloc((size_t)*width * (size_t)*height * 3);
    gs_status st = GS_ENOMEM;
    if (work && small)
        st = gs_resize(image->rgb, image->width, image->height, GS_BICUBIC, work, small, *width, *height, err);
    else
        gs_fail(err, GS_ENOMEM, "no memory to shrink a picture of %d x %d pixels", image->width, image->height);
    if (st == GS_OK)
        st = encode(small, *width, *height, bytes, size, err);
    free(small);
    free(work);
    return st;
}

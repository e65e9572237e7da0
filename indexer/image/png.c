#include "indexer/image/codec.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHUNK_BYTES (8u << 20) /* of a profile or text that libpng would unpack */

/* Everything that must survive libpng's longjmp lives here, in the frame of the caller of the function that calls
 * setjmp. */
typedef struct {
    png_structp png;
    png_infop info;
    const uint8_t *bytes; /* [left]  borrowed */
    size_t left;
    gs_image *image;
    uint64_t most_pixels;
    gs_error *err;
    gs_status status;
    int channels;
    bool has_pixels; /* all of them */
} reader;

static void on_error(png_structp png, png_const_charp message)
{
    reader *r = png_get_error_ptr(png);
    r->status = gs_fail(r->err, GS_EFORMAT, "damaged PNG: %s", message);
    png_longjmp(png, 1);
}

/* What libpng only warns of (a strange profile, an unneeded chunk with a bad checksum) does not change the pixels. */
static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep out, size_t count)
{
    reader *r = png_get_io_ptr(png);
    if (count > r->left && r->has_pixels) {
        r->status = GS_OK;
        png_longjmp(png, 1);
    }
    if (count > r->left)
        png_error(png, "the file is cut short");
    memcpy(out, r->bytes, count);
    r->bytes += count;
    r->left -= count;
}

/* Asks libpng for 8-bit RGB or, when anything is transparent, RGBA. Returns the number of channels. */
static int choose_format(png_structp png, png_infop info)
{
    int color = png_get_color_type(png, info);
    bool has_alpha = (color & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS);
    png_set_expand(png);   /* palette, fewer than 8 bits, tRNS */
    png_set_strip_16(png); /* the high byte, as Pillow does for RGB */
    if (!(color & PNG_COLOR_MASK_COLOR))
        png_set_gray_to_rgb(png);
    png_read_update_info(png, info);
    return has_alpha ? 4 : 3;
}

/* Ends early, without a fault, where the file lacks only what follows the pixels. */
static gs_status read_file(reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return r->status;
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, GS_IMAGE_MAX_SIDE, GS_IMAGE_MAX_SIDE);
    png_set_chunk_malloc_max(r->png, MAX_CHUNK_BYTES);
    png_read_info(r->png, r->info);

    uint32_t width = png_get_image_width(r->png, r->info), height = png_get_image_height(r->png, r->info);
    int passes = png_set_interlace_handling(r->png);
    r->channels = choose_format(r->png, r->info);
    gs_status st = gs_image_reserve(r->image, width, height, r->channels, r->most_pixels, r->err);
    if (st != GS_OK)
        return st;
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < height; y++)
            png_read_row(r->png, r->image->rgb + y * width * (size_t)r->channels, NULL);
    r->has_pixels = true;
    png_read_end(r->png, r->info);
    return GS_OK;
}

static gs_status decode(reader *r, int *orientation)
{
    gs_status st = read_file(r);
    if (st != GS_OK)
        return st;
    if (r->channels == 4)
        gs_image_flatten(r->image);
    png_uint_32 exif_size = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(r->png, r->info, &exif_size, &exif))
        *orientation = gs_exif_orientation(exif, exif_size);
    return GS_OK;
}

gs_status gs_png_decode(gs_image *image, int *orientation, uint64_t most_pixels, const uint8_t *bytes, size_t size,
                        gs_error *err)
{
    reader r = {
        .bytes = bytes, .left = size, .image = image, .most_pixels = most_pixels, .err = err, .status = GS_ENOMEM};
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    gs_status st = r.info ? decode(&r, orientation) : gs_fail(err, GS_ENOMEM, "no memory for libpng");
    png_destroy_read_struct(&r.png, &r.info, NULL);
    return st;
}

gs_status gs_image_encode_png(const gs_image *image, uint8_t **bytes, size_t *size, gs_error *err)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = PNG_FORMAT_RGB};
    png_alloc_size_t most = PNG_IMAGE_PNG_SIZE_MAX(png), used = most;
    *bytes = malloc(most);
    if (*bytes && png_image_write_to_memory(&png, *bytes, &used, 0, image->rgb, 0, NULL)) {
        uint8_t *smaller = realloc(*bytes, used);
        *bytes = smaller ? smaller : *bytes;
        *size = used;
        return GS_OK;
    }
    free(*bytes);
    *bytes = NULL;
    return gs_fail(err, GS_ENOMEM, "no memory for a PNG of %d x %d pixels", image->width, image->height);
}

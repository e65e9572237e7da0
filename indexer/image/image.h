/* image.h - pictures from files: PNG, JPEG, WebP to 8-bit RGB.
 *
 *     gs_image image;
 *     if ((st = gs_image_read(&image, "cat.jpg", err)) != GS_OK) return st;
 *     ... image.rgb [image.height, image.width, 3] ...
 *     gs_image_free(&image);
 *
 * EXIF orientation is applied, alpha composed over white, palettes and grey are expanded, CMYK is converted. Of 16 bits the high 8 are
 * taken, as browsers do (Pillow shows 16-bit grey above 255 as white). A colour profile is not applied: the pixels are the stored ones,
 * as transformers and the indexes made with it have them. Of an animated WebP the first frame. The kind is told by the first bytes, not by
 * the name. A JPEG or PNG that lacks only the mark of its end is read. Sizes are read from the header and refused before memory is taken.
 */
#ifndef GS_IMAGE_H
#define GS_IMAGE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS_IMAGE_MAX_SIDE   32768
#define GS_IMAGE_MAX_PIXELS (128u << 20)        /* 384 MiB of RGB */
#define GS_IMAGE_MAX_FILE   ((size_t)256 << 20) /* bytes of a file that is read at all */

typedef struct {
    int width, height;
    uint8_t *rgb; /* [height, width, 3]  owned */
} gs_image;

/* Decodes bytes [size] (borrowed). name is what messages call it. GS_EFORMAT for what is no picture, damaged, cut short
 * or too large. */
gs_status gs_image_decode(gs_image *image, const void *bytes, size_t size, const char *name, gs_error *err);

/* The same of at most that many pixels, GS_IMAGE_MAX_PIXELS or fewer. */
gs_status gs_image_decode_within(gs_image *image, uint64_t most_pixels, const void *bytes, size_t size,
                                 const char *name, gs_error *err);

/* Reads and decodes a file. GS_EIO when it cannot be read. */
gs_status gs_image_read(gs_image *image, const char *path, gs_error *err);

/* Reads picture i of a source of which context tells (borrowed); from several threads at once. GS_EFORMAT when that is no picture. */
typedef gs_status (*gs_image_reader)(const void *context, size_t i, gs_image *image, gs_error *err);

/* Reads pictures 0 to n - 1 on that many threads (0: one per core) -> images [n]. Where faults [n] are given, one that cannot be read as a
 * picture leaves its image empty (rgb NULL) and says why there; else it is a failure. On failure no image is left to free, and the error is
 * that of the first bad one. */
gs_status gs_image_read_each(gs_image *images, size_t n, gs_image_reader read, const void *context, int threads,
                             gs_error *faults, gs_error *err);

/* The same of files paths [n]. */
gs_status gs_image_read_all(gs_image *images, char *const *paths, size_t n, int threads, gs_error *faults,
                            gs_error *err);

/* An empty picture of this size, for a sampler to fill. GS_EFORMAT for a size out of limits, GS_ENOMEM. */
gs_status gs_image_alloc(gs_image *image, int width, int height, gs_error *err);

/* The same with four bytes a pixel, for RGBA, which gs_image_flatten() makes RGB as if it lay on white, in place. */
gs_status gs_image_alloc_rgba(gs_image *image, int width, int height, gs_error *err);
void gs_image_flatten(gs_image *image);

void gs_image_free(gs_image *image); /* safe on a zeroed one, and twice */

/* The name of the picture format that a file's first bytes [size] (borrowed) show, of which GS_IMAGE_FORMAT_BYTES are enough; NULL when they
 * show none. *is_read: whether gs_image_read() reads it. */
#define GS_IMAGE_FORMAT_BYTES 16
const char *gs_image_format(const void *bytes, size_t size, bool *is_read);

/* The picture as a PNG. *bytes is malloc'ed: the caller frees it. */
gs_status gs_image_encode_png(const gs_image *image, uint8_t **bytes, size_t *size, gs_error *err);

/* A thumbnail: shrunk (never enlarged) so that the longer side is at most side pixels, as WebP. *bytes is malloc'ed:
 * the caller frees it. */
gs_status gs_image_thumbnail(const gs_image *image, int side, uint8_t **bytes, size_t *size, int *width, int *height,
                             gs_error *err);

#endif

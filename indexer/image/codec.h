/* codec.h - what image.c and its decoders share; nothing outside this folder needs it.
 *
 * A decoder fills image->rgb [height, width, 3] from bytes [size] (borrowed) and tells how the picture is to be turned.
 * A picture of more pixels than most_pixels is refused by its header. On failure a decoder may leave image partly
 * filled: gs_image_decode() frees it and puts the name in front of the message.
 */
#ifndef GS_CODEC_H
#define GS_CODEC_H

#include "indexer/image/image.h"

typedef gs_status gs_decoder(gs_image *image, int *orientation, uint64_t most_pixels, const uint8_t *bytes, size_t size,
                             gs_error *err);

gs_decoder gs_png_decode, gs_jpeg_decode, gs_webp_decode;

/* The decoder of the format that bytes [size] begin as. GS_EFORMAT says what they are instead. */
gs_status gs_image_find_decoder(gs_decoder **decode, const uint8_t *bytes, size_t size, gs_error *err);

/* Takes memory for width x height pixels of channels bytes each: 4 for a decoder that reduces them to 3 in place.
 * GS_EFORMAT for a size out of limits. */
gs_status gs_image_reserve(gs_image *image, uint32_t width, uint32_t height, int channels, uint64_t most_pixels,
                           gs_error *err);

/* The orientation (1 to 8) that an EXIF block, from its byte order mark on, tells; 1 when it tells none or is
 * damaged. */
int gs_exif_orientation(const uint8_t *exif, size_t size);

/* Turns and mirrors the picture so that orientation becomes 1. GS_ENOMEM. */
gs_status gs_image_orient(gs_image *image, int orientation, gs_error *err);

#endif

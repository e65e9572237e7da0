#include "indexer/image/codec.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

static gs_status damaged(gs_error *err)
{
    return gs_fail(err, GS_EFORMAT, "damaged WebP, or one cut short");
}

static gs_status decode_still(gs_image *image, uint64_t most_pixels, const WebPBitstreamFeatures *features,
                              const WebPData *data, gs_error *err)
{
    int channels = features->has_alpha ? 4 : 3;
    gs_status st =
        gs_image_reserve(image, (uint32_t)features->width, (uint32_t)features->height, channels, most_pixels, err);
    if (st != GS_OK)
        return st;
    int stride = features->width * channels;
    size_t size = (size_t)stride * (size_t)features->height;
    uint8_t *done = features->has_alpha ? WebPDecodeRGBAInto(data->bytes, data->size, image->rgb, size, stride)
                                        : WebPDecodeRGBInto(data->bytes, data->size, image->rgb, size, stride);
    if (!done)
        return damaged(err);
    if (features->has_alpha)
        gs_image_flatten(image);
    return GS_OK;
}

/* The first frame of an animation, as it lies on its canvas. */
static gs_status decode_animation(gs_image *image, uint64_t most_pixels, const WebPBitstreamFeatures *features,
                                  const WebPData *data, gs_error *err)
{
    gs_status st = gs_image_reserve(image, (uint32_t)features->width, (uint32_t)features->height, 4, most_pixels, err);
    if (st != GS_OK)
        return st;
    WebPAnimDecoderOptions options;
    WebPAnimDecoderOptionsInit(&options);
    options.color_mode = MODE_RGBA;
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(data, &options);
    uint8_t *canvas;
    int timestamp;
    if (decoder && WebPAnimDecoderGetNext(decoder, &canvas, &timestamp)) {
        memcpy(image->rgb, canvas, (size_t)features->width * (size_t)features->height * 4);
        gs_image_flatten(image);
    } else {
        st = damaged(err);
    }
    WebPAnimDecoderDelete(decoder);
    return st;
}

static int find_orientation(const WebPData *data)
{
    int orientation = 1;
    WebPChunkIterator chunk = {0};
    WebPDemuxer *demuxer = WebPDemux(data);
    if (demuxer && WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        const uint8_t *exif = chunk.chunk.bytes;
        size_t size = chunk.chunk.size;
        size_t skip = size >= 6 && memcmp(exif, "Exif\0\0", 6) == 0 ? 6 : 0; /* some writers keep JPEG's prefix */
        orientation = gs_exif_orientation(exif + skip, size - skip);
    }
    WebPDemuxReleaseChunkIterator(&chunk);
    WebPDemuxDelete(demuxer);
    return orientation;
}

gs_status gs_webp_decode(gs_image *image, int *orientation, uint64_t most_pixels, const uint8_t *bytes, size_t size,
                         gs_error *err)
{
    WebPData data = {.bytes = bytes, .size = size};
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(bytes, size, &features) != VP8_STATUS_OK)
        return damaged(err);
    *orientation = find_orientation(&data);
    return features.has_animation ? decode_animation(image, most_pixels, &features, &data, err)
                                  : decode_still(image, most_pixels, &features, &data, err);
}

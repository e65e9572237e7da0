#include "indexer/publish/compress.h"

#include <brotli/encode.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

#define WORTH  0.9                /* of the size: what is not smaller than that is sent as it is */
#define LARGE  ((size_t)1 << 20)  /* from here on Brotli's best takes seconds for each megabyte */
#define SAMPLE ((size_t)64 << 10) /* bytes */
#define GZIP   (15 + 16)          /* zlib's window bits for a gzip header, in which no time stands */

const char *gs_compression_suffix(gs_compression compression)
{
    return compression == GS_GZIP ? ".gz" : ".br";
}

/* Tries a piece from the middle, quickly: of most files that are not worth it, only that is looked at. */
static bool is_promising(const uint8_t *bytes, size_t size)
{
    uint8_t packed[SAMPLE];
    size_t piece = size < SAMPLE ? size : SAMPLE;
    uLongf used = (uLongf)((double)piece * WORTH);
    return compress2(packed, &used, bytes + (size - piece) / 2, piece, Z_BEST_SPEED) == Z_OK;
}

/* To data [most]; returns the size, 0 when it does not fit. */
static size_t gzip(const void *bytes, size_t size, uint8_t *data, size_t most)
{
    z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)size, .next_out = data, .avail_out = (uInt)most};
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int result = deflate(&stream, Z_FINISH);
    size_t written = most - stream.avail_out;
    deflateEnd(&stream);
    return result == Z_STREAM_END ? written : 0;
}

static size_t brotli(const void *bytes, size_t size, uint8_t *data, size_t most)
{
    int quality = size < LARGE ? BROTLI_MAX_QUALITY : 9;
    return BrotliEncoderCompress(quality, BROTLI_MAX_WINDOW_BITS, BROTLI_MODE_GENERIC, size, bytes, &most, data) ? most
                                                                                                                 : 0;
}

gs_status gs_compress(gs_compression compression, const void *bytes, size_t size, gs_bytes *packed, gs_error *err)
{
    size_t most = (size_t)((double)size * WORTH);
    *packed = (gs_bytes){0};
    if (most == 0 || size > INT_MAX || (size > SAMPLE && !is_promising(bytes, size)))
        return GS_OK;
    packed->data = malloc(most + 1);
    if (!packed->data)
        return gs_fail(err, GS_ENOMEM, "no memory to compress %zu bytes", size);
    packed->size =
        compression == GS_GZIP ? gzip(bytes, size, packed->data, most) : brotli(bytes, size, packed->data, most);
    packed->data[packed->size] = 0;
    return GS_OK;
}

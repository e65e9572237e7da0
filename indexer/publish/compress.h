/* compress.h - the compressed forms in which a file may be sent: gzip and Brotli.
 *
 *     gs_bytes packed;
 *     if ((st = gs_compress(GS_BROTLI, bytes, size, &packed, err)) != GS_OK) return st;
 *     if (packed.size > 0) ... write "name.br" ...             // 0: it would not be worth it
 *     gs_bytes_free(&packed);
 */
#ifndef GS_COMPRESS_H
#define GS_COMPRESS_H

#include "indexer/util/file.h"

typedef enum { GS_GZIP, GS_BROTLI, GS_COMPRESSION_COUNT } gs_compression;

/* ".gz", ".br": static text. */
const char *gs_compression_suffix(gs_compression compression);

/* bytes [size] -> packed, the caller's to free; empty where less than a tenth would be saved. The same bytes give the same result. GS_ENOMEM. */
gs_status gs_compress(gs_compression compression, const void *bytes, size_t size, gs_bytes *packed, gs_error *err);

#endif

/* file.h - whole files in, whole files out, digests.
 *
 *     gs_bytes config;
 *     if ((st = gs_file_read(&config, path, 1 << 20, err)) != GS_OK) return st;
 *     st = gs_file_write(path, bytes, size, err);     // to a temporary name, synced, renamed: all or nothing
 *     gs_bytes_free(&config);
 */
#ifndef GS_FILE_H
#define GS_FILE_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *data; /* [size], then a NUL that size does not count  owned */
    size_t size;
} gs_bytes;

/* GS_EIO when it cannot be read, GS_EFORMAT when it is larger than limit bytes. */
gs_status gs_file_read(gs_bytes *bytes, const char *path, size_t limit, gs_error *err);
void gs_bytes_free(gs_bytes *bytes); /* safe on a zeroed one */

/* Replaces path by bytes [size] atomically; on failure the old file is untouched and no temporary one is left. GS_EIO
 * for what is no file, such as a folder or a device. */
gs_status gs_file_write(const char *path, const void *bytes, size_t size, gs_error *err);

/* mkdir -p. */
gs_status gs_make_directories(const char *path, gs_error *err);

/* "directory/name", or name alone when it is absolute. malloc'ed: the caller frees it; NULL when memory ran out. */
char *gs_path_join(const char *directory, const char *name);

#define GS_SHA256_HEX 65
/* SHA-256 of bytes [size] as 64 hex digits and a NUL. */
void gs_sha256_hex(const void *bytes, size_t size, char hex[GS_SHA256_HEX]);

#endif

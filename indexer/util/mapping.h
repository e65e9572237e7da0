/* mapping.h - a file's bytes, mapped: read when they are looked at.
 *
 *     gs_mapping file;
 *     if ((st = gs_mapping_open(&file, path, err)) != GS_OK) return st;
 *     ... file.bytes [file.size] ...
 *     gs_mapping_close(&file);
 *
 * Like every mapping it ends the program with SIGBUS when another one shortens the file meanwhile.
 */
#ifndef GS_MAPPING_H
#define GS_MAPPING_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *bytes; /* [size]  owned; NULL of an empty file */
    size_t size;
} gs_mapping;

/* GS_EIO for what is no regular file or cannot be read. On failure there is nothing to close. */
gs_status gs_mapping_open(gs_mapping *file, const char *path, gs_error *err);

/* The same of an open file (borrowed), which name stands for in messages. */
gs_status gs_mapping_of_file(gs_mapping *file, int fd, const char *name, gs_error *err);

void gs_mapping_close(gs_mapping *file); /* safe on a zeroed one */

#endif

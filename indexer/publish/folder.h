/* folder.h - a folder of files that appears whole, in the place of its predecessor; for publish/ only.
 *
 *     gs_folder *folder;
 *     if ((st = gs_folder_open(&folder, "public", err)) != GS_OK) return st;
 *     st = gs_folder_add_hashed(folder, "means-", ".bin", bytes, size, hash, err);     // means-0123456789abcdef.bin
 *     ...
 *     st = gs_folder_commit(folder, &manifest, err);     // writes manifest.json, syncs, moves the folder to its place
 *     gs_folder_close(folder);                            // and removes what was not committed
 */
#ifndef GS_FOLDER_H
#define GS_FOLDER_H

#include "core/status.h"
#include "indexer/util/json_tree.h"

#include <stdbool.h>
#include <stddef.h>

#define GS_FOLDER_HASH 17 /* 16 hex digits and a NUL */

typedef struct gs_folder gs_folder;

/* Starts beside directory. What stands there must be missing, empty, or have been committed by this module: a manifest whose "format" is
 * "gensearch", and no file that it does not name, nor a compressed form of one (a CNAME, a .git: they would be gone). Else GS_EARGS. */
gs_status gs_folder_open(gs_folder **folder, const char *directory, gs_error *err);

/* From here on every file that is worth it gets compressed forms beside it (NAME.gz, NAME.br), the manifest too, which does not name them. Those
 * of the predecessor are taken over where the file is the same. */
void gs_folder_compress(gs_folder *folder);

void gs_folder_close(gs_folder *folder); /* NULL is fine */

/* path: below the folder, with folders made as needed. */
gs_status gs_folder_add(gs_folder *folder, const char *path, const void *bytes, size_t size, gs_error *err);

/* The same under a name made of the file's hash, which goes to hash. The same content twice is one file. */
gs_status gs_folder_add_hashed(gs_folder *folder, const char *before, const char *after, const void *bytes, size_t size,
                               char hash[GS_FOLDER_HASH], gs_error *err);

/* Copies a file from elsewhere. */
gs_status gs_folder_add_file(gs_folder *folder, const char *path, const char *source, gs_error *err);

/* Copies the regular files below source to below path ("" for the top), except those whose name makes skip() true (NULL: all are copied). */
gs_status gs_folder_add_tree(gs_folder *folder, const char *path, const char *source, bool (*skip)(const char *name),
                             gs_error *err);

/* Adds "files" to the manifest, every file with its size and sha256, sorted by path, and puts the folder in place. */
gs_status gs_folder_commit(gs_folder *folder, gs_json_tree *manifest, gs_error *err);

#endif

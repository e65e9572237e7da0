/* files.h - which file a URL means, and how it is to be sent: the parts of serve.c that know nothing of sockets.
 *
 *     gs_file file;
 *     if (gs_file_open(&file, "/srv/site", "/models/cats.json") == GS_FOUND) ... file.fd, file.size, file.etag ...
 *     gs_file_close(&file);
 */
#ifndef GS_FILES_H
#define GS_FILES_H

#include <limits.h> /* PATH_MAX */
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int fd; /* owned; -1: none */
    uint64_t size;
    char etag[80];       /* with its quotes */
    char modified[32];   /* as an HTTP date; never in the future */
    char path[PATH_MAX]; /* real, below the root */
    const char *coding;  /* of the bytes: "br", "gzip", or NULL for the file as it is  static */
} gs_file;

typedef enum { GS_FOUND, GS_FOLDER, GS_MISSING, GS_BAD_URL } gs_found;

/* The file below root (a real path) that url, percent-encoded as it came, means; index.html for a URL that ends in '/'.
 * GS_FOLDER: a folder named without its slash. GS_MISSING: no such file, a hidden one, none that is regular, or one
 * that a ".." or a symbolic link would lead out of root. GS_BAD_URL: no path, or a bad escape. */
gs_found gs_file_open(gs_file *file, const char *root, const char *url);
void gs_file_close(gs_file *file);

/* Opens a compressed form of the file (publish --compress) in its place where the Accept-Encoding header (NULL: none) takes one: Brotli before
 * gzip. One that is older than the file is not its form any more. */
void gs_file_choose_form(gs_file *file, const char *accepted);

/* By the name's extension; "application/octet-stream" for what is not known. Static text. */
const char *gs_content_type(const char *path);

/* Names that carry a content hash may be kept for ever; all others are asked for again, which the ETag makes cheap.
 * Static text. */
const char *gs_cache_control(const char *path);

/* True when the If-None-Match header names etag, or anything. */
bool gs_etag_matches(const char *header, const char *etag);

typedef enum { GS_RANGE_NONE, GS_RANGE_PART, GS_RANGE_UNSATISFIABLE } gs_range;

/* The Range header (NULL: none) for a file of size bytes, to *first and *count. What is malformed, or asks for several
 * parts, is as if it were not there, which RFC 9110 allows. */
gs_range gs_range_parse(const char *header, uint64_t size, uint64_t *first, uint64_t *count);

#endif

#include "indexer/serve/static.h"

#include "indexer/serve/files.h"

#include <limits.h> /* PATH_MAX */
#include <stdio.h>
#include <string.h>

/* A folder named without its slash: relative links in its index.html need one. The answer is relative too, so that it
 * holds behind any prefix a proxy may strip. */
static enum MHD_Result send_redirect(gs_exchange *e)
{
    const char *last = strrchr(e->url, '/');
    char location[PATH_MAX];
    int length = snprintf(location, sizeof location, "./%s/", last ? last + 1 : e->url);
    struct MHD_Response *response = length < (int)sizeof location ? gs_text_response("moved\n") : NULL;
    if (response)
        MHD_add_response_header(response, "Location", location);
    return gs_answer(e, MHD_HTTP_MOVED_PERMANENTLY, response);
}

static void add_file_headers(struct MHD_Response *response, const gs_file *file)
{
    MHD_add_response_header(response, "ETag", file->etag);
    MHD_add_response_header(response, "Last-Modified", file->modified);
    MHD_add_response_header(response, "Cache-Control", gs_cache_control(file->path));
    MHD_add_response_header(response, "Vary", "Accept-Encoding");
    if (file->coding)
        MHD_add_response_header(response, "Content-Encoding", file->coding);
    else
        MHD_add_response_header(response, "Accept-Ranges", "bytes");
}

static enum MHD_Result send_unsatisfiable(gs_exchange *e, const gs_file *file)
{
    char range[64];
    snprintf(range, sizeof range, "bytes */%llu", (unsigned long long)file->size);
    struct MHD_Response *response = gs_text_response("no such range\n");
    if (response)
        MHD_add_response_header(response, "Content-Range", range);
    return gs_answer(e, MHD_HTTP_RANGE_NOT_SATISFIABLE, response);
}

/* Bytes first .. first + count - 1 of the file, whose descriptor the response closes. */
static enum MHD_Result send_bytes(gs_exchange *e, unsigned status, gs_file *file, uint64_t first, uint64_t count)
{
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(count, file->fd, first);
    if (!response)
        return MHD_NO;
    file->fd = -1;
    add_file_headers(response, file);
    MHD_add_response_header(response, "Content-Type", gs_content_type(file->path));
    if (status == MHD_HTTP_PARTIAL_CONTENT) {
        char range[96];
        snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)first,
                 (unsigned long long)(first + count - 1), (unsigned long long)file->size);
        MHD_add_response_header(response, "Content-Range", range);
    }
    return gs_answer(e, status, response);
}

static enum MHD_Result send_not_modified(gs_exchange *e, const gs_file *file)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response)
        add_file_headers(response, file);
    return gs_answer(e, MHD_HTTP_NOT_MODIFIED, response);
}

static enum MHD_Result send_file(gs_exchange *e, gs_file *file)
{
    const char *range = gs_exchange_header(e, "Range"); /* of the file as it is */
    if (!range)
        gs_file_choose_form(file, gs_exchange_header(e, "Accept-Encoding"));
    const char *known = gs_exchange_header(e, "If-None-Match");
    if (known && gs_etag_matches(known, file->etag))
        return send_not_modified(e, file);

    const char *condition = gs_exchange_header(e, "If-Range");
    if (condition && strcmp(condition, file->etag) != 0)
        range = NULL;
    uint64_t first = 0, count = file->size;
    switch (gs_range_parse(range, file->size, &first, &count)) {
    case GS_RANGE_NONE:
        return send_bytes(e, MHD_HTTP_OK, file, 0, file->size);
    case GS_RANGE_PART:
        return send_bytes(e, MHD_HTTP_PARTIAL_CONTENT, file, first, count);
    default:
        return send_unsatisfiable(e, file);
    }
}

enum MHD_Result gs_static_answer(gs_exchange *e, const char *root)
{
    gs_file file;
    enum MHD_Result sent;
    if (strcmp(e->method, "GET") != 0 && strcmp(e->method, "HEAD") != 0) {
        struct MHD_Response *response = gs_text_response("only GET and HEAD\n");
        if (response)
            MHD_add_response_header(response, "Allow", "GET, HEAD");
        return gs_answer(e, MHD_HTTP_METHOD_NOT_ALLOWED, response);
    }
    switch (gs_file_open(&file, root, e->url)) {
    case GS_FOUND:
        sent = send_file(e, &file);
        break;
    case GS_FOLDER:
        sent = send_redirect(e);
        break;
    case GS_BAD_URL:
        sent = gs_answer_text(e, MHD_HTTP_BAD_REQUEST, "bad request\n");
        break;
    default:
        sent = gs_answer_text(e, MHD_HTTP_NOT_FOUND, "not found\n");
    }
    gs_file_close(&file);
    return sent;
}

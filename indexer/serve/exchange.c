#include "indexer/serve/exchange.h"

#include "indexer/util/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gs_exchange_header(const gs_exchange *e, const char *name)
{
    return MHD_lookup_connection_value(e->connection, MHD_HEADER_KIND, name);
}

enum MHD_Result gs_answer(gs_exchange *e, unsigned status, struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (e->origin) {
        MHD_add_response_header(response, "Access-Control-Allow-Origin", e->origin);
        MHD_add_response_header(response, "Access-Control-Expose-Headers", "Retry-After");
    }
    if (e->closes)
        MHD_add_response_header(response, "Connection", "close");
    e->status = status;
    enum MHD_Result queued = MHD_queue_response(e->connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

struct MHD_Response *gs_text_response(const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    return response;
}

enum MHD_Result gs_answer_text(gs_exchange *e, unsigned status, const char *text)
{
    return gs_answer(e, status, gs_text_response(text));
}

/* text is cJSON's, which this takes over. */
static enum MHD_Result answer_text_of(gs_exchange *e, unsigned status, const char *type, char *text, const char *header,
                                      const char *value)
{
    struct MHD_Response *response = NULL;
    if (text)
        response = MHD_create_response_from_buffer_with_free_callback(strlen(text), text, cJSON_free);
    if (!response)
        cJSON_free(text);
    if (response) {
        MHD_add_response_header(response, "Content-Type", type);
        MHD_add_response_header(response, "Cache-Control", "no-store");
        MHD_add_response_header(response, "Vary", "Origin");
        if (status == MHD_HTTP_UNAUTHORIZED)
            MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
        if (header)
            MHD_add_response_header(response, header, value);
    }
    return gs_answer(e, status, response);
}

enum MHD_Result gs_answer_json(gs_exchange *e, unsigned status, const gs_json_tree *tree)
{
    char *text;
    gs_error err;
    if (gs_json_tree_print(tree, &text, &err) != GS_OK)
        return gs_answer_problem(e, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal", "%s", err.message);
    return answer_text_of(e, status, "application/json", text, NULL, NULL);
}

/* header: one more, with its value; or NULL. */
static enum MHD_Result answer_problem(gs_exchange *e, unsigned status, const char *code, const char *detail,
                                      const char *header, const char *value)
{
    gs_json_tree tree;
    gs_error err;
    char *text = NULL;
    gs_json_tree_init(&tree);
    gs_json_put_string(&tree, tree.root, "title", MHD_get_reason_phrase_for(status));
    gs_json_put_number(&tree, tree.root, "status", status);
    gs_json_put_string(&tree, tree.root, "code", code);
    char *printable = gs_utf8_repair(detail); /* it may quote what was sent */
    gs_json_put(&tree, tree.root, "detail", printable ? cJSON_CreateString(printable) : NULL);
    free(printable);
    gs_json_tree_print(&tree, &text, &err);
    gs_json_tree_free(&tree);
    return answer_text_of(e, status, "application/problem+json", text, header, value);
}

enum MHD_Result gs_answer_problem(gs_exchange *e, unsigned status, const char *code, const char *format, ...)
{
    char detail[600];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return answer_problem(e, status, code, detail, NULL, NULL);
}

enum MHD_Result gs_answer_method(gs_exchange *e, const char *allowed)
{
    char detail[100];
    snprintf(detail, sizeof detail, "%.60s takes %s", e->url, allowed);
    return answer_problem(e, MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed", detail, "Allow", allowed);
}

enum MHD_Result gs_answer_later(gs_exchange *e, unsigned status, const char *code, unsigned seconds)
{
    char detail[100], after[16];
    snprintf(after, sizeof after, "%u", seconds);
    snprintf(detail, sizeof detail, "ask again in %u second%s", seconds, seconds == 1 ? "" : "s");
    return answer_problem(e, status, code, detail, "Retry-After", after);
}

/* api_encode.c - POST /v1/encode: a picture, or {"text"}, to its feature. */
#include "indexer/serve/api_state.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

bool gs_api_is_connected(void *context)
{
    const gs_exchange *e = context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(e->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd poller = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return poll(&poller, 1, 0) < 1 || !(poller.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

gs_status gs_api_encode_picture(gs_api *api, const gs_exchange *e, const uint8_t *bytes, size_t size, float *feature,
                                gs_error *err)
{
    gs_image image = {0};
    gs_encode_request request = {
        .image = &image, .feature = feature, .is_wanted = gs_api_is_connected, .context = (void *)e};
    while (sem_wait(&api->work) != 0)
        continue;
    gs_status st = gs_image_decode_within(&image, GS_API_MAX_PIXELS, bytes, size, "the picture", err);
    if (st == GS_OK)
        gs_encode_queue_add(api->queue, &request); /* may wait for memory, and then nobody decodes further pictures */
    sem_post(&api->work);
    if (st == GS_OK)
        st = gs_encode_queue_wait(api->queue, &request, err);
    gs_image_free(&image);
    return st;
}

gs_status gs_api_encode_text(gs_api *api, const gs_exchange *e, const char *text, float *feature, gs_error *err)
{
    gs_encode_request request = {
        .text = text, .feature = feature, .is_wanted = gs_api_is_connected, .context = (void *)e};
    gs_encode_queue_add(api->queue, &request);
    return gs_encode_queue_wait(api->queue, &request, err);
}

static gs_status encode_text_of(gs_api *api, const gs_exchange *e, float *feature, gs_error *err)
{
    static const char *const fields[] = {"text"};
    gs_json json;
    const char *text;
    gs_status st = gs_api_read_json(api, e, &json, err);
    if (st != GS_OK)
        return st;
    gs_json_object root = gs_json_root(&json);
    st = gs_api_check_fields(&root, fields, 1, err);
    if (st == GS_OK && !gs_json_field(&root, "text"))
        st = gs_json_wrong(&root, "text", "words", err);
    if (st == GS_OK)
        st = gs_json_string(&root, "text", "", &text, err);
    if (st == GS_OK)
        st = gs_api_encode_text(api, e, text, feature, err);
    gs_json_close(&json);
    return st;
}

enum MHD_Result gs_api_answer_encode(gs_api *api, gs_exchange *e)
{
    const char *type = gs_exchange_header(e, "Content-Type");
    bool is_text = type && strncasecmp(type, "application/json", 16) == 0;
    gs_error err;
    float *feature = calloc(api->encoder->dim, sizeof *feature);
    gs_status st = feature ? GS_OK : gs_fail(&err, GS_ENOMEM, "no memory for a feature");
    if (st == GS_OK)
        st = is_text ? encode_text_of(api, e, feature, &err)
                     : gs_api_encode_picture(api, e, e->body, e->size, feature, &err);
    enum MHD_Result result;
    if (st == GS_OK) {
        gs_json_tree tree;
        gs_json_tree_init(&tree);
        gs_json_put_string(&tree, tree.root, "kind", is_text ? "text" : "image");
        gs_json_put_string(&tree, tree.root, "encoder", api->encoder->fingerprint);
        gs_json_put_floats(&tree, tree.root, "feature", feature, api->encoder->dim);
        result = gs_answer_json(e, MHD_HTTP_OK, &tree);
        gs_json_tree_free(&tree);
    } else {
        result = gs_api_answer_failure(e, st, &err);
    }
    free(feature);
    return result;
}

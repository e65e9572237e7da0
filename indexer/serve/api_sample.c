/* api_sample.c - POST /v1/sample: pictures of a model, by its worker. */
#include "indexer/serve/api_state.h"
#include "indexer/serve/sampling.h"

#include <inttypes.h> /* PRIu64 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SAMPLES 16
#define BOUNDARY     "gensearch-sample"

typedef struct {
    const char *slug; /* borrowed from the JSON */
    uint64_t seed, first;
    size_t count;
} sample_request;

static gs_status read_request(const gs_json *json, sample_request *r, gs_error *err)
{
    static const char *const fields[] = {"model", "seed", "first", "count"};
    gs_json_object root = gs_json_root(json);
    size_t seed, first;
    gs_status st = gs_api_check_fields(&root, fields, sizeof fields / sizeof *fields, err);
    if (st == GS_OK)
        st = gs_json_string(&root, "model", "", &r->slug, err);
    if (st == GS_OK && !r->slug[0])
        st = gs_json_wrong(&root, "model", "a model's slug", err);
    if (st == GS_OK)
        st = gs_json_size(&root, "seed", 1, 0, (size_t)1 << 52, &seed, err);
    if (st == GS_OK)
        st = gs_json_size(&root, "first", 0, 0, (size_t)1 << 52, &first, err);
    if (st == GS_OK)
        st = gs_json_size(&root, "count", 1, 1, MOST_SAMPLES, &r->count, err);
    if (st != GS_OK)
        return st;
    r->seed = seed;
    r->first = first;
    return GS_OK;
}

/* One picture as it is; several as multipart/form-data, which browsers take apart (Response.formData()): a part for each sample, named by its
 * number. */
static gs_status write_pictures(const gs_sampling_request *done, bool several, FILE *out, gs_error *err)
{
    for (size_t i = 0; i < done->got; i++) {
        uint8_t *png;
        size_t size;
        gs_status st = gs_image_encode_png(&done->frames[i], &png, &size, err);
        if (st != GS_OK)
            return st;
        if (several)
            fprintf(out,
                    "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%" PRIu64 "\"; filename=\"%" PRIu64
                    ".png\"\r\nContent-Type: image/png\r\n\r\n",
                    done->first + i, done->first + i);
        fwrite(png, 1, size, out);
        if (several)
            fputs("\r\n", out);
        free(png);
    }
    if (several)
        fputs("--" BOUNDARY "--\r\n", out);
    return GS_OK;
}

static enum MHD_Result answer_pictures(gs_exchange *e, const gs_sampling_request *done, bool several)
{
    char *bytes = NULL;
    size_t size = 0;
    gs_error err;
    FILE *out = open_memstream(&bytes, &size);
    gs_status st = out ? write_pictures(done, several, out, &err) : gs_fail(&err, GS_ENOMEM, "no memory for pictures");
    if (out && fclose(out) != 0 && st == GS_OK)
        st = gs_fail(&err, GS_ENOMEM, "no memory for pictures");
    if (st != GS_OK) {
        free(bytes);
        return gs_api_answer_failure(e, st, &err);
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE);
    if (response) {
        MHD_add_response_header(response, "Content-Type",
                                several ? "multipart/form-data; boundary=" BOUNDARY : "image/png");
        MHD_add_response_header(response, "Cache-Control", "no-store");
        MHD_add_response_header(response, "Vary", "Origin");
    }
    return gs_answer(e, MHD_HTTP_OK, response);
}

/* What is wrong with a model or its worker is told to who runs the server, for it names files. */
static enum MHD_Result answer_failure(gs_exchange *e, const char *slug, gs_status status, const gs_error *err)
{
    if (status == GS_EARGS || status == GS_ENOTFOUND || status == GS_ECANCELED || status == GS_ENOMEM)
        return gs_api_answer_failure(e, status, err);
    fprintf(stderr, "gensearch: %s\n", err->message);
    return gs_answer_problem(e, MHD_HTTP_BAD_GATEWAY, "worker_failed", "the worker of '%.128s' failed", slug);
}

enum MHD_Result gs_api_answer_sample(gs_api *api, gs_exchange *e)
{
    gs_image frames[MOST_SAMPLES] = {0};
    sample_request r;
    gs_json json;
    gs_error err;
    enum MHD_Result result;
    if (!api->sampling)
        return gs_answer_problem(e, MHD_HTTP_NOT_FOUND, "not_found", "no model is sampled here");
    gs_status st = gs_api_read_json(api, e, &json, &err);
    if (st == GS_OK)
        st = read_request(&json, &r, &err);
    if (st != GS_OK) {
        result = gs_api_answer_failure(e, st, &err);
    } else {
        gs_sampling_request request = {.slug = r.slug,
                                       .seed = r.seed,
                                       .first = r.first,
                                       .count = r.count,
                                       .frames = frames,
                                       .is_wanted = gs_api_is_connected,
                                       .context = e};
        st = gs_sampling_read(api->sampling, &request, &err);
        result = st == GS_OK ? answer_pictures(e, &request, r.count > 1) : answer_failure(e, r.slug, st, &err);
        for (size_t i = 0; i < request.got; i++)
            gs_image_free(&frames[i]);
    }
    gs_json_close(&json);
    return result;
}

#include "indexer/serve/api.h"

#include "indexer/serve/api_state.h"
#include "indexer/util/cores.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAITING        256
#define MOST_VALUES    100000 /* of a JSON body: each takes 64 bytes once it is read */
#define MODELS_AT_ONCE 100
#define WARM           4

typedef enum MHD_Result answerer(gs_api *api, gs_exchange *e);

typedef struct {
    const char *method, *path; /* a path that ends in '/' stands for all below it */
    gs_route route;
    bool computes; /* waits for its turn, and counts against the limits */
    answerer *answer;
} route;

/* ---- what the other files share ---- */

enum MHD_Result gs_api_answer_failure(gs_exchange *e, gs_status status, const gs_error *err)
{
    switch (status) {
    case GS_EFORMAT:
    case GS_EARGS:
        return gs_answer_problem(e, MHD_HTTP_BAD_REQUEST, "bad_request", "%s", err->message);
    case GS_ENOTFOUND:
        return gs_answer_problem(e, MHD_HTTP_NOT_FOUND, "not_found", "%s", err->message);
    case GS_ECANCELED: /* nobody reads it */
        e->closes = true;
        return gs_answer_problem(e, MHD_HTTP_SERVICE_UNAVAILABLE, "canceled", "%s", err->message);
    case GS_ENOMEM:
        return gs_answer_later(e, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", 5);
    default:
        return gs_answer_problem(e, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal", "%s", err->message);
    }
}

gs_status gs_api_read_json(gs_api *api, const gs_exchange *e, gs_json *json, gs_error *err)
{
    size_t values = 0;
    *json = (gs_json){0};
    for (size_t i = 0; i < e->size; i++)
        values += e->body[i] == ',' || e->body[i] == '[' || e->body[i] == '{';
    if (values > MOST_VALUES)
        return gs_fail(err, GS_EFORMAT, "the request holds %zu values, at most %d are read", values, MOST_VALUES);
    while (sem_wait(&api->work) != 0)
        continue;
    gs_status st = gs_json_parse(json, "the request", e->body ? (const char *)e->body : "", e->size, err);
    sem_post(&api->work);
    return st;
}

gs_status gs_api_check_fields(const gs_json_object *object, const char *const *names, size_t n, gs_error *err)
{
    const cJSON *field;
    cJSON_ArrayForEach(field, object->node)
    {
        size_t i = 0;
        while (i < n && strcmp(field->string, names[i]) != 0)
            i++;
        if (i == n)
            return gs_fail(err, GS_EFORMAT, "%s: %s%.40s is no field that is known", object->path, object->prefix,
                           field->string);
    }
    return GS_OK;
}

/* ---- models ---- */

/* A parameter of the query as a number; false for what is none. */
static bool read_parameter(const gs_exchange *e, const char *name, size_t fallback, size_t most, size_t *value)
{
    const char *text = MHD_lookup_connection_value(e->connection, MHD_GET_ARGUMENT_KIND, name);
    *value = fallback;
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits])
        return false;
    *value = strtoul(text, NULL, 10);
    return *value <= most;
}

/* GET /v1/models?first=0&count=100 */
static enum MHD_Result answer_models(gs_api *api, gs_exchange *e)
{
    size_t first, count;
    if (!read_parameter(e, "first", 0, SIZE_MAX, &first) || !read_parameter(e, "count", MODELS_AT_ONCE, 1000, &count))
        return gs_answer_problem(e, MHD_HTTP_BAD_REQUEST, "bad_request",
                                 "first and count must be whole numbers, count at most 1000");
    gs_json_tree tree;
    gs_json_tree_init(&tree);
    gs_zoo_view *view = gs_zoo_lock(api->zoo);
    gs_json_put_number(&tree, tree.root, "count", (double)view->place.source->count);
    gs_json_put_string(&tree, tree.root, "encoder", api->encoder->fingerprint);
    cJSON *list = gs_json_put_array(&tree, tree.root, "models");
    for (size_t i = first; i < view->place.source->count && i - first < count; i++)
        gs_json_put(&tree, list, NULL, cJSON_Duplicate(view->models[i], true));
    gs_zoo_unlock(api->zoo);
    enum MHD_Result result = gs_answer_json(e, MHD_HTTP_OK, &tree);
    gs_json_tree_free(&tree);
    return result;
}

/* GET /v1/models/SLUG */
static enum MHD_Result answer_model(gs_api *api, gs_exchange *e)
{
    const char *slug = strrchr(e->url, '/') + 1; /* slugs need no escapes */
    size_t i;
    gs_error err;
    gs_json_tree tree = {0};
    gs_zoo_view *view = gs_zoo_lock(api->zoo);
    gs_status st = view->place.source->find(view->place.source, slug, &i, &err);
    if (st == GS_OK) {
        tree.root = cJSON_Duplicate(view->models[i], true);
        tree.failed = !tree.root;
    }
    gs_zoo_unlock(api->zoo);
    enum MHD_Result result = st == GS_OK ? gs_answer_json(e, MHD_HTTP_OK, &tree) : gs_api_answer_failure(e, st, &err);
    gs_json_tree_free(&tree);
    return result;
}

/* ---- the state of the server ---- */

static enum MHD_Result answer_health(gs_api *api, gs_exchange *e)
{
    (void)api;
    return gs_answer_text(e, MHD_HTTP_OK, "ok\n");
}

static enum MHD_Result answer_ready(gs_api *api, gs_exchange *e)
{
    if (atomic_load(&api->draining))
        return gs_answer_text(e, MHD_HTTP_SERVICE_UNAVAILABLE, "draining\n");
    return gs_answer_text(e, MHD_HTTP_OK, "ready\n");
}

static void print_metrics(gs_api *api, FILE *out)
{
    gs_encode_queue_stats stats = gs_encode_queue_get_stats(api->queue);
    gs_metrics_print(&api->metrics, out);
    gs_zoo_view *view = gs_zoo_lock(api->zoo);
    size_t models = view->place.source->count;
    gs_zoo_unlock(api->zoo);
    fprintf(out, "# TYPE gensearch_models gauge\ngensearch_models %zu\n", models);
    fprintf(out, "# TYPE gensearch_requests_waiting gauge\ngensearch_requests_waiting %zu\n",
            atomic_load(&api->waiting));
    fprintf(out, "# TYPE gensearch_encoded_total counter\ngensearch_encoded_total %llu\n",
            (unsigned long long)stats.requests);
    fprintf(out, "# TYPE gensearch_encode_canceled_total counter\ngensearch_encode_canceled_total %llu\n",
            (unsigned long long)stats.canceled);
    fprintf(out, "# TYPE gensearch_encode_batches_total counter\ngensearch_encode_batches_total %llu\n",
            (unsigned long long)stats.batches);
    fprintf(out, "# TYPE gensearch_encode_seconds_total counter\ngensearch_encode_seconds_total %.6f\n",
            stats.busy_seconds);
}

static enum MHD_Result answer_metrics(gs_api *api, gs_exchange *e)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return gs_answer_later(e, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", 5);
    print_metrics(api, out);
    if (fclose(out) != 0) {
        free(text);
        return gs_answer_later(e, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", 5);
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
    if (response)
        MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return gs_answer(e, MHD_HTTP_OK, response);
}

/* ---- routes ---- */

static const route routes[] = {
    {"POST", "/v1/encode", GS_ROUTE_ENCODE, true, gs_api_answer_encode},
    {"POST", "/v1/search", GS_ROUTE_SEARCH, true, gs_api_answer_search},
    {"POST", "/v1/sample", GS_ROUTE_SAMPLE, true, gs_api_answer_sample},
    {"GET", "/v1/models", GS_ROUTE_MODELS, true, answer_models},
    {"GET", "/v1/models/", GS_ROUTE_MODELS, true, answer_model},
    {"GET", "/healthz", GS_ROUTE_STATE, false, answer_health},
    {"GET", "/readyz", GS_ROUTE_STATE, false, answer_ready},
    {"GET", "/metrics", GS_ROUTE_STATE, false, answer_metrics},
};

static bool matches(const char *path, const char *url)
{
    size_t length = strlen(path);
    bool below = path[length - 1] == '/';
    if (strncmp(url, path, length) != 0)
        return false;
    return below ? url[length] && !strchr(url + length, '/') : !url[length];
}

/* NULL: no such path. */
static const route *find_route(const char *url)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (matches(routes[i].path, url))
            return &routes[i];
    return NULL;
}

bool gs_api_serves(const char *url)
{
    return strncmp(url, "/v1/", 4) == 0 || find_route(url);
}

/* ---- before the body ---- */

/* The methods that a path takes, for Allow. */
static const char *methods_of(const route *r)
{
    return strcmp(r->method, "GET") == 0 ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
}

/* What a browser asks before it sends another site's request. */
static enum MHD_Result answer_preflight(gs_exchange *e, const char *methods)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, "Allow", methods);
    if (response && e->origin) {
        MHD_add_response_header(response, "Access-Control-Allow-Methods", methods);
        MHD_add_response_header(response, "Access-Control-Allow-Headers", "Authorization, Content-Type");
        MHD_add_response_header(response, "Access-Control-Max-Age", "600");
    }
    if (response)
        MHD_add_response_header(response, "Vary", "Origin");
    return gs_answer(e, MHD_HTTP_NO_CONTENT, response);
}

static bool takes_method(const route *r, const char *method)
{
    return strcmp(method, r->method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

bool gs_api_refuses(gs_api *api, gs_exchange *e, uint64_t size, enum MHD_Result *result)
{
    const route *r = find_route(e->url);
    e->origin = gs_gate_origin(api->gate, e);
    e->closes = e->closes || atomic_load(&api->draining);
    if (!r) {
        *result = gs_answer_problem(e, MHD_HTTP_NOT_FOUND, "not_found", "there is nothing at %.100s", e->url);
    } else if (strcmp(e->method, "OPTIONS") == 0) {
        *result = answer_preflight(e, methods_of(r));
    } else if (!takes_method(r, e->method)) {
        *result = gs_answer_method(e, methods_of(r));
    } else if (size >
               2 * GS_API_MAX_BODY) { /* what is less too long is read first, so that its sender reads the answer */
        *result = gs_answer_problem(e, MHD_HTTP_CONTENT_TOO_LARGE, "too_large", "a body of %llu bytes, at most %zu",
                                    (unsigned long long)size, GS_API_MAX_BODY);
    } else if (r->answer == answer_health || r->answer == answer_ready) {
        return false; /* whoever watches the server has no token */
    } else {
        switch (gs_gate_ask(api->gate, e)) {
        case GS_GATE_UNAUTHORIZED:
            *result = gs_answer_problem(e, MHD_HTTP_UNAUTHORIZED, "unauthorized",
                                        "expected the header Authorization: Bearer TOKEN");
            break;
        case GS_GATE_TOO_MANY:
            *result = gs_answer_later(e, MHD_HTTP_TOO_MANY_REQUESTS, "too_many_requests", 1);
            break;
        default:
            return false;
        }
    }
    gs_metrics_count(&api->metrics, r ? r->route : GS_ROUTE_OTHER, e->status, 0);
    return true;
}

/* ---- with it ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void log_answer(const gs_api *api, const gs_exchange *e, const route *r, double seconds)
{
    char client[INET6_ADDRSTRLEN], date[32];
    time_t t = time(NULL);
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    gs_gate_client(api->gate, e, client);
    fprintf(stderr, "{\"time\":\"%s\",\"client\":\"%s\",\"route\":\"%s\",\"status\":%u,\"bytes\":%zu,\"ms\":%.1f}\n",
            date, client, gs_route_name(r->route), e->status, e->size, seconds * 1e3);
}

enum MHD_Result gs_api_answer(gs_api *api, gs_exchange *e)
{
    const route *r = find_route(e->url); /* gs_api_refuses() let it pass: there is one */
    double started = now();
    enum MHD_Result result;
    size_t most = api->options->waiting ? api->options->waiting : WAITING;
    if (r->computes && atomic_fetch_add(&api->waiting, 1) >= most)
        result = gs_answer_later(e, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", 1);
    else
        result = r->answer(api, e);
    if (r->computes)
        atomic_fetch_sub(&api->waiting, 1);
    gs_metrics_count(&api->metrics, r->route, e->status, now() - started);
    if (api->options->logs && r->computes)
        log_answer(api, e, r, now() - started);
    return result;
}

/* ---- open and close ---- */

gs_status gs_api_open(gs_api **out, const char *path, gs_encoder *encoder, const gs_api_options *options, gs_error *err)
{
    *out = NULL;
    gs_api *api = calloc(1, sizeof *api);
    if (!api)
        return gs_fail(err, GS_ENOMEM, "no memory for a server");
    api->options = options;
    api->encoder = gs_encoder_get_info(encoder);
    sem_init(&api->work, 0, (unsigned)gs_cores());
    gs_status st = gs_zoo_open(&api->zoo, path, err);
    if (st == GS_OK)
        st = gs_gate_open(&api->gate, &options->gate, err);
    if (st == GS_OK)
        st = gs_encode_queue_open(&api->queue, encoder, err);
    if (st == GS_OK && options->models)
        st = gs_sampling_open(&api->sampling, options->models, options->warm ? options->warm : WARM, err);
    if (st == GS_OK)
        *out = api;
    else
        gs_api_close(api);
    return st;
}

void gs_api_close(gs_api *api)
{
    if (!api)
        return;
    gs_sampling_close(api->sampling);
    gs_encode_queue_close(api->queue);
    gs_gate_close(api->gate);
    gs_zoo_close(api->zoo);
    sem_destroy(&api->work);
    free(api);
}

gs_status gs_api_refresh(gs_api *api, bool always, bool *changed, gs_error *err)
{
    return gs_zoo_refresh(api->zoo, always, changed, err);
}

void gs_api_drain(gs_api *api)
{
    atomic_store(&api->draining, true);
}

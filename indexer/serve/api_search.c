/* api_search.c - POST /v1/search: parts as in `gensearch search`, to ranked models. */
#include "indexer/serve/api_state.h"

#include "indexer/search/results.h"

#include <math.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PARTS   16
#define MOST_RESULTS 1000

/* A request, read and encoded. */
typedef struct {
    gs_query_part parts[MOST_PARTS];
    gs_results_part told[MOST_PARTS];
    const char *slugs[MOST_PARTS];
    char *words[MOST_PARTS]; /* what conditions left of a text  owned */
    size_t n_parts;
    float *features; /* [MOST_PARTS, dim]  owned */
    gs_filter filter;
    gs_method method;
    bool has_method, closest;
    size_t limit, candidates;
    bool has_candidates;
} search_request;

static void free_request(search_request *r)
{
    for (size_t p = 0; p < MOST_PARTS; p++)
        free(r->words[p]);
    free(r->features);
    gs_filter_free(&r->filter);
}

/* ---- parts ---- */

static gs_status read_text(gs_api *api, const gs_exchange *e, search_request *r, const char *text, float *feature,
                           gs_error *err)
{
    gs_filter found;
    gs_status st = gs_filter_parse(&found, text, strlen(text), err);
    if (st != GS_OK)
        return st;
    st = gs_filter_move(&r->filter, &found, err);
    r->words[r->n_parts] = found.words;
    found.words = NULL;
    gs_filter_free(&found);
    if (st != GS_OK || !r->words[r->n_parts][0]) /* only conditions: no part */
        return st;
    r->told[r->n_parts].input = r->words[r->n_parts];
    return gs_api_encode_text(api, e, r->words[r->n_parts], feature, err);
}

static gs_status read_picture(gs_api *api, const gs_exchange *e, const char *text, float *feature, gs_error *err)
{
    struct base64_decode_ctx context;
    size_t length = strlen(text), size = 0;
    uint8_t *bytes = malloc(BASE64_DECODE_LENGTH(length) + 1);
    if (!bytes)
        return gs_fail(err, GS_ENOMEM, "no memory for a picture");
    base64_decode_init(&context);
    gs_status st = base64_decode_update(&context, &size, bytes, length, text) && base64_decode_final(&context)
                       ? gs_api_encode_picture(api, e, bytes, size, feature, err)
                       : gs_fail(err, GS_EFORMAT, "the picture is not base64");
    free(bytes);
    return st;
}

static gs_status read_feature(const gs_json_object *part, size_t dim, float *feature, gs_error *err)
{
    const cJSON *list = gs_json_field(part, "feature"), *number;
    double square = 0;
    size_t i = 0;
    if (!cJSON_IsArray(list) || (size_t)cJSON_GetArraySize(list) != dim)
        return gs_fail(err, GS_EFORMAT, "%s: %sfeature: expected %zu numbers, the encoder's", part->path, part->prefix,
                       dim);
    cJSON_ArrayForEach(number, list)
    {
        if (!cJSON_IsNumber(number))
            return gs_fail(err, GS_EFORMAT, "%s: %sfeature: element %zu is no number", part->path, part->prefix, i);
        feature[i++] = (float)number->valuedouble;
        square += number->valuedouble * number->valuedouble;
    }
    if (!(fabs(square - 1) < 1e-3))
        return gs_fail(err, GS_EFORMAT, "%s: %sfeature: has the length %g, expected 1", part->path, part->prefix,
                       sqrt(square));
    return GS_OK;
}

/* Which of its fields says what the part is. GS_EFORMAT for none, or several. */
static gs_status find_input(const gs_json_object *part, const char **input, gs_error *err)
{
    static const char *const inputs[] = {"text", "image", "sketch", "model", "feature"};
    *input = NULL;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (!gs_json_field(part, inputs[i]))
            continue;
        if (*input)
            return gs_fail(err, GS_EFORMAT, "%s: %shas %s and %s, expected one of them", part->path, part->prefix,
                           *input, inputs[i]);
        *input = inputs[i];
    }
    return *input ? GS_OK
                  : gs_fail(err, GS_EFORMAT, "%s: %sexpected text, image, sketch, model or feature", part->path,
                            part->prefix);
}

static gs_status read_input(gs_api *api, const gs_exchange *e, search_request *r, const gs_json_object *part,
                            const char *input, float *feature, gs_error *err)
{
    gs_results_part *told = &r->told[r->n_parts];
    bool is_feature = strcmp(input, "feature") == 0;
    const char *kind = input, *value = "";
    gs_status st =
        is_feature ? gs_json_string(part, "kind", "image", &kind, err) : gs_json_string(part, input, "", &value, err);
    if (st == GS_OK)
        st = gs_part_kind_parse(kind, &told->kind, err);
    if (st != GS_OK)
        return st;
    if (is_feature)
        return read_feature(part, api->encoder->dim, feature, err);
    if (told->kind == GS_PART_TEXT)
        return read_text(api, e, r, value, feature, err);
    if (told->kind != GS_PART_MODEL)
        return read_picture(api, e, value, feature, err);
    told->input = r->slugs[r->n_parts] = value;
    return GS_OK;
}

static gs_status read_part(gs_api *api, const gs_exchange *e, search_request *r, const gs_json_object *part,
                           gs_error *err)
{
    static const char *const fields[] = {"text", "image", "sketch", "model", "feature", "kind", "weight"};
    float *feature = r->features + r->n_parts * api->encoder->dim;
    gs_results_part *told = &r->told[r->n_parts];
    const char *input;
    gs_status st = gs_api_check_fields(part, fields, sizeof fields / sizeof *fields, err);
    if (st == GS_OK)
        st = gs_json_number(part, "weight", 1, &told->weight, err);
    if (st == GS_OK && (told->weight == 0 || !isfinite(told->weight)))
        st = gs_json_wrong(part, "weight", "a number other than 0", err);
    if (st == GS_OK)
        st = find_input(part, &input, err);
    if (st == GS_OK)
        st = read_input(api, e, r, part, input, feature, err);
    if (st != GS_OK)
        return st;
    bool only_conditions = told->kind == GS_PART_TEXT && r->words[r->n_parts] && !told->input;
    r->parts[r->n_parts] =
        (gs_query_part){.kind = told->kind, .weight = told->weight, .feature = feature}; /* the method comes later */
    if (only_conditions) {
        free(r->words[r->n_parts]);
        r->words[r->n_parts] = NULL;
    } else {
        r->n_parts++;
    }
    return GS_OK;
}

static gs_status read_parts(gs_api *api, const gs_exchange *e, search_request *r, const gs_json_object *root,
                            gs_error *err)
{
    const cJSON *list = gs_json_field(root, "parts"), *part;
    gs_status st = GS_OK;
    int i = 0;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > MOST_PARTS)
        return gs_json_wrong(root, "parts", "a list of 1 to 16 objects", err);
    cJSON_ArrayForEach(part, list)
    {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "parts[%d].", i++);
        gs_json_object object = {.path = root->path, .prefix = prefix, .node = part};
        if (!cJSON_IsObject(part))
            return gs_fail(err, GS_EFORMAT, "%s: %s is no object", root->path, prefix);
        if ((st = read_part(api, e, r, &object, err)) != GS_OK)
            return st;
    }
    return r->n_parts
               ? GS_OK
               : gs_fail(err, GS_EFORMAT, "%s: there are only conditions: give words or another part", root->path);
}

/* ---- what stands beside the parts ---- */

static gs_status read_filters(search_request *r, const gs_json_object *root, gs_error *err)
{
    const cJSON *filters = gs_json_field(root, "filters"), *list, *value;
    if (filters && !cJSON_IsObject(filters))
        return gs_json_wrong(root, "filters", "an object of lists, such as {\"type\": [\"GAN\"]}", err);
    cJSON_ArrayForEach(list, filters)
    {
        gs_field field = 0;
        while (field < GS_FIELD_COUNT && strcmp(list->string, gs_field_name(field)) != 0)
            field++;
        if (field == GS_FIELD_COUNT || !cJSON_IsArray(list))
            return gs_fail(
                err, GS_EFORMAT,
                "%s: filters.%s: expected a list of texts for title, author, tag, type, family, license or resolution",
                root->path, list->string);
        cJSON_ArrayForEach(value, list)
        {
            if (!cJSON_IsString(value))
                return gs_fail(err, GS_EFORMAT, "%s: filters.%s holds what is no text", root->path, list->string);
            gs_status st = gs_filter_add(&r->filter, field, value->valuestring, strlen(value->valuestring), err);
            if (st != GS_OK)
                return st;
        }
    }
    return GS_OK;
}

static gs_status read_request(gs_api *api, const gs_exchange *e, const gs_json *json, search_request *r, gs_error *err)
{
    static const char *const fields[] = {"parts", "filters", "method", "limit", "candidates", "closest"};
    gs_json_object root = gs_json_root(json);
    const char *method;
    r->features = calloc(MOST_PARTS, api->encoder->dim * sizeof *r->features);
    gs_status st = r->features ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for features");
    if (st == GS_OK)
        st = gs_api_check_fields(&root, fields, sizeof fields / sizeof *fields, err);
    if (st == GS_OK)
        st = gs_json_string(&root, "method", "", &method, err);
    if (st == GS_OK && (r->has_method = method[0] != 0))
        st = gs_method_parse(method, &r->method, err);
    if (st == GS_OK)
        st = gs_json_size(&root, "limit", 10, 1, MOST_RESULTS, &r->limit, err);
    if (st == GS_OK)
        st = gs_json_size(&root, "candidates", 0, 0, UINT32_MAX, &r->candidates, err);
    if (st == GS_OK)
        st = gs_json_bool(&root, "closest", false, &r->closest, err);
    if (st == GS_OK)
        st = read_filters(r, &root, err);
    r->has_candidates = st == GS_OK && gs_json_field(&root, "candidates");
    return st == GS_OK ? read_parts(api, e, r, &root, err) : st;
}

/* ---- the answer ---- */

static void put_answer(const gs_search_result *found, const gs_results *results, const search_request *r,
                       gs_json_tree *tree)
{
    gs_json_put_bool(tree, tree->root, "found", found->found);
    gs_json_put_bool(tree, tree->root, "conflict", found->conflict);
    gs_json_put_number(tree, tree->root, "ranked", (double)found->ranked);
    cJSON *list = gs_json_put_array(tree, tree->root, "results");
    for (size_t k = 0; k < results->count; k++)
        gs_results_put(results, k, r->told, tree, gs_json_put_object(tree, list, NULL));
}

/* The zoo's lock is held. */
static gs_status search(const gs_zoo_view *view, search_request *r, gs_json_tree *tree, gs_error *err)
{
    const gs_place *place = &view->place;
    gs_search_result found = {0};
    gs_results results = {0};
    for (size_t p = 0; p < r->n_parts; p++) {
        gs_query_part *part = &r->parts[p];
        part->method = r->has_method ? r->method : gs_place_default_method(place, part->kind);
        if ((part->method == GS_FRECHET || part->method == GS_FRECHET_LOWRANK) && part->kind != GS_PART_MODEL)
            return gs_fail(err, GS_EARGS, "%s compares models: it is no method for a %s", gs_method_name(part->method),
                           gs_part_kind_name(part->kind));
    }
    gs_search_query query = {r->parts,
                             r->slugs,
                             r->n_parts,
                             &r->filter,
                             r->has_candidates ? r->candidates : gs_place_default_candidates(place),
                             0};
    gs_status st = gs_search(place->source, &query, &found, err);
    bool shows = st == GS_OK && (found.found || r->closest);
    if (shows)
        st = gs_results_read(&results, place->source, &found, r->limit, err);
    if (st == GS_OK)
        put_answer(&found, &results, r, tree);
    gs_results_free(&results);
    gs_search_free(&found);
    return st;
}

enum MHD_Result gs_api_answer_search(gs_api *api, gs_exchange *e)
{
    search_request r = {0};
    gs_json json = {0};
    gs_json_tree tree;
    gs_error err;
    gs_json_tree_init(&tree);
    gs_status st = gs_api_read_json(api, e, &json, &err);
    if (st == GS_OK)
        st = read_request(api, e, &json, &r, &err);
    if (st == GS_OK) {
        gs_zoo_view *view = gs_zoo_lock(api->zoo);
        st = search(view, &r, &tree, &err);
        gs_zoo_unlock(api->zoo);
    }
    enum MHD_Result result = st == GS_OK ? gs_answer_json(e, MHD_HTTP_OK, &tree) : gs_api_answer_failure(e, st, &err);
    gs_json_tree_free(&tree);
    free_request(&r);
    gs_json_close(&json);
    return result;
}

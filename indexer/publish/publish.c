#include "indexer/publish/publish.h"

#include "core/catalog.h"
#include "indexer/publish/folder.h"
#include "indexer/publish/graphs.h"
#include "indexer/publish/map.h"
#include "indexer/publish/onnx_text.h"
#include "indexer/publish/onnx_vision.h"
#include "indexer/publish/phrases.h"
#include "indexer/search/source.h"
#include "indexer/util/file.h"
#include "indexer/util/share.h"

#include <limits.h>
#include <math.h> /* isfinite, sqrt */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNTIME "site/node_modules/onnxruntime-web/"

typedef struct {
    gs_store *store;
    gs_encoder *encoder;
    const gs_publish_options *options;
    gs_folder *folder;
    gs_store_list list;
    gs_store_encoder bound;
    gs_source *source; /* the list's models, as searches read them */
    uint8_t fingerprint[GS_FINGERPRINT];
    gs_json_tree manifest, catalog;
    double *places; /* [count, 2]  owned: on the map */
    cJSON *roles;   /* of the manifest */
} publication;

static void free_publication(publication *p)
{
    gs_folder_close(p->folder);
    free(p->places);
    gs_store_list_free(&p->list);
    gs_source_close(p->source);
    gs_json_tree_free(&p->manifest);
    gs_json_tree_free(&p->catalog);
}

/* ---- shared files ------------------------------------------------------------------------------------------------------------- */

static gs_status add_role(publication *p, const char *role, const char *before, const char *after, const void *bytes,
                          size_t size, gs_error *err)
{
    char hash[GS_FOLDER_HASH], path[128];
    gs_status st = gs_folder_add_hashed(p->folder, before, after, bytes, size, hash, err);
    if (st != GS_OK)
        return st;
    snprintf(path, sizeof path, "%s%s%s", before, hash, after);
    cJSON *entry = gs_json_put_object(&p->manifest, p->roles, role);
    gs_json_put_string(&p->manifest, entry, "path", path);
    gs_json_put_number(&p->manifest, entry, "version", GS_PUBLISH_VERSION);
    return GS_OK;
}

static gs_status add_means(publication *p, gs_error *err)
{
    size_t count = p->source->count, dim = p->source->dim;
    size_t size = gs_means_size(count, dim, p->options->means);
    void *bytes = size ? malloc(size) : NULL;
    if (!bytes)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu means", count);
    gs_status st = gs_means_write(bytes, p->source->means.rows, count, dim, p->options->means, p->fingerprint, err);
    if (st == GS_OK)
        st = add_role(p, "means", "means-", ".bin", bytes, size, err);
    free(bytes);
    return st;
}

static gs_status add_encoder(publication *p, gs_error *err)
{
    size_t size;
    const void *vocabulary = gs_encoder_get_vocabulary(p->encoder, &size);
    gs_status st = add_role(p, "tokenizer", "encoder/tokenizer-", ".bin", vocabulary, size, err);
    gs_bytes text = {0};
    if (st == GS_OK)
        st = gs_onnx_text_write(p->encoder, !p->options->exact_text, &text, err);
    if (st == GS_OK)
        st = add_role(p, "text", "encoder/text-", ".onnx", text.data, text.size, err);
    gs_bytes_free(&text);
    return st;
}

static void put_size(gs_json_tree *m, cJSON *object, int width, int height)
{
    gs_json_put_number(m, object, "width", width);
    gs_json_put_number(m, object, "height", height);
}

static void put_floats(gs_json_tree *m, cJSON *object, const char *name, const float values[3])
{
    cJSON *array = gs_json_put_array(m, object, name);
    for (int i = 0; i < 3; i++)
        gs_json_put_number(m, array, NULL, values[i]);
}

/* role's "preprocess", as publish.h has it. */
static void put_preprocess(gs_json_tree *m, cJSON *role, const gs_preprocess *p)
{
    cJSON *object = gs_json_put_object(m, role, "preprocess");
    if (p->do_resize) {
        cJSON *resize = gs_json_put_object(m, object, "resize");
        if (p->shortest_edge > 0)
            gs_json_put_number(m, resize, "shortest_edge", p->shortest_edge);
        else
            put_size(m, resize, p->resize_width, p->resize_height);
        if (p->longest_edge > 0)
            gs_json_put_number(m, resize, "longest_edge", p->longest_edge);
        if (p->fit)
            gs_json_put_number(m, resize, "fit", 1);
        gs_json_put_number(m, object, "resample", p->resample);
    }
    if (p->do_center_crop) {
        cJSON *crop = gs_json_put_object(m, object, "crop");
        put_size(m, crop, p->crop_width, p->crop_height);
        if (p->even_crop)
            gs_json_put_number(m, crop, "even", 1);
    }
    if (p->do_rescale)
        gs_json_put_number(m, object, "rescale", p->rescale_factor);
    if (p->do_normalize) {
        put_floats(m, object, "mean", p->mean);
        put_floats(m, object, "std", p->std);
    }
}

static gs_status add_vision(publication *p, gs_error *err)
{
    bool automatic = p->options->vision == GS_VISION_AUTO;
    if (p->options->vision == GS_VISION_NO || (automatic && gs_onnx_vision_weights(p->encoder) >= GS_PUBLISH_VISION))
        return GS_OK;
    gs_bytes vision;
    gs_status st = gs_onnx_vision_write(p->encoder, true, &vision, err);
    if (st == GS_OK && (!automatic || vision.size < GS_PUBLISH_VISION)) {
        st = add_role(p, "vision", "encoder/vision-", ".onnx", vision.data, vision.size, err);
        put_preprocess(&p->manifest, cJSON_GetObjectItemCaseSensitive(p->roles, "vision"),
                       gs_encoder_get_preprocess(p->encoder));
    }
    gs_bytes_free(&vision);
    return st;
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

/* What of site/ is for its developers only. */
static bool is_for_developers(const char *name)
{
    static const char *const names[] = {"node_modules", "package.json", "package-lock.json", "test", "tests"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return name[0] == '.' || ends_with(name, ".md") || ends_with(name, ".config.js") || ends_with(name, ".config.mjs");
}

static gs_status add_shared_tree(publication *p, const char *path, const char *name, gs_error *err)
{
    char *source;
    gs_status st = gs_share_path(name, &source, err);
    if (st != GS_OK)
        return st;
    st = gs_folder_add_tree(p->folder, path, source, is_for_developers, err);
    free(source);
    return st;
}

static gs_status add_runtime(publication *p, gs_error *err)
{
    /* Named .js, a type that every host knows: stock nginx of Debian 12 sends .mjs as bytes, which no browser runs. */
    static const char *const files[][2] = {{"ort.wasm.min.mjs", "ort.wasm.min.js"},
                                           {"ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.js"},
                                           {"ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.wasm"}};
    gs_status st = GS_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && st == GS_OK; i++) {
        char from[128], to[128], *source;
        snprintf(from, sizeof from, RUNTIME "dist/%s", files[i][0]);
        snprintf(to, sizeof to, "vendor/onnxruntime-web/%s", files[i][1]);
        st = gs_share_path(from, &source, err);
        if (st != GS_OK)
            return st;
        st = gs_folder_add_file(p->folder, to, source, err);
        free(source);
    }
    return st;
}

/* ---- one model ---------------------------------------------------------------------------------------------------------------- */

/* All thumbnails as files; their hashes go to the page [{"hash","width","height"}] and the first few to the card, which is the
 * catalog's. */
static gs_status add_thumbnails(publication *p, const gs_store_model *model, gs_json_tree *page, cJSON *card,
                                gs_error *err)
{
    gs_store_thumbnails thumbnails;
    gs_status st = gs_store_read_thumbnails(p->store, model, &thumbnails, err);
    cJSON *list = gs_json_put_array(page, page->root, "thumbs");
    for (size_t i = 0; st == GS_OK && i < thumbnails.count; i++) {
        const gs_store_thumbnail *t = &thumbnails.items[i];
        char hash[GS_FOLDER_HASH];
        st = gs_folder_add_hashed(p->folder, "thumbs/", ".webp", t->webp, t->size, hash, err);
        if (st != GS_OK)
            break;
        cJSON *entry = gs_json_put_object(page, list, NULL);
        gs_json_put_string(page, entry, "hash", hash);
        gs_json_put_number(page, entry, "width", t->width);
        gs_json_put_number(page, entry, "height", t->height);
        if (i < GS_PUBLISH_CARD)
            gs_json_put_string(&p->catalog, card, NULL, hash);
    }
    gs_store_thumbnails_free(&thumbnails);
    return st;
}

static gs_status add_neighbors(publication *p, const gs_store_model *model, gs_json_tree *page, gs_error *err)
{
    gs_store_neighbor neighbors[GS_STORE_NEIGHBORS];
    size_t count;
    bool stale;
    gs_status st = gs_store_read_neighbors(p->store, model->run, neighbors, GS_STORE_NEIGHBORS, &count, &stale, err);
    if (st != GS_OK)
        return st;
    cJSON *list = gs_json_put_array(page, page->root, "neighbors");
    for (size_t i = 0; i < count; i++) {
        const gs_store_model *other = gs_store_list_find_run(&p->list, neighbors[i].run);
        if (!other)
            return gs_fail(err, GS_EFORMAT, "a neighbour of '%s' is no model", model->slug);
        cJSON *entry = gs_json_put_object(page, list, NULL);
        gs_json_put_string(page, entry, "slug", other->slug);
        gs_json_put_string(page, entry, "title", other->title);
        gs_json_put_string(page, entry, "type", other->type);
        gs_json_put_number(page, entry, "distance", neighbors[i].distance);
    }
    return GS_OK;
}

/* Puts the model.json into the page, with nothing of the sampler but its kind: paths and commands of the indexing machine are nobody's
 * business. */
static gs_status add_public_model(const gs_store_model *model, gs_json_tree *page, gs_error *err)
{
    cJSON *root = cJSON_Parse(model->json);
    if (!root)
        return gs_fail(err, GS_EFORMAT, "the model.json of '%s' does not parse", model->slug);
    cJSON *sampler = cJSON_DetachItemFromObjectCaseSensitive(root, "sampler");
    cJSON *kind = cJSON_DetachItemFromObjectCaseSensitive(sampler, "kind");
    cJSON_Delete(sampler);
    if (kind)
        gs_json_put(page, gs_json_put_object(page, root, "sampler"), "kind", kind);
    gs_json_put(page, page->root, "model", root);
    return GS_OK;
}

/* Prints the JSON and adds it as a file. */
static gs_status add_json(publication *p, const char *before, const gs_json_tree *json, char hash[GS_FOLDER_HASH],
                          gs_error *err)
{
    char *text;
    gs_status st = gs_json_tree_print(json, &text, err);
    if (st == GS_OK)
        st = gs_folder_add_hashed(p->folder, before, ".json", text, strlen(text), hash, err);
    cJSON_free(text);
    return st;
}

/* The standard error of a model's mean feature: features have length 1, so that their variances add up to 1 - |mean|^2, but for the divisor. */
static double mean_error(const publication *p, size_t i)
{
    double length = p->source->norms[i];
    return sqrt(fmax(1 - length * length, 0) / (double)(p->list.models[i].count - 1));
}

static gs_status add_page(publication *p, const gs_store_model *model, cJSON *card, char hash[GS_FOLDER_HASH],
                          gs_error *err)
{
    char before[256];
    gs_json_tree page;
    gs_json_tree_init(&page);
    gs_json_put_number(&page, page.root, "version", GS_PUBLISH_VERSION);
    gs_json_put_string(&page, page.root, "slug", model->slug);
    gs_json_put_string(&page, page.root, "title", model->title);
    gs_json_put_string(&page, page.root, "type", model->type);
    gs_json_put_number(&page, page.root, "samples", (double)model->count);
    gs_json_put_number(&page, page.root, "seed", (double)model->seed);
    gs_json_put_string(&page, page.root, "added", model->added);
    if (model->count > 1)
        gs_json_put_number(&page, page.root, "mean_error", mean_error(p, (size_t)(model - p->list.models)));
    gs_status st = add_public_model(model, &page, err);
    if (st == GS_OK)
        st = gs_graphs_add(p->folder, model, p->options->graphs, &page, err);
    if (st == GS_OK)
        st = add_thumbnails(p, model, &page, card, err);
    if (st == GS_OK)
        st = add_neighbors(p, model, &page, err);
    snprintf(before, sizeof before, "models/%s-", model->slug);
    if (st == GS_OK)
        st = add_json(p, before, &page, hash, err);
    gs_json_tree_free(&page);
    return st;
}

/* ---- the catalog -------------------------------------------------------------------------------------------------------------- */

/* A list of the catalog: its next item is model i's. */
static cJSON *column(publication *p, const char *name)
{
    cJSON *array = cJSON_GetObjectItemCaseSensitive(p->catalog.root, name);
    return array ? array : gs_json_put_array(&p->catalog, p->catalog.root, name);
}

static void put_string(publication *p, const char *name, const char *value)
{
    gs_json_put_string(&p->catalog, column(p, name), NULL, value);
}

static void put_number(publication *p, const char *name, double value)
{
    gs_json_put_number(&p->catalog, column(p, name), NULL, value);
}

/* The next item of a column of lists: those of an array that are strings. */
static void put_list(publication *p, const char *name, const cJSON *array)
{
    cJSON *list = gs_json_put_array(&p->catalog, column(p, name), NULL);
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (cJSON_IsString(item))
            gs_json_put_string(&p->catalog, list, NULL, item->valuestring);
    }
}

/* "WIDTHxHEIGHT", as the store has it for filters. */
static void put_resolution(publication *p, const cJSON *sides)
{
    const cJSON *width = cJSON_GetArrayItem(sides, 0), *height = cJSON_GetArrayItem(sides, 1);
    char text[64] = "";
    if (cJSON_IsNumber(width) && cJSON_IsNumber(height))
        snprintf(text, sizeof text, "%.0fx%.0f", width->valuedouble, height->valuedouble);
    put_string(p, "resolution", text);
}

/* What filters and orders look at beside the columns of the database. */
static void put_fields(publication *p, const gs_store_model *model)
{
    cJSON *root = cJSON_Parse(model->json);
    p->catalog.failed |= !root;
    const char *license = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "license"));
    const char *created = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "created"));
    put_list(p, "tags", cJSON_GetObjectItemCaseSensitive(root, "tags"));
    put_list(p, "authors", cJSON_GetObjectItemCaseSensitive(root, "authors"));
    put_string(p, "license", license ? license : "");
    put_resolution(p, cJSON_GetObjectItemCaseSensitive(root, "resolution"));
    put_string(p, "created", created ? created : "");
    cJSON_Delete(root);
}

/* What is loaded of a model as a file: core/catalog.h. gs_bytes_free() releases it. */
static gs_status make_file(const publication *p, gs_needs needs, const gs_scored_model *loaded, gs_bytes *file,
                           gs_error *err)
{
    size_t dim = p->source->dim, count = 0;
    if (needs == GS_NEEDS_LOWRANK)
        file->size = gs_lowrank_size(loaded->lowrank->rank, dim, GS_F16);
    if (needs == GS_NEEDS_GAUSSIAN)
        file->size = gs_gaussian_size(dim, GS_F16);
    if (needs == GS_NEEDS_FEATURES) {
        uint64_t kept = loaded->features->count, most = p->options->features;
        count = (size_t)(kept < most ? kept : most);
        file->size = gs_features_size(count, dim, GS_I8);
        if (count == 0)
            return gs_fail(err, GS_EARGS, "no features are kept to be published; index it with --keep-features");
    }
    file->data = file->size ? malloc(file->size) : NULL;
    if (!file->data)
        return gs_fail(err, GS_ENOMEM, "no memory for a published file");
    if (needs == GS_NEEDS_LOWRANK)
        gs_lowrank_write(file->data, loaded->lowrank, GS_F16, p->fingerprint);
    if (needs == GS_NEEDS_GAUSSIAN)
        gs_gaussian_write(file->data, loaded->gaussian, GS_F16, p->fingerprint);
    if (needs != GS_NEEDS_FEATURES)
        return GS_OK;
    return gs_features_write(file->data, loaded->features->rows, count, dim, GS_I8, p->fingerprint, err);
}

/* Adds folder/SLUG-HASH.bin of model i, and its hash to the catalog's column of that name. */
static gs_status add_file(publication *p, size_t i, const char *folder, gs_needs needs, gs_error *err)
{
    char before[256], hash[GS_FOLDER_HASH];
    gs_scored_model loaded = {0};
    gs_bytes file = {0};
    gs_status st = p->source->load(p->source, i, needs, &loaded, err);
    if (st == GS_OK)
        st = make_file(p, needs, &loaded, &file, err);
    snprintf(before, sizeof before, "%s/%s-", folder, p->list.models[i].slug);
    if (st == GS_OK)
        st = gs_folder_add_hashed(p->folder, before, ".bin", file.data, file.size, hash, err);
    if (st == GS_OK)
        put_string(p, folder, hash);
    gs_bytes_free(&file);
    return st;
}

static gs_status add_model(publication *p, size_t i, gs_error *err)
{
    const gs_store_model *model = &p->list.models[i];
    char page[GS_FOLDER_HASH];
    put_number(p, "id", (double)model->id);
    put_string(p, "slug", model->slug);
    put_string(p, "title", model->title);
    put_string(p, "type", model->type);
    put_string(p, "family", model->family);
    put_fields(p, model);
    put_number(p, "samples", (double)model->count);
    put_number(p, "x", p->places[2 * i]);
    put_number(p, "y", p->places[2 * i + 1]);
    cJSON *card = gs_json_put_array(&p->catalog, column(p, "thumbs"), NULL);
    gs_status st = add_page(p, model, card, page, err);
    if (st == GS_OK)
        put_string(p, "page", page);
    if (st == GS_OK)
        st = add_file(p, i, "second", GS_NEEDS_LOWRANK, err);
    if (st == GS_OK && p->options->gaussian)
        st = add_file(p, i, "gaussian", GS_NEEDS_GAUSSIAN, err);
    if (st == GS_OK && p->options->features > 0)
        st = add_file(p, i, "features", GS_NEEDS_FEATURES, err);
    return st == GS_OK ? GS_OK : gs_error_prefix(err, st, "model '%s'", model->slug);
}

static void put_cutoff(gs_json_tree *c, cJSON *background, const char *name, double cutoff)
{
    if (isfinite(cutoff))
        gs_json_put_number(c, background, name, cutoff);
}

static void put_backgrounds(publication *p)
{
    gs_json_tree *c = &p->catalog;
    cJSON *backgrounds = gs_json_put_object(c, c->root, "backgrounds");
    for (gs_part_kind kind = 0; kind < GS_PART_KIND_COUNT; kind++) {
        const gs_background *background = &p->source->backgrounds[kind];
        if (!background->means)
            continue;
        cJSON *object = gs_json_put_object(c, backgrounds, gs_part_kind_name(kind));
        cJSON *means = gs_json_put_array(c, object, "means");
        for (size_t i = 0; i < p->source->count; i++)
            gs_json_put_number(c, means, NULL, background->means[i]);
        const gs_cutoffs *cutoffs = &background->cutoffs;
        put_cutoff(c, object, "cutoff", cutoffs->lead);
        put_cutoff(c, object, "density_cutoff", cutoffs->density);
        put_cutoff(c, object, "lowrank_cutoff", cutoffs->lowrank);
    }
}

/* The catalog's own words, and their features. */
static gs_status add_phrases(publication *p, gs_error *err)
{
    const cJSON *catalog = p->catalog.root;
    gs_phrases phrases = {0};
    gs_phrases_collect(&phrases, cJSON_GetObjectItemCaseSensitive(catalog, "tags"),
                       cJSON_GetObjectItemCaseSensitive(catalog, "title"));
    cJSON *list = gs_json_put_array(&p->catalog, p->catalog.root, "phrases");
    for (size_t i = 0; i < phrases.count; i++)
        gs_json_put_string(&p->catalog, list, NULL, phrases.texts[i]);
    gs_bytes file;
    gs_status st = gs_phrases_write(&phrases, p->encoder, p->fingerprint, &file, err);
    if (st != GS_OK)
        return st;
    st = add_role(p, "phrases", "phrases-", ".bin", file.data, file.size, err);
    gs_bytes_free(&file);
    return st;
}

static gs_status add_models(publication *p, gs_error *err)
{
    gs_json_put_number(&p->catalog, p->catalog.root, "version", GS_PUBLISH_VERSION);
    gs_json_put_number(&p->catalog, p->catalog.root, "count", (double)p->list.count);
    put_backgrounds(p);
    p->places = calloc(2 * p->list.count, sizeof *p->places);
    gs_status st = p->places ? gs_map_place(p->source, p->places, err)
                             : gs_fail(err, GS_ENOMEM, "no memory for a map of %zu models", p->list.count);
    for (size_t i = 0; i < p->list.count && st == GS_OK; i++)
        st = add_model(p, i, err);
    if (st == GS_OK)
        st = add_phrases(p, err);
    if (st != GS_OK)
        return st;
    char *text;
    st = gs_json_tree_print(&p->catalog, &text, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st, "a catalog of %zu models", p->list.count);
    st = add_role(p, "catalog", "catalog-", ".json", text, strlen(text), err);
    cJSON_free(text);
    return st;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------- */

/* The manifest but for its files, with roles that are filled as they come. */
static void begin_manifest(publication *p)
{
    gs_json_tree *m = &p->manifest;
    gs_json_tree_init(m);
    gs_json_put_string(m, m->root, "format", "gensearch");
    gs_json_put_number(m, m->root, "version", GS_PUBLISH_VERSION);
    gs_json_put_number(m, m->root, "count", (double)p->list.count);
    cJSON *encoder = gs_json_put_object(m, m->root, "encoder");
    gs_json_put_string(m, encoder, "name", p->bound.name);
    gs_json_put_string(m, encoder, "fingerprint", p->bound.fingerprint);
    gs_json_put_number(m, encoder, "dim", (double)p->bound.dim);
    gs_json_put_number(m, encoder, "tau", p->bound.tau);
    gs_json_put_number(m, encoder, "image_size", p->bound.image_size);
    p->roles = gs_json_put_object(m, m->root, "roles");
}

static gs_status prepare(publication *p, const char *directory, gs_error *err)
{
    gs_status st = gs_store_snapshot_begin(p->store, err);
    if (st == GS_OK)
        st = gs_store_get_encoder(p->store, &p->bound, err);
    if (st == GS_OK)
        st = gs_store_list_finished(p->store, &p->list, err);
    if (st == GS_OK && p->list.count == 0)
        st = gs_fail(err, GS_ENOTFOUND, "no model is indexed yet, there is nothing to publish");
    const gs_encoder_info *info = gs_encoder_get_info(p->encoder);
    if (st == GS_OK && strcmp(info->fingerprint, p->bound.fingerprint) != 0)
        st = gs_fail(err, GS_EMISMATCH, "the database was indexed with the encoder %s, not with %s",
                     p->bound.fingerprint, info->fingerprint);
    if (st == GS_OK && !info->has_text)
        st = gs_fail(err, GS_EARGS, "the encoder %s encodes pictures only, a published folder is searched with words",
                     info->name);
    if (st != GS_OK)
        return st;
    for (size_t i = 0; i < GS_FINGERPRINT; i++)
        sscanf(p->bound.fingerprint + 2 * i, "%2hhx", &p->fingerprint[i]);
    st = gs_source_open_database(&p->source, p->store, err);
    if (st != GS_OK)
        return st;
    if (p->source->count != p->list.count)
        return gs_fail(err, GS_EFORMAT, "%zu models have samples, but %zu have moments", p->list.count,
                       p->source->count);
    begin_manifest(p);
    gs_json_tree_init(&p->catalog);
    st = gs_folder_open(&p->folder, directory, err);
    if (st == GS_OK && p->options->compress)
        gs_folder_compress(p->folder);
    return st;
}

gs_status gs_publish(gs_store *store, gs_encoder *encoder, const char *directory, const gs_publish_options *options,
                     gs_error *err)
{
    publication p = {.store = store, .encoder = encoder, .options = options};
    gs_status st = prepare(&p, directory, err);
    if (st == GS_OK)
        st = add_shared_tree(&p, "", "site", err);
    if (st == GS_OK)
        st = add_shared_tree(&p, "wasm", "wasm", err);
    if (st == GS_OK)
        st = add_runtime(&p, err);
    if (st == GS_OK)
        st = add_means(&p, err);
    if (st == GS_OK)
        st = add_models(&p, err);
    if (st == GS_OK)
        st = add_encoder(&p, err);
    if (st == GS_OK)
        st = add_vision(&p, err);
    if (st == GS_OK)
        st = gs_folder_commit(p.folder, &p.manifest, err);
    gs_store_snapshot_end(store);
    free_publication(&p);
    return st;
}

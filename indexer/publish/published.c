#include "indexer/publish/published.h"

#include "core/catalog.h"
#include "indexer/hf/json.h"
#include "indexer/publish/folder.h"
#include "indexer/publish/publish.h"
#include "indexer/util/file.h"

#include <limits.h> /* PATH_MAX */
#include <math.h>   /* INFINITY */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)2 << 30)
#define HEX      "0123456789abcdef"

/* The columns of strings that are looked up by a model's number. */
typedef enum { SLUG, TITLE, TYPE, SECOND, GAUSSIAN, FEATURES, COLUMNS } column;
static const char *const column_names[COLUMNS] = {"slug", "title", "type", "second", "gaussian", "features"};

/* The columns that filters look at. */
static const char *const field_columns[GS_FIELD_COUNT] = {
    [GS_FIELD_TITLE] = "title",
    [GS_FIELD_AUTHOR] = "authors",
    [GS_FIELD_TAG] = "tags",
    [GS_FIELD_TYPE] = "type",
    [GS_FIELD_FAMILY] = "family",
    [GS_FIELD_LICENSE] = "license",
    [GS_FIELD_RESOLUTION] = "resolution",
};

typedef struct {
    gs_source source; /* the first member: a source of this file is one of these */
    char *directory;
    uint8_t fingerprint[GS_FINGERPRINT];
    gs_json catalog;
    const char **columns[COLUMNS]; /* [count]  owned, their strings borrowed from catalog; NULL: not published */
    gs_bytes means_file;
    double *norms;                           /* [count] */
    double *backgrounds[GS_PART_KIND_COUNT]; /* [count]  owned; what the source borrows */
    gs_bytes lowrank_file, gaussian_file, features_file;
    float *vectors, *factor; /* what of the files is widened  owned */
    gs_lowrank lowrank;
    gs_gaussian gaussian;
    gs_table features;
} published;

static void close_published(gs_source *source)
{
    published *p = (published *)source;
    for (size_t c = 0; c < COLUMNS; c++)
        free(p->columns[c]);
    for (size_t kind = 0; kind < GS_PART_KIND_COUNT; kind++)
        free(p->backgrounds[kind]);
    gs_json_close(&p->catalog);
    gs_bytes_free(&p->means_file);
    gs_bytes_free(&p->lowrank_file);
    gs_bytes_free(&p->gaussian_file);
    gs_bytes_free(&p->features_file);
    free(p->vectors);
    free(p->factor);
    free(p->norms);
    free(p->directory);
    free(p);
}

/* ---- files -------------------------------------------------------------------------------------------------------------------- */

/* The file at path below the folder, which ends in -HASH.EXTENSION. */
static gs_status read_file(const published *p, const char *path, gs_bytes *file, gs_error *err)
{
    char sha256[GS_SHA256_HEX], *full = gs_path_join(p->directory, path);
    gs_bytes_free(file);
    if (!full)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    gs_status st = gs_file_read(file, full, MAX_FILE, err);
    const char *dot = strrchr(path, '.'), *hash = dot ? dot - (GS_FOLDER_HASH - 1) : path;
    if (st == GS_OK) {
        gs_sha256_hex(file->data, file->size, sha256);
        if (hash < path || strncmp(hash, sha256, GS_FOLDER_HASH - 1) != 0)
            st = gs_fail(err, GS_EFORMAT, "%s: is not the file that was published: its SHA-256 is %s", full, sha256);
    }
    free(full);
    return st;
}

static gs_status check_fingerprint(const published *p, const uint8_t found[GS_FINGERPRINT], gs_error *err)
{
    if (memcmp(found, p->fingerprint, GS_FINGERPRINT) == 0)
        return GS_OK;
    return gs_fail(err, GS_EMISMATCH, "was made with another encoder than the catalog: publish the folder again");
}

/* The file of model i in the folder that column c is named after. */
static gs_status read_form(const published *p, size_t i, column c, gs_bytes *file, gs_error *err)
{
    static const char *const options[COLUMNS] = {[GAUSSIAN] = "--gaussian", [FEATURES] = "--features N"};
    char path[PATH_MAX];
    if (!p->columns[c])
        return gs_fail(err, GS_ENOTFOUND, "the folder was published without %s (gensearch publish %s)", column_names[c],
                       options[c]);
    snprintf(path, sizeof path, "%s/%s-%s.bin", column_names[c], p->columns[SLUG][i], p->columns[c][i]);
    return read_file(p, path, file, err);
}

/* floats [n] of *array, which is replaced. */
static gs_status take_floats(float **array, size_t n, gs_error *err)
{
    free(*array);
    *array = malloc((n + 1) * sizeof **array);
    return *array ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu numbers", n);
}

static gs_status check_dimension(const published *p, size_t dim, gs_error *err)
{
    if (dim == p->source.dim)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "a file of dimension %zu, expected %zu", dim, p->source.dim);
}

static gs_status load_lowrank(published *p, size_t i, gs_scored_model *model, gs_error *err)
{
    uint8_t found[GS_FINGERPRINT];
    size_t rank, dim;
    gs_bytes *file = &p->lowrank_file;
    gs_status st = read_form(p, i, SECOND, file, err);
    if (st == GS_OK)
        st = gs_lowrank_peek(file->data, file->size, &rank, &dim, err);
    if (st == GS_OK)
        st = check_dimension(p, dim, err);
    if (st == GS_OK)
        st = take_floats(&p->vectors, rank * dim, err);
    if (st == GS_OK)
        st = gs_lowrank_open(&p->lowrank, found, file->data, file->size, p->vectors, err);
    model->lowrank = &p->lowrank;
    return st == GS_OK ? check_fingerprint(p, found, err) : st;
}

static gs_status load_gaussian(published *p, size_t i, gs_scored_model *model, gs_error *err)
{
    uint8_t found[GS_FINGERPRINT];
    size_t dim;
    gs_bytes *file = &p->gaussian_file;
    gs_status st = read_form(p, i, GAUSSIAN, file, err);
    if (st == GS_OK)
        st = gs_gaussian_peek(file->data, file->size, &dim, err);
    if (st == GS_OK)
        st = check_dimension(p, dim, err);
    if (st == GS_OK)
        st = take_floats(&p->factor, gs_packed_count(dim), err);
    if (st == GS_OK)
        st = gs_gaussian_open(&p->gaussian, found, file->data, file->size, p->factor, err);
    model->gaussian = &p->gaussian;
    return st == GS_OK ? check_fingerprint(p, found, err) : st;
}

static gs_status load_features(published *p, size_t i, gs_scored_model *model, gs_error *err)
{
    uint8_t found[GS_FINGERPRINT];
    gs_status st = read_form(p, i, FEATURES, &p->features_file, err);
    if (st == GS_OK)
        st = gs_features_open(&p->features, found, p->features_file.data, p->features_file.size, err);
    if (st == GS_OK)
        st = check_dimension(p, p->features.dim, err);
    model->features = &p->features;
    return st == GS_OK ? check_fingerprint(p, found, err) : st;
}

/* ---- the source --------------------------------------------------------------------------------------------------------------- */

static gs_status find(gs_source *source, const char *slug, size_t *i, gs_error *err)
{
    const published *p = (const published *)source;
    for (*i = 0; *i < source->count; ++*i)
        if (strcmp(p->columns[SLUG][*i], slug) == 0)
            return GS_OK;
    return gs_fail(err, GS_ENOTFOUND, "%s: no model '%s'", p->directory, slug);
}

static gs_status describe(gs_source *source, size_t i, gs_source_model *model, gs_error *err)
{
    const published *p = (const published *)source;
    *model = (gs_source_model){strdup(p->columns[SLUG][i]), strdup(p->columns[TITLE][i]), strdup(p->columns[TYPE][i])};
    if (model->slug && model->title && model->type)
        return GS_OK;
    gs_source_model_free(model);
    return gs_fail(err, GS_ENOMEM, "no memory for a model");
}

/* A field as filters take it: a list is one line an element. *lines holds it where it had to be put together. */
static gs_status read_field(const cJSON *item, char **lines, const char **field, gs_error *err)
{
    size_t size = 1;
    const cJSON *element;
    *lines = NULL;
    *field = cJSON_GetStringValue(item);
    if (!cJSON_IsArray(item))
        return GS_OK;
    cJSON_ArrayForEach(element, item) size += cJSON_IsString(element) ? strlen(element->valuestring) + 1 : 0;
    *field = *lines = malloc(size);
    if (!*lines)
        return gs_fail(err, GS_ENOMEM, "no memory for a field of %zu bytes", size);
    char *end = *lines;
    *end = 0;
    cJSON_ArrayForEach(element, item)
    {
        if (cJSON_IsString(element))
            end += sprintf(end, "%s%s", end == *lines ? "" : "\n", element->valuestring);
    }
    return GS_OK;
}

static gs_status visit_fields(gs_source *source, gs_source_visit *visit, void *context, gs_error *err)
{
    gs_json_object root = gs_json_root(&((published *)source)->catalog);
    const cJSON *items[GS_FIELD_COUNT];
    gs_status st = GS_OK;
    for (size_t f = 0; f < GS_FIELD_COUNT; f++) {
        const cJSON *list = gs_json_field(&root, field_columns[f]);
        items[f] = list ? list->child : NULL;
    }
    for (size_t i = 0; i < source->count && st == GS_OK; i++) {
        const char *fields[GS_FIELD_COUNT] = {0};
        char *lines[GS_FIELD_COUNT] = {0};
        for (size_t f = 0; f < GS_FIELD_COUNT && st == GS_OK; f++) {
            st = items[f] ? read_field(items[f], &lines[f], &fields[f], err) : GS_OK;
            items[f] = items[f] ? items[f]->next : NULL;
        }
        if (st == GS_OK)
            st = visit(context, i, fields, err);
        for (size_t f = 0; f < GS_FIELD_COUNT; f++)
            free(lines[f]);
    }
    return st;
}

static gs_status load(gs_source *source, size_t i, gs_needs needs, gs_scored_model *model, gs_error *err)
{
    published *p = (published *)source;
    switch (needs) {
    case GS_NEEDS_GAUSSIAN:
        return load_gaussian(p, i, model, err);
    case GS_NEEDS_LOWRANK:
        return load_lowrank(p, i, model, err);
    case GS_NEEDS_FEATURES:
        return load_features(p, i, model, err);
    default:
        return GS_OK;
    }
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------ */

static gs_status check_manifest(const gs_json_object *manifest, size_t *count, gs_error *err)
{
    const char *format;
    size_t version;
    gs_status st = gs_json_string(manifest, "format", "", &format, err);
    if (st == GS_OK && strcmp(format, "gensearch") != 0)
        st = gs_json_wrong(manifest, "format", "\"gensearch\"", err);
    if (st == GS_OK)
        st = gs_json_size(manifest, "version", 0, 0, INT_MAX, &version, err);
    if (st == GS_OK && version != GS_PUBLISH_VERSION)
        st = gs_fail(err, GS_EMISMATCH, "%s: is of version %zu, this program reads %d: publish the folder again",
                     manifest->path, version, GS_PUBLISH_VERSION);
    if (st == GS_OK)
        st = gs_json_size(manifest, "count", 0, 0, UINT32_MAX, count, err);
    return st;
}

static gs_status read_encoder(const gs_json *manifest, gs_store_encoder *encoder, gs_error *err)
{
    gs_json_object o;
    const char *name = "", *fingerprint = "";
    size_t image_size = 0;
    *encoder = (gs_store_encoder){0};
    gs_status st = gs_json_child(manifest, "encoder", "encoder.", &o, err);
    if (st == GS_OK)
        st = gs_json_string(&o, "name", "", &name, err);
    if (st == GS_OK)
        st = gs_json_string(&o, "fingerprint", "", &fingerprint, err);
    if (st == GS_OK && (strlen(fingerprint) != 64 || strspn(fingerprint, HEX) != 64))
        st = gs_json_wrong(&o, "fingerprint", "64 hex digits", err);
    if (st == GS_OK)
        st = gs_json_size(&o, "dim", 0, 1, GS_TABLE_MOST_DIM, &encoder->dim, err);
    if (st == GS_OK)
        st = gs_json_size(&o, "image_size", 0, 1, INT_MAX, &image_size, err);
    if (st == GS_OK)
        st = gs_json_number(&o, "tau", 0, &encoder->tau, err);
    if (st == GS_OK && !(encoder->tau > 0))
        st = gs_json_wrong(&o, "tau", "a number above 0", err);
    encoder->image_size = (int)image_size;
    snprintf(encoder->name, sizeof encoder->name, "%s", name);
    snprintf(encoder->fingerprint, sizeof encoder->fingerprint, "%s", fingerprint);
    return st;
}

static gs_status role_path(const gs_json *manifest, const char *role, const char **path, gs_error *err)
{
    gs_json_object roles;
    gs_status st = gs_json_child(manifest, "roles", "roles.", &roles, err);
    if (st != GS_OK)
        return st;
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(roles.node, role);
    *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "path"));
    return *path ? GS_OK : gs_json_wrong(&roles, role, "an object with a path", err);
}

static gs_status read_means(published *p, const char *path, gs_error *err)
{
    gs_means means;
    gs_source *s = &p->source;
    gs_status st = read_file(p, path, &p->means_file, err);
    if (st == GS_OK)
        st = gs_means_open(&means, p->means_file.data, p->means_file.size, err);
    if (st == GS_OK && means.table.count != s->count)
        st = gs_fail(err, GS_EFORMAT, "%s: %zu means, the manifest counts %zu models", path, means.table.count,
                     s->count);
    if (st == GS_OK)
        st = check_dimension(p, means.table.dim, err);
    if (st == GS_OK)
        st = check_fingerprint(p, means.fingerprint, err);
    if (st != GS_OK)
        return st;
    s->means = means.table;
    s->norms = p->norms = malloc((s->count + 1) * sizeof *p->norms);
    if (!p->norms)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu models", s->count);
    return gs_table_norms(&s->means, p->norms, err);
}

static gs_status read_column(published *p, column c, gs_error *err)
{
    gs_json_object root = gs_json_root(&p->catalog);
    const cJSON *list = gs_json_field(&root, column_names[c]), *item;
    size_t n = 0;
    if (!list && (c == GAUSSIAN || c == FEATURES))
        return GS_OK;
    p->columns[c] = malloc((p->source.count + 1) * sizeof *p->columns[c]);
    if (!p->columns[c])
        return gs_fail(err, GS_ENOMEM, "no memory for %zu models", p->source.count);
    bool right = true;
    cJSON_ArrayForEach(item, list)
    {
        right = right && cJSON_IsString(item) && n < p->source.count;
        if (right)
            p->columns[c][n++] = item->valuestring;
    }
    if (right && n == p->source.count)
        return GS_OK;
    return gs_json_wrong(&root, column_names[c], "a string of every model", err);
}

/* False when it is there and no number. */
static bool read_cutoff(const cJSON *background, const char *name, double *cutoff)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(background, name);
    *cutoff = cJSON_IsNumber(item) ? item->valuedouble : -INFINITY;
    return !item || cJSON_IsNumber(item);
}

/* The background of a kind, where there is one. */
static gs_status read_background(published *p, gs_part_kind kind, const gs_json_object *backgrounds, gs_error *err)
{
    const char *name = gs_part_kind_name(kind);
    const cJSON *background = gs_json_field(backgrounds, name), *item;
    if (!background)
        return GS_OK;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(background, "means");
    double *means = p->backgrounds[kind] = malloc((p->source.count + 1) * sizeof *means);
    if (!means)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu models", p->source.count);
    size_t n = 0;
    gs_cutoffs cutoffs;
    bool right = read_cutoff(background, "cutoff", &cutoffs.lead) &&
                 read_cutoff(background, "density_cutoff", &cutoffs.density) &&
                 read_cutoff(background, "lowrank_cutoff", &cutoffs.lowrank);
    cJSON_ArrayForEach(item, list)
    {
        right = right && cJSON_IsNumber(item) && n < p->source.count;
        if (right)
            means[n++] = item->valuedouble;
    }
    if (!right || n != p->source.count)
        return gs_json_wrong(backgrounds, name, "a mean of every model, and perhaps cut-offs", err);
    p->source.backgrounds[kind] = (gs_background){means, cutoffs};
    return GS_OK;
}

static gs_status read_backgrounds(published *p, gs_error *err)
{
    gs_json_object backgrounds;
    gs_status st = gs_json_child(&p->catalog, "backgrounds", "backgrounds.", &backgrounds, err);
    for (gs_part_kind kind = 0; kind < GS_PART_KIND_COUNT && st == GS_OK; kind++)
        st = read_background(p, kind, &backgrounds, err);
    return st;
}

/* An older program published fewer fields. */
static void find_absent_fields(published *p)
{
    gs_json_object root = gs_json_root(&p->catalog);
    for (size_t f = 0; f < GS_FIELD_COUNT && p->source.count > 0; f++)
        if (!gs_json_field(&root, field_columns[f]))
            p->source.absent[f] = field_columns[f];
}

static gs_status read_catalog(published *p, const char *path, gs_error *err)
{
    gs_bytes file = {0};
    gs_status st = read_file(p, path, &file, err);
    if (st == GS_OK)
        st = gs_json_parse(&p->catalog, path, (const char *)file.data, file.size, err);
    p->catalog.path = "the catalog";
    for (column c = 0; c < COLUMNS && st == GS_OK; c++)
        st = read_column(p, c, err);
    if (st == GS_OK)
        st = read_backgrounds(p, err);
    if (st == GS_OK)
        find_absent_fields(p);
    gs_bytes_free(&file);
    return st;
}

static gs_status read_folder(published *p, const gs_json *manifest, gs_store_encoder *encoder, gs_error *err)
{
    gs_json_object root = gs_json_root(manifest);
    const char *means, *catalog;
    gs_status st = check_manifest(&root, &p->source.count, err);
    if (st == GS_OK)
        st = read_encoder(manifest, encoder, err);
    if (st == GS_OK)
        st = role_path(manifest, "means", &means, err);
    if (st == GS_OK)
        st = role_path(manifest, "catalog", &catalog, err);
    if (st != GS_OK)
        return st;
    for (size_t i = 0; i < GS_FINGERPRINT; i++)
        sscanf(encoder->fingerprint + 2 * i, "%2hhx", &p->fingerprint[i]);
    p->source.dim = encoder->dim;
    p->source.tau = encoder->tau;
    st = read_catalog(p, catalog, err);
    return st == GS_OK ? read_means(p, means, err) : st;
}

gs_status gs_published_open(gs_source **out, gs_store_encoder *encoder, const char *directory, gs_error *err)
{
    *out = NULL;
    published *p = calloc(1, sizeof *p);
    char *path = gs_path_join(directory, "manifest.json");
    gs_json manifest = {0};
    if (p)
        p->directory = strdup(directory);
    gs_status st = p && path && p->directory ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    if (st == GS_OK) {
        p->source = (gs_source){
            .find = find, .describe = describe, .visit_fields = visit_fields, .load = load, .close = close_published};
        st = gs_json_open(&manifest, path, MAX_FILE, err);
    }
    if (st == GS_OK)
        st = read_folder(p, &manifest, encoder, err);
    gs_json_close(&manifest);
    free(path);
    if (st == GS_OK)
        *out = &p->source;
    else if (p)
        close_published(&p->source);
    return st;
}

#include "indexer/publish/graphs.h"

#include "indexer/sampler/data_files.h"
#include "indexer/sampler/sampler.h"
#include "indexer/util/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 256

typedef struct {
    char name[GS_DATA_FILE_NAME + 8]; /* as the page's "files" calls it */
    const char *kind;                 /* what the published name ends with  static */
    gs_bytes bytes;
} graph_file;

typedef struct {
    const gs_model *model;
    graph_file *files; /* [MAX_FILES] */
    size_t count;
    uint64_t left; /* bytes that may still be taken in */
    bool whole;    /* no file was missing or too large so far */
} graph_files;

/* Reads a file; what cannot be had makes the rest pointless, and is no error. */
static gs_status take(graph_files *g, const char *path, const char *name, const char *kind, gs_error *err)
{
    if (g->count == MAX_FILES || !path) {
        g->whole = false;
        return path ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", name);
    }
    graph_file *file = &g->files[g->count];
    gs_error why;
    gs_status st = gs_file_read(&file->bytes, path, g->left < SIZE_MAX ? (size_t)g->left : SIZE_MAX, &why);
    if (st == GS_ENOMEM)
        return gs_fail(err, st, "%s", why.message);
    g->whole = st == GS_OK;
    if (st != GS_OK)
        return GS_OK;
    snprintf(file->name, sizeof file->name, "%s", name);
    file->kind = kind;
    g->left -= file->bytes.size;
    g->count++;
    return GS_OK;
}

static bool stays_in_folder(const char *name)
{
    return name[0] != '/' && !strchr(name, '\\') && !strstr(name, "..");
}

static bool is_taken(const graph_files *g, const char *name)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->files[i].name, name) == 0)
            return true;
    return false;
}

/* The files that graph keeps tensors in. */
static gs_status take_data(graph_files *g, const gs_bytes *graph, const char *folder, unsigned index, gs_error *err)
{
    char data[GS_DATA_FILE_NAME], name[GS_DATA_FILE_NAME + 8];
    gs_status st = GS_OK;
    for (size_t at = 0; st == GS_OK && g->whole && gs_next_data_file(graph, &at, data);) {
        snprintf(name, sizeof name, "%u/%s", index, data);
        if (is_taken(g, name))
            continue;
        g->whole = stays_in_folder(data);
        char *path = g->whole ? gs_path_join(folder, data) : NULL;
        if (g->whole)
            st = take(g, path, name, ".bin", err);
        free(path);
    }
    return st;
}

/* A graph that the block names, and its data: called INDEX/graph.onnx, INDEX/DATA. Its place on this machine is nobody's business. */
static gs_status take_graph(graph_files *g, const char *file, unsigned index, gs_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "%u/graph.onnx", index);
    char *path = gs_path_join(g->model->directory, file);
    gs_status st = take(g, path, name, ".onnx", err);
    char *slash = path ? strrchr(path, '/') : NULL;
    if (slash)
        *slash = 0;
    if (st == GS_OK && g->whole)
        st = take_data(g, &g->files[g->count - 1].bytes, slash ? path : ".", index, err);
    free(path);
    return st;
}

/* The graphs of a field: a name, or a list of names; NULL is none. *index counts them. */
static gs_status take_field(graph_files *g, const cJSON *field, unsigned *index, gs_error *err)
{
    gs_status st = GS_OK;
    if (cJSON_IsString(field))
        return g->whole ? take_graph(g, field->valuestring, (*index)++, err) : GS_OK;
    const cJSON *item;
    cJSON_ArrayForEach(item, field)
    {
        if (st == GS_OK && cJSON_IsString(item) && g->whole)
            st = take_graph(g, item->valuestring, (*index)++, err);
    }
    return st;
}

/* The block as site/lib/sampling.js reads it, with the names that "files" uses. Other fields are the author's own. */
static void put_sampler(gs_json_tree *page, cJSON *graphs, const cJSON *sampler, unsigned decoders)
{
    static const char *const fields[] = {
        "kind",      "procedure",  "batch", "inputs",         "output", "range",      "layout", "size",       "latent",
        "timesteps", "prediction", "clip",  "alphas_cumprod", "length", "vocabulary", "state",  "temperature"};
    cJSON *block = gs_json_put_object(page, graphs, "sampler");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(sampler, fields[i]);
        if (value)
            gs_json_put(page, block, fields[i], cJSON_Duplicate(value, true));
    }
    gs_json_put_string(page, block, "path", "0/graph.onnx");
    cJSON *list = decoders > 1 ? gs_json_put_array(page, block, "decoder") : block;
    for (unsigned d = 1; d <= decoders; d++) {
        char name[32];
        snprintf(name, sizeof name, "%u/graph.onnx", d);
        gs_json_put_string(page, list, decoders > 1 ? NULL : "decoder", name);
    }
}

static gs_status put_files(gs_folder *folder, const graph_files *g, gs_json_tree *page, cJSON *graphs, gs_error *err)
{
    cJSON *list = gs_json_put_object(page, graphs, "files");
    for (size_t i = 0; i < g->count; i++) {
        const graph_file *file = &g->files[i];
        char hash[GS_FOLDER_HASH], path[64];
        gs_status st =
            gs_folder_add_hashed(folder, "graphs/", file->kind, file->bytes.data, file->bytes.size, hash, err);
        if (st != GS_OK)
            return st;
        snprintf(path, sizeof path, "graphs/%s%s", hash, file->kind);
        cJSON *entry = gs_json_put_object(page, list, file->name);
        gs_json_put_string(page, entry, "path", path);
        gs_json_put_number(page, entry, "size", (double)file->bytes.size);
    }
    return GS_OK;
}

/* Whether the model may be published and is what was sampled: who moved or trained it anew publishes it after the next `index`. */
static bool is_current(const gs_model *model, const char *source)
{
    char fingerprint[GS_SHA256_HEX];
    gs_error why;
    const char *license = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(model->root, "license"));
    return license && license[0] && gs_sampler_fingerprint(model, fingerprint, &why) == GS_OK &&
           strcmp(fingerprint, source) == 0;
}

static gs_status add_current(gs_folder *folder, const gs_model *model, uint64_t limit, gs_json_tree *page,
                             gs_error *err)
{
    graph_files g = {.model = model, .files = calloc(MAX_FILES, sizeof *g.files), .left = limit, .whole = true};
    if (!g.files)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    unsigned count = 0;
    gs_status st = take_field(&g, cJSON_GetObjectItemCaseSensitive(model->sampler, "path"), &count, err);
    if (st == GS_OK)
        st = take_field(&g, cJSON_GetObjectItemCaseSensitive(model->sampler, "decoder"), &count, err);
    if (st == GS_OK && g.whole && count > 0) {
        cJSON *graphs = gs_json_put_object(page, page->root, "graphs");
        put_sampler(page, graphs, model->sampler, count - 1);
        st = put_files(folder, &g, page, graphs, err);
    }
    for (size_t i = 0; i < g.count; i++)
        gs_bytes_free(&g.files[i].bytes);
    free(g.files);
    return st;
}

gs_status gs_graphs_add(gs_folder *folder, const gs_store_model *model, uint64_t limit, gs_json_tree *page,
                        gs_error *err)
{
    if (limit == 0 || model->path[0] == 0)
        return GS_OK;
    gs_model parsed;
    gs_status st = gs_model_parse(&parsed, model->json, model->path, err);
    if (st != GS_OK)
        return st;
    const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parsed.sampler, "kind"));
    if (strcmp(kind, "onnx") == 0 && is_current(&parsed, model->source))
        st = add_current(folder, &parsed, limit, page, err);
    gs_model_free(&parsed);
    return st;
}

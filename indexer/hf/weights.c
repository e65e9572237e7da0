#include "indexer/hf/weights.h"

#include "core/half.h"
#include "indexer/util/file.h" /* gs_path_join, gs_sha256_hex */

#include <libgen.h> /* dirname */
#include <stdio.h>  /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h> /* madvise */
#include <unistd.h>   /* sysconf */

#define MAP        "weight_map"
#define MAX_INDEX  ((size_t)64 << 20)
#define MAX_NAME   512
#define SHAPE_TEXT 192 /* eight sides of 20 digits and their commas */

/* ---- opening ---- */

static gs_status map_file(gs_weights *weights, const char *path, gs_error *err)
{
    gs_safetensors *files = realloc(weights->files, (weights->n_files + 1) * sizeof *files);
    if (!files)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    weights->files = files;
    gs_status st = gs_safetensors_open(&files[weights->n_files], path, err);
    if (st == GS_OK)
        weights->n_files++;
    return st;
}

/* The mapped file of that name; NULL when none is. */
static const gs_safetensors *find_file(const gs_weights *weights, const char *name)
{
    for (size_t i = 0; i < weights->n_files; i++) {
        const char *path = weights->files[i].path, *slash = strrchr(path, '/');
        if (strcmp(slash ? slash + 1 : path, name) == 0)
            return &weights->files[i];
    }
    return NULL;
}

/* A file in the same directory: what is downloaded must not read elsewhere. */
static bool is_bare_name(const char *name)
{
    return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static gs_status map_shard(gs_weights *weights, const char *directory, const gs_json_object *map, const cJSON *entry,
                           gs_error *err)
{
    const char *name = cJSON_GetStringValue(entry);
    if (!is_bare_name(name))
        return gs_json_wrong(map, entry->string, "the name of a file beside it", err);
    if (find_file(weights, name))
        return GS_OK;
    char *path = gs_path_join(directory, name);
    gs_status st = path ? map_file(weights, path, err) : gs_fail(err, GS_ENOMEM, "%s: no memory", name);
    free(path);
    return st == GS_OK ? GS_OK : gs_error_prefix(err, st, "%s: %s%s", map->path, map->prefix, entry->string);
}

static gs_status map_shards(gs_weights *weights, const char *directory, gs_error *err)
{
    gs_json_object root, map;
    const cJSON *entry;
    gs_status st = gs_json_open(&weights->index, weights->path, MAX_INDEX, err);
    if (st != GS_OK)
        return st;
    root = gs_json_root(&weights->index);
    if ((st = gs_json_child(&weights->index, MAP, MAP ".", &map, err)) != GS_OK)
        return st;
    if (!map.node)
        return gs_json_wrong(&root, MAP, "an object", err);
    cJSON_ArrayForEach(entry, map.node) if ((st = map_shard(weights, directory, &map, entry, err)) != GS_OK) return st;
    return GS_OK;
}

gs_status gs_weights_open(gs_weights *weights, const char *path, gs_error *err)
{
    *weights = (gs_weights){.path = strdup(path)};
    char *directory = strdup(path);
    size_t length = strlen(path);
    gs_status st;
    if (!weights->path || !directory)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    else if (length > 5 && strcmp(path + length - 5, ".json") == 0)
        st = map_shards(weights, dirname(directory), err);
    else
        st = map_file(weights, path, err);
    free(directory);
    if (st != GS_OK)
        gs_weights_close(weights);
    return st;
}

void gs_weights_close(gs_weights *weights)
{
    for (size_t i = 0; i < weights->n_files; i++)
        gs_safetensors_close(&weights->files[i]);
    free(weights->files);
    gs_json_close(&weights->index);
    free(weights->path);
    for (size_t i = 0; i < weights->n_expanded; i++)
        free(weights->expanded[i]);
    free(weights->expanded);
    free(weights->manifest);
    *weights = (gs_weights){0};
}

/* ---- tensors ---- */

static const char *shape_text(const size_t *shape, size_t rank, char text[SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, SHAPE_TEXT, "[");
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, SHAPE_TEXT - used, i ? ",%zu" : "%zu", shape[i]);
    snprintf(text + used, SHAPE_TEXT - used, "]");
    return text;
}

static void expand(const gs_tensor *tensor, size_t count, float *out)
{
    if (tensor->type == GS_DTYPE_F32) {
        memcpy(out, tensor->data, tensor->size);
        return;
    }
    for (size_t i = 0; i < count && tensor->type == GS_DTYPE_F64; i++) {
        double value;
        memcpy(&value, tensor->data + sizeof value * i, sizeof value);
        out[i] = (float)value;
    }
    for (size_t i = 0; i < count && tensor->type != GS_DTYPE_F64; i++) {
        uint16_t bits;
        memcpy(&bits, tensor->data + 2 * i, sizeof bits);
        out[i] = tensor->type == GS_DTYPE_F16 ? gs_half_to_float(bits) : gs_bf16_to_float(bits);
    }
}

gs_status gs_weights_take(gs_weights *weights, size_t n, float **values, gs_error *err)
{
    void **list = realloc(weights->expanded, (weights->n_expanded + 1) * sizeof *list);
    if (list)
        weights->expanded = list;
    if (!list || !(list[weights->n_expanded] = calloc(n ? n : 1, sizeof(float))))
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu numbers", weights->path, n);
    *values = list[weights->n_expanded++];
    return GS_OK;
}

/* A new owned f32 copy of tensor. */
static gs_status copy_expanded(gs_weights *weights, const gs_tensor *tensor, const float **values, gs_error *err)
{
    size_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    float *copy = NULL;
    gs_status st = gs_weights_take(weights, count, &copy, err);
    if (st == GS_OK)
        expand(tensor, count, copy);
    *values = copy;
    return st;
}

static gs_status note(gs_weights *weights, const gs_tensor *tensor, const char *shape, gs_error *err)
{
    char digest[GS_SHA256_HEX];
    gs_sha256_hex(tensor->data, tensor->size, digest);
    size_t line = strlen(tensor->name) + strlen(tensor->type_name) + strlen(shape) + sizeof digest + 3;
    char *longer = realloc(weights->manifest, weights->manifest_size + line + 1);
    if (!longer)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", weights->path);
    weights->manifest = longer;
    weights->manifest_size += (size_t)snprintf(longer + weights->manifest_size, line + 1, "%s %s %s %s\n", tensor->name,
                                               tensor->type_name, shape, digest);
    return GS_OK;
}

/* *tensor and the file that it lies in, both borrowed. */
static gs_status find_tensor(const gs_weights *weights, const char *name, const gs_tensor **tensor,
                             const gs_safetensors **file, gs_error *err)
{
    char full[MAX_NAME];
    snprintf(full, sizeof full, "%s%s", weights->prefix, name);
    name = full;
    *file = weights->files;
    if (weights->index.root) {
        const cJSON *map = cJSON_GetObjectItemCaseSensitive(weights->index.root, MAP);
        const char *shard = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(map, name));
        if (!shard)
            return gs_fail(err, GS_EFORMAT, "%s: " MAP " has no tensor '%s'", weights->path, name);
        *file = find_file(weights, shard);
    }
    *tensor = gs_safetensors_find(*file, name);
    if (*tensor)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: no tensor '%s'%s", (*file)->path, name,
                   weights->index.root ? ", though the index of the shards says so" : "");
}

gs_status gs_weights_find_prefix(gs_weights *weights, const char *anchor, gs_error *err)
{
    const char *found = NULL;
    size_t length = strlen(anchor);
    if (gs_weights_has(weights, anchor))
        return GS_OK;
    for (size_t f = 0; f < weights->n_files; f++) {
        const gs_safetensors *file = &weights->files[f];
        for (size_t i = 0; i < file->count; i++) {
            const char *name = file->tensors[i].name;
            size_t before = strlen(name) - length;
            if (strlen(name) <= length || before >= sizeof weights->prefix || name[before - 1] != '.' ||
                strcmp(name + before, anchor) != 0)
                continue;
            if (found)
                return gs_fail(err, GS_EFORMAT, "%s: holds two models, with '%s' and '%s': keep one", weights->path,
                               found, name);
            found = name;
            snprintf(weights->prefix, before + 1, "%s", name);
        }
    }
    return GS_OK;
}

bool gs_weights_has(const gs_weights *weights, const char *name)
{
    const gs_tensor *tensor;
    const gs_safetensors *file;
    return find_tensor(weights, name, &tensor, &file, NULL) == GS_OK;
}

/* The tensor of that name and shape, noted in the manifest. */
static gs_status take_tensor(gs_weights *weights, const char *name, const size_t *shape, size_t rank,
                             const gs_tensor **found, gs_error *err)
{
    const gs_safetensors *file;
    gs_status st = find_tensor(weights, name, found, &file, err);
    if (st != GS_OK)
        return st;
    const gs_tensor *tensor = *found;
    char has[SHAPE_TEXT], wants[SHAPE_TEXT];
    shape_text(tensor->shape, tensor->rank, has);
    if (tensor->rank != rank || (rank && memcmp(tensor->shape, shape, rank * sizeof *shape) != 0))
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' has shape %s, expected %s", file->path, name, has,
                       shape_text(shape, rank, wants));
    if (tensor->type == GS_DTYPE_OTHER)
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' is %s, expected F32, F16, BF16 or F64", file->path, name,
                       tensor->type_name);
    st = note(weights, tensor, has, err);
    gs_weights_forget(weights, tensor->data, tensor->size); /* its digest is taken; who needs it will read it */
    return st;
}

gs_status gs_weights_view(gs_weights *weights, const char *name, const size_t *shape, size_t rank, gs_tensor_view *view,
                          gs_error *err)
{
    const gs_tensor *tensor;
    *view = (gs_tensor_view){0};
    gs_status st = take_tensor(weights, name, shape, rank, &tensor, err);
    if (st != GS_OK)
        return st;
    bool whole = tensor->type == GS_DTYPE_F32;
    if (tensor->type == GS_DTYPE_F64 || (uintptr_t)tensor->data % (whole ? sizeof(float) : sizeof(uint16_t)) != 0)
        return copy_expanded(weights, tensor, &view->f32, err);
    view->f32 = whole ? (const float *)tensor->data : NULL;
    view->half = whole ? NULL : (const uint16_t *)tensor->data;
    view->half_is_bf16 = tensor->type == GS_DTYPE_BF16;
    return GS_OK;
}

gs_status gs_weights_get(gs_weights *weights, const char *name, const size_t *shape, size_t rank, const float **values,
                         gs_error *err)
{
    const gs_tensor *tensor;
    gs_status st = take_tensor(weights, name, shape, rank, &tensor, err);
    if (st != GS_OK)
        return st;
    if (tensor->type == GS_DTYPE_F32 && (uintptr_t)tensor->data % sizeof(float) == 0) {
        *values = (const float *)tensor->data;
        return GS_OK;
    }
    return copy_expanded(weights, tensor, values, err);
}

gs_status gs_weights_number(gs_weights *weights, const char *name, float *value, gs_error *err)
{
    const gs_tensor *tensor;
    const gs_safetensors *file;
    const float *values;
    gs_status st = find_tensor(weights, name, &tensor, &file, err);
    if (st == GS_OK)
        st = gs_weights_get(weights, name, (size_t[]){1}, tensor->rank == 1, &values, err);
    if (st == GS_OK)
        *value = *values;
    return st;
}

void gs_weights_forget(const gs_weights *weights, const void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)data, end = begin + size;
    begin = (begin + page - 1) / page * page;
    end = end / page * page;
    for (size_t i = 0; i < weights->n_files && begin < end; i++) {
        uintptr_t mapping = (uintptr_t)weights->files[i].mapping.bytes;
        if (begin >= mapping && end <= mapping + weights->files[i].mapping.size)
            madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
}

gs_status gs_weights_rows(const gs_weights *weights, const char *name, size_t columns, size_t *rows, gs_error *err)
{
    const gs_tensor *tensor;
    const gs_safetensors *file;
    gs_status st = find_tensor(weights, name, &tensor, &file, err);
    if (st != GS_OK)
        return st;
    char has[SHAPE_TEXT];
    if (tensor->rank != 2 || tensor->shape[1] != columns || tensor->shape[0] == 0)
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' has shape %s, expected [any,%zu]", file->path, name,
                       shape_text(tensor->shape, tensor->rank, has), columns);
    *rows = tensor->shape[0];
    return GS_OK;
}

#include "indexer/hf/safetensors.h"

#include "indexer/hf/stand_in.h"

#include <cjson/cJSON.h>
#include <math.h>   /* floor */
#include <stdlib.h> /* calloc, qsort, bsearch */
#include <string.h> /* strcmp, strdup */

#define PREFIX     8                      /* bytes of the header's length */
#define MAX_HEADER ((size_t)100000000)    /* the format's own limit */
#define MAX_WHOLE  ((double)(1ull << 53)) /* beyond it a JSON number is no longer exact */

static const struct {
    const char *name;
    size_t size;
    gs_dtype type;
} dtypes[] = {
    {"F32", 4, GS_DTYPE_F32},    {"F16", 2, GS_DTYPE_F16},       {"BF16", 2, GS_DTYPE_BF16},
    {"F64", 8, GS_DTYPE_F64},    {"I64", 8, GS_DTYPE_OTHER},     {"I32", 4, GS_DTYPE_OTHER},
    {"I16", 2, GS_DTYPE_OTHER},  {"I8", 1, GS_DTYPE_OTHER},      {"U64", 8, GS_DTYPE_OTHER},
    {"U32", 4, GS_DTYPE_OTHER},  {"U16", 2, GS_DTYPE_OTHER},     {"U8", 1, GS_DTYPE_OTHER},
    {"BOOL", 1, GS_DTYPE_OTHER}, {"F8_E4M3", 1, GS_DTYPE_OTHER}, {"F8_E5M2", 1, GS_DTYPE_OTHER},
};

static gs_status map_file(gs_safetensors *file, gs_error *err)
{
    gs_status st = gs_mapping_open(&file->mapping, file->path, err);
    if (st == GS_OK && file->mapping.size < PREFIX)
        st = gs_fail(err, GS_EFORMAT, "%s: %zu bytes are too few for a safetensors file", file->path,
                     file->mapping.size);
    return st;
}

/* A whole, exactly stored, non-negative number of a JSON array. */
static int read_whole(const cJSON *item, size_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < MAX_WHOLE) ||
        item->valuedouble != floor(item->valuedouble))
        return 0;
    *out = (size_t)item->valuedouble;
    return 1;
}

/* The tensor's element size by its dtype; 0 when the field is missing or unknown. */
static size_t read_dtype(const cJSON *json, gs_tensor *tensor)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "dtype"));
    for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            tensor->type_name = dtypes[i].name;
            tensor->type = dtypes[i].type;
            return dtypes[i].size;
        }
    }
    return 0;
}

/* Fills tensor->rank and shape; *bytes becomes the product of the shape and the element's size. */
static int read_shape(const cJSON *json, gs_tensor *tensor, size_t element, size_t *bytes)
{
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(json, "shape"), *item;
    if (!cJSON_IsArray(shape))
        return 0;
    *bytes = element;
    cJSON_ArrayForEach(item, shape)
    {
        size_t *side = &tensor->shape[tensor->rank];
        if (tensor->rank == GS_TENSOR_MAX_RANK || !read_whole(item, side) ||
            __builtin_mul_overflow(*bytes, *side, bytes))
            return 0;
        tensor->rank++;
    }
    return 1;
}

/* One entry of the header. data [size] are the bytes behind the header. */
static gs_status read_entry(const gs_safetensors *file, const cJSON *json, const uint8_t *data, size_t size,
                            gs_tensor *tensor, gs_error *err)
{
    const char *path = file->path, *name = json->string;
    size_t element = read_dtype(json, tensor), bytes, begin, end;
    if (element == 0)
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' has a missing or unknown dtype", path, name);
    if (!read_shape(json, tensor, element, &bytes))
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' has a missing or impossible shape", path, name);
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(json, "data_offsets");
    if (cJSON_GetArraySize(offsets) != 2 || !read_whole(cJSON_GetArrayItem(offsets, 0), &begin) ||
        !read_whole(cJSON_GetArrayItem(offsets, 1), &end) || begin > end)
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' has missing or impossible data_offsets", path, name);
    if (end > size)
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' ends at byte %zu of the data, the file holds %zu: cut short?",
                       path, name, end, size);
    if (end - begin != bytes)
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' has %zu bytes, its shape and dtype need %zu", path, name,
                       end - begin, bytes);
    tensor->data = data + begin;
    tensor->size = bytes;
    tensor->name = strdup(name);
    return tensor->name ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", path);
}

static int by_place(const void *a, const void *b)
{
    const gs_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size); /* empty tensors first: they overlap nothing */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const gs_tensor *)a)->name, ((const gs_tensor *)b)->name);
}

/* The tensors must cover data [size] without overlap or hole, and have different names. Leaves them sorted by name. */
static gs_status check_layout(gs_safetensors *file, const uint8_t *data, size_t size, gs_error *err)
{
    const uint8_t *at = data;
    qsort(file->tensors, file->count, sizeof *file->tensors, by_place);
    for (size_t i = 0; i < file->count; at += file->tensors[i++].size) {
        if (file->tensors[i].data != at)
            return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' %s", file->path, file->tensors[i].name,
                           file->tensors[i].data < at ? "overlaps another" : "comes after bytes that no tensor owns");
    }
    if (at != data + size)
        return gs_fail(err, GS_EFORMAT, "%s: %zu bytes after the last tensor", file->path, (size_t)(data + size - at));
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    for (size_t i = 1; i < file->count; i++)
        if (strcmp(file->tensors[i - 1].name, file->tensors[i].name) == 0)
            return gs_fail(err, GS_EFORMAT, "%s: two tensors are named '%s'", file->path, file->tensors[i].name);
    return GS_OK;
}

static gs_status read_entries(gs_safetensors *file, const cJSON *header, const uint8_t *data, size_t size,
                              gs_error *err)
{
    const cJSON *json;
    int entries = cJSON_GetArraySize(header);
    file->tensors = calloc(entries ? (size_t)entries : 1, sizeof *file->tensors);
    if (!file->tensors)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %d tensors", file->path, entries);
    cJSON_ArrayForEach(json, header)
    {
        if (strcmp(json->string, "__metadata__") == 0)
            continue;
        gs_status st = read_entry(file, json, data, size, &file->tensors[file->count], err);
        if (st != GS_OK)
            return st;
        file->count++;
    }
    return check_layout(file, data, size, err);
}

static gs_status read_header(gs_safetensors *file, gs_error *err)
{
    uint64_t length = 0;
    size_t start = file->mapping.size < 512 ? file->mapping.size : 512;
    gs_status st = gs_stand_in_check(file->path, file->mapping.bytes, start, err);
    if (st != GS_OK)
        return st;
    for (int i = PREFIX - 1; i >= 0; i--)
        length = length << 8 | file->mapping.bytes[i];
    if (length > MAX_HEADER || length > file->mapping.size - PREFIX)
        return gs_fail(err, GS_EFORMAT, "%s: a header of %llu bytes in a file of %zu: cut short, or not safetensors",
                       file->path, (unsigned long long)length, file->mapping.size);
    const char *text = (const char *)file->mapping.bytes + PREFIX, *end = text;
    const uint8_t *data = file->mapping.bytes + PREFIX + length;
    cJSON *header = cJSON_ParseWithLengthOpts(text, (size_t)length, &end, 0);
    if (!cJSON_IsObject(header))
        st = gs_fail(err, GS_EFORMAT, "%s: the header is not a JSON object", file->path);
    else
        st = read_entries(file, header, data, file->mapping.size - PREFIX - (size_t)length, err);
    cJSON_Delete(header);
    return st;
}

gs_status gs_safetensors_open(gs_safetensors *file, const char *path, gs_error *err)
{
    *file = (gs_safetensors){.path = strdup(path)};
    gs_status st = file->path ? map_file(file, err) : gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    if (st == GS_OK)
        st = read_header(file, err);
    if (st != GS_OK)
        gs_safetensors_close(file);
    return st;
}

void gs_safetensors_close(gs_safetensors *file)
{
    for (size_t i = 0; i < file->count; i++)
        free(file->tensors[i].name);
    free(file->tensors);
    gs_mapping_close(&file->mapping);
    free(file->path);
    *file = (gs_safetensors){0};
}

static int name_against_tensor(const void *name, const void *tensor)
{
    return strcmp(name, ((const gs_tensor *)tensor)->name);
}

const gs_tensor *gs_safetensors_find(const gs_safetensors *file, const char *name)
{
    return bsearch(name, file->tensors, file->count, sizeof *file->tensors, name_against_tensor);
}

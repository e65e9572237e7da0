#include "weights.h"

#include "../../core/catalog.h" /* gs_half_to_float */
#include "../util/file.h"       /* gs_path_join, gs_sha256_hex */

#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h> /* madvise */
#include <unistd.h>   /* sysconf */

#define FILE_NAME  "model.safetensors"
#define SHAPE_TEXT 192 /* eight sides of 20 digits and their commas */

gs_status gs_weights_open(gs_weights *weights, const char *directory, gs_error *err)
{
    *weights = (gs_weights){0};
    char *path = gs_path_join(directory, FILE_NAME);
    if (!path)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    gs_status st = gs_safetensors_open(&weights->file, path, err);
    free(path);
    return st;
}

void gs_weights_close(gs_weights *weights)
{
    gs_safetensors_close(&weights->file);
    for (size_t i = 0; i < weights->n_expanded; i++)
        free(weights->expanded[i]);
    free(weights->expanded);
    free(weights->manifest);
    *weights = (gs_weights){0};
}

static const char *shape_text(const size_t *shape, size_t rank, char text[SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, SHAPE_TEXT, "[");
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, SHAPE_TEXT - used, i ? ",%zu" : "%zu", shape[i]);
    snprintf(text + used, SHAPE_TEXT - used, "]");
    return text;
}

float gs_f32_of_bf16(uint16_t brain)
{
    uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void expand(const gs_tensor *tensor, size_t count, float *out)
{
    if (tensor->type == GS_DTYPE_F32) {
        memcpy(out, tensor->data, tensor->size);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, tensor->data + 2 * i, sizeof bits);
        out[i] = tensor->type == GS_DTYPE_F16 ? gs_half_to_float(bits) : gs_f32_of_bf16(bits);
    }
}

/* A new owned f32 copy of tensor. */
static gs_status copy_expanded(gs_weights *weights, const gs_tensor *tensor, const float **values, gs_error *err)
{
    size_t count = tensor->type == GS_DTYPE_F32 ? tensor->size / 4 : tensor->size / 2, bytes;
    void **list = realloc(weights->expanded, (weights->n_expanded + 1) * sizeof *list);
    if (list)
        weights->expanded = list;
    if (!list || __builtin_mul_overflow(count, sizeof(float), &bytes) || !(list[weights->n_expanded] = malloc(bytes)))
        return gs_fail(err, GS_ENOMEM, "%s: no memory to expand tensor '%s'", weights->file.path, tensor->name);
    *values = list[weights->n_expanded++];
    expand(tensor, count, (float *)*values);
    return GS_OK;
}

static gs_status note(gs_weights *weights, const gs_tensor *tensor, const char *shape, gs_error *err)
{
    char digest[GS_SHA256_HEX];
    gs_sha256_hex(tensor->data, tensor->size, digest);
    size_t line = strlen(tensor->name) + strlen(tensor->type_name) + strlen(shape) + sizeof digest + 3;
    char *longer = realloc(weights->manifest, weights->manifest_size + line + 1);
    if (!longer)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", weights->file.path);
    weights->manifest = longer;
    weights->manifest_size += (size_t)snprintf(longer + weights->manifest_size, line + 1, "%s %s %s %s\n", tensor->name,
                                               tensor->type_name, shape, digest);
    return GS_OK;
}

static gs_status find_tensor(const gs_weights *weights, const char *name, const gs_tensor **tensor, gs_error *err)
{
    *tensor = gs_safetensors_find(&weights->file, name);
    return *tensor ? GS_OK : gs_fail(err, GS_EFORMAT, "%s: no tensor '%s'", weights->file.path, name);
}

/* The tensor of that name and shape, noted in the manifest. */
static gs_status take_tensor(gs_weights *weights, const char *name, const size_t *shape, size_t rank,
                             const gs_tensor **found, gs_error *err)
{
    gs_status st = find_tensor(weights, name, found, err);
    if (st != GS_OK)
        return st;
    const gs_tensor *tensor = *found;
    char has[SHAPE_TEXT], wants[SHAPE_TEXT];
    shape_text(tensor->shape, tensor->rank, has);
    if (tensor->rank != rank || (rank && memcmp(tensor->shape, shape, rank * sizeof *shape) != 0))
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' has shape %s, expected %s", weights->file.path, name, has,
                       shape_text(shape, rank, wants));
    if (tensor->type == GS_DTYPE_OTHER)
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' is %s, expected F32, F16 or BF16", weights->file.path, name,
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
    if ((uintptr_t)tensor->data % (whole ? sizeof(float) : sizeof(uint16_t)) != 0)
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

void gs_weights_forget(const gs_weights *weights, const void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)data, end = begin + size;
    uintptr_t mapping = (uintptr_t)weights->file.mapping;
    begin = (begin + page - 1) / page * page;
    end = end / page * page;
    if (begin < end && begin >= mapping && end <= mapping + weights->file.mapped)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

gs_status gs_weights_rows(const gs_weights *weights, const char *name, size_t columns, size_t *rows, gs_error *err)
{
    const gs_tensor *tensor;
    gs_status st = find_tensor(weights, name, &tensor, err);
    if (st != GS_OK)
        return st;
    char has[SHAPE_TEXT];
    if (tensor->rank != 2 || tensor->shape[1] != columns || tensor->shape[0] == 0)
        return gs_fail(err, GS_EFORMAT, "%s: tensor '%s' has shape %s, expected [any,%zu]", weights->file.path, name,
                       shape_text(tensor->shape, tensor->rank, has), columns);
    *rows = tensor->shape[0];
    return GS_OK;
}

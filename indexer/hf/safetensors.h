/* safetensors.h - one mapped .safetensors file: names, shapes and bytes of its tensors.
 *
 *     gs_safetensors file;
 *     if ((st = gs_safetensors_open(&file, "model.safetensors", err)) != GS_OK) return st;
 *     const gs_tensor *tensor = gs_safetensors_find(&file, "text_projection.weight");     // NULL when there is none
 *     gs_safetensors_close(&file);
 *
 * The format: u64 little-endian length of the header, the header (a JSON object: name -> dtype, shape, data_offsets,
 * and strings under "__metadata__"), then the tensors' bytes, row-major little-endian. Everything the header says is
 * checked before any of it is believed: known dtypes, offsets inside the file that match shape times element size,
 * neither overlaps nor holes.
 */
#ifndef GS_SAFETENSORS_H
#define GS_SAFETENSORS_H

#include "core/status.h"
#include "indexer/util/mapping.h"

#include <stddef.h>
#include <stdint.h>

#define GS_TENSOR_MAX_RANK 8

typedef enum { GS_DTYPE_F32, GS_DTYPE_F16, GS_DTYPE_BF16, GS_DTYPE_F64, GS_DTYPE_OTHER } gs_dtype;

typedef struct {
    char *name;            /* owned by the file */
    const char *type_name; /* as the header has it: "F32", "I64" */
    gs_dtype type;
    size_t rank;
    size_t shape[GS_TENSOR_MAX_RANK];
    const uint8_t *data; /* [size]  borrowed from the mapping; aligned as the file has it, which may be not at all */
    size_t size;
} gs_tensor;

typedef struct {
    char *path; /* owned */
    gs_mapping mapping;
    gs_tensor *tensors; /* [count] sorted by name  owned */
    size_t count;
} gs_safetensors;

gs_status gs_safetensors_open(gs_safetensors *file, const char *path, gs_error *err);
void gs_safetensors_close(gs_safetensors *file); /* safe on a zeroed one */

/* Borrowed from file; NULL when it has no tensor of that name. */
const gs_tensor *gs_safetensors_find(const gs_safetensors *file, const char *name);

#endif

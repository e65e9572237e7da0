/* weights.h - the tensors of a model, each asked for by name and shape, as f32 or as they are stored.
 *
 *     gs_weights weights;
 *     if ((st = gs_weights_open(&weights, "model.safetensors", err)) != GS_OK) return st;
 *     const float *projection;
 *     st = gs_weights_get(&weights, "text_projection.weight", (size_t[]){512, 768}, 2, &projection, err);
 *     gs_weights_close(&weights);
 *
 * They lie in one file, or in shards beside an index, whose "weight_map" names the file of each. f32 is used in place,
 * from the mapping; f64 is rounded to f32; f16 and bf16 are expanded once by gs_weights_get(), left as they are by
 * gs_weights_view(). Every tensor handed out is noted with the digest of its stored bytes: what decides the features is
 * exactly what was asked for.
 */
#ifndef GS_WEIGHTS_H
#define GS_WEIGHTS_H

#include "indexer/hf/json.h"
#include "indexer/hf/safetensors.h"

#include <stdbool.h>

typedef struct {
    char *path;            /* the file, or the index of the shards  owned */
    char prefix[128];      /* what every name begins with in the files, and not in what is asked for */
    gs_json index;         /* the index; zeroed when there are no shards */
    gs_safetensors *files; /* [n_files]  owned: the one, or the shards */
    size_t n_files;
    void **expanded; /* [n_expanded]  owned, each owned */
    size_t n_expanded;
    char *manifest; /* "NAME TYPE [SHAPE] SHA256\n" of each tensor handed out, in that order; NULL before  owned */
    size_t manifest_size;
} gs_weights;

/* Maps every file. path: a file of tensors, or an index (*.json); GS_EFORMAT, naming file and field, for one that is no
 * map of tensors to files beside it. */
gs_status gs_weights_open(gs_weights *weights, const char *path, gs_error *err);
void gs_weights_close(gs_weights *weights); /* safe on a zeroed one */

/* Sets the prefix so that anchor, a name that the model must have, is there: "" where it is, else what stands before it
 * in the only tensor that ends in it, such as "module." of a training program. Where there is none nothing changes, and
 * the tensors will be found missing. GS_EFORMAT when several have it. */
gs_status gs_weights_find_prefix(gs_weights *weights, const char *anchor, gs_error *err);

/* Whether there is a tensor of that name, of whatever shape. */
bool gs_weights_has(const gs_weights *weights, const char *name);

/* *values [shape], borrowed from weights. GS_EFORMAT, with both shapes, when the tensor is missing, of another shape or
 * no float. */
gs_status gs_weights_get(gs_weights *weights, const char *name, const size_t *shape, size_t rank, const float **values,
                         gs_error *err);

/* A tensor as it is stored, where that can be used in place: f32, or halves. */
typedef struct {
    const float *f32;     /* [shape]  borrowed from weights; NULL: halves */
    const uint16_t *half; /* [shape]  borrowed from weights; NULL: f32 */
    bool half_is_bf16;
} gs_tensor_view;

/* As gs_weights_get(), but halves are not expanded. */
gs_status gs_weights_view(gs_weights *weights, const char *name, const size_t *shape, size_t rank, gs_tensor_view *view,
                          gs_error *err);

/* Lets the pages of size bytes at data leave the memory, if they are of the mapped file: they come back when they are
 * read again. */
void gs_weights_forget(const gs_weights *weights, const void *data, size_t size);

/* A single number, stored as a tensor of shape [] or [1]. */
gs_status gs_weights_number(gs_weights *weights, const char *name, float *value, gs_error *err);

/* *rows becomes the first side of a matrix [*rows, columns]. */
gs_status gs_weights_rows(const gs_weights *weights, const char *name, size_t columns, size_t *rows, gs_error *err);

/* *values [n], zeros at first, borrowed from weights: for what is made of tensors when they are loaded. */
gs_status gs_weights_take(gs_weights *weights, size_t n, float **values, gs_error *err);

#endif

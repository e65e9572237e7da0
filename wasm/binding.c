/* binding.c - what JavaScript needs beside the functions of core/ themselves: files held open behind one pointer,
 * because the layout of a struct is nothing to know there. core.mjs is the other half. */
#include "core/catalog.h"
#include "core/preprocess.h"
#include "core/query.h"
#include "core/table.h"
#include "core/tokenize.h"

#include <emscripten.h> /* EMSCRIPTEN_KEEPALIVE */
#include <stdlib.h>     /* malloc, free */
#include <string.h>     /* memcpy */

/* The means of a file, ready to be scored. */
typedef struct {
    gs_table table;  /* borrows the file's bytes; of halves, what they are widened to once, because that is slow here */
    int16_t *steps;  /* [dim]    of a query; behind norms, as what is widened */
    double norms[1]; /* [count]  and on */
} wasm_means;

gs_tokenizer *wasm_tokenizer_open(const void *bytes, size_t size, gs_error *err);
wasm_means *wasm_means_open(const void *bytes, size_t size, uint32_t shape[2], gs_error *err);
gs_status wasm_means_first_moment(const wasm_means *m, const float *feature, double *scores, gs_error *err);
gs_lowrank *wasm_lowrank_open(const void *bytes, size_t size, gs_error *err);
uint32_t wasm_lowrank_dim(const gs_lowrank *lowrank);
gs_preprocess *wasm_preprocess_new(int shortest_edge, int longest_edge, int resize_width, int resize_height, int fit,
                                   int resample, int crop_width, int crop_height, int even_crop, double rescale,
                                   const float *mean_std);
float *wasm_preprocess_run(const gs_preprocess *p, const uint8_t *rgb, int width, int height, uint32_t size[2],
                           gs_error *err);

gs_status wasm_query_candidates(size_t n_parts, const int32_t *methods, const double *weights, double *cosines,
                                size_t count, double tau, uint32_t *candidates, size_t *most, gs_error *err);
gs_status wasm_query_rank(size_t n_parts, const int32_t *methods, const double *weights, const double *scores,
                          size_t count, double tau, double *log_probability, uint32_t *conflict, gs_error *err);

/* A tokenizer that borrows bytes [size]; NULL with a message in err. The caller frees it. */
EMSCRIPTEN_KEEPALIVE
gs_tokenizer *wasm_tokenizer_open(const void *bytes, size_t size, gs_error *err)
{
    gs_tokenizer *t = malloc(sizeof *t);
    if (!t) {
        gs_fail(err, GS_ENOMEM, "tokenizer.bin: no memory");
        return NULL;
    }
    if (gs_tokenizer_open(t, bytes, size, err) != GS_OK) {
        free(t);
        return NULL;
    }
    return t;
}

/* The means of a file, whose bytes [size] are borrowed; shape := {count, dim}. NULL with a message in err. The caller
 * frees them. */
EMSCRIPTEN_KEEPALIVE
wasm_means *wasm_means_open(const void *bytes, size_t size, uint32_t shape[2], gs_error *err)
{
    gs_means means;
    if (gs_means_open(&means, bytes, size, err) != GS_OK)
        return NULL;
    size_t count = means.table.count, dim = means.table.dim;
    uint64_t halves = means.table.element == GS_F16 ? (uint64_t)count * dim : 0;
    uint64_t size_needed = sizeof(wasm_means) + count * (uint64_t)sizeof(double) + halves * sizeof(float) +
                           dim * (uint64_t)sizeof(int16_t);
    wasm_means *m = size_needed < SIZE_MAX ? malloc((size_t)size_needed) : NULL;
    if (!m) {
        gs_fail(err, GS_ENOMEM, "means.bin: no memory for %zu means of dimension %zu", count, dim);
        return NULL;
    }
    m->table = means.table;
    float *widened = (float *)(m->norms + count);
    m->steps = (int16_t *)(widened + halves);
    if (gs_table_norms(&m->table, m->norms, err) != GS_OK) {
        gs_error_prefix(err, GS_EFORMAT, "means.bin");
        free(m);
        return NULL;
    }
    if (halves > 0) {
        gs_table_expand(&m->table, 0, count, widened);
        m->table.element = GS_F32;
        m->table.rows = widened;
    }
    shape[0] = (uint32_t)count;
    shape[1] = (uint32_t)dim;
    return m;
}

/* scores [count] of a feature [dim]. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_means_first_moment(const wasm_means *m, const float *feature, double *scores, gs_error *err)
{
    gs_table_query query;
    gs_status st = gs_table_query_init(&query, &m->table, feature, m->steps, err);
    if (st == GS_OK)
        gs_table_first_moment(&m->table, m->norms, &query, 0, m->table.count, scores);
    return st;
}

/* A low-rank Gaussian that borrows bytes [size]; NULL with a message in err. The caller frees it. */
EMSCRIPTEN_KEEPALIVE
gs_lowrank *wasm_lowrank_open(const void *bytes, size_t size, gs_error *err)
{
    size_t rank, dim;
    uint8_t fingerprint[GS_FINGERPRINT];
    if (gs_lowrank_peek(bytes, size, &rank, &dim, err) != GS_OK)
        return NULL;
    if (rank > (SIZE_MAX - sizeof(gs_lowrank)) / sizeof(float) / dim) {
        gs_fail(err, GS_ENOMEM, "second moments: no memory for rank %zu of dimension %zu", rank, dim);
        return NULL;
    }
    gs_lowrank *lowrank = malloc(sizeof *lowrank + rank * dim * sizeof(float)); /* the vectors lie behind it */
    if (!lowrank) {
        gs_fail(err, GS_ENOMEM, "second moments: no memory for rank %zu of dimension %zu", rank, dim);
        return NULL;
    }
    if (gs_lowrank_open(lowrank, fingerprint, bytes, size, (float *)(lowrank + 1), err) != GS_OK) {
        free(lowrank);
        return NULL;
    }
    return lowrank;
}

EMSCRIPTEN_KEEPALIVE
uint32_t wasm_lowrank_dim(const gs_lowrank *lowrank)
{
    return (uint32_t)lowrank->dim;
}

/* A query's parts of two columns, methods [n_parts] and weights [n_parts]. NULL with a message in err. The caller frees
 * them. */
static gs_query_part *make_parts(size_t n_parts, const int32_t *methods, const double *weights, gs_error *err)
{
    gs_query_part *parts = calloc(n_parts + 1, sizeof *parts);
    if (!parts)
        gs_fail(err, GS_ENOMEM, "no memory for %zu parts of a query", n_parts);
    for (size_t p = 0; parts && p < n_parts; p++)
        parts[p] = (gs_query_part){.method = (gs_method)methods[p], .weight = weights[p]};
    return parts;
}

/* gs_query_candidates(); candidates [*most], and *most := how many there are. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_query_candidates(size_t n_parts, const int32_t *methods, const double *weights, double *cosines,
                                size_t count, double tau, uint32_t *candidates, size_t *most, gs_error *err)
{
    gs_query_part *parts = make_parts(n_parts, methods, weights, err);
    if (!parts)
        return GS_ENOMEM;
    *most = gs_query_candidates(parts, n_parts, cosines, count, tau, candidates, *most);
    free(parts);
    return GS_OK;
}

/* gs_query_rank(); *conflict: 0 or 1. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_query_rank(size_t n_parts, const int32_t *methods, const double *weights, const double *scores,
                          size_t count, double tau, double *log_probability, uint32_t *conflict, gs_error *err)
{
    gs_query_part *parts = make_parts(n_parts, methods, weights, err);
    if (!parts)
        return GS_ENOMEM;
    bool in_conflict = false;
    gs_status st = gs_query_rank(parts, n_parts, scores, count, tau, log_probability, &in_conflict, err);
    *conflict = in_conflict;
    free(parts);
    return st;
}

/* How pictures are prepared. A size or rescale of 0, or no mean_std {mean [3], std [3]}: without that step. NULL when
 * memory ran out. The caller frees it. */
EMSCRIPTEN_KEEPALIVE
gs_preprocess *wasm_preprocess_new(int shortest_edge, int longest_edge, int resize_width, int resize_height, int fit,
                                   int resample, int crop_width, int crop_height, int even_crop, double rescale,
                                   const float *mean_std)
{
    gs_preprocess *p = malloc(sizeof *p);
    if (!p)
        return NULL;
    *p = (gs_preprocess){.do_resize = shortest_edge > 0 || resize_width > 0,
                         .do_center_crop = crop_width > 0,
                         .do_rescale = rescale != 0,
                         .do_normalize = mean_std != NULL,
                         .resample = (gs_resample)resample,
                         .shortest_edge = shortest_edge,
                         .longest_edge = longest_edge,
                         .fit = fit != 0,
                         .even_crop = even_crop != 0,
                         .resize_width = resize_width,
                         .resize_height = resize_height,
                         .crop_width = crop_width,
                         .crop_height = crop_height,
                         .rescale_factor = rescale};
    if (mean_std) {
        memcpy(p->mean, mean_std, sizeof p->mean);
        memcpy(p->std, mean_std + 3, sizeof p->std);
    }
    return p;
}

/* rgb [height, width, 3] (borrowed) -> pixels [3, size[1], size[0]], the caller's to free. NULL with a message in err. */
EMSCRIPTEN_KEEPALIVE
float *wasm_preprocess_run(const gs_preprocess *p, const uint8_t *rgb, int width, int height, uint32_t size[2],
                           gs_error *err)
{
    int out_width, out_height;
    gs_preprocess_output_size(p, width, height, &out_width, &out_height);
    size_t need = gs_preprocess_workspace(p, width, height);
    if (need == 0) { /* sizes below 1 too, and a filter that there is not */
        gs_fail(err, GS_EARGS, "cannot prepare a picture of %d x %d in this way", width, height);
        return NULL;
    }
    uint64_t values = 3ull * (unsigned)out_width * (unsigned)out_height;
    void *work = malloc(need);
    float *pixels = values <= SIZE_MAX / sizeof *pixels ? malloc((size_t)values * sizeof *pixels) : NULL;
    gs_status st = work && pixels ? gs_preprocess_run(p, rgb, width, height, work, pixels, err)
                                  : gs_fail(err, GS_ENOMEM, "no memory to prepare a picture of %d x %d", width, height);
    free(work);
    if (st != GS_OK) {
        free(pixels);
        return NULL;
    }
    size[0] = (uint32_t)out_width;
    size[1] = (uint32_t)out_height;
    return pixels;
}

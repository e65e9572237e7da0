/* binding.h - what JavaScript needs beside the functions of core/ themselves: files held open behind one pointer, because the layout of a
 * struct is nothing to know there. core.js is the other half. What each function does stands at its definition. */
#ifndef GS_WASM_BINDING_H
#define GS_WASM_BINDING_H

#include "core/filter.h"
#include "core/preprocess.h"
#include "core/query.h"
#include "core/table.h"
#include "core/tokenize.h"

#include <emscripten.h> /* EMSCRIPTEN_KEEPALIVE */

/* The means of a file, ready to be scored. */
typedef struct {
    gs_table table; /* borrows the file's bytes; of halves, what they are widened to once, because that is slow here */
    gs_background backgrounds[GS_PART_KIND_COUNT]; /* of gs_part_background_kind() */
    int16_t *steps;                                /* [dim]    of a query; behind norms, as what is widened */
    double norms[1];                               /* [count]  and on */
} wasm_means;

/* Parts of a query as JavaScript lays them out: three columns [n]. */
typedef struct {
    const double *weights;
    const int32_t *kinds, *methods;
    size_t n;
} wasm_parts;

typedef struct wasm_model wasm_model;

/* ---- files.c ---- */

gs_tokenizer *wasm_tokenizer_open(const void *bytes, size_t size, gs_error *err);
wasm_means *wasm_means_open(const void *bytes, size_t size, uint32_t shape[2], gs_error *err);
void wasm_means_set_background(wasm_means *m, int32_t kind, const double *means, double lead, double density,
                               double lowrank);
gs_status wasm_means_first_moment(const wasm_means *m, const float *feature, double *scores, gs_error *err);
gs_status wasm_means_feature(const wasm_means *m, uint32_t index, float *feature, gs_error *err);
wasm_model *wasm_model_open(const void *bytes, size_t size, int32_t needs, uint32_t *dim, gs_error *err);
wasm_model *wasm_model_of_lowrank(const float *numbers, size_t rank, size_t dim, float rest, gs_error *err);
gs_status wasm_model_score(const wasm_model *m, int32_t method, const float *feature, const wasm_model *other,
                           double tau, double *score, gs_error *err);

/* ---- query.c ---- */

gs_filter *wasm_filter_new(void);
void wasm_filter_free(gs_filter *filter);
char *wasm_filter_take(gs_filter *filter, const char *text, size_t size, gs_error *err);
gs_status wasm_filter_apply(const gs_filter *filter, const char *fields, size_t count, uint8_t *passes, gs_error *err);
gs_status wasm_means_score(const wasm_means *m, const wasm_parts *parts, double *scores, gs_error *err);
gs_status wasm_means_matched(const wasm_means *m, const wasm_parts *parts, const double *cosines, const double *scores,
                             const double *log_probability, uint8_t *flags, gs_error *err);
uint32_t wasm_query_most_candidates(void);
gs_status wasm_query_candidates(const wasm_parts *parts, double *cosines, size_t count, double tau,
                                uint32_t *candidates, size_t *most, gs_error *err);
gs_status wasm_query_rank(const wasm_parts *parts, const double *scores, size_t count, double tau,
                          double *log_probability, uint32_t *conflict, gs_error *err);

/* ---- picture.c ---- */

gs_preprocess *wasm_preprocess_new(int shortest_edge, int longest_edge, int resize_width, int resize_height, int fit,
                                   int resample, int crop_width, int crop_height, int even_crop, double rescale,
                                   const float *mean_std);
float *wasm_preprocess_run(const gs_preprocess *p, const uint8_t *rgb, int width, int height, uint32_t size[2],
                           gs_error *err);

#endif

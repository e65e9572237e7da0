/* binding.c - what JavaScript needs beside the functions of core/ themselves: files held open behind one pointer,
 * because the layout of a struct is nothing to know there. core.js is the other half. */
#include "core/catalog.h"
#include "core/filter.h"
#include "core/preprocess.h"
#include "core/query.h"
#include "core/table.h"
#include "core/tokenize.h"

#include <emscripten.h> /* EMSCRIPTEN_KEEPALIVE */
#include <stdlib.h>     /* malloc, free */
#include <string.h>     /* memcpy */

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

/* A file of a model, in one of the forms that methods need; what is widened lies behind it. */
typedef struct {
    gs_scored_model scored; /* borrows one of the next three */
    gs_lowrank lowrank;     /* these borrow the file's bytes */
    gs_gaussian gaussian;
    gs_table features;
    float widened[1];
} wasm_model;

gs_tokenizer *wasm_tokenizer_open(const void *bytes, size_t size, gs_error *err);
wasm_means *wasm_means_open(const void *bytes, size_t size, uint32_t shape[2], gs_error *err);
gs_status wasm_means_first_moment(const wasm_means *m, const float *feature, double *scores, gs_error *err);
gs_status wasm_means_feature(const wasm_means *m, uint32_t index, float *feature, gs_error *err);
wasm_model *wasm_model_open(const void *bytes, size_t size, int32_t needs, uint32_t *dim, gs_error *err);
wasm_model *wasm_model_of_lowrank(const float *numbers, size_t rank, size_t dim, float rest, gs_error *err);
gs_status wasm_model_score(const wasm_model *m, int32_t method, const float *feature, const wasm_model *other,
                           double tau, double *score, gs_error *err);
gs_filter *wasm_filter_new(void);
void wasm_filter_free(gs_filter *filter);
char *wasm_filter_take(gs_filter *filter, const char *text, size_t size, gs_error *err);
gs_status wasm_filter_apply(const gs_filter *filter, const char *fields, size_t count, uint8_t *passes, gs_error *err);
uint32_t wasm_query_most_candidates(void);
gs_preprocess *wasm_preprocess_new(int shortest_edge, int longest_edge, int resize_width, int resize_height, int fit,
                                   int resample, int crop_width, int crop_height, int even_crop, double rescale,
                                   const float *mean_std);
float *wasm_preprocess_run(const gs_preprocess *p, const uint8_t *rgb, int width, int height, uint32_t size[2],
                           gs_error *err);

void wasm_means_set_background(wasm_means *m, int32_t kind, const double *means, double lead, double density,
                               double lowrank);
gs_status wasm_means_score(const wasm_means *m, const wasm_parts *parts, double *scores, gs_error *err);
gs_status wasm_means_matched(const wasm_means *m, const wasm_parts *parts, const double *cosines,
                             const double *scores, const double *log_probability, uint8_t *matched, gs_error *err);
gs_status wasm_query_candidates(const wasm_parts *parts, double *cosines, size_t count, double tau,
                                uint32_t *candidates, size_t *most, gs_error *err);
gs_status wasm_query_rank(const wasm_parts *parts, const double *scores, size_t count, double tau,
                          double *log_probability, uint32_t *conflict, gs_error *err);

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
    memset(m->backgrounds, 0, sizeof m->backgrounds);
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

/* feature [dim]: mean index scaled to length 1, which is what a model asks for as a query. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_means_feature(const wasm_means *m, uint32_t index, float *feature, gs_error *err)
{
    if (index >= m->table.count)
        return gs_fail(err, GS_EARGS, "no model %u among %zu", (unsigned)index, m->table.count);
    gs_query_model_feature(&m->table, m->norms, index, feature);
    return GS_OK;
}

/* How many numbers of the file are widened. */
static gs_status measure(const void *bytes, size_t size, gs_needs needs, size_t *floats, gs_error *err)
{
    size_t rank, dim;
    gs_status st = GS_OK;
    *floats = 0;
    if (needs == GS_NEEDS_LOWRANK && (st = gs_lowrank_peek(bytes, size, &rank, &dim, err)) == GS_OK)
        *floats = rank * dim; /* the file holds that many */
    if (needs == GS_NEEDS_GAUSSIAN && (st = gs_gaussian_peek(bytes, size, &dim, err)) == GS_OK)
        *floats = gs_packed_count(dim);
    return st;
}

static gs_status open_form(wasm_model *m, const void *bytes, size_t size, gs_needs needs, gs_error *err)
{
    uint8_t fingerprint[GS_FINGERPRINT];
    gs_status st;
    switch (needs) {
    case GS_NEEDS_LOWRANK:
        st = gs_lowrank_open(&m->lowrank, fingerprint, bytes, size, m->widened, err);
        m->scored = (gs_scored_model){.dim = m->lowrank.dim, .lowrank = &m->lowrank};
        return st;
    case GS_NEEDS_GAUSSIAN:
        st = gs_gaussian_open(&m->gaussian, fingerprint, bytes, size, m->widened, err);
        m->scored = (gs_scored_model){.dim = m->gaussian.dim, .gaussian = &m->gaussian};
        return st;
    case GS_NEEDS_FEATURES:
        st = gs_features_open(&m->features, fingerprint, bytes, size, err);
        m->scored = (gs_scored_model){.dim = m->features.dim, .features = &m->features};
        return st;
    default:
        return gs_fail(err, GS_EARGS, "no file of a model holds this");
    }
}

/* A model's file, whose bytes [size] are borrowed, in the form that methods with these gs_needs read. NULL with a message in err. The caller
 * frees it. */
EMSCRIPTEN_KEEPALIVE
wasm_model *wasm_model_open(const void *bytes, size_t size, int32_t needs, uint32_t *dim, gs_error *err)
{
    size_t floats;
    if (measure(bytes, size, (gs_needs)needs, &floats, err) != GS_OK)
        return NULL;
    wasm_model *m =
        floats < (SIZE_MAX - sizeof *m) / sizeof(float) ? calloc(1, sizeof *m + floats * sizeof(float)) : NULL;
    if (!m) {
        gs_fail(err, GS_ENOMEM, "no memory for a model's file of %zu bytes", size);
        return NULL;
    }
    if (open_form(m, bytes, size, (gs_needs)needs, err) != GS_OK) {
        free(m);
        return NULL;
    }
    *dim = (uint32_t)m->scored.dim;
    return m;
}

/* A low-rank form that was made here: numbers (copied) are its mean [dim], values [rank] and vectors [rank, dim]. NULL with a message in err. The
 * caller frees it. */
EMSCRIPTEN_KEEPALIVE
wasm_model *wasm_model_of_lowrank(const float *numbers, size_t rank, size_t dim, float rest, gs_error *err)
{
    uint64_t floats = (uint64_t)dim + rank + (uint64_t)rank * dim;
    wasm_model *m =
        floats < (SIZE_MAX - sizeof *m) / sizeof(float) ? calloc(1, sizeof *m + (size_t)floats * sizeof(float)) : NULL;
    if (!m) {
        gs_fail(err, GS_ENOMEM, "no memory for %zu vectors of dimension %zu", rank, dim);
        return NULL;
    }
    memcpy(m->widened, numbers, (size_t)floats * sizeof(float));
    m->lowrank = (gs_lowrank){.dim = dim,
                              .rank = rank,
                              .mean = m->widened,
                              .values = m->widened + dim,
                              .vectors = m->widened + dim + rank,
                              .rest = rest};
    m->scored = (gs_scored_model){.dim = dim, .lowrank = &m->lowrank};
    return m;
}

/* *score by the method of a feature [dim], or of another model's low-rank form; either may be NULL where the method does without. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_model_score(const wasm_model *m, int32_t method, const float *feature, const wasm_model *other,
                           double tau, double *score, gs_error *err)
{
    const gs_query_part part = {
        .method = (gs_method)method, .weight = 1, .feature = feature, .lowrank = other ? other->scored.lowrank : NULL};
    void *work = malloc(m->scored.dim * sizeof(double));
    gs_status st =
        work ? gs_query_score(&part, &m->scored, tau, work, score, err) : gs_fail(err, GS_ENOMEM, "no memory");
    free(work);
    return st;
}

/* A filter without conditions; NULL when memory ran out. */
EMSCRIPTEN_KEEPALIVE
gs_filter *wasm_filter_new(void)
{
    return calloc(1, sizeof(gs_filter));
}

EMSCRIPTEN_KEEPALIVE
void wasm_filter_free(gs_filter *filter)
{
    gs_filter_free(filter);
    free(filter);
}

/* Moves the conditions of text [size] to filter and returns the words that are left, which the caller frees. NULL with a message in err. */
EMSCRIPTEN_KEEPALIVE
char *wasm_filter_take(gs_filter *filter, const char *text, size_t size, gs_error *err)
{
    gs_filter found;
    if (gs_filter_parse(&found, text, size, err) != GS_OK)
        return NULL;
    char *words = NULL;
    if (gs_filter_move(filter, &found, err) == GS_OK) {
        words = found.words;
        found.words = NULL;
    }
    gs_filter_free(&found);
    return words;
}

/* passes [count]: 1 for a model that meets the conditions. fields: for every model its GS_FIELD_COUNT fields, each ending with a NUL. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_filter_apply(const gs_filter *filter, const char *fields, size_t count, uint8_t *passes, gs_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *model[GS_FIELD_COUNT];
        bool pass;
        for (size_t f = 0; f < GS_FIELD_COUNT; f++) {
            model[f] = fields;
            fields += strlen(fields) + 1;
        }
        gs_status st = gs_filter_passes(filter, model, &pass, err);
        if (st != GS_OK)
            return st;
        passes[i] = pass;
    }
    return GS_OK;
}

EMSCRIPTEN_KEEPALIVE
uint32_t wasm_query_most_candidates(void)
{
    return GS_QUERY_CANDIDATES;
}

/* The parts of core/query.h, with the backgrounds of m (may be NULL). NULL with a message in err. The caller frees them. */
static gs_query_part *make_parts(const wasm_parts *columns, const wasm_means *m, gs_error *err)
{
    gs_query_part *parts = calloc(columns->n + 1, sizeof *parts);
    if (!parts)
        gs_fail(err, GS_ENOMEM, "no memory for %zu parts of a query", columns->n);
    for (size_t p = 0; parts && p < columns->n; p++) {
        gs_part_kind kind = (gs_part_kind)columns->kinds[p];
        const gs_background *background = m ? &m->backgrounds[gs_part_background_kind(kind)] : NULL;
        parts[p] = (gs_query_part){.kind = kind,
                                   .method = (gs_method)columns->methods[p],
                                   .weight = columns->weights[p],
                                   .background = background && background->means ? background : NULL};
    }
    return parts;
}

/* means [count] are borrowed as long as m is used. */
EMSCRIPTEN_KEEPALIVE
void wasm_means_set_background(wasm_means *m, int32_t kind, const double *means, double lead, double density,
                               double lowrank)
{
    m->backgrounds[kind] = (gs_background){means, {lead, density, lowrank}};
}

/* scores [n, count]: the parts' first moments, which become their scores by the first moment or the centred one. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_means_score(const wasm_means *m, const wasm_parts *columns, double *scores, gs_error *err)
{
    gs_query_part *parts = make_parts(columns, m, err);
    if (!parts)
        return GS_ENOMEM;
    for (size_t p = 0; p < columns->n; p++)
        for (size_t i = 0; i < m->table.count; i++)
            scores[p * m->table.count + i] -= gs_query_advantage(&parts[p], i);
    free(parts);
    return GS_OK;
}

/* gs_query_matched(); matched [n + 1]: 0 or 1, then gs_query_any_matched(). */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_means_matched(const wasm_means *m, const wasm_parts *columns, const double *cosines,
                             const double *scores, const double *log_probability, uint8_t *matched, gs_error *err)
{
    _Static_assert(sizeof(bool) == sizeof *matched, "a bool is a byte");
    gs_query_part *parts = make_parts(columns, m, err);
    if (!parts)
        return GS_ENOMEM;
    gs_status st = gs_query_matched(parts, columns->n, cosines, scores, log_probability, m->table.count,
                                    (bool *)matched, err);
    matched[columns->n] = st == GS_OK && gs_query_any_matched(parts, columns->n, (bool *)matched);
    free(parts);
    return st;
}

/* gs_query_candidates(), of cosines that wasm_means_score() has seen; candidates [*most], and *most := how many there are. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_query_candidates(const wasm_parts *columns, double *cosines, size_t count, double tau,
                                uint32_t *candidates, size_t *most, gs_error *err)
{
    gs_query_part *parts = make_parts(columns, NULL, err);
    if (!parts)
        return GS_ENOMEM;
    *most = gs_query_candidates(parts, columns->n, cosines, count, tau, candidates, *most);
    free(parts);
    return GS_OK;
}

/* gs_query_rank(); *conflict: 0 or 1. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_query_rank(const wasm_parts *columns, const double *scores, size_t count, double tau,
                          double *log_probability, uint32_t *conflict, gs_error *err)
{
    gs_query_part *parts = make_parts(columns, NULL, err);
    if (!parts)
        return GS_ENOMEM;
    bool in_conflict = false;
    gs_status st = gs_query_rank(parts, columns->n, scores, count, tau, log_probability, &in_conflict, err);
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

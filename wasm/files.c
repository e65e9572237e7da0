/* files.c - the files of a published folder: a tokenizer, the means of all models, one model. */
#include "core/catalog.h"
#include "wasm/binding.h"

#include <stdlib.h> /* malloc, free */
#include <string.h> /* memcpy */

/* A file of a model, in one of the forms that methods need; what is widened lies behind it. */
struct wasm_model {
    gs_scored_model scored; /* borrows one of the next three */
    gs_lowrank lowrank;     /* these borrow the file's bytes */
    gs_gaussian gaussian;
    gs_table features;
    float widened[1];
};

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

/* means [count] are borrowed as long as m is used. */
EMSCRIPTEN_KEEPALIVE
void wasm_means_set_background(wasm_means *m, int32_t kind, const double *means, double lead, double density,
                               double lowrank)
{
    m->backgrounds[kind] = (gs_background){means, {lead, density, lowrank}};
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

#include "indexer/search/search.h"

#include "core/catalog.h"
#include "indexer/search/prepare.h"
#include "indexer/stats/frechet.h"

#include <math.h> /* NAN, sqrt */
#include <stdlib.h>
#include <string.h>

/* A part's model as a query: its Gaussian in the form that the Frechet distance wants, and its mean as a feature. */
typedef struct {
    int64_t id;
    uint64_t count;
    gs_root root;
    float *mean, *feature; /* [dim]       owned */
    float *covariance;     /* [dim, dim]  owned; NULL when no part needs one */
} query_model;

typedef struct {
    gs_store *store;
    const gs_search_query *query;
    gs_search_result *result;
    gs_store_means means;
    gs_store_reader *reader;
    gs_query_part *parts; /* [n_parts]  the query's, with the features of model parts */
    query_model *models;  /* [n_parts]  zeroed for other parts */
    bool *passes;         /* [count]    the filter, and being a candidate */
    double *work;         /* [dim] */
    float *covariance;    /* [dim, dim]  when a part needs one */
    float *vectors;       /* [GS_PREPARED_RANK, dim]  of the low-rank form */
    size_t dim;
    double tau;
    bool needs[GS_NEEDS_COVARIANCE + 1];
} searching;

static void free_searching(searching *s)
{
    for (size_t p = 0; s->models && p < s->query->n_parts; p++) {
        gs_root_free(&s->models[p].root);
        free(s->models[p].mean);
        free(s->models[p].feature);
        free(s->models[p].covariance);
    }
    gs_store_reader_close(s->reader);
    gs_store_means_free(&s->means);
    free(s->models);
    free(s->parts);
    free(s->passes);
    free(s->work);
    free(s->covariance);
    free(s->vectors);
}

static gs_status take_memory(searching *s, gs_error *err)
{
    size_t count = s->means.count, n_parts = s->query->n_parts, cells = n_parts * count;
    gs_search_result *r = s->result;
    s->parts = calloc(n_parts + 1, sizeof *s->parts);
    s->models = calloc(n_parts + 1, sizeof *s->models);
    s->passes = calloc(count, sizeof *s->passes);
    s->work = malloc(s->dim * sizeof *s->work);
    s->vectors = malloc(GS_PREPARED_RANK * s->dim * sizeof *s->vectors);
    r->models = malloc(count * sizeof *r->models);
    r->scores = malloc((cells + 1) * sizeof *r->scores);
    r->log_probability = malloc(count * sizeof *r->log_probability);
    if (!s->parts || !s->models || !s->passes || !s->work || !s->vectors || !r->models || !r->scores ||
        !r->log_probability)
        return gs_fail(err, GS_ENOMEM, "no memory to rank %zu models", count);
    memcpy(s->parts, s->query->parts, n_parts * sizeof *s->parts);
    memcpy(r->models, s->means.models, count * sizeof *r->models);
    for (size_t i = 0; i < cells; i++)
        r->scores[i] = NAN;
    r->count = count;
    r->n_parts = n_parts;
    for (size_t p = 0; p < n_parts; p++)
        s->needs[gs_method_needs(s->parts[p].method)] = true;
    if (!s->needs[GS_NEEDS_COVARIANCE])
        return GS_OK;
    s->covariance = malloc(s->dim * s->dim * sizeof *s->covariance);
    return s->covariance ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for a covariance of dimension %zu", s->dim);
}

/* ---- model parts -------------------------------------------------------------------------------------------------------------- */

static gs_status read_query_model(searching *s, size_t p, const gs_store_model *model, gs_error *err)
{
    query_model *q = &s->models[p];
    q->id = model->id;
    q->count = model->count;
    q->mean = malloc(s->dim * sizeof *q->mean);
    q->feature = malloc(s->dim * sizeof *q->feature);
    q->covariance = s->covariance ? malloc(s->dim * s->dim * sizeof *q->covariance) : NULL;
    if (!q->mean || !q->feature || (s->covariance && !q->covariance))
        return gs_fail(err, GS_ENOMEM, "no memory for a model of dimension %zu", s->dim);
    gs_status st = gs_store_read_mean(s->store, model, q->mean, err);
    if (st == GS_OK && q->covariance) {
        st = gs_store_read_covariance(s->store, model, q->covariance, err);
        if (st == GS_OK)
            st = gs_root_init(&q->root, q->covariance, s->dim, q->count, err);
    }
    double square = 0;
    for (size_t k = 0; st == GS_OK && k < s->dim; k++)
        square += (double)q->mean[k] * q->mean[k];
    for (size_t k = 0; st == GS_OK && k < s->dim; k++)
        q->feature[k] = square > 0 ? (float)(q->mean[k] / sqrt(square)) : q->mean[k];
    s->parts[p].feature = q->feature;
    return st;
}

static gs_status read_query_models(searching *s, gs_error *err)
{
    gs_status st = GS_OK;
    for (size_t p = 0; p < s->query->n_parts && st == GS_OK; p++) {
        gs_store_model model;
        if (s->parts[p].kind != GS_PART_MODEL)
            continue;
        st = gs_store_find(s->store, s->query->slugs[p], &model, err);
        if (st != GS_OK)
            break;
        st = read_query_model(s, p, &model, err);
        gs_store_model_free(&model);
    }
    return st;
}

/* ---- which models ------------------------------------------------------------------------------------------------------------- */

static gs_status apply_filter(void *context, size_t i, const char *const *fields, gs_error *err)
{
    searching *s = context;
    return i < s->means.count ? gs_filter_passes(s->query->filter, fields, &s->passes[i], err) : GS_OK;
}

static gs_status choose_models(searching *s, gs_error *err)
{
    const gs_filter *filter = s->query->filter;
    for (size_t i = 0; i < s->means.count; i++)
        s->passes[i] = true;
    gs_status st = filter && filter->count > 0 ? gs_store_visit_fields(s->store, apply_filter, s, err) : GS_OK;
    for (size_t i = 0; i < s->means.count; i++)
        for (size_t p = 0; p < s->query->n_parts; p++)
            if (s->models[p].id == s->means.models[i])
                s->passes[i] = false;
    return st;
}

/* Where only some candidates are scored by costly methods, leaves the others out. */
static gs_status choose_candidates(searching *s, gs_error *err)
{
    size_t count = s->means.count, most = s->query->candidates, n_parts = s->query->n_parts;
    bool costly = s->needs[GS_NEEDS_GAUSSIAN] || s->needs[GS_NEEDS_LOWRANK] || s->needs[GS_NEEDS_FEATURES] ||
                  s->needs[GS_NEEDS_COVARIANCE];
    if (!costly || most == 0 || most >= count)
        return GS_OK;
    double *cosines = malloc((n_parts * count + 1) * sizeof *cosines);
    uint32_t *candidates = malloc(most * sizeof *candidates);
    gs_status st = cosines && candidates ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu candidates", most);
    if (st == GS_OK) {
        for (size_t p = 0; p < n_parts; p++)
            gs_score_first_moment(s->means.means, count, s->dim, s->parts[p].feature, cosines + p * count);
        for (size_t i = 0; i < count; i++)
            if (!s->passes[i])
                cosines[i] = NAN;
        size_t n = gs_query_candidates(s->parts, n_parts, cosines, count, s->tau, candidates, most);
        memset(s->passes, 0, count * sizeof *s->passes);
        for (size_t k = 0; k < n; k++)
            s->passes[candidates[k]] = true;
    }
    free(candidates);
    free(cosines);
    return st;
}

/* ---- scoring ------------------------------------------------------------------------------------------------------------------ */

/* What the parts' methods need of model i, as core/query.h takes it. What a database from before it was prepared lacks is computed. */
typedef struct {
    gs_scored_model model;
    uint64_t count; /* samples, when the covariance is loaded */
    size_t rank;    /* of the covariance, once known */
    gs_gaussian gaussian;
    gs_lowrank lowrank;
    gs_store_features features; /* owned */
    gs_prepared prepared;       /* owned */
} loaded;

static gs_status find_model(const searching *s, size_t i, gs_store_model *model, gs_error *err)
{
    return gs_store_find_id(s->store, s->means.models[i], model, err);
}

static gs_status prepare_now(searching *s, size_t i, loaded *l, gs_error *err)
{
    gs_store_model model;
    if (l->prepared.factor) /* for the model's other form already, which points into it */
        return GS_OK;
    gs_status st = find_model(s, i, &model, err);
    if (st != GS_OK)
        return st;
    st = gs_prepare(s->store, &model, &l->prepared, err);
    gs_store_model_free(&model);
    return st;
}

static gs_status load_gaussian(searching *s, size_t i, loaded *l, gs_error *err)
{
    gs_store_prepared row = {0};
    gs_status st = gs_store_read_factor(s->reader, s->means.runs[i], &row, err);
    if (st == GS_ENOTFOUND && (st = prepare_now(s, i, l, err)) == GS_OK)
        row = l->prepared.row;
    l->gaussian = (gs_gaussian){s->dim, l->model.mean, row.factor, row.log_determinant};
    l->model.gaussian = &l->gaussian;
    return st;
}

static gs_status load_lowrank(searching *s, size_t i, loaded *l, gs_error *err)
{
    uint8_t fingerprint[GS_FINGERPRINT];
    size_t rank, dim;
    gs_store_prepared row = {0};
    gs_status st = gs_store_read_lowrank(s->reader, s->means.runs[i], &row, err);
    if (st == GS_ENOTFOUND && (st = prepare_now(s, i, l, err)) == GS_OK)
        row = l->prepared.row;
    if (st == GS_OK)
        st = gs_lowrank_peek(row.lowrank, row.lowrank_size, &rank, &dim, err);
    if (st == GS_OK && (dim != s->dim || rank > GS_PREPARED_RANK))
        st = gs_fail(err, GS_EFORMAT, "prepared.lowrank is of rank %zu and dimension %zu, expected at most %d and %zu",
                     rank, dim, GS_PREPARED_RANK, s->dim);
    if (st == GS_OK)
        st = gs_lowrank_open(&l->lowrank, fingerprint, row.lowrank, row.lowrank_size, s->vectors, err);
    l->model.lowrank = &l->lowrank;
    return st;
}

static gs_status load_features(searching *s, size_t i, loaded *l, gs_error *err)
{
    gs_status st = gs_store_read_features(s->store, s->means.runs[i], &l->features, err);
    l->model.features = l->features.vectors;
    l->model.n_features = l->features.count;
    return st;
}

static gs_status load_covariance(searching *s, size_t i, loaded *l, gs_error *err)
{
    gs_store_model model;
    gs_status st = find_model(s, i, &model, err);
    if (st != GS_OK)
        return st;
    st = gs_store_read_covariance(s->store, &model, s->covariance, err);
    l->count = model.count;
    gs_store_model_free(&model);
    return st;
}

static gs_status score_part(searching *s, size_t p, loaded *l, double *score, gs_error *err)
{
    if (s->parts[p].method != GS_FRECHET)
        return gs_query_score(&s->parts[p], &l->model, s->tau, s->work, score, err);
    double distance = 0;
    const query_model *q = &s->models[p];
    gs_distribution own = {q->mean, q->covariance, s->dim, q->count};
    gs_distribution other = {l->model.mean, s->covariance, s->dim, l->count};
    gs_status st = gs_root_distance(&q->root, &own, &other, &l->rank, &distance, err);
    *score = -distance;
    return st;
}

/* All parts of one model, so that what is read of it is read once. */
static gs_status score_model(searching *s, size_t i, gs_error *err)
{
    loaded l = {.model = {.dim = s->dim, .mean = s->means.means + i * s->dim}, .rank = GS_RANK_UNKNOWN};
    gs_status st = GS_OK;
    if (s->needs[GS_NEEDS_GAUSSIAN])
        st = load_gaussian(s, i, &l, err);
    if (st == GS_OK && s->needs[GS_NEEDS_LOWRANK])
        st = load_lowrank(s, i, &l, err);
    if (st == GS_OK && s->needs[GS_NEEDS_FEATURES])
        st = load_features(s, i, &l, err);
    if (st == GS_OK && s->needs[GS_NEEDS_COVARIANCE])
        st = load_covariance(s, i, &l, err);
    for (size_t p = 0; p < s->query->n_parts && st == GS_OK; p++)
        st = score_part(s, p, &l, &s->result->scores[p * s->means.count + i], err);
    gs_store_features_free(&l.features);
    gs_prepared_free(&l.prepared);
    return st;
}

static gs_status score_models(searching *s, gs_error *err)
{
    gs_status st = GS_OK;
    for (size_t i = 0; i < s->means.count && st == GS_OK; i++) {
        if (!s->passes[i])
            continue;
        s->result->ranked++;
        st = score_model(s, i, err);
        gs_store_model model;
        if (st != GS_OK && find_model(s, i, &model, NULL) == GS_OK) {
            gs_error_prefix(err, st, "model '%s'", model.slug);
            gs_store_model_free(&model);
        }
    }
    return st;
}

gs_status gs_search(gs_store *store, const gs_search_query *query, gs_search_result *result, gs_error *err)
{
    searching s = {.store = store, .query = query, .result = result};
    gs_store_encoder encoder;
    *result = (gs_search_result){0};
    gs_status st = gs_store_get_encoder(store, &encoder, err);
    if (st == GS_OK)
        st = gs_store_read_means(store, &s.means, err);
    if (st != GS_OK || s.means.count == 0) {
        gs_store_means_free(&s.means);
        return st;
    }
    s.dim = encoder.dim;
    s.tau = encoder.tau;
    st = take_memory(&s, err);
    if (st == GS_OK)
        st = gs_store_reader_open(&s.reader, store, err);
    if (st == GS_OK)
        st = read_query_models(&s, err);
    if (st == GS_OK)
        st = choose_models(&s, err);
    if (st == GS_OK)
        st = choose_candidates(&s, err);
    if (st == GS_OK)
        st = score_models(&s, err);
    if (st == GS_OK)
        st = gs_query_rank(s.parts, query->n_parts, result->scores, result->count, s.tau, result->log_probability,
                           &result->conflict, err);
    free_searching(&s);
    if (st != GS_OK)
        gs_search_free(result);
    return st;
}

void gs_search_free(gs_search_result *result)
{
    free(result->models);
    free(result->scores);
    free(result->log_probability);
    *result = (gs_search_result){0};
}

#include "indexer/search/search.h"

#include "core/combine.h"
#include "indexer/stats/stats.h"

#include <stdlib.h>

typedef struct {
    gs_store *store;
    size_t dim;
    double tau;
    float *mean;       /* [dim]       of the model being scored */
    float *covariance; /* [dim, dim]  of it, when a method needs that */
} scorer;

static gs_status score_gaussian(const scorer *s, const float *query, double *score, gs_error *err)
{
    gs_gaussian gaussian;
    gs_status st = gs_gaussian_init(&gaussian, s->mean, s->covariance, s->dim, err);
    if (st != GS_OK)
        return st;
    *score = gs_gaussian_density(&gaussian, query);
    gs_gaussian_free(&gaussian);
    return GS_OK;
}

static gs_status score_lowrank(const scorer *s, const float *query, double *score, gs_error *err)
{
    gs_eigen eigen;
    gs_status st = gs_eigen_init(&eigen, s->mean, s->covariance, s->dim, err);
    if (st != GS_OK)
        return st;
    gs_lowrank lowrank;
    float *storage = NULL;
    st = gs_eigen_lowrank(&eigen, GS_SEARCH_RANK, &lowrank, &storage, err);
    if (st == GS_OK)
        *score = gs_score_gaussian_lowrank(&lowrank, query);
    free(storage);
    gs_eigen_free(&eigen);
    return st;
}

static gs_status score_monte_carlo(const scorer *s, const gs_store_model *model, const float *query, double *score,
                                   gs_error *err)
{
    gs_store_features features;
    gs_status st = gs_store_read_features(s->store, model->run, &features, err);
    if (st != GS_OK)
        return st;
    if (features.count == 0)
        st = gs_fail(err, GS_EARGS, "no features are kept; index it with --keep-features to score it by monte-carlo");
    else
        *score = gs_score_monte_carlo(features.vectors, features.count, s->dim, query, s->tau);
    gs_store_features_free(&features);
    return st;
}

static gs_status score_part(const scorer *s, const gs_store_model *model, const gs_query_part *part, double *score,
                            gs_error *err)
{
    switch (part->method) {
    case GS_FIRST_MOMENT:
        gs_score_first_moment(s->mean, 1, s->dim, part->feature, score);
        return GS_OK;
    case GS_FIRST_SECOND_MOMENT:
        *score = gs_score_first_second_moment(s->mean, s->covariance, s->dim, part->feature, s->tau);
        return GS_OK;
    case GS_GAUSSIAN_DENSITY:
        return score_gaussian(s, part->feature, score, err);
    case GS_GAUSSIAN_LOWRANK:
        return score_lowrank(s, part->feature, score, err);
    case GS_MONTE_CARLO:
        return score_monte_carlo(s, model, part->feature, score, err);
    case GS_METHOD_COUNT:
        break;
    }
    return gs_fail(err, GS_EARGS, "unknown method %d", (int)part->method);
}

static bool needs_covariance(const gs_query_part *parts, size_t n_parts)
{
    for (size_t p = 0; p < n_parts; p++)
        if (parts[p].method != GS_FIRST_MOMENT && parts[p].method != GS_MONTE_CARLO)
            return true;
    return false;
}

/* Model after model, so that each one's moments are read once for all parts. */
static gs_status score_all(scorer *s, const gs_query_part *parts, size_t n_parts, gs_search_result *r, gs_error *err)
{
    bool second = needs_covariance(parts, n_parts);
    gs_status st = GS_OK;
    for (size_t i = 0; i < r->list.count && st == GS_OK; i++) {
        const gs_store_model *model = &r->list.models[i];
        st = gs_store_read_mean(s->store, model, s->mean, err);
        if (st == GS_OK && second)
            st = gs_store_read_covariance(s->store, model, s->covariance, err);
        for (size_t p = 0; p < n_parts && st == GS_OK; p++)
            st = score_part(s, model, &parts[p], &r->scores[p * r->list.count + i], err);
        if (st != GS_OK)
            gs_error_prefix(err, st, "model '%s'", model->slug);
    }
    return st;
}

static gs_status combine(const scorer *s, const gs_query_part *parts, size_t n_parts, gs_search_result *r,
                         gs_error *err)
{
    size_t count = r->list.count;
    double *experts = malloc(n_parts * count * sizeof *experts);
    if (!experts)
        return gs_fail(err, GS_ENOMEM, "no memory to rank %zu models", count);
    for (size_t p = 0; p < n_parts; p++) {
        double scale = gs_method_scale(parts[p].method, s->tau);
        for (size_t i = 0; i < count; i++)
            experts[p * count + i] = scale * r->scores[p * count + i];
        gs_log_softmax(experts + p * count, count);
    }
    gs_combine(experts, NULL, n_parts, count, r->log_probability);
    free(experts);
    return GS_OK;
}

gs_status gs_search(gs_store *store, const gs_query_part *parts, size_t n_parts, gs_search_result *result,
                    gs_error *err)
{
    *result = (gs_search_result){0};
    gs_store_encoder encoder;
    gs_status st = gs_store_get_encoder(store, &encoder, err);
    if (st == GS_OK)
        st = gs_store_list_finished(store, &result->list, err);
    if (st == GS_OK && result->list.count == 0)
        st = gs_fail(err, GS_ENOTFOUND, "no model is indexed yet");
    if (st != GS_OK)
        return st;

    size_t count = result->list.count, dim = encoder.dim;
    scorer s = {.store = store, .dim = dim, .tau = encoder.tau};
    s.mean = malloc(dim * sizeof *s.mean);
    s.covariance = malloc(dim * dim * sizeof *s.covariance);
    result->scores = calloc(n_parts * count, sizeof *result->scores);
    result->log_probability = calloc(count, sizeof *result->log_probability);
    if (!s.mean || !s.covariance || !result->scores || !result->log_probability)
        st = gs_fail(err, GS_ENOMEM, "no memory to rank %zu models", count);
    if (st == GS_OK)
        st = score_all(&s, parts, n_parts, result, err);
    if (st == GS_OK)
        st = combine(&s, parts, n_parts, result, err);
    free(s.mean);
    free(s.covariance);
    if (st != GS_OK)
        gs_search_free(result);
    return st;
}

void gs_search_free(gs_search_result *result)
{
    gs_store_list_free(&result->list);
    free(result->scores);
    free(result->log_probability);
    *result = (gs_search_result){0};
}

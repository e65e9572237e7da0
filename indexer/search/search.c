#include "indexer/search/search.h"

#include <math.h> /* NAN, sqrt */
#include <stdlib.h>
#include <string.h>

/* A part's model as a query: its mean as a feature, and its Gaussian in the form that the part's Frechet distance wants. */
typedef struct {
    size_t index;
    float *feature;               /* [dim]  owned */
    float *copy;                  /* owned; what the next two borrow */
    gs_distribution distribution; /* of GS_FRECHET */
    gs_root root;
    gs_lowrank lowrank; /* of GS_FRECHET_LOWRANK */
} query_model;

typedef struct {
    gs_source *source;
    const gs_search_query *query;
    gs_search_result *result;
    gs_query_part *parts; /* [n_parts]         the query's, with the features of model parts */
    query_model *models;  /* [n_parts]         zeroed for other parts */
    gs_background backgrounds[GS_PART_KIND_COUNT];
    bool *passes;    /* [count]           the filter, and being a candidate */
    double *cosines; /* [n_parts, count]  the first moment of each part */
    void *work;      /* dim doubles */
    bool needs[GS_NEEDS_COVARIANCE + 1];
} searching;

static void free_searching(searching *s)
{
    for (size_t p = 0; s->models && p < s->query->n_parts; p++) {
        gs_root_free(&s->models[p].root);
        free(s->models[p].feature);
        free(s->models[p].copy);
    }
    free(s->models);
    free(s->parts);
    free(s->passes);
    free(s->cosines);
    free(s->work);
}

static gs_status take_memory(searching *s, gs_error *err)
{
    size_t count = s->source->count, n_parts = s->query->n_parts, cells = n_parts * count;
    gs_search_result *r = s->result;
    s->parts = calloc(n_parts + 1, sizeof *s->parts);
    s->models = calloc(n_parts + 1, sizeof *s->models);
    s->passes = calloc(count + 1, sizeof *s->passes);
    s->cosines = malloc((cells + 1) * sizeof *s->cosines);
    s->work = malloc(s->source->dim * sizeof(double));
    r->scores = malloc((cells + 1) * sizeof *r->scores);
    r->matched = calloc(n_parts + 1, sizeof *r->matched);
    r->log_probability = malloc((count + 1) * sizeof *r->log_probability);
    if (!s->parts || !s->models || !s->passes || !s->cosines || !s->work || !r->scores || !r->matched ||
        !r->log_probability)
        return gs_fail(err, GS_ENOMEM, "no memory to rank %zu models", count);
    memcpy(s->parts, s->query->parts, n_parts * sizeof *s->parts);
    for (size_t i = 0; i < cells; i++)
        r->scores[i] = NAN;
    r->count = count;
    r->n_parts = n_parts;
    memcpy(s->backgrounds, s->source->backgrounds, sizeof s->backgrounds);
    for (int kind = 0; kind < GS_PART_KIND_COUNT && s->query->rank > 0; kind++)
        s->backgrounds[kind].cutoffs.lowrank = -INFINITY; /* known for the whole low-rank form alone */
    for (size_t p = 0; p < n_parts; p++) {
        const gs_background *background = &s->backgrounds[gs_part_background_kind(s->parts[p].kind)];
        s->parts[p].background = background->means ? background : NULL;
        s->needs[gs_method_needs(s->parts[p].method)] = true;
    }
    if (s->needs[GS_NEEDS_COVARIANCE] && !s->source->load_distribution)
        return gs_fail(err, GS_EARGS,
                       "%s needs the covariances themselves, which a published folder does not hold: frechet-lowrank "
                       "reads what it holds",
                       gs_method_name(GS_FRECHET));
    return GS_OK;
}

/* ---- model parts -------------------------------------------------------------------------------------------------------------- */

static gs_status read_query_feature(searching *s, query_model *q, gs_error *err)
{
    size_t dim = s->source->dim;
    q->feature = malloc(dim * sizeof *q->feature);
    if (!q->feature)
        return gs_fail(err, GS_ENOMEM, "no memory for a model of dimension %zu", dim);
    gs_query_model_feature(&s->source->means, s->source->norms, q->index, q->feature);
    return GS_OK;
}

/* A copy: the source holds one distribution at a time. */
static gs_status read_query_distribution(searching *s, query_model *q, gs_error *err)
{
    size_t dim = s->source->dim;
    gs_status st = s->source->load_distribution(s->source, q->index, &q->distribution, err);
    if (st != GS_OK)
        return st;
    q->copy = malloc((dim + 1) * dim * sizeof *q->copy);
    if (!q->copy)
        return gs_fail(err, GS_ENOMEM, "no memory for a covariance of dimension %zu", dim);
    q->distribution.mean = memcpy(q->copy, q->distribution.mean, dim * sizeof *q->copy);
    q->distribution.covariance = memcpy(q->copy + dim, q->distribution.covariance, dim * dim * sizeof *q->copy);
    return gs_root_init(&q->root, q->distribution.covariance, dim, q->distribution.count, err);
}

/* What methods with these needs read of model i; *lowrank holds what model borrows. */
static gs_status load(searching *s, size_t i, gs_needs needs, gs_scored_model *model, gs_lowrank *lowrank,
                      gs_error *err)
{
    gs_status st = s->source->load(s->source, i, needs, model, err);
    if (st != GS_OK || needs != GS_NEEDS_LOWRANK || s->query->rank == 0)
        return st;
    *lowrank = *model->lowrank;
    gs_lowrank_cut(lowrank, s->query->rank);
    model->lowrank = lowrank;
    return GS_OK;
}

static gs_status read_query_lowrank(searching *s, query_model *q, gs_error *err)
{
    gs_scored_model model = {0};
    gs_lowrank cut;
    gs_status st = load(s, q->index, GS_NEEDS_LOWRANK, &model, &cut, err);
    if (st != GS_OK)
        return st;
    size_t dim = s->source->dim, rank = model.lowrank->rank;
    q->copy = malloc((dim + rank + rank * dim) * sizeof *q->copy);
    if (!q->copy)
        return gs_fail(err, GS_ENOMEM, "no memory for a low-rank form of dimension %zu", dim);
    q->lowrank = *model.lowrank;
    q->lowrank.mean = memcpy(q->copy, q->lowrank.mean, dim * sizeof *q->copy);
    q->lowrank.values = memcpy(q->copy + dim, q->lowrank.values, rank * sizeof *q->copy);
    q->lowrank.vectors = memcpy(q->copy + dim + rank, q->lowrank.vectors, rank * dim * sizeof *q->copy);
    return GS_OK;
}

static gs_status read_query_models(searching *s, gs_error *err)
{
    gs_status st = GS_OK;
    for (size_t p = 0; p < s->query->n_parts && st == GS_OK; p++) {
        query_model *q = &s->models[p];
        if (s->parts[p].kind != GS_PART_MODEL)
            continue;
        st = s->source->find(s->source, s->query->slugs[p], &q->index, err);
        if (st == GS_OK)
            st = read_query_feature(s, q, err);
        if (st == GS_OK && s->parts[p].method == GS_FRECHET)
            st = read_query_distribution(s, q, err);
        if (st == GS_OK && s->parts[p].method == GS_FRECHET_LOWRANK)
            st = read_query_lowrank(s, q, err);
        s->parts[p].feature = q->feature;
        s->parts[p].lowrank = &q->lowrank;
    }
    return st;
}

/* ---- which models ------------------------------------------------------------------------------------------------------------- */

static gs_status apply_filter(void *context, size_t i, const char *const *fields, gs_error *err)
{
    searching *s = context;
    return i < s->source->count ? gs_filter_passes(s->query->filter, fields, &s->passes[i], err) : GS_OK;
}

/* Without its field, a condition would hold for no model, or for all. */
static gs_status check_fields(const gs_source *source, const gs_filter *filter, gs_error *err)
{
    for (size_t c = 0; c < filter->count; c++)
        for (size_t f = 0; f < GS_FIELD_COUNT; f++)
            if (source->absent[f] && (filter->conditions[c].field == f ||
                                      (filter->conditions[c].field == GS_FIELD_ANY && f < GS_FIELD_RESOLUTION)))
                return gs_fail(err, GS_ENOTFOUND, "the folder was published without %s: publish it again",
                               source->absent[f]);
    return GS_OK;
}

static gs_status choose_models(searching *s, gs_error *err)
{
    const gs_filter *filter = s->query->filter;
    for (size_t i = 0; i < s->source->count; i++)
        s->passes[i] = true;
    bool filters = filter && filter->count > 0;
    gs_status st = filters ? check_fields(s->source, filter, err) : GS_OK;
    if (st == GS_OK && filters)
        st = s->source->visit_fields(s->source, apply_filter, s, err);
    for (size_t p = 0; st == GS_OK && p < s->query->n_parts; p++)
        if (s->parts[p].kind == GS_PART_MODEL)
            s->passes[s->models[p].index] = false;
    return st;
}

/* Of each part with every model: what candidates are chosen by, and a score. */
static gs_status score_first_moments(searching *s, gs_error *err)
{
    const gs_source *source = s->source;
    gs_table_query query;
    gs_status st = GS_OK;
    for (size_t p = 0; st == GS_OK && p < s->query->n_parts; p++) {
        st = gs_table_query_init(&query, &source->means, s->parts[p].feature, s->work, err);
        if (st == GS_OK)
            gs_table_first_moment(&source->means, source->norms, &query, 0, source->count,
                                  s->cosines + p * source->count);
    }
    return st;
}

/* Where only some candidates are scored by costly methods, leaves the others out. */
static gs_status choose_candidates(searching *s, gs_error *err)
{
    size_t count = s->source->count, most = s->query->candidates, n_parts = s->query->n_parts;
    bool costly = s->needs[GS_NEEDS_GAUSSIAN] || s->needs[GS_NEEDS_LOWRANK] || s->needs[GS_NEEDS_FEATURES] ||
                  s->needs[GS_NEEDS_COVARIANCE];
    if (!costly || most == 0 || most >= count)
        return GS_OK;
    double *cosines = malloc((n_parts * count + 1) * sizeof *cosines);
    uint32_t *candidates = malloc(most * sizeof *candidates);
    gs_status st = cosines && candidates ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu candidates", most);
    if (st == GS_OK) {
        memcpy(cosines, s->cosines, n_parts * count * sizeof *cosines);
        for (size_t i = 0; i < count; i++)
            if (!s->passes[i])
                cosines[i] = NAN;
        size_t n = gs_query_candidates(s->parts, n_parts, cosines, count, s->source->tau, candidates, most);
        memset(s->passes, 0, count * sizeof *s->passes);
        for (size_t k = 0; k < n; k++)
            s->passes[candidates[k]] = true;
    }
    free(candidates);
    free(cosines);
    return st;
}

/* ---- scoring ------------------------------------------------------------------------------------------------------------------ */

static gs_status score_part(searching *s, size_t p, size_t i, const gs_scored_model *model,
                            const gs_distribution *other, size_t *rank, gs_error *err)
{
    size_t cell = p * s->source->count + i;
    const query_model *q = &s->models[p];
    double distance = 0;
    gs_status st = GS_OK;
    switch (s->parts[p].method) {
    case GS_FIRST_MOMENT:
    case GS_CENTRED_MOMENT:
        s->result->scores[cell] = s->cosines[cell] - gs_query_advantage(&s->parts[p], i);
        return GS_OK;
    case GS_FRECHET:
        st = gs_root_distance(&q->root, &q->distribution, other, rank, &distance, err);
        s->result->scores[cell] = -distance;
        return st;
    default:
        return gs_query_score(&s->parts[p], model, s->source->tau, s->work, &s->result->scores[cell], err);
    }
}

/* All parts of one model, so that what is read of it is read once. */
static gs_status score_model(searching *s, size_t i, gs_error *err)
{
    gs_source *source = s->source;
    gs_scored_model model = {.index = i, .dim = source->dim};
    gs_distribution distribution = {0};
    gs_lowrank cut;
    size_t rank = GS_RANK_UNKNOWN; /* of the covariance */
    gs_status st = GS_OK;
    for (gs_needs needs = GS_NEEDS_GAUSSIAN; needs <= GS_NEEDS_FEATURES && st == GS_OK; needs++)
        if (s->needs[needs])
            st = load(s, i, needs, &model, &cut, err);
    if (st == GS_OK && s->needs[GS_NEEDS_COVARIANCE])
        st = source->load_distribution(source, i, &distribution, err);
    for (size_t p = 0; p < s->query->n_parts && st == GS_OK; p++)
        st = score_part(s, p, i, &model, &distribution, &rank, err);
    return st;
}

static gs_status score_models(searching *s, gs_error *err)
{
    gs_status st = GS_OK;
    for (size_t i = 0; i < s->source->count && st == GS_OK; i++) {
        if (!s->passes[i])
            continue;
        s->result->ranked++;
        st = score_model(s, i, err);
        gs_source_model model;
        if (st != GS_OK && s->source->describe(s->source, i, &model, NULL) == GS_OK) {
            gs_error_prefix(err, st, "model '%s'", model.slug);
            gs_source_model_free(&model);
        }
    }
    return st;
}

gs_status gs_search(gs_source *source, const gs_search_query *query, gs_search_result *result, gs_error *err)
{
    searching s = {.source = source, .query = query, .result = result};
    *result = (gs_search_result){0};
    if (source->count == 0)
        return GS_OK;
    gs_status st = take_memory(&s, err);
    if (st == GS_OK)
        st = read_query_models(&s, err);
    if (st == GS_OK)
        st = choose_models(&s, err);
    if (st == GS_OK)
        st = score_first_moments(&s, err);
    if (st == GS_OK)
        st = choose_candidates(&s, err);
    if (st == GS_OK)
        st = score_models(&s, err);
    if (st == GS_OK)
        st = gs_query_rank(s.parts, query->n_parts, result->scores, result->count, source->tau, result->log_probability,
                           &result->conflict, err);
    if (st == GS_OK)
        st = gs_query_matched(s.parts, query->n_parts, s.cosines, result->scores, result->log_probability,
                              result->count, result->matched, NULL, err);
    if (st == GS_OK)
        result->found = gs_query_any_matched(s.parts, query->n_parts, result->matched);
    free_searching(&s);
    if (st != GS_OK)
        gs_search_free(result);
    return st;
}

void gs_search_free(gs_search_result *result)
{
    free(result->scores);
    free(result->log_probability);
    free(result->matched);
    *result = (gs_search_result){0};
}

/* ---- sources ------------------------------------------------------------------------------------------------------------------ */

void gs_source_model_free(gs_source_model *model)
{
    free(model->slug);
    free(model->title);
    free(model->type);
    *model = (gs_source_model){0};
}

void gs_source_close(gs_source *source)
{
    if (source)
        source->close(source);
}

#include "indexer/eval/evaluate.h"

#include "core/catalog.h" /* gs_lowrank_size */
#include "core/combine.h"
#include "core/rank.h"
#include "indexer/eval/expect.h"

#include <math.h> /* NAN */
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const names[] = {[GS_EVAL_DEFAULT - GS_METHOD_COUNT] = "default",
                                    [GS_EVAL_PLAIN - GS_METHOD_COUNT] = "plain-product",
                                    [GS_EVAL_TITLES - GS_METHOD_COUNT] = "titles"};

const char *gs_eval_method_name(gs_eval_method method)
{
    return (int)method < GS_METHOD_COUNT ? gs_method_name((gs_method)method) : names[method - GS_METHOD_COUNT];
}

gs_status gs_eval_method_parse(const char *name, gs_eval_method *method, gs_error *err)
{
    for (int i = GS_METHOD_COUNT; i < GS_EVAL_METHOD_COUNT; i++)
        if (strcmp(name, gs_eval_method_name((gs_eval_method)i)) == 0) {
            *method = (gs_eval_method)i;
            return GS_OK;
        }
    gs_method own;
    gs_status st = gs_method_parse(name, &own, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st, "default, plain-product, titles, or a method of search");
    *method = (gs_eval_method)own;
    return GS_OK;
}

/* ---- the models --------------------------------------------------------------------------------------------------------------- */

static gs_status keep_tags(void *context, size_t i, const char *const *fields, gs_error *err)
{
    gs_evaluation *e = context;
    const char *tags = fields[GS_FIELD_TAG];
    if (i >= e->source->count || !tags)
        return GS_OK;
    e->tags[i] = strdup(tags);
    return e->tags[i] ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for tags");
}

gs_status gs_evaluation_init(gs_evaluation *e, gs_source *source, const gs_eval_queries *set, gs_error *err)
{
    *e = (gs_evaluation){.source = source, .set = set};
    if (source->count == 0)
        return gs_fail(err, GS_ENOTFOUND, "there is no model to rank: index one first");
    e->models = calloc(source->count + 1, sizeof *e->models);
    e->tags = calloc(source->count + 1, sizeof *e->tags);
    gs_status st = e->models && e->tags ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu models", source->count);
    for (size_t i = 0; i < source->count && st == GS_OK; i++)
        st = source->describe(source, i, &e->models[i], err);
    if (st == GS_OK)
        st = source->visit_fields(source, keep_tags, e, err);
    for (size_t q = 0; q < set->count && st == GS_OK; q++) {
        st = gs_expect_check(e, &set->queries[q], err);
        if (st != GS_OK)
            gs_eval_at_line(set, q, st, err);
    }
    if (st != GS_OK)
        gs_evaluation_free(e);
    return st;
}

void gs_evaluation_free(gs_evaluation *e)
{
    for (size_t i = 0; e->models && i < e->source->count; i++)
        gs_source_model_free(&e->models[i]);
    for (size_t i = 0; e->tags && i < e->source->count; i++)
        free(e->tags[i]);
    free(e->models);
    free(e->tags);
    *e = (gs_evaluation){0};
}

/* ---- what methods read -------------------------------------------------------------------------------------------------------- */

static gs_method method_of(const gs_evaluation *e, gs_eval_method method, gs_part_kind kind)
{
    if ((int)method < GS_METHOD_COUNT)
        return (gs_method)method;
    if (method == GS_EVAL_TITLES)
        return GS_FIRST_MOMENT;
    return e->published ? gs_part_published_method(kind) : gs_part_default_method(kind);
}

/* Whether the method can rank the query. */
static bool applies(const gs_evaluation *e, gs_eval_method method, const gs_eval_query *query)
{
    bool models = false, others = false;
    for (size_t p = 0; p < query->n_parts; p++)
        *(e->set->parts[query->first_part + p].kind == GS_PART_MODEL ? &models : &others) = true;
    if (method == GS_EVAL_PLAIN)
        return query->n_parts > 1;
    if (method == GS_EVAL_TITLES)
        return !models;
    bool compares_models = (int)method == GS_FRECHET || (int)method == GS_FRECHET_LOWRANK;
    return !compares_models || !others;
}

/* Bytes of a row of means, or of titles. */
static double row_bytes(const gs_evaluation *e)
{
    return (double)(e->source->dim * gs_element_size(e->source->means.element));
}

/* *bytes that these needs read of model i beside its mean. */
static gs_status load_model(const gs_evaluation *e, gs_needs needs, size_t i, double *bytes, gs_error *err)
{
    gs_source *source = e->source;
    gs_scored_model model = {.dim = source->dim};
    gs_distribution distribution;
    double packed = (double)(gs_packed_count(source->dim) * sizeof(float));
    if (needs == GS_NEEDS_COVARIANCE && !source->load_distribution)
        return gs_fail(err, GS_EARGS, "a published folder holds no covariances");
    gs_status st = needs == GS_NEEDS_COVARIANCE ? source->load_distribution(source, i, &distribution, err)
                                                : source->load(source, i, needs, &model, err);
    if (st != GS_OK)
        return st;
    if (needs == GS_NEEDS_GAUSSIAN || needs == GS_NEEDS_COVARIANCE)
        *bytes = packed;
    if (needs == GS_NEEDS_LOWRANK) {
        size_t rank = model.lowrank->rank;
        *bytes = (double)gs_lowrank_size(e->rank > 0 && e->rank < rank ? e->rank : rank, source->dim, GS_F32);
    }
    if (needs == GS_NEEDS_FEATURES && model.features->count == 0)
        return gs_fail(err, GS_EARGS, "model '%s' kept no features: index it with --keep-features", e->models[i].slug);
    if (needs == GS_NEEDS_FEATURES)
        *bytes = (double)(model.features->count * source->dim * gs_element_size(model.features->element));
    return GS_OK;
}

gs_status gs_evaluation_load(gs_evaluation *e, gs_eval_method method, gs_error *err)
{
    bool needed[GS_NEEDS_COVARIANCE + 1] = {false}, any = false;
    if (method == GS_EVAL_TITLES && !e->titles)
        return gs_fail(err, GS_EARGS,
                       "titles: none are encoded: the encoder has no text tower, or a folder no descriptions");
    for (size_t q = 0; q < e->set->count; q++) {
        const gs_eval_query *query = &e->set->queries[q];
        bool ranks = applies(e, method, query);
        for (size_t p = 0; p < query->n_parts && ranks; p++)
            needed[gs_method_needs(method_of(e, method, e->set->parts[query->first_part + p].kind))] = true;
        any |= ranks;
    }
    if (!any)
        return gs_fail(err, GS_ENOTFOUND, "%s ranks no query of this set", gs_eval_method_name(method));
    for (int needs = GS_NEEDS_MEAN + 1; needs <= GS_NEEDS_COVARIANCE; needs++) {
        double bytes = 0;
        if (!needed[needs])
            continue;
        e->bytes[needs] = 0;
        for (size_t i = 0; i < e->source->count; i++) {
            gs_status st = load_model(e, (gs_needs)needs, i, &bytes, err);
            if (st != GS_OK)
                return gs_error_prefix(err, st == GS_ENOTFOUND ? GS_EARGS : st, "%s", gs_eval_method_name(method));
            e->bytes[needs] += bytes;
        }
        e->bytes[needs] /= (double)e->source->count;
    }
    return GS_OK;
}

/* What a query reads of a model: the mean, and what the methods of its parts need beside it. */
static double bytes_read(const gs_evaluation *e, const gs_query_part *parts, size_t n_parts)
{
    bool needed[GS_NEEDS_COVARIANCE + 1] = {false};
    double bytes = row_bytes(e);
    for (size_t p = 0; p < n_parts; p++)
        needed[gs_method_needs(parts[p].method)] = true;
    for (int needs = 0; needs <= GS_NEEDS_COVARIANCE; needs++)
        bytes += needed[needs] ? e->bytes[needs] : 0;
    return bytes;
}

/* ---- one query ---------------------------------------------------------------------------------------------------------------- */

/* A ranking by titles, in the shape that gs_search() gives. */
static gs_status search_titles(const gs_evaluation *e, const gs_query_part *parts, size_t n_parts, gs_search_result *r,
                               gs_error *err)
{
    size_t count = e->source->count;
    *r = (gs_search_result){.count = count, .n_parts = n_parts, .ranked = count};
    r->scores = malloc((n_parts * count + 1) * sizeof *r->scores);
    r->log_probability = malloc((count + 1) * sizeof *r->log_probability);
    gs_status st =
        r->scores && r->log_probability ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory to rank %zu models", count);
    for (size_t p = 0; p < n_parts && st == GS_OK; p++)
        gs_score_first_moment(e->titles, count, e->source->dim, parts[p].feature, r->scores + p * count);
    if (st == GS_OK)
        st = gs_query_rank(parts, n_parts, r->scores, count, e->source->tau, r->log_probability, NULL, err);
    if (st != GS_OK)
        gs_search_free(r);
    return st;
}

/* Ranks anew by the product of the experts as they are: their log-likelihoods are only added. */
static void rank_plainly(const gs_evaluation *e, const gs_query_part *parts, gs_search_result *r)
{
    for (size_t i = 0; i < r->count; i++) {
        r->log_probability[i] = 0;
        for (size_t p = 0; p < r->n_parts; p++)
            r->log_probability[i] +=
                parts[p].weight * gs_method_scale(parts[p].method, e->source->tau) * r->scores[p * r->count + i];
    }
    gs_log_softmax(r->log_probability, r->count);
}

static gs_status rank(const gs_evaluation *e, gs_eval_method method, const gs_query_part *parts,
                      const char *const *slugs, size_t n_parts, gs_search_result *result, gs_error *err)
{
    if (method == GS_EVAL_TITLES)
        return search_titles(e, parts, n_parts, result, err);
    gs_search_query query = {.parts = parts,
                             .slugs = slugs,
                             .n_parts = n_parts,
                             .rank = e->rank,
                             .candidates = e->published ? GS_QUERY_CANDIDATES : 0};
    gs_status st = gs_search(e->source, &query, result, err);
    if (st == GS_OK && method == GS_EVAL_PLAIN)
        rank_plainly(e, parts, result);
    return st;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* Room for one ranking, taken once: order and relevant [models.count], parts and slugs [the most parts that a query has]. */
typedef struct {
    uint32_t *order;
    bool *relevant;
    gs_query_part *parts;
    const char **slugs;
} scratch;

static gs_status measure(const gs_evaluation *e, gs_eval_method method, size_t q, scratch *room, gs_outcome *outcome,
                         gs_error *err)
{
    const gs_eval_query *query = &e->set->queries[q];
    gs_search_result result = {0};
    *outcome = (gs_outcome){.applies = applies(e, method, query)};
    if (!outcome->applies)
        return GS_OK;
    for (size_t p = 0; p < query->n_parts; p++) {
        const gs_eval_part *part = &e->set->parts[query->first_part + p];
        room->parts[p] = (gs_query_part){.kind = part->kind,
                                         .method = method_of(e, method, part->kind),
                                         .weight = part->weight,
                                         .feature = e->features + (query->first_part + p) * e->source->dim};
        room->slugs[p] = part->kind == GS_PART_MODEL ? part->input : NULL;
    }
    double start = now();
    gs_status st = rank(e, method, room->parts, room->slugs, query->n_parts, &result, err);
    outcome->milliseconds = now() - start;
    if (st == GS_OK) {
        size_t n = gs_rank_top(result.log_probability, result.count, result.ranked, room->order);
        for (int f = 0; f < GS_FIGURE_COUNT; f++)
            outcome->figures[f] = NAN;
        gs_expect_judge(e, query, room->order, n, room->relevant, outcome->figures);
        if (method != GS_EVAL_TITLES)
            outcome->figures[GS_FIGURE_REFUSED] = !result.found;
        outcome->bytes = bytes_read(e, room->parts, query->n_parts);
        outcome->n_top = n < GS_OUTCOME_TOP ? n : GS_OUTCOME_TOP;
        memcpy(outcome->top, room->order, outcome->n_top * sizeof *outcome->top);
    } else
        gs_eval_at_line(e->set, q, st, err);
    gs_search_free(&result);
    return st;
}

gs_status gs_evaluate(const gs_evaluation *e, gs_eval_method method, gs_outcome *outcomes,
                      void (*progress)(void *context, uint64_t done, uint64_t total), void *context, gs_error *err)
{
    size_t most = 1, count = e->set->count;
    for (size_t q = 0; q < count; q++)
        most = e->set->queries[q].n_parts > most ? e->set->queries[q].n_parts : most;
    scratch room = {malloc((e->source->count + 1) * sizeof *room.order),
                    malloc((e->source->count + 1) * sizeof *room.relevant), calloc(most, sizeof *room.parts),
                    calloc(most, sizeof *room.slugs)};
    gs_status st = room.order && room.relevant && room.parts && room.slugs
                       ? GS_OK
                       : gs_fail(err, GS_ENOMEM, "no memory to rank %zu models", e->source->count);
    for (size_t q = 0; q < count && st == GS_OK; q++) {
        st = measure(e, method, q, &room, &outcomes[q], err);
        if (progress)
            progress(context, q + 1, count);
    }
    free(room.order);
    free(room.relevant);
    free(room.parts);
    free(room.slugs);
    return st;
}

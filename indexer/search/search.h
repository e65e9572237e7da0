/* search.h - the models of a source ranked for a query of one or more parts (core/query.h).
 *
 *     gs_query_part part = {.kind = GS_PART_TEXT, .method = GS_FIRST_MOMENT, .weight = 1, .feature = feature};
 *     gs_search_query query = {.parts = &part, .n_parts = 1};
 *     gs_search_result result;
 *     if ((st = gs_search(source, &query, &result, err)) != GS_OK) return st;     // source.h
 *     uint32_t best[10];
 *     size_t n = gs_rank_top(result.log_probability, result.count, 10, best);
 *     st = source->describe(source, best[0], &model, err);
 *     gs_search_free(&result);
 */
#ifndef GS_SEARCH_H
#define GS_SEARCH_H

#include "core/filter.h"
#include "core/query.h"
#include "indexer/search/source.h"

typedef struct {
    const gs_query_part
        *parts; /* [n_parts]  borrowed, as all here; the feature of a model part is looked up by its slug */
    const char *const *slugs; /* [n_parts]  of model parts; NULL: there is none */
    size_t n_parts;
    const gs_filter *filter; /* NULL: every model may be ranked */
    size_t
        candidates; /* only that many models, the leading ones by first moment, are scored by methods that need more; 0: all */
    size_t rank; /* of low-rank forms, only that many eigenvectors are used; 0: all */
} gs_search_query;

typedef struct {
    size_t count, n_parts;
    double *scores; /* [n_parts, count]  by each part's method; NaN: not ranked                    owned */
    double
        *log_probability; /* [count]           log p(model | all parts), summing to 1 in exp; NaN: not ranked  owned */
    bool *matched; /* [n_parts]  whether a ranked model makes what the part asks for: gs_query_matched()  owned */
    bool found;    /* whether a model makes something of it: gs_query_any_matched() */
    bool conflict; /* no model is near the best one for every part: gs_query_rank() */
    size_t ranked; /* how many models have a probability: all that pass the filter, or the candidates */
} gs_search_result;

/* A source without models gives a result without any. GS_ENOTFOUND when a model part's slug is unknown. GS_EARGS when Monte Carlo is asked of a
 * model that kept no features. A model that was named as a part is not ranked: it would be nearest to itself. */
gs_status gs_search(gs_source *source, const gs_search_query *query, gs_search_result *result, gs_error *err);
void gs_search_free(gs_search_result *result); /* safe on a zeroed one */

#endif

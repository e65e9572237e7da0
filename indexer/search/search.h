/* search.h - the models of a database ranked for a query of one or more parts (core/query.h).
 *
 *     gs_query_part part = {GS_PART_TEXT, GS_FIRST_MOMENT, 1, feature};
 *     gs_search_query query = {.parts = &part, .n_parts = 1};
 *     gs_search_result result;
 *     if ((st = gs_search(store, &query, &result, err)) != GS_OK) return st;
 *     uint32_t best[10];
 *     size_t n = gs_rank_top(result.log_probability, result.count, 10, best);
 *     st = gs_store_find_id(store, result.models[best[0]], &model, err);      // what is shown is read, nothing else
 *     gs_search_free(&result);
 */
#ifndef GS_SEARCH_H
#define GS_SEARCH_H

#include "core/filter.h"
#include "core/query.h"
#include "indexer/store/store.h"

typedef struct {
    const gs_query_part
        *parts; /* [n_parts]  borrowed, as all here; the feature of a model part is looked up by its slug */
    const char *const *slugs; /* [n_parts]  of model parts; NULL: there is none */
    size_t n_parts;
    const gs_filter *filter; /* NULL: every model may be ranked */
    size_t
        candidates; /* only that many models, the leading ones by first moment, are scored by methods that need more; 0: all */
} gs_search_query;

typedef struct {
    size_t count, n_parts;
    int64_t *models; /* [count]           ids, sorted by slug                                       owned */
    double *scores;  /* [n_parts, count]  by each part's method; NaN: not ranked                    owned */
    double
        *log_probability; /* [count]           log p(model | all parts), summing to 1 in exp; NaN: not ranked  owned */
    bool conflict;        /* no model is near the best one for every part: gs_query_rank() */
    size_t ranked;        /* how many models have a probability: all that pass the filter, or the candidates */
} gs_search_result;

/* Reads several tables: call it, and read what is shown, between gs_store_snapshot_begin() and _end(), so that all is of one moment while
 * another process writes. A database without models gives a result without any. GS_ENOTFOUND when nothing was ever indexed, or a model part's slug is unknown. GS_EARGS when Monte Carlo is asked of a model that kept no
 * features. A model that was named as a part is not ranked: it would be nearest to itself. */
gs_status gs_search(gs_store *store, const gs_search_query *query, gs_search_result *result, gs_error *err);
void gs_search_free(gs_search_result *result); /* safe on a zeroed one */

#endif

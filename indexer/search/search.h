/* search.h - the models of a database ranked for a query of one or more parts.
 *
 *     gs_query_part part = {.feature = feature, .method = GS_FIRST_MOMENT};
 *     gs_search_result result;
 *     if ((st = gs_search(store, &part, 1, &result, err)) != GS_OK) return st;
 *     uint32_t best[10];
 *     size_t n = gs_rank_top(result.log_probability, result.list.count, 10, best);
 *     gs_search_free(&result);
 */
#ifndef GS_SEARCH_H
#define GS_SEARCH_H

#include "core/score.h"
#include "indexer/store/store.h"

#define GS_SEARCH_RANK 64 /* vectors of the low-rank method, as published */

typedef struct {
    const float *feature; /* [dim], L2-normalised  borrowed */
    gs_method method;
} gs_query_part;

typedef struct {
    gs_store_list list;      /* the models, by slug                                   owned */
    double *scores;          /* [n_parts, list.count] by each part's method           owned */
    double *log_probability; /* [list.count] log p(model | all parts): sums to 1 in exp  owned */
} gs_search_result;

/* GS_ENOTFOUND when there is nothing to rank. GS_EARGS when Monte Carlo is asked of a model that kept no features. */
gs_status gs_search(gs_store *store, const gs_query_part *parts, size_t n_parts, gs_search_result *result,
                    gs_error *err);
void gs_search_free(gs_search_result *result); /* safe on a zeroed one */

#endif

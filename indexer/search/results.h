/* results.h - the leading models of a search, as programs are told of them.
 *
 *     gs_results results;
 *     if ((st = gs_results_read(&results, source, &found, 10, err)) != GS_OK) return st;
 *     for (size_t k = 0; k < results.count; k++)
 *         ... results.models[k], gs_results_score(&results, k), gs_results_put(&results, k, parts, &tree, tree.root) ...
 *     gs_results_free(&results);
 */
#ifndef GS_RESULTS_H
#define GS_RESULTS_H

#include "indexer/search/search.h"
#include "indexer/util/json_tree.h"

typedef struct {
    const gs_search_result *search; /* borrowed */
    uint32_t *top;                  /* [count]  which models, the most probable first  owned, as models is */
    gs_source_model *models;        /* [count] */
    size_t count;
} gs_results;

/* At most limit of the models that search ranked in source; search is borrowed until gs_results_free(). */
gs_status gs_results_read(gs_results *results, gs_source *source, const gs_search_result *search, size_t limit,
                          gs_error *err);
void gs_results_free(gs_results *results); /* safe on a zeroed one */

/* Of one part its score by its method, of several log p(model | all parts): a score of one part says nothing of the others. */
double gs_results_score(const gs_results *results, size_t k);

/* What of a part is told beside its results. */
typedef struct {
    gs_part_kind kind;
    const char *input; /* NULL: there is nothing to tell  borrowed */
    double weight;
} gs_results_part;

/* Adds {"rank","slug","title","type","score","probability","of","conflict","parts"} of result k to item, parts [search->n_parts]. */
void gs_results_put(const gs_results *results, size_t k, const gs_results_part *parts, gs_json_tree *tree, cJSON *item);

#endif

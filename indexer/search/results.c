#include "indexer/search/results.h"

#include "core/rank.h"
#include "indexer/util/utf8.h"

#include <math.h>
#include <stdlib.h>

gs_status gs_results_read(gs_results *results, gs_source *source, const gs_search_result *search, size_t limit,
                          gs_error *err)
{
    if (limit > search->ranked)
        limit = search->ranked;
    *results = (gs_results){.search = search};
    results->top = malloc((limit + 1) * sizeof *results->top);
    results->models = calloc(limit + 1, sizeof *results->models);
    gs_status st =
        results->top && results->models ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu results", limit);
    if (st == GS_OK)
        results->count = gs_rank_top(search->log_probability, search->count, limit, results->top);
    for (size_t k = 0; k < results->count && st == GS_OK; k++)
        st = source->describe(source, results->top[k], &results->models[k], err);
    if (st != GS_OK)
        gs_results_free(results);
    return st;
}

void gs_results_free(gs_results *results)
{
    for (size_t k = 0; results->models && k < results->count; k++)
        gs_source_model_free(&results->models[k]);
    free(results->models);
    free(results->top);
    *results = (gs_results){0};
}

double gs_results_score(const gs_results *results, size_t k)
{
    const gs_search_result *search = results->search;
    return search->n_parts == 1 ? search->scores[results->top[k]] : search->log_probability[results->top[k]];
}

static void put_part(const gs_search_result *search, size_t p, size_t i, const gs_results_part *part,
                     gs_json_tree *tree, cJSON *item)
{
    gs_json_put_string(tree, item, "kind", gs_part_kind_name(part->kind));
    if (part->input) { /* JSON is UTF-8: of a file's name that is not, what is none becomes U+FFFD */
        char *input = gs_utf8_repair(part->input);
        gs_json_put(tree, item, "input", input ? cJSON_CreateString(input) : NULL);
        free(input);
    }
    gs_json_put_number(tree, item, "weight", part->weight);
    gs_json_put_bool(tree, item, "matched", search->matched[p]);
    gs_json_put_number(tree, item, "score", search->scores[p * search->count + i]);
}

void gs_results_put(const gs_results *results, size_t k, const gs_results_part *parts, gs_json_tree *tree, cJSON *item)
{
    const gs_search_result *search = results->search;
    const gs_source_model *model = &results->models[k];
    size_t i = results->top[k];
    gs_json_put_number(tree, item, "rank", (double)k + 1);
    gs_json_put_string(tree, item, "slug", model->slug);
    gs_json_put_string(tree, item, "title", model->title);
    gs_json_put_string(tree, item, "type", model->type);
    gs_json_put_number(tree, item, "score", gs_results_score(results, k));
    gs_json_put_number(tree, item, "probability", exp(search->log_probability[i]));
    gs_json_put_number(tree, item, "of", (double)search->ranked);
    gs_json_put_bool(tree, item, "conflict", search->conflict);
    cJSON *list = gs_json_put_array(tree, item, "parts");
    for (size_t p = 0; p < search->n_parts; p++)
        put_part(search, p, i, &parts[p], tree, gs_json_put_object(tree, list, NULL));
}

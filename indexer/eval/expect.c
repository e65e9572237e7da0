#include "indexer/eval/expect.h"

#include "indexer/eval/metrics.h"

#include <string.h>

/* ---- which models are meant --------------------------------------------------------------------------------------------------- */

/* Whether text [size] is one of a list of strings. */
static bool is_among(const char *text, size_t size, const cJSON *list)
{
    for (const cJSON *item = list ? list->child : NULL; item; item = item->next)
        if (strlen(item->valuestring) == size && memcmp(item->valuestring, text, size) == 0)
            return true;
    return false;
}

static bool is_named(const gs_evaluation *e, size_t model, const cJSON *slugs)
{
    const char *slug = e->models[model].slug;
    return is_among(slug, strlen(slug), slugs);
}

static bool is_tagged(const gs_evaluation *e, size_t model, const cJSON *tags)
{
    for (const char *tag = e->tags[model]; tag && *tag;) {
        size_t size = strcspn(tag, "\n");
        if (is_among(tag, size, tags))
            return true;
        tag += size + (tag[size] != '\0');
    }
    return false;
}

typedef bool (*holds)(const gs_evaluation *e, size_t model, const cJSON *list);

/* Whether the model is one of the query's own parts, which search does not rank. */
static bool is_part(const gs_evaluation *e, const gs_eval_query *query, size_t model)
{
    for (size_t p = 0; p < query->n_parts; p++) {
        const gs_eval_part *part = &e->set->parts[query->first_part + p];
        if (part->kind == GS_PART_MODEL && strcmp(part->input, e->models[model].slug) == 0)
            return true;
    }
    return false;
}

/* How many models it holds of; of those that the query can rank, or of all when query is NULL. */
static size_t count_models(const gs_evaluation *e, const gs_eval_query *query, holds it, const cJSON *list)
{
    size_t n = 0;
    for (size_t i = 0; i < e->source->count; i++)
        n += it(e, i, list) && (!query || !is_part(e, query, i));
    return n;
}

/* ---- before the ranking ------------------------------------------------------------------------------------------------------- */

static gs_status check_known(const gs_evaluation *e, holds it, char *text, gs_error *err)
{
    cJSON item = {.type = cJSON_String, .valuestring = text};
    const cJSON list = {.type = cJSON_Array, .child = &item};
    if (count_models(e, NULL, it, &list) > 0)
        return GS_OK;
    return gs_fail(err, GS_ENOTFOUND, "no model here %s '%.64s'", it == is_named ? "is" : "has the tag", text);
}

/* list may be NULL: nothing is expected. */
static gs_status check_list(const gs_evaluation *e, const gs_eval_query *query, holds it, const cJSON *list,
                            gs_error *err)
{
    gs_status st = GS_OK;
    for (const cJSON *item = list ? list->child : NULL; item && st == GS_OK; item = item->next)
        st = check_known(e, it, item->valuestring, err);
    if (st == GS_OK && list && count_models(e, query, it, list) == 0)
        st = gs_fail(err, GS_ENOTFOUND,
                     "expects only models that are its own parts, which search does not rank: expect another one");
    return st;
}

gs_status gs_expect_check(const gs_evaluation *e, const gs_eval_query *query, gs_error *err)
{
    gs_status st = check_list(e, query, is_named, query->models, err);
    if (st == GS_OK)
        st = check_list(e, query, is_tagged, query->tags, err);
    for (const cJSON *list = query->each ? query->each->child : NULL; list && st == GS_OK; list = list->next)
        st = check_list(e, query, is_named, list, err);
    for (size_t p = 0; p < query->n_parts && st == GS_OK; p++) {
        const gs_eval_part *part = &e->set->parts[query->first_part + p];
        if (part->kind == GS_PART_MODEL)
            st = check_known(e, is_named, part->input, err);
    }
    return st;
}

/* ---- after it ----------------------------------------------------------------------------------------------------------------- */

/* Which of the models of a ranking, order [n], it holds of -> relevant [n]. */
static void mark(const gs_evaluation *e, const uint32_t *order, size_t n, holds it, const cJSON *list, bool *relevant)
{
    for (size_t k = 0; k < n; k++)
        relevant[k] = it(e, order[k], list);
}

void gs_expect_judge(const gs_evaluation *e, const gs_eval_query *query, const uint32_t *order, size_t n,
                     bool *relevant, double *figures)
{
    const cJSON *slugs = query->models, *tags = query->tags;
    if (slugs || tags) {
        mark(e, order, n, slugs ? is_named : is_tagged, slugs ? slugs : tags, relevant);
        figures[GS_FIGURE_TOP1] = gs_metric_top(relevant, n, 1);
        figures[GS_FIGURE_TOP5] = gs_metric_top(relevant, n, 5);
        figures[GS_FIGURE_TOP10] = gs_metric_top(relevant, n, 10);
        size_t total = count_models(e, query, tags ? is_tagged : is_named, tags ? tags : slugs);
        mark(e, order, n, tags ? is_tagged : is_named, tags ? tags : slugs, relevant);
        figures[GS_FIGURE_MAP5] = gs_metric_average_precision(relevant, n, total, 5);
        figures[GS_FIGURE_MAP10] = gs_metric_average_precision(relevant, n, total, 10);
        figures[GS_FIGURE_MAP] = gs_metric_average_precision(relevant, n, total, SIZE_MAX);
    }
    if (query->each)
        figures[GS_FIGURE_EACH5] = 1;
    for (const cJSON *list = query->each ? query->each->child : NULL; list; list = list->next) {
        mark(e, order, n, is_named, list, relevant);
        figures[GS_FIGURE_EACH5] *= gs_metric_top(relevant, n, 5);
    }
}

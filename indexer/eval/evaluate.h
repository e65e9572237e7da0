/* evaluate.h - every query of a set ranked by a method, and judged.
 *
 *     gs_evaluation e;
 *     if ((st = gs_evaluation_init(&e, source, &set, err)) != GS_OK) return st;
 *     e.features = features;                                              // of all parts, encoded meanwhile
 *     gs_outcome *outcomes = calloc(set.count, sizeof *outcomes);
 *     st = gs_evaluation_load(&e, GS_EVAL_DEFAULT, err);                  // what it reads of models is there
 *     st = gs_evaluate(&e, GS_EVAL_DEFAULT, outcomes, progress, context, err);
 *     gs_evaluation_free(&e);
 *
 * Rankings are those of gs_search() (indexer/search/search.h), so that what is measured is what `gensearch search` does.
 */
#ifndef GS_EVAL_EVALUATE_H
#define GS_EVAL_EVALUATE_H

#include "indexer/eval/queries.h"
#include "indexer/search/search.h"

/* A gs_method for all parts, or one of these. */
typedef enum {
    GS_EVAL_DEFAULT =
        GS_METHOD_COUNT, /* "default": each part by the method of its kind, as `search` does unless told otherwise */
    GS_EVAL_PLAIN, /* "plain-product": the same scores, the experts' log-likelihoods added as they are; of several parts */
    GS_EVAL_TITLES, /* "titles": the query against title and description through the text tower, as model hubs search */
    GS_EVAL_METHOD_COUNT
} gs_eval_method;

const char *gs_eval_method_name(gs_eval_method method);                                  /* static text */
gs_status gs_eval_method_parse(const char *name, gs_eval_method *method, gs_error *err); /* GS_EARGS lists the names */

/* What is said of one ranking: 0 or 1, or for average precision between. Means over queries are the figures that are printed. */
typedef enum {
    GS_FIGURE_TOP1,
    GS_FIGURE_TOP5,
    GS_FIGURE_TOP10,
    GS_FIGURE_MAP5,
    GS_FIGURE_MAP10,
    GS_FIGURE_MAP,
    GS_FIGURE_EACH5,   /* of each list of "each", a model is among the first five */
    GS_FIGURE_REFUSED, /* no model makes what is asked for: gs_search_result.found is false */
    GS_FIGURE_COUNT
} gs_figure;

#define GS_OUTCOME_TOP 10

typedef struct {
    bool applies;                    /* the method can rank this query; if not, the rest is 0 */
    double figures[GS_FIGURE_COUNT]; /* NaN: the query expects nothing of that sort */
    double milliseconds;             /* of the ranking, the query being encoded */
    double bytes;                    /* that the method reads of a model, on average */
    uint32_t top[GS_OUTCOME_TOP];    /* [n_top]  the leading models, best first, as the source counts them */
    size_t n_top;
} gs_outcome;

typedef struct {
    gs_source *source; /* borrowed, as are set, features and titles */
    const gs_eval_queries *set;
    const float *features; /* [set->n_parts, dim]     those of model parts are not read */
    const float *titles;   /* [source->count, dim]  set by the caller, for GS_EVAL_TITLES; NULL for none */
    size_t rank;           /* as in gs_search_query; set by the caller */
    bool published; /* search as over a published folder: its default methods and candidates; set by the caller */
    gs_source_model *models;               /* [source->count]       owned */
    char **tags;                           /* [source->count]       one a line, NULL for none  owned */
    double bytes[GS_NEEDS_COVARIANCE + 1]; /* of a model, on average; set by gs_evaluation_load() */
} gs_evaluation;

/* GS_ENOTFOUND when the source has no models; with path:line, when a query expects or names a model, or expects a tag, that the source does
 * not have, or expects only models that are its own parts, which are not ranked. */
gs_status gs_evaluation_init(gs_evaluation *e, gs_source *source, const gs_eval_queries *set, gs_error *err);
void gs_evaluation_free(gs_evaluation *e); /* safe on a zeroed one */

/* Reads what the method needs of every model, so that it is in memory when it is timed, and counts its bytes. GS_EARGS when it is
 * not there: kept features, covariances, or titles. GS_ENOTFOUND when the method can rank no query of the set. */
gs_status gs_evaluation_load(gs_evaluation *e, gs_eval_method method, gs_error *err);

/* Ranks every query of the set by a method that was loaded -> outcomes [set->count]. progress may be NULL. */
gs_status gs_evaluate(const gs_evaluation *e, gs_eval_method method, gs_outcome *outcomes,
                      void (*progress)(void *context, uint64_t done, uint64_t total), void *context, gs_error *err);

#endif

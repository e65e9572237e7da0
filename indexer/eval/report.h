/* report.h - the outcomes of a class of queries and a method, summed up.
 *
 *     gs_eval_row row;
 *     st = gs_eval_summarise(&set, "words", GS_FIRST_MOMENT, outcomes, &row, err);
 *     if (row.queries > 0) printf("%.3f\n", row.figures[GS_FIGURE_MAP].mean);
 */
#ifndef GS_EVAL_REPORT_H
#define GS_EVAL_REPORT_H

#include "indexer/eval/evaluate.h"
#include "indexer/eval/metrics.h"

typedef struct {
    const char *group; /* borrowed */
    gs_eval_method method;
    size_t queries;                       /* that the method can rank; 0: the rest is not set */
    gs_interval figures[GS_FIGURE_COUNT]; /* mean NaN: no query expects anything of that sort */
    double median, p95;                   /* milliseconds a query */
    double bytes;                         /* read of a model, mean over queries */
} gs_eval_row;

/* "Top-1", "mAP@5" ..., and the same as a field of JSON: static text. */
const char *gs_figure_title(gs_figure figure);
const char *gs_figure_name(gs_figure figure);

/* outcomes [set->count]: those of group (one of set->groups) make the row. */
gs_status gs_eval_summarise(const gs_eval_queries *set, const char *group, gs_eval_method method,
                            const gs_outcome *outcomes, gs_eval_row *row, gs_error *err);

/* JSON Lines {"line", "method", "models"}: for each method and query, the line of the set and the slugs of the leading models, best first.
 * outcomes [n_methods, set->count]. *text [*size] is malloc'ed: the caller frees it, NULL on failure. GS_ENOMEM. */
gs_status gs_eval_rankings(const gs_evaluation *e, const gs_eval_method *methods, size_t n_methods,
                           const gs_outcome *outcomes, char **text, size_t *size, gs_error *err);

#endif

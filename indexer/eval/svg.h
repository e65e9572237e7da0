/* svg.h - a plot of what methods reach against what they cost.
 *
 *     char *text;
 *     size_t size;
 *     if ((st = gs_eval_svg(rows, n_rows, &text, &size, err)) != GS_OK) return st;
 *     st = gs_file_write("plot.svg", text, size, err);
 *     free(text);
 *
 * One row of two plots for each class of queries: mAP (each@5 where a class has no mAP) with its 95 % interval against milliseconds a query,
 * and against bytes a model. Every point is labelled with its method. Colours follow the reader's light or dark scheme.
 */
#ifndef GS_EVAL_SVG_H
#define GS_EVAL_SVG_H

#include "indexer/eval/report.h"

/* rows [n_rows]: those of one class stand together; classes without accuracy are left out. *text [*size] is malloc'ed: the caller frees it, NULL
 * on failure. GS_EARGS when no class has accuracy, GS_ENOMEM. */
gs_status gs_eval_svg(const gs_eval_row *rows, size_t n_rows, char **text, size_t *size, gs_error *err);

#endif

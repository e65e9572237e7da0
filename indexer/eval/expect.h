/* expect.h - what the queries of a set expect: whether there are such models, and how good a ranking is by it.
 *
 *     st = gs_expect_check(e, query, err);                              // once, before anything is ranked
 *     gs_expect_judge(e, query, order, n, relevant, outcome->figures);
 */
#ifndef GS_EVAL_EXPECT_H
#define GS_EVAL_EXPECT_H

#include "indexer/eval/evaluate.h"

/* e has its models and tags. GS_ENOTFOUND as gs_evaluation_init() says it, without path:line. */
gs_status gs_expect_check(const gs_evaluation *e, const gs_eval_query *query, gs_error *err);

/* Of a ranking of models, order [n], best first: the figures [GS_FIGURE_COUNT] that the query expects something for; the others are left as
 * they are. relevant [n] is room to work in. */
void gs_expect_judge(const gs_evaluation *e, const gs_eval_query *query, const uint32_t *order, size_t n,
                     bool *relevant, double *figures);

#endif

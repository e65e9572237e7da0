/* table.h - a table of vectors in f32, f16 or int8, and its dot products with a query: the means of a whole zoo (first
 * moment), or the kept features of a model (Monte Carlo).
 *
 *     gs_table table = {.count = n, .dim = dim, .element = GS_F32, .rows = means};    // or that of a file: catalog.h
 *     if ((st = gs_table_norms(&table, norms, err)) != GS_OK) return st;              // once, [n]
 *
 *     gs_table_query query;
 *     int16_t steps[dim];                                                             // or from malloc()
 *     if ((st = gs_table_query_init(&query, &table, feature, steps, err)) != GS_OK) return st;
 *     gs_table_first_moment(&table, norms, &query, 0, n, scores);                    // all rows, or a thread's share
 *     double score = gs_table_monte_carlo(&table, &query, tau);
 *
 * Row i of an int8 table stands for center + spread * scales[i] * rows[i], number by number. CLIP's features lie in a
 * narrow cone, and some of their dimensions vary far more than others: the 8 bits are spent on how a row differs from
 * the mean of all, in units of each dimension's standard deviation. A query is rounded to 16 bits for it, so that the
 * sums are integers, exact in any order. f16 and f32 are summed as dot.h says. Native and wasm therefore give the same
 * bits.
 */
#ifndef GS_TABLE_H
#define GS_TABLE_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* The numbers are those of the published files. */
typedef enum { GS_F32 = 0, GS_F16 = 1, GS_I8 = 2 } gs_element;

#define GS_TABLE_MOST_DIM 65536 /* beyond every encoder; the sums of an int8 table fit 32 bits */

typedef struct {
    size_t count, dim;
    gs_element element;
    const void *rows;    /* [count, dim]  borrowed */
    const float *center; /* [dim]         borrowed, as the next two; NULL unless int8 */
    const float *spread; /* [dim] */
    const float *scales; /* [count] */
} gs_table;

/* Bytes of one element. */
size_t gs_element_size(gs_element element);

/* "f32", "f16" or "int8"; else GS_EARGS. */
gs_status gs_element_parse(const char *name, gs_element *element, gs_error *err);

/* rows [count, dim] -> the arrays of an int8 table: center [dim], spread [dim], scales [count], steps [count, dim].
 * GS_EFORMAT when a number is not finite, GS_EARGS when dim is 0 or above GS_TABLE_MOST_DIM. */
gs_status gs_table_quantise(const float *rows, size_t count, size_t dim, float *center, float *spread, float *scales,
                            int8_t *steps, gs_error *err);

/* out [n, dim] := rows first .. first + n in f32. */
void gs_table_expand(const gs_table *t, size_t first, size_t n, float *out);

/* norms [count]: the length of every row. GS_EFORMAT names the row that holds a number that is not finite. */
gs_status gs_table_norms(const gs_table *t, double *norms, gs_error *err);

/* A query in the form that a table wants. */
typedef struct {
    const float *feature; /* [dim]  borrowed */
    const int16_t *steps; /* [dim]  borrowed; of an int8 table: spread * feature / step, rounded */
    double step;
    double offset; /* feature . center */
} gs_table_query;

/* feature [dim] and steps [dim] are borrowed as long as q is used; steps may be NULL unless t is int8. GS_EARGS when
 * feature holds a number that is not finite. */
gs_status gs_table_query_init(gs_table_query *q, const gs_table *t, const float *feature, int16_t *steps,
                              gs_error *err);

/* dots [n]: the query with rows first .. first + n. */
void gs_table_dots(const gs_table *t, const gs_table_query *q, size_t first, size_t n, double *dots);

/* scores [n]: 1st moment, q . mu / |mu|, of rows first .. first + n. norms [count]. A row of length 0 scores 0. */
void gs_table_first_moment(const gs_table *t, const double *norms, const gs_table_query *q, size_t first, size_t n,
                           double *scores);

/* Monte Carlo: log mean_j exp(tau q.s_j) over the rows, count >= 1, without overflow. */
double gs_table_monte_carlo(const gs_table *t, const gs_table_query *q, double tau);

#endif

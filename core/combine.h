/* combine.h - several query parts, one ranking: a renormalised product of experts (core/METHOD.md).
 *
 *     gs_log_softmax(part, count);                          // each part's log-likelihoods become log p(theta | q_i)
 *     gs_combine(parts, weights, n_parts, count, result);   // log p(theta | q_1 .. q_m), sums to one in exp
 */
#ifndef GS_COMBINE_H
#define GS_COMBINE_H

#include <stddef.h>

/* values [count], in place: x - log sum exp x. -inf stays -inf; NaN stays NaN and is left out of the sum. */
void gs_log_softmax(double *values, size_t count);

/* result [count] = log_softmax(sum_i weights[i] * parts[i]). parts [n_parts, count] are log-probabilities; weights
 * [n_parts], NULL for all ones, negative steers away. What a part rules out (-inf) stays ruled out, whatever its weight
 * but 0. result may be parts itself when n_parts is 1. */
void gs_combine(const double *parts, const double *weights, size_t n_parts, size_t count, double *result);

#endif

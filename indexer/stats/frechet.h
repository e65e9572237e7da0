/* frechet.h - the Frechet distance of two distributions (core/METHOD.md), exact, for one pair or for many (LAPACK).
 *
 *     gs_distribution a = {mean1, covariance1, dim, count1}, b = {mean2, covariance2, dim, count2};
 *     st = gs_frechet_distance(&a, &b, &distance, err);
 *
 *     gs_root root;                                            // take the root of a covariance once, compare it with many
 *     st = gs_root_init(&root, a.covariance, dim, count1, err);
 *     size_t rank = GS_RANK_UNKNOWN;
 *     st = gs_root_distance(&root, &a, &b, &rank, &distance, err);
 *     gs_root_free(&root);
 *
 * With S1 = L L', the matrix S1^1/2 S2 S1^1/2 has the eigenvalues of L' S2 L, beside zeros where L has fewer columns: the fidelity is the
 * sum of their square roots. L is a pivoted Cholesky factor: it needs no eigenvectors, and ends where the rank does.
 */
#ifndef GS_FRECHET_H
#define GS_FRECHET_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const float *mean;       /* [dim]       borrowed */
    const float *covariance; /* [dim, dim]  borrowed */
    size_t dim;
    uint64_t count; /* samples behind it: the covariance of n has no rank above n - 1 */
} gs_distribution;

/* Never below 0, and the same to the last bit when a and b change places. GS_EFORMAT when something is not finite, GS_ENOMEM. */
gs_status gs_frechet_distance(const gs_distribution *a, const gs_distribution *b, double *distance, gs_error *err);

typedef struct {
    size_t dim, rank;
    double trace; /* of the covariance */
    int *order;   /* [dim]       owned; the rows of the factor belong to these rows of the covariance, counted from 1 */
    double *factor; /* [dim, dim]  owned; column-major, lower; columns from rank on are 0 */
} gs_root;

/* covariance [dim, dim] (borrowed for the call) of count samples. What the rounding to f32 cannot tell from 0 is no direction of the
 * distribution: a covariance of fewer samples than dimensions gets the rank that it has. */
gs_status gs_root_init(gs_root *root, const float *covariance, size_t dim, uint64_t count, gs_error *err);
void gs_root_free(gs_root *root); /* safe on a zeroed one */

/* The distance of own, whose root this is, and other (both borrowed for the call): what gs_frechet_distance() gives, to the last bit. *rank: of
 * other's covariance when that is known from an earlier comparison, else GS_RANK_UNKNOWN, and then set: it tells which root is needed. */
#define GS_RANK_UNKNOWN SIZE_MAX
gs_status gs_root_distance(const gs_root *root, const gs_distribution *own, const gs_distribution *other, size_t *rank,
                           double *distance, gs_error *err);

/* tr (S1^1/2 S2 S1^1/2)^1/2 of the root's covariance and covariance [dim, dim] (borrowed for the call, finite). */
gs_status gs_root_fidelity(const gs_root *root, const float *covariance, double *fidelity, gs_error *err);

double gs_squared_distance(const float *a, const float *b, size_t dim);
double gs_trace(const float *covariance, size_t dim);

/* |mu1-mu2|^2 + tr S1 + tr S2 - 2 fidelity, never below 0. A fidelity that is too large makes a lower bound. */
double gs_frechet_combine(double squared_distance, double trace1, double trace2, double fidelity);

#endif

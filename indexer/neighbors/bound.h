/* bound.h - lower bounds of the Frechet distance of all pairs of n models, from little that is kept of each.
 *
 *     gs_bounds bounds;
 *     st = gs_bounds_init(&bounds, n, pooled, dim, err);              // pooled [dim, dim]: a covariance typical of them all
 *     for (size_t i = 0; i < n; i++)
 *         st = gs_bounds_put(&bounds, i, mean, covariance, err);      // from any thread, each i once
 *     loose = gs_bounds_loose(&bounds, i, k);                         // in O(dim)
 *     st = gs_bounds_open(&bounds, i, &root, err);                    // for the bounds of i with many
 *     st = gs_bounds_tight(&bounds, i, &root, k, &bound, err);        // in O(width^3)
 *     gs_root_free(&root);
 *     gs_bounds_free(&bounds);
 *
 * The distance is |mu1-mu2|^2 + tr S1 + tr S2 - 2 F, F = tr (S1^1/2 S2 S1^1/2)^1/2 being the fidelity, so that whatever is above F gives a bound.
 * Let P project onto some subspace and Q = 1 - P onto the rest. Then
 *
 *     F(S1, S2) <= F(P S1 P, P S2 P) + F(Q S1 Q, Q S2 Q) <= F(P S1 P, P S2 P) + sqrt(tr Q S1 Q  tr Q S2 Q).
 *
 * First step: F(S1, S2) is the infimum of (tr S1 X + tr S2 X^-1) / 2 over positive definite X (Alberti 1983), and the sum on the right is the
 * infimum over those X that map both subspaces into themselves. Second step: F <= sqrt(tr S1 tr S2), which is Cauchy-Schwarz. With P = 0
 * this is core/METHOD.md's bound, the loose one. The tight one takes the leading eigenvectors of the pooled covariance for P: what models have in
 * common, where most of their variance is.
 *
 * Per model 4 (dim + width^2) bytes.
 */
#ifndef GS_BOUND_H
#define GS_BOUND_H

#include "indexer/stats/frechet.h"

typedef struct {
    size_t n, dim, width;
    double *basis; /* [width, dim]      owned; rows orthonormal */
    float *means;  /* [n, dim]          owned */
    float *blocks; /* [n, width, width] owned; P S P in the basis, a little enlarged */
    double *trace; /* [n]               owned; tr S */
    double *rest;  /* [n]               owned; tr Q S Q */
} gs_bounds;

/* GS_EFORMAT when pooled is not finite, GS_ENOMEM. */
gs_status gs_bounds_init(gs_bounds *b, size_t n, const float *pooled, size_t dim, gs_error *err);
void gs_bounds_free(gs_bounds *b); /* safe on a zeroed one */

/* mean [dim], covariance [dim, dim] (borrowed for the call) of model i. GS_EFORMAT when not finite. */
gs_status gs_bounds_put(gs_bounds *b, size_t i, const float *mean, const float *covariance, gs_error *err);

double gs_bounds_loose(const gs_bounds *b, size_t i, size_t k);

/* The root of i's block; the caller frees it with gs_root_free(). */
gs_status gs_bounds_open(const gs_bounds *b, size_t i, gs_root *root, gs_error *err);
gs_status gs_bounds_tight(const gs_bounds *b, size_t i, const gs_root *root, size_t k, double *bound, gs_error *err);

#endif

/* stats.h - what needs an eigensolver: Frechet distance and low-rank Gaussians (LAPACK).
 *
 *     double distance;
 *     st = gs_frechet_distance(mean1, covariance1, mean2, covariance2, dim, &distance, err);
 *
 *     gs_eigen e;                                                  // factor a model once, compare it with many
 *     st = gs_eigen_init(&e, mean, covariance, dim, err);
 *     st = gs_eigen_frechet(&e, mean2, covariance2, &distance, err);
 *     st = gs_eigen_lowrank(&e, 64, &lowrank, &storage, err);
 *     gs_eigen_free(&e);
 */
#ifndef GS_STATS_H
#define GS_STATS_H

#include "core/score.h"
#include "core/status.h"

#include <stddef.h>

typedef struct {
    size_t dim;
    double trace;    /* of the covariance */
    double *mean;    /* [dim]       owned */
    double *values;  /* [dim]       owned; eigenvalues of the covariance, descending, clipped at 0 */
    double *vectors; /* [dim, dim]  owned; row i belongs to values[i] */
} gs_eigen;

/* mean [dim], covariance [dim, dim] (borrowed for the call). GS_EFORMAT when not finite, GS_ENOMEM. */
gs_status gs_eigen_init(gs_eigen *e, const float *mean, const float *covariance, size_t dim, gs_error *err);
void gs_eigen_free(gs_eigen *e); /* safe on a zeroed one */

/* |mu1-mu2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2), core/METHOD.md; never below 0. */
gs_status gs_eigen_frechet(const gs_eigen *e, const float *mean, const float *covariance, double *distance,
                           gs_error *err);

/* The same for two models met once. */
gs_status gs_frechet_distance(const float *mean1, const float *covariance1, const float *mean2,
                              const float *covariance2, size_t dim, double *distance, gs_error *err);

/* |mu1-mu2|^2 + (sqrt(tr S1) - sqrt(tr S2))^2: never above the distance, in O(dim). */
double gs_frechet_bound(const float *mean1, double trace1, const float *mean2, double trace2, size_t dim);

/* The low-rank form of Sigma + 0.001 I with min(rank, dim - 1) eigenpairs. storage (malloc'ed, the caller frees it)
 * holds what lowrank borrows. */
gs_status gs_eigen_lowrank(const gs_eigen *e, size_t rank, gs_lowrank *lowrank, float **storage, gs_error *err);

#endif

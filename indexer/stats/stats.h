/* stats.h - the eigenpairs of a covariance, and low-rank Gaussians of them (LAPACK).
 *
 *     gs_eigen e;
 *     st = gs_eigen_init(&e, mean, covariance, dim, err);
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
    double *mean;    /* [dim]       owned */
    double *values;  /* [dim]       owned; eigenvalues of the covariance, descending, clipped at 0 */
    double *vectors; /* [dim, dim]  owned; row i belongs to values[i] */
} gs_eigen;

/* mean [dim], covariance [dim, dim] (borrowed for the call). GS_EFORMAT when not finite, GS_ENOMEM. */
gs_status gs_eigen_init(gs_eigen *e, const float *mean, const float *covariance, size_t dim, gs_error *err);
void gs_eigen_free(gs_eigen *e); /* safe on a zeroed one */

/* The low-rank form of Sigma + 0.001 I with min(rank, dim - 1) eigenpairs. storage (malloc'ed, the caller frees it)
 * holds what lowrank borrows. */
gs_status gs_eigen_lowrank(const gs_eigen *e, size_t rank, gs_lowrank *lowrank, float **storage, gs_error *err);

/* For the other files of stats/ and their users. values [rows, dim]: GS_EFORMAT when one is not finite; what names them. GS_EARGS when dim
 * is beyond LAPACK. */
gs_status gs_stats_check(const char *what, const float *values, size_t dim, size_t rows, gs_error *err);

/* tr A^1/2 for the leading [dim, dim] of a symmetric matrix, finite, column-major with columns stride apart, of which the lower triangle is
 * read and destroyed. What rounding made a negative eigenvalue counts as 0. */
gs_status gs_stats_root_trace(double *matrix, size_t dim, size_t stride, double *sum, gs_error *err);

#endif

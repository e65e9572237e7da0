/* moments.h - mean and covariance of a stream of feature vectors.
 *
 *     gs_moments m;
 *     if ((st = gs_moments_init(&m, dim, err)) != GS_OK) return st;
 *     gs_moments_add(&m, features, n);                   // as often as there are batches
 *     gs_moments_mean(&m, mean);
 *     st = gs_moments_covariance(&m, covariance, err);   // needs two samples
 *     gs_moments_free(&m);
 *
 * Sums are kept in f64 around a running mean, so that 50,000 unit vectors lose nothing to cancellation, and two
 * accumulators of one model merge exactly (Chan, Golub, LeVeque 1983; core/METHOD.md).
 */
#ifndef GS_MOMENTS_H
#define GS_MOMENTS_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t dim;
    uint64_t count;
    double *mean;    /* [dim]       owned */
    double *scatter; /* [dim, dim]  owned; sum of (x - mean)(x - mean)^T, lower triangle, row-major */
    double *work;    /* owned; scratch of add and merge: a block of centred rows */
} gs_moments;

/* An empty accumulator; gs_moments_free() releases it. GS_EARGS when dim is 0, GS_ENOMEM. On failure m is safe to free.
 */
gs_status gs_moments_init(gs_moments *m, size_t dim, gs_error *err);

/* Adds n rows of features [n, dim] (borrowed). Cannot fail: memory was taken by init. */
void gs_moments_add(gs_moments *m, const float *features, size_t n);

/* into := the accumulator of both streams. GS_EMISMATCH when the dims differ. */
gs_status gs_moments_merge(gs_moments *into, const gs_moments *from, gs_error *err);

/* mean [dim]. Zeros when count is 0. */
void gs_moments_mean(const gs_moments *m, float *mean);

/* covariance [dim, dim] row-major, divisor count - 1, both triangles. GS_EARGS when count < 2. */
gs_status gs_moments_covariance(const gs_moments *m, float *covariance, gs_error *err);

void gs_moments_free(gs_moments *m);

#endif

/* root_trace.c - the sum of the square roots of the eigenvalues of a symmetric matrix, most often without the eigenvalues.
 *
 * The matrix is made tridiagonal, T, by LAPACK. Where all its eigenvalues are within [FLOOR M, M], the square root is there a sum of simple
 * fractions, sum_j w_j x / (x + p_j), with an error below 1e-11 of it (Hale, Higham, Trefethen 2008, method 3), and
 * tr T (T + p)^-1 = n - p tr (T + p)^-1 takes O(n): tr (T + p)^-1 is the derivative of log det (T + p). LAPACK's values would take a quarter
 * of the time of all.
 */
#include "indexer/stats/stats.h"

#include "core/clones.h"

#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define FLOOR 1e-12
#define POLES 64 /* p_j: an even number; they come in pairs */
#define PANEL 64 /* columns that LAPACK reduces at a time, at most */
#define STEPS 16 /* of the arithmetic-geometric mean: it converges quadratically */
#define PI    3.14159265358979323846

typedef struct {
    double at[POLES], weight[POLES]; /* p_j, w_j */
} fractions;

/* The poles for [FLOOR, 1] come from elliptic functions of the modulus sqrt(1 - FLOOR) at (j + 1/2) K / POLES, where K is a quarter of their period.
 * Those of the upper half follow from the lower half's. */
static void find_fractions(fractions *f)
{
    double ratio = FLOOR, k = sqrt(ratio), mean[STEPS] = {1}, half[STEPS] = {sqrt(1 - ratio)}, geometric = k;
    int last = 0;
    for (; last + 1 < STEPS && half[last] > 1e-16; last++) {
        half[last + 1] = (mean[last] - geometric) / 2;
        geometric = sqrt(mean[last] * geometric);
        mean[last + 1] = mean[last] - half[last + 1];
    }
    double quarter = PI / 2 / mean[last], scale = 2 * quarter * k / (PI * POLES);
    for (int j = 0; j < POLES / 2; j++) {
        double angle = ldexp(mean[last] * (j + 0.5) * quarter / POLES, last);
        for (int i = last; i > 0; i--) /* Landen's transformation, backwards */
            angle = (angle + asin(half[i] * sin(angle) / mean[i])) / 2;
        double s = sin(angle) * sin(angle), c = cos(angle) * cos(angle), dn = sqrt(ratio + (1 - ratio) * c);
        f->at[2 * j] = ratio * s / c;
        f->weight[2 * j] = scale * dn / c;
        f->at[2 * j + 1] = c / s;
        f->weight[2 * j + 1] = scale * dn / (k * s);
    }
}

/* Every eigenvalue's absolute value is at most this: Gershgorin. */
static double largest(const double *diagonal, const double *beside, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(diagonal[i]) + (i > 0 ? fabs(beside[i - 1]) : 0) + (i + 1 < n ? fabs(beside[i]) : 0));
    return most;
}

/* Whether all eigenvalues are above least: then all pivots of T - least are positive. */
static bool are_above(const double *diagonal, const double *beside, size_t n, double least)
{
    double pivot = diagonal[0] - least;
    for (size_t i = 1; i < n && pivot > 0; i++)
        pivot = diagonal[i] - least - beside[i - 1] * beside[i - 1] / pivot;
    return pivot > 0;
}

/* The sum for a T with eigenvalues within [FLOOR, 1] of most. The pivots p of T + shift and their derivatives d: all poles side by side. */
GS_CLONES static double sum_fractions(const double *diagonal, const double *beside, size_t n, double most)
{
    fractions f;
    double pivot[POLES], derivative[POLES], trace[POLES], sum = 0;
    find_fractions(&f);
    for (int j = 0; j < POLES; j++) {
        pivot[j] = INFINITY;
        derivative[j] = trace[j] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        double d = diagonal[i] / most, b = i > 0 ? beside[i - 1] / most : 0;
        for (int j = 0; j < POLES; j++) {
            double share = b / pivot[j];
            pivot[j] = d + f.at[j] - share * b;
            derivative[j] = 1 + share * share * derivative[j];
            trace[j] += derivative[j] / pivot[j];
        }
    }
    for (int j = 0; j < POLES; j++)
        sum += f.weight[j] * ((double)n - f.at[j] * trace[j]);
    return sum * sqrt(most);
}

static gs_status sum_roots(double *diagonal, double *beside, size_t n, double *sum, gs_error *err)
{
    double most = largest(diagonal, beside, n);
    *sum = 0;
    if (most > 0 && are_above(diagonal, beside, n, FLOOR * most)) {
        *sum = sum_fractions(diagonal, beside, n, most);
        return GS_OK;
    }
    int failed = LAPACKE_dsterf_work((int)n, diagonal, beside);
    if (failed)
        return gs_fail(err, GS_EFORMAT, "the eigenvalues of a covariance of %zu dimensions were not found (dsterf: %d)",
                       n, failed);
    for (size_t i = 0; i < n; i++)
        *sum += sqrt(fmax(diagonal[i], 0));
    return GS_OK;
}

gs_status gs_stats_root_trace(double *matrix, size_t dim, size_t stride, double *sum, gs_error *err)
{
    *sum = 0;
    if (dim == 0)
        return GS_OK;
    double *diagonal = malloc((3 + PANEL) * dim * sizeof *diagonal), *beside = diagonal + dim, *scales = beside + dim;
    if (!diagonal)
        return gs_fail(err, GS_ENOMEM, "no memory for the eigenvalues of %zu dimensions", dim);
    int n = (int)dim, failed = LAPACKE_dsytrd_work(LAPACK_COL_MAJOR, 'L', n, matrix, (int)stride, diagonal, beside,
                                                   scales, scales + dim, n * PANEL);
    gs_status st =
        failed ? gs_fail(err, GS_EFORMAT, "a matrix of %zu dimensions was not reduced (dsytrd: %d)", dim, failed)
               : sum_roots(diagonal, beside, dim, sum, err);
    free(diagonal);
    return st;
}

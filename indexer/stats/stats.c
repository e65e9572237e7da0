#include "indexer/stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#define MAX_DIM 16384 /* LAPACK counts its workspace of 2 dim^2 in 32 bits */

static gs_status check_finite(const char *what, const float *values, size_t count, gs_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return gs_fail(err, GS_EFORMAT, "%s: element %zu is %g", what, i, values[i]);
    return GS_OK;
}

static gs_status check_gaussian(const float *mean, const float *covariance, size_t dim, gs_error *err)
{
    if (dim < 1 || dim > MAX_DIM)
        return gs_fail(err, GS_EARGS, "a distribution of %zu dimensions, expected 1 to %d", dim, MAX_DIM);
    gs_status st = check_finite("mean", mean, dim, err);
    return st == GS_OK ? check_finite("covariance", covariance, dim * dim, err) : st;
}

/* matrix [dim, dim] symmetric -> values ascending; with vectors, row i of matrix becomes the eigenvector of values[i].
 * LAPACK's columns are our rows, and the transpose of a symmetric matrix is itself, so that nothing is ever
 * transposed. */
static gs_status solve(char vectors, double *matrix, size_t dim, double *values, gs_error *err)
{
    int n = (int)dim;
    int failed = LAPACKE_dsyevd(LAPACK_COL_MAJOR, vectors, 'L', n, matrix, n, values);
    if (failed == LAPACK_WORK_MEMORY_ERROR || failed == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return gs_fail(err, GS_ENOMEM, "no memory for the eigenvalues of %zu dimensions", dim);
    if (failed)
        return gs_fail(err, GS_EFORMAT, "the eigenvalues of a covariance of %zu dimensions were not found (dsyevd: %d)",
                       dim, failed);
    return GS_OK;
}

static void to_double(const float *matrix, size_t dim, double *out)
{
    for (size_t i = 0; i < dim * dim; i++)
        out[i] = matrix[i];
}

/* Rows and values from ascending to descending; what rounding made negative is no variance. */
static void reverse(gs_eigen *e)
{
    size_t dim = e->dim;
    for (size_t i = 0, j = dim - 1; i < j; i++, j--) {
        double value = e->values[i];
        e->values[i] = e->values[j];
        e->values[j] = value;
        cblas_dswap((int)dim, e->vectors + i * dim, 1, e->vectors + j * dim, 1);
    }
    for (size_t i = 0; i < dim; i++)
        e->values[i] = fmax(e->values[i], 0);
}

gs_status gs_eigen_init(gs_eigen *e, const float *mean, const float *covariance, size_t dim, gs_error *err)
{
    *e = (gs_eigen){.dim = dim};
    gs_status st = check_gaussian(mean, covariance, dim, err);
    if (st != GS_OK)
        return st;
    e->mean = malloc(dim * sizeof *e->mean);
    e->values = malloc(dim * sizeof *e->values);
    e->vectors = malloc(dim * dim * sizeof *e->vectors);
    if (e->mean && e->values && e->vectors) {
        for (size_t i = 0; i < dim; i++) {
            e->mean[i] = mean[i];
            e->trace += covariance[i * dim + i];
        }
        to_double(covariance, dim, e->vectors);
        st = solve('V', e->vectors, dim, e->values, err);
    } else {
        st = gs_fail(err, GS_ENOMEM, "no memory for a covariance of %zu dimensions", dim);
    }
    if (st == GS_OK)
        reverse(e);
    else
        gs_eigen_free(e);
    return st;
}

void gs_eigen_free(gs_eigen *e)
{
    free(e->mean);
    free(e->values);
    free(e->vectors);
    *e = (gs_eigen){0};
}

/* With S1 = V' D V, the matrix S1^1/2 S2 S1^1/2 has the eigenvalues of D^1/2 V S2 V' D^1/2: a rotation changes none.
 * The latter goes to product, work is scratch; all [dim, dim]. */
static void conjugate(const gs_eigen *e, const float *covariance, double *work, double *product)
{
    size_t dim = e->dim;
    int n = (int)dim;
    to_double(covariance, dim, product);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, e->vectors, n, product, n, 0, work, n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, 1, work, n, e->vectors, n, 0, product, n);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            product[i * dim + j] *= sqrt(e->values[i] * e->values[j]);
}

/* tr (S1^1/2 S2 S1^1/2)^1/2 */
static gs_status root_trace(const gs_eigen *e, const float *covariance, double *trace, gs_error *err)
{
    size_t dim = e->dim;
    double *work = malloc(dim * dim * sizeof *work), *product = malloc(dim * dim * sizeof *product);
    double *values = malloc(dim * sizeof *values);
    gs_status st = GS_OK;
    if (work && product && values) {
        conjugate(e, covariance, work, product);
        st = solve('N', product, dim, values, err);
    } else {
        st = gs_fail(err, GS_ENOMEM, "no memory to compare distributions of %zu dimensions", dim);
    }
    *trace = 0;
    for (size_t i = 0; st == GS_OK && i < dim; i++)
        *trace += sqrt(fmax(values[i], 0));
    free(values);
    free(product);
    free(work);
    return st;
}

gs_status gs_eigen_frechet(const gs_eigen *e, const float *mean, const float *covariance, double *distance,
                           gs_error *err)
{
    gs_status st = check_gaussian(mean, covariance, e->dim, err);
    double root = 0;
    if (st == GS_OK)
        st = root_trace(e, covariance, &root, err);
    if (st != GS_OK)
        return st;
    double apart = 0, trace = 0;
    for (size_t i = 0; i < e->dim; i++) {
        double d = e->mean[i] - mean[i];
        apart += d * d;
        trace += covariance[i * e->dim + i];
    }
    *distance = fmax(apart + e->trace + trace - 2 * root, 0);
    return GS_OK;
}

gs_status gs_frechet_distance(const float *mean1, const float *covariance1, const float *mean2,
                              const float *covariance2, size_t dim, double *distance, gs_error *err)
{
    gs_eigen e;
    gs_status st = gs_eigen_init(&e, mean1, covariance1, dim, err);
    if (st != GS_OK)
        return st;
    st = gs_eigen_frechet(&e, mean2, covariance2, distance, err);
    gs_eigen_free(&e);
    return st;
}

double gs_frechet_bound(const float *mean1, double trace1, const float *mean2, double trace2, size_t dim)
{
    double apart = 0;
    for (size_t i = 0; i < dim; i++) {
        double d = (double)mean1[i] - mean2[i];
        apart += d * d;
    }
    double spread = sqrt(fmax(trace1, 0)) - sqrt(fmax(trace2, 0));
    return apart + spread * spread;
}

gs_status gs_eigen_lowrank(const gs_eigen *e, size_t rank, gs_lowrank *lowrank, float **storage, gs_error *err)
{
    size_t dim = e->dim;
    if (rank > dim - 1)
        rank = dim - 1;
    float *mean = malloc((dim + rank + rank * dim) * sizeof *mean);
    *storage = mean;
    if (!mean)
        return gs_fail(err, GS_ENOMEM, "no memory for a low-rank form of %zu x %zu numbers", rank, dim);
    float *values = mean + dim, *vectors = values + rank;
    for (size_t i = 0; i < dim; i++)
        mean[i] = (float)e->mean[i];
    for (size_t i = 0; i < rank; i++)
        values[i] = (float)(e->values[i] + GS_COVARIANCE_RIDGE);
    for (size_t i = 0; i < rank * dim; i++)
        vectors[i] = (float)e->vectors[i];
    double rest = 0;
    for (size_t i = rank; i < dim; i++)
        rest += e->values[i];
    *lowrank = (gs_lowrank){.dim = dim,
                            .rank = rank,
                            .mean = mean,
                            .values = values,
                            .vectors = vectors,
                            .rest = (float)(rest / (double)(dim - rank) + GS_COVARIANCE_RIDGE)};
    return GS_OK;
}

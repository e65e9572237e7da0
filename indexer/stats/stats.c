#include "indexer/stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#define MAX_DIM 16384 /* LAPACK counts its workspace of 2 dim^2 in 32 bits */

gs_status gs_stats_check(const char *what, const float *values, size_t dim, size_t rows, gs_error *err)
{
    if (dim < 1 || dim > MAX_DIM)
        return gs_fail(err, GS_EARGS, "a distribution of %zu dimensions, expected 1 to %d", dim, MAX_DIM);
    for (size_t i = 0; i < rows * dim; i++)
        if (!isfinite(values[i]))
            return gs_fail(err, GS_EFORMAT, "%s: element %zu is %g", what, i, values[i]);
    return GS_OK;
}

/* matrix [dim, dim], symmetric -> values ascending; row i of matrix becomes the eigenvector of values[i]. LAPACK's columns are our rows, and the
 * transpose of a symmetric matrix is itself, so that nothing is ever transposed. */
static gs_status solve(double *matrix, size_t dim, double *values, gs_error *err)
{
    int n = (int)dim, failed = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', n, matrix, n, values);
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
    gs_status st = gs_stats_check("mean", mean, dim, 1, err);
    if (st == GS_OK)
        st = gs_stats_check("covariance", covariance, dim, dim, err);
    if (st != GS_OK)
        return st;
    e->mean = malloc(dim * sizeof *e->mean);
    e->values = malloc(dim * sizeof *e->values);
    e->vectors = malloc(dim * dim * sizeof *e->vectors);
    if (e->mean && e->values && e->vectors) {
        for (size_t i = 0; i < dim; i++)
            e->mean[i] = mean[i];
        to_double(covariance, dim, e->vectors);
        st = solve(e->vectors, dim, e->values, err);
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

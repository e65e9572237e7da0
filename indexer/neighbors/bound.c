#include "indexer/neighbors/bound.h"

#include "indexer/stats/stats.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 64 /* of the subspace: a bound then costs less than a hundredth of a distance of 512 dimensions */

/* A computed fidelity is off by rounding, most where eigenvalues are 0: the root makes sqrt(epsilon) of epsilon, in WIDTH places. */
#define SLACK (2 * WIDTH * 1.5e-8)

gs_status gs_bounds_init(gs_bounds *b, size_t n, const float *pooled, size_t dim, gs_error *err)
{
    gs_eigen e = {0};
    *b = (gs_bounds){.n = n, .dim = dim, .width = dim < WIDTH ? dim : WIDTH};
    size_t width = b->width;
    b->basis = malloc(width * dim * sizeof *b->basis);
    b->means = calloc(n, dim * sizeof *b->means);
    b->blocks = calloc(n, width * width * sizeof *b->blocks);
    b->trace = calloc(n, sizeof *b->trace);
    b->rest = calloc(n, sizeof *b->rest);
    gs_status st = GS_OK;
    if (!b->basis || !b->means || !b->blocks || !b->trace || !b->rest)
        st = gs_fail(err, GS_ENOMEM, "no memory for the bounds of %zu models of %zu dimensions", n, dim);
    if (st == GS_OK)
        st = gs_eigen_init(&e, b->means, pooled, dim, err); /* a mean of zeros: none is needed */
    if (st == GS_OK)
        memcpy(b->basis, e.vectors, width * dim * sizeof *b->basis);
    else
        gs_bounds_free(b);
    gs_eigen_free(&e);
    return st;
}

void gs_bounds_free(gs_bounds *b)
{
    free(b->basis);
    free(b->means);
    free(b->blocks);
    free(b->trace);
    free(b->rest);
    *b = (gs_bounds){0};
}

/* The block is kept in f32. To stay a bound it must not lose by that, and the root must not take small variances for 0: so it is enlarged by
 * more than either rounding, and a larger covariance has a larger fidelity. */
static void store_block(gs_bounds *b, size_t i, const double *block)
{
    size_t width = b->width;
    float *out = b->blocks + i * width * width;
    double largest = 0, trace = 0;
    for (size_t j = 0; j < width; j++) {
        largest = fmax(largest, block[j * width + j]);
        trace += block[j * width + j];
    }
    for (size_t j = 0; j < width * width; j++)
        out[j] = (float)block[j];
    for (size_t j = 0; j < width; j++)
        out[j * width + j] += (float)(8 * FLT_EPSILON * largest);
    b->rest[i] = fmax(b->trace[i] - trace, 0);
}

gs_status gs_bounds_put(gs_bounds *b, size_t i, const float *mean, const float *covariance, gs_error *err)
{
    size_t dim = b->dim, width = b->width;
    int n = (int)dim, m = (int)width;
    gs_status st = gs_stats_check("mean", mean, dim, 1, err);
    if (st == GS_OK)
        st = gs_stats_check("covariance", covariance, dim, dim, err);
    if (st != GS_OK)
        return st;
    double *matrix = malloc((dim * dim + width * dim + width * width) * sizeof *matrix);
    if (!matrix)
        return gs_fail(err, GS_ENOMEM, "no memory for a covariance of %zu dimensions", dim);
    double *product = matrix + dim * dim, *block = product + width * dim;
    for (size_t j = 0; j < dim * dim; j++)
        matrix[j] = covariance[j];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, n, 1, b->basis, n, matrix, n, 0, product, n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, m, n, 1, product, n, b->basis, n, 0, block, m);
    memcpy(b->means + i * dim, mean, dim * sizeof *mean);
    b->trace[i] = gs_trace(covariance, dim);
    store_block(b, i, block);
    free(matrix);
    return GS_OK;
}

static double combine(const gs_bounds *b, size_t i, size_t k, double fidelity)
{
    double apart = gs_squared_distance(b->means + i * b->dim, b->means + k * b->dim, b->dim);
    double slack = SLACK * sqrt(fmax(b->trace[i] * b->trace[k], 0));
    return gs_frechet_combine(apart, b->trace[i], b->trace[k], fidelity + slack);
}

double gs_bounds_loose(const gs_bounds *b, size_t i, size_t k)
{
    return combine(b, i, k, sqrt(fmax(b->trace[i] * b->trace[k], 0)));
}

gs_status gs_bounds_open(const gs_bounds *b, size_t i, gs_root *root, gs_error *err)
{
    size_t width = b->width;
    return gs_root_init(root, b->blocks + i * width * width, width, UINT64_MAX, err);
}

gs_status gs_bounds_tight(const gs_bounds *b, size_t i, const gs_root *root, size_t k, double *bound, gs_error *err)
{
    size_t width = b->width;
    double fidelity = 0;
    gs_status st = gs_root_fidelity(root, b->blocks + k * width * width, &fidelity, err);
    if (st == GS_OK)
        *bound = combine(b, i, k, fidelity + sqrt(b->rest[i] * b->rest[k]));
    return st;
}

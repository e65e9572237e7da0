#include "indexer/stats/frechet.h"

#include "indexer/stats/stats.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

/* Variances below this share of the largest are rounding: half of FLT_EPSILON is lost in each element, and elimination adds a few. */
#define ROUNDING (4 * (double)FLT_EPSILON)
#define SMALL    64 /* a matrix that is not halved */

static double largest_variance(const float *covariance, size_t dim)
{
    double largest = 0;
    for (size_t i = 0; i < dim; i++)
        largest = fmax(largest, covariance[i * dim + i]);
    return largest;
}

static void fill(gs_root *root, const float *covariance)
{
    for (size_t i = 0; i < root->dim * root->dim; i++)
        root->factor[i] = covariance[i];
    for (size_t i = 0; i < root->dim; i++)
        root->order[i] = (int)i + 1;
}

/* Without pivots, which take as long again. False unless every variance is above the tolerance. */
static bool factorize_full(gs_root *root, double tolerance)
{
    int n = (int)root->dim;
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', n, root->factor, n) != 0)
        return false;
    for (size_t i = 0; i < root->dim; i++) {
        double pivot = root->factor[i * root->dim + i];
        if (pivot * pivot <= tolerance)
            return false;
    }
    root->rank = root->dim;
    return true;
}

static gs_status factorize(gs_root *root, const float *covariance, uint64_t count, gs_error *err)
{
    size_t dim = root->dim;
    int n = (int)dim, rank = 0, failed = 0;
    double tolerance = ROUNDING * largest_variance(covariance, dim);
    fill(root, covariance);
    if (count <= dim || !factorize_full(root, tolerance)) {
        fill(root, covariance);
        failed = LAPACKE_dpstrf(LAPACK_COL_MAJOR, 'L', n, root->factor, n, root->order, &rank, tolerance);
        root->rank = count > 0 && count - 1 < (uint64_t)rank ? (size_t)(count - 1) : (size_t)rank;
    }
    if (failed == LAPACK_WORK_MEMORY_ERROR)
        return gs_fail(err, GS_ENOMEM, "no memory to factor a covariance of %zu dimensions", dim);
    if (failed < 0)
        return gs_fail(err, GS_EFORMAT, "a covariance of %zu dimensions was not factored (dpstrf: %d)", dim, failed);
    for (size_t j = 0; j < dim; j++)
        memset(root->factor + j * dim, 0, (j < root->rank ? j : dim) * sizeof *root->factor);
    return GS_OK;
}

gs_status gs_root_init(gs_root *root, const float *covariance, size_t dim, uint64_t count, gs_error *err)
{
    *root = (gs_root){.dim = dim};
    gs_status st = gs_stats_check("covariance", covariance, dim, dim, err);
    if (st != GS_OK)
        return st;
    root->trace = gs_trace(covariance, dim);
    root->order = malloc(dim * sizeof *root->order);
    root->factor = malloc(dim * dim * sizeof *root->factor);
    if (root->order && root->factor)
        st = factorize(root, covariance, count, err);
    else
        st = gs_fail(err, GS_ENOMEM, "no memory for a covariance of %zu dimensions", dim);
    if (st != GS_OK)
        gs_root_free(root);
    return st;
}

void gs_root_free(gs_root *root)
{
    free(root->order);
    free(root->factor);
    *root = (gs_root){0};
}

/* Whether a pair's fidelity is taken with the root of a rather than that of b. The one of lower rank keeps the rounding of the other out;
 * and a pair has one result, whichever of the two is met first. */
static bool precedes(size_t rank_a, double trace_a, size_t rank_b, double trace_b)
{
    return rank_a != rank_b ? rank_a < rank_b : trace_a < trace_b;
}

/* a += b / 2, column-major: a [rows, columns] with columns stride apart, b without gaps. */
static void add_half(double *a, size_t stride, const double *b, size_t rows, size_t columns)
{
    for (size_t c = 0; c < columns; c++)
        cblas_daxpy((int)rows, 0.5, b + c * rows, 1, a + c * stride, 1);
}

/* The lower triangle of L' S L into the leading [rank, rank] of s [dim, dim], which holds all of the symmetric S; both are column-major with
 * columns stride apart, and scratch is dim^2 / 2 numbers. By halves: with X = S21 L11 + S22 L21 / 2,
 *
 *     L' S L = [ L11' S11 L11 + X' L21 + L21' X                  . ]
 *              [ L22' (S21 L11 + S22 L21)            L22' S22 L22 ]
 *
 * in half the operations of two whole products, nearly all of them in large blocks. Where the rank ends, L22 is 0. */
static void conjugate(size_t dim, size_t rank, const double *l, double *s, size_t stride, double *scratch)
{
    size_t half = rank < dim ? rank : dim / 2, rest = dim - half;
    int h = (int)half, m = (int)rest, n = (int)dim, ld = (int)stride;
    const double *l21 = l + half, *l22 = l21 + half * stride;
    double *s21 = s + half, *s22 = s21 + half * stride;
    if (rank == dim && dim <= SMALL) {
        cblas_dtrmm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1, l, ld, s, ld);
        cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, n, n, 1, l, ld, s, ld);
        return;
    }
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, m, h, m, 1, s22, ld, l21, ld, 0, scratch, m);
    cblas_dtrmm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, m, h, 1, l, ld, s21, ld);
    add_half(s21, stride, scratch, rest, half);
    conjugate(half, half, l, s, stride, scratch + rest * half);
    cblas_dsyr2k(CblasColMajor, CblasLower, CblasTrans, h, m, 1, l21, ld, s21, ld, 1, s, ld);
    if (rank < dim)
        return;
    add_half(s21, stride, scratch, rest, half);
    cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, m, h, 1, l22, ld, s21, ld);
    conjugate(rest, rest, l22, s22, stride, scratch);
}

/* S with its rows and columns in the order of the root's, both triangles. */
static void reorder(const gs_root *root, const float *covariance, double *s)
{
    size_t dim = root->dim;
    for (size_t j = 0; j < dim; j++) {
        const float *row = covariance + (size_t)(root->order[j] - 1) * dim;
        for (size_t i = 0; i < dim; i++)
            s[j * dim + i] = row[root->order[i] - 1];
    }
}

gs_status gs_root_fidelity(const gs_root *root, const float *covariance, double *fidelity, gs_error *err)
{
    size_t dim = root->dim;
    double *product = malloc((dim * dim + dim * dim / 2) * sizeof *product);
    if (!product)
        return gs_fail(err, GS_ENOMEM, "no memory to compare distributions of %zu dimensions", dim);
    reorder(root, covariance, product);
    conjugate(dim, root->rank, root->factor, product, dim, product + dim * dim);
    gs_status st = gs_stats_root_trace(product, root->rank, dim, fidelity, err);
    free(product);
    return st;
}

double gs_squared_distance(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        double d = (double)a[i] - b[i];
        sum += d * d;
    }
    return sum;
}

double gs_trace(const float *covariance, size_t dim)
{
    double trace = 0;
    for (size_t i = 0; i < dim; i++)
        trace += covariance[i * dim + i];
    return trace;
}

double gs_frechet_combine(double squared_distance, double trace1, double trace2, double fidelity)
{
    return fmax(squared_distance + (trace1 + trace2) - 2 * fidelity, 0);
}

gs_status gs_root_distance(const gs_root *root, const gs_distribution *own, const gs_distribution *other, size_t *rank,
                           double *distance, gs_error *err)
{
    gs_root of_other = {0};
    size_t dim = root->dim;
    double trace = gs_trace(other->covariance, dim), fidelity = 0;
    gs_status st = gs_stats_check("mean", other->mean, dim, 1, err);
    if (st == GS_OK)
        st = gs_stats_check("covariance", other->covariance, dim, dim, err);
    if (st == GS_OK && (*rank == GS_RANK_UNKNOWN || precedes(*rank, trace, root->rank, root->trace))) {
        st = gs_root_init(&of_other, other->covariance, dim, other->count, err);
        *rank = of_other.rank;
    }
    if (st == GS_OK && precedes(*rank, trace, root->rank, root->trace))
        st = gs_root_fidelity(&of_other, own->covariance, &fidelity, err);
    else if (st == GS_OK)
        st = gs_root_fidelity(root, other->covariance, &fidelity, err);
    gs_root_free(&of_other);
    double apart = gs_squared_distance(own->mean, other->mean, dim);
    *distance = gs_frechet_combine(apart, root->trace, trace, fidelity);
    return st;
}

gs_status gs_frechet_distance(const gs_distribution *a, const gs_distribution *b, double *distance, gs_error *err)
{
    gs_root root = {0};
    size_t rank = GS_RANK_UNKNOWN;
    gs_status st = gs_stats_check("mean", a->mean, a->dim, 1, err);
    if (st == GS_OK)
        st = gs_root_init(&root, a->covariance, a->dim, a->count, err);
    if (st == GS_OK)
        st = gs_root_distance(&root, a, b, &rank, distance, err);
    gs_root_free(&root);
    return st;
}

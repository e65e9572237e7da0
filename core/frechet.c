#include "core/frechet.h"

#include "core/clones.h"
#include "core/dot.h"

#include <float.h>   /* DBL_EPSILON */
#include <math.h>    /* fabs, fmax, hypot, isfinite, sqrt */
#include <stdbool.h> /* bool */
#include <stdint.h>  /* SIZE_MAX */
#include <stdlib.h>  /* calloc, free */

/* ---- eigenvalues of a symmetric matrix: Golub and Van Loan, Matrix Computations, 8.3 ---- */

/* a [n, n] symmetric, which is destroyed -> the diagonal [n] and the numbers beside it [n] of a tridiagonal matrix with the same eigenvalues,
 * by Householder reflections. work [2 n]. */
static void tridiagonalise(double *a, size_t n, double *diagonal, double *beside, double *work)
{
    double *v = work, *w = work + n;
    for (size_t k = 0; k + 1 < n; k++) {
        double square = 0, dot = 0;
        for (size_t i = k + 1; i < n; i++) {
            v[i] = a[i * n + k];
            square += v[i] * v[i];
        }
        double length = v[k + 1] > 0 ? -sqrt(square) : sqrt(square);
        beside[k] = length;
        v[k + 1] -= length;
        double beta = length * (length - a[(k + 1) * n + k]); /* |v|^2 / 2 */
        for (size_t i = k + 1; i < n && beta > 0; i++) {
            w[i] = 0;
            for (size_t j = k + 1; j < n; j++)
                w[i] += a[i * n + j] * v[j];
            w[i] /= beta;
            dot += w[i] * v[i];
        }
        for (size_t i = k + 1; i < n && beta > 0; i++)
            w[i] -= dot / (2 * beta) * v[i];
        for (size_t i = k + 1; i < n && beta > 0; i++)
            for (size_t j = k + 1; j < n; j++)
                a[i * n + j] -= v[i] * w[j] + w[i] * v[j];
    }
    for (size_t i = 0; i < n; i++)
        diagonal[i] = a[i * n + i];
}

/* One step of the QR iteration with Wilkinson's shift, on rows first .. last, which are two at least. */
static void qr_step(double *diagonal, double *beside, size_t first, size_t last)
{
    double half = (diagonal[last - 1] - diagonal[last]) / 2, b = beside[last - 1];
    double root = hypot(half, b);
    double x = diagonal[first] - (diagonal[last] - b * b / (half + (half < 0 ? -root : root))), z = beside[first];
    for (size_t k = first; k < last; k++) {
        double length = hypot(x, z), c = length > 0 ? x / length : 1, s = length > 0 ? z / length : 0;
        double p = diagonal[k], q = beside[k], r = diagonal[k + 1];
        if (k > first)
            beside[k - 1] = length;
        diagonal[k] = c * c * p + 2 * c * s * q + s * s * r;
        diagonal[k + 1] = s * s * p - 2 * c * s * q + c * c * r;
        beside[k] = c * s * (r - p) + (c * c - s * s) * q;
        x = beside[k];
        if (k + 1 < last) {
            z = s * beside[k + 1];
            beside[k + 1] *= c;
        }
    }
}

static bool is_apart(const double *diagonal, const double *beside, size_t k)
{
    return fabs(beside[k]) <= DBL_EPSILON * (fabs(diagonal[k]) + fabs(diagonal[k + 1]));
}

/* The diagonal [n] becomes the eigenvalues, in no order. False when they do not come out, as of numbers that are not finite. */
static bool diagonalise(double *diagonal, double *beside, size_t n)
{
    size_t steps = 0, last = n > 0 ? n - 1 : 0;
    while (last > 0) {
        size_t first = last - 1;
        if (is_apart(diagonal, beside, first)) {
            last--;
            continue;
        }
        while (first > 0 && !is_apart(diagonal, beside, first - 1))
            first--;
        if (steps++ > 30 * n)
            return false;
        qr_step(diagonal, beside, first, last);
    }
    return true;
}

/* ---- the distance ---- */

/* One of the two: S = rest I + U diag(excess) U', without the ridge. */
typedef struct {
    const gs_lowrank *g;
    double rest;
} gaussian;

static double excess(const gaussian *s, size_t r)
{
    return fmax(0, (double)s->g->values[r] - GS_COVARIANCE_RIDGE - s->rest);
}

static double trace(const gaussian *s)
{
    double sum = (double)s->g->dim * s->rest;
    for (size_t r = 0; r < s->g->rank; r++)
        sum += excess(s, r);
    return sum;
}

/* cosines [a rank, b rank] := U_a' U_b. */
GS_CLONES static void multiply(const gs_lowrank *a, const gs_lowrank *b, double *cosines)
{
    for (size_t i = 0; i < a->rank; i++)
        for (size_t j = 0; j < b->rank; j++)
            cosines[i * b->rank + j] = gs_dot(a->vectors + i * a->dim, b->vectors + j * b->dim, a->dim);
}

/* gram [n, n], n = a rank + b rank: of the columns of [A B], core/METHOD.md. */
static void fill_gram(const gaussian *a, const gaussian *b, const double *cosines, double *gram)
{
    size_t k = a->g->rank, l = b->g->rank, n = k + l;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            gram[i * n + j] = i == j ? b->rest * excess(a, i) : 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < l; j++) {
            double both = b->rest * excess(a, i) * (a->rest + excess(a, i)) * excess(b, j);
            gram[i * n + k + j] = gram[(k + j) * n + i] = sqrt(both) * cosines[i * l + j];
        }
    for (size_t i = 0; i < l; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = i == j ? a->rest : 0;
            for (size_t m = 0; m < k; m++)
                sum += excess(a, m) * cosines[m * l + i] * cosines[m * l + j];
            gram[(k + i) * n + k + j] = gram[(k + j) * n + k + i] = sqrt(excess(b, i) * excess(b, j)) * sum;
        }
}

gs_status gs_frechet_lowrank(const gs_lowrank *a, const gs_lowrank *b, double *distance, gs_error *err)
{
    if (a->dim != b->dim)
        return gs_fail(err, GS_EARGS, "low-rank forms of dimensions %zu and %zu cannot be compared", a->dim, b->dim);
    gaussian first = {a, fmax(0, (double)a->rest - GS_COVARIANCE_RIDGE)};
    gaussian second = {b, fmax(0, (double)b->rest - GS_COVARIANCE_RIDGE)};
    size_t k = a->rank, l = b->rank, n = k + l;
    bool fits = n < SIZE_MAX / sizeof(double) / (2 * n + 5);
    double *memory = fits ? calloc(n * n + k * l + 4 * n + 1, sizeof *memory) : NULL;
    if (!memory)
        return gs_fail(err, GS_ENOMEM, "no memory to compare low-rank forms of rank %zu and %zu", k, l);
    double *gram = memory, *cosines = gram + n * n, *diagonal = cosines + k * l, *beside = diagonal + n;
    multiply(a, b, cosines);
    fill_gram(&first, &second, cosines, gram);
    tridiagonalise(gram, n, diagonal, beside, beside + n);
    bool found = diagonalise(diagonal, beside, n);
    double common = first.rest * second.rest, offset = 0;
    double fidelity = ((double)a->dim - (double)n) * sqrt(common); /* fewer than 0: that many eigenvalues below are 0 */
    for (size_t i = 0; i < n; i++)
        fidelity += sqrt(common + fmax(0, diagonal[i]));
    for (size_t i = 0; i < a->dim; i++)
        offset += ((double)a->mean[i] - b->mean[i]) * ((double)a->mean[i] - b->mean[i]);
    free(memory);
    *distance = fmax(0, offset + trace(&first) + trace(&second) - 2 * fidelity);
    if (!found || !isfinite(offset + trace(&first) + trace(&second) + fidelity))
        return gs_fail(err, GS_EFORMAT, "a number of a low-rank form is not finite");
    return GS_OK;
}

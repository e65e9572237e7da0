#include "core/moments.h"

#include <math.h>   /* sqrt */
#include <stdlib.h> /* calloc, free */
#include <string.h> /* memcpy, memset */

/* Rows folded into the scatter at once. Large enough that the scatter matrix, which does not fit the first cache, is
 * read and written once per block and not once per row; small enough that the centred block stays in the second
 * cache. */
#define BLOCK  32
#define UNROLL 4 /* rows summed in one pass over a row of the scatter */

gs_status gs_moments_init(gs_moments *m, size_t dim, gs_error *err)
{
    *m = (gs_moments){0};
    if (dim == 0)
        return gs_fail(err, GS_EARGS, "moments: the dimension is 0");
    if (dim > SIZE_MAX / sizeof(double) / dim || dim > SIZE_MAX / sizeof(double) / (BLOCK + UNROLL))
        return gs_fail(err, GS_ENOMEM, "moments: a covariance of dimension %zu does not fit the memory", dim);
    m->dim = dim;
    m->mean = calloc(dim, sizeof(double));
    m->scatter = calloc(dim * dim, sizeof(double));
    m->work = calloc((BLOCK + UNROLL) * dim, sizeof(double));
    if (!m->mean || !m->scatter || !m->work) {
        gs_moments_free(m);
        return gs_fail(err, GS_ENOMEM, "moments: no memory for dimension %zu", dim);
    }
    return GS_OK;
}

/* scatter [dim, dim] += rows' rows, lower triangle. rows [n, dim], n a multiple of UNROLL. Every element is summed in
 * the order of the rows, whatever the vector width, so that all machines agree to the bit. */
static void add_outer_products(double *scatter, const double *rows, size_t n, size_t dim)
{
    for (size_t i = 0; i < dim; i++) {
        double *target = scatter + i * dim;
        for (size_t r = 0; r < n; r += UNROLL) {
            const double *restrict a = rows + r * dim;
            const double *restrict b = a + dim, *restrict c = b + dim, *restrict d = c + dim;
            double ai = a[i], bi = b[i], ci = c[i], di = d[i];
            for (size_t j = 0; j <= i; j++)
                target[j] = (((target[j] + ai * a[j]) + bi * b[j]) + ci * c[j]) + di * d[j];
        }
    }
}

/* rows [n, dim] := features [n, dim] - their mean, which is written to mean [dim]. */
static void centre(const float *features, size_t n, size_t dim, double *rows, double *mean)
{
    memset(mean, 0, dim * sizeof(double));
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < dim; j++)
            mean[j] += features[r * dim + j];
    for (size_t j = 0; j < dim; j++)
        mean[j] /= (double)n;
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < dim; j++)
            rows[r * dim + j] = features[r * dim + j] - mean[j];
}

/* Moves m->mean to the mean of m's stream and of n more samples around other [dim]. What the scatter gains by the
 * move is the outer product of one vector, left in other: the distance between the means, scaled. */
static void move_mean(gs_moments *m, double *other, uint64_t n)
{
    double total = (double)m->count + (double)n;
    double share = (double)n / total;
    double scale = sqrt((double)m->count * share);
    for (size_t j = 0; j < m->dim; j++) {
        double shift = other[j] - m->mean[j];
        m->mean[j] += shift * share;
        other[j] = shift * scale;
    }
    m->count += n;
}

static void add_block(gs_moments *m, const float *features, size_t n)
{
    size_t dim = m->dim;
    double *shift = m->work + n * dim; /* one row more, behind the centred ones */
    centre(features, n, dim, m->work, shift);
    move_mean(m, shift, n);
    size_t rows = (n + 1 + UNROLL - 1) / UNROLL * UNROLL;
    memset(shift + dim, 0, (rows - n - 1) * dim * sizeof(double));
    add_outer_products(m->scatter, m->work, rows, dim);
}

void gs_moments_add(gs_moments *m, const float *features, size_t n)
{
    while (n > 0) {
        size_t rows = n < BLOCK ? n : BLOCK;
        add_block(m, features, rows);
        features += rows * m->dim;
        n -= rows;
    }
}

gs_status gs_moments_merge(gs_moments *into, const gs_moments *from, gs_error *err)
{
    if (into->dim != from->dim)
        return gs_fail(err, GS_EMISMATCH, "moments: cannot merge dimension %zu into dimension %zu", from->dim,
                       into->dim);
    if (from->count == 0)
        return GS_OK;
    size_t dim = into->dim;
    double *shift = into->work;
    memcpy(shift, from->mean, dim * sizeof(double));
    move_mean(into, shift, from->count);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j <= i; j++)
            into->scatter[i * dim + j] += from->scatter[i * dim + j] + shift[i] * shift[j];
    return GS_OK;
}

void gs_moments_mean(const gs_moments *m, float *mean)
{
    for (size_t j = 0; j < m->dim; j++)
        mean[j] = (float)m->mean[j];
}

gs_status gs_moments_covariance(const gs_moments *m, float *covariance, gs_error *err)
{
    if (m->count < 2)
        return gs_fail(err, GS_EARGS, "moments: a covariance needs two samples, there are %d", (int)m->count);
    size_t dim = m->dim;
    double divisor = (double)(m->count - 1);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j <= i; j++) {
            float value = (float)(m->scatter[i * dim + j] / divisor);
            covariance[i * dim + j] = value;
            covariance[j * dim + i] = value;
        }
    return GS_OK;
}

void gs_moments_free(gs_moments *m)
{
    free(m->mean);
    free(m->scatter);
    free(m->work);
    *m = (gs_moments){0};
}

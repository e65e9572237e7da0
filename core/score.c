#include "core/score.h"

#include "core/clones.h"
#include "core/dot.h"

#include <math.h>   /* exp, log, sqrt */
#include <stdint.h> /* SIZE_MAX */
#include <stdio.h>  /* snprintf */
#include <stdlib.h> /* malloc, free */
#include <string.h> /* strcmp */

#define LOG_2_PI 1.8378770664093454836

/* a . b for a [n], b [n] in f64, for the factorisation. */
GS_INLINE double dot_f64(const double *a, const double *b, size_t n)
{
    double lanes[GS_LANES] = {0};
    size_t i = 0;
    for (; i + GS_LANES <= n; i += GS_LANES)
        for (size_t l = 0; l < GS_LANES; l++)
            lanes[l] += a[i + l] * b[i + l];
    for (size_t l = 0; i < n; i++, l++)
        lanes[l] += a[i] * b[i];
    return gs_sum_lanes(lanes);
}

static const struct {
    const char *name;
    double scale, scale_tau; /* a log-likelihood is scale + scale_tau * tau times the score */
} methods[GS_METHOD_COUNT] = {
    [GS_FIRST_MOMENT] = {"first-moment", 0, 1},
    [GS_CENTRED_MOMENT] = {"centred-moment", 0, 1},
    [GS_FIRST_SECOND_MOMENT] = {"first-second-moment", 1, 0},
    [GS_GAUSSIAN_DENSITY] = {"gaussian-density", 1, 0},
    [GS_GAUSSIAN_LOWRANK] = {"gaussian-lowrank", 1, 0},
    [GS_MONTE_CARLO] = {"monte-carlo", 1, 0},
    [GS_FRECHET] = {"frechet", 0, 0.5},
    [GS_FRECHET_LOWRANK] = {"frechet-lowrank", 0, 0.5},
};

const char *gs_method_name(gs_method method)
{
    return (size_t)method < GS_METHOD_COUNT ? methods[method].name : "unknown";
}

gs_status gs_method_parse(const char *name, gs_method *method, gs_error *err)
{
    for (int i = 0; i < GS_METHOD_COUNT; i++)
        if (strcmp(name, methods[i].name) == 0) {
            *method = (gs_method)i;
            return GS_OK;
        }
    char names[256] = "";
    size_t used = 0;
    for (int i = 0; i < GS_METHOD_COUNT; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", methods[i].name);
    return gs_fail(err, GS_EARGS, "no method '%.64s': choose one of %s", name, names);
}

double gs_method_scale(gs_method method, double tau)
{
    return (size_t)method < GS_METHOD_COUNT ? methods[method].scale + methods[method].scale_tau * tau : 1;
}

GS_CLONES void gs_score_first_moment(const float *means, size_t count, size_t dim, const float *query, double *scores)
{
    for (size_t i = 0; i < count; i++) {
        const float *mean = means + i * dim;
        double square = gs_dot(mean, mean, dim);
        scores[i] = square > 0 ? gs_dot(mean, query, dim) / sqrt(square) : 0;
    }
}

/* ---- Gaussians ---- */

size_t gs_packed_count(size_t dim)
{
    return dim * (dim + 1) / 2;
}

/* lower [packed] := the Cholesky factor of covariance [dim, dim] + ridge I. Returns the index of the first pivot that is not positive, or
 * dim when there is none. */
GS_CLONES static size_t factorise(const float *covariance, size_t dim, double ridge, double *lower)
{
    double *row = lower;
    for (size_t i = 0; i < dim; row += ++i) {
        const double *other = lower;
        for (size_t j = 0; j < i; other += ++j)
            row[j] = (covariance[i * dim + j] - dot_f64(row, other, j)) / other[j];
        double pivot = covariance[i * dim + i] + ridge - dot_f64(row, row, i);
        if (!(pivot > 0) || pivot > 1e300)
            return i;
        row[i] = sqrt(pivot);
    }
    return dim;
}

gs_status gs_gaussian_factorise(const float *covariance, size_t dim, float *factor, double *log_determinant,
                                gs_error *err)
{
    if (dim == 0)
        return gs_fail(err, GS_EARGS, "gaussian: the dimension is 0");
    double *lower = dim < SIZE_MAX / sizeof *lower / dim ? malloc(gs_packed_count(dim) * sizeof *lower) : NULL;
    if (!lower)
        return gs_fail(err, GS_ENOMEM, "gaussian: no memory for a covariance of dimension %zu", dim);
    size_t stuck = factorise(covariance, dim, GS_COVARIANCE_RIDGE, lower);
    *log_determinant = 0;
    if (stuck == dim) {
        for (size_t i = 0; i < dim; i++)
            *log_determinant += 2 * log(lower[gs_packed_count(i) + i]);
        for (size_t i = 0; i < gs_packed_count(dim); i++)
            factor[i] = (float)lower[i];
    }
    free(lower);
    if (stuck == dim)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "gaussian: the matrix is no covariance: not positive definite at row %zu of %zu",
                   stuck, dim);
}

/* row . x for row [n] f32 and x [n] f64. */
GS_INLINE double dot_row(const float *row, const double *x, size_t n)
{
    double lanes[GS_LANES] = {0};
    size_t i = 0;
    for (; i + GS_LANES <= n; i += GS_LANES)
        for (size_t l = 0; l < GS_LANES; l++)
            lanes[l] += (double)row[i + l] * x[i + l];
    for (size_t l = 0; i < n; i++, l++)
        lanes[l] += (double)row[i] * x[i];
    return gs_sum_lanes(lanes);
}

GS_CLONES double gs_score_gaussian_density(const gs_gaussian *g, const float *query, double *work)
{
    const float *row = g->factor;
    double quadratic = 0;
    for (size_t i = 0; i < g->dim; row += ++i) {
        work[i] = ((double)query[i] - g->mean[i] - dot_row(row, work, i)) / row[i];
        quadratic += work[i] * work[i];
    }
    return -0.5 * (quadratic + g->log_determinant + (double)g->dim * LOG_2_PI);
}

GS_CLONES double gs_score_first_second_moment(const gs_gaussian *g, const float *query, double tau, double *work)
{
    const float *row = g->factor;
    double square = 0, quadratic = 0;
    for (size_t i = 0; i < g->dim; i++)
        work[i] = 0;
    for (size_t i = 0; i < g->dim; row += ++i) { /* work := L' q, row by row */
        double weight = query[i];
        square += weight * weight;
        for (size_t j = 0; j <= i; j++)
            work[j] += weight * (double)row[j];
    }
    for (size_t i = 0; i < g->dim; i++)
        quadratic += work[i] * work[i];
    return tau * gs_dot(g->mean, query, g->dim) + tau * tau / 2 * (quadratic - GS_COVARIANCE_RIDGE * square);
}

/* u . (query - mean). */
GS_INLINE double dot_offset(const float *u, const float *query, const float *mean, size_t dim)
{
    double lanes[GS_LANES] = {0};
    size_t i = 0;
    for (; i + GS_LANES <= dim; i += GS_LANES)
        for (size_t l = 0; l < GS_LANES; l++)
            lanes[l] += u[i + l] * ((double)query[i + l] - mean[i + l]);
    for (size_t l = 0; i < dim; i++, l++)
        lanes[l] += u[i] * ((double)query[i] - mean[i]);
    return gs_sum_lanes(lanes);
}

GS_CLONES double gs_score_gaussian_lowrank(const gs_lowrank *g, const float *query)
{
    /* Within the leading eigenvectors each coordinate counts by its own eigenvalue, what is left of the offset by the
     * common rest. */
    double quadratic = 0, log_determinant = 0, left = 0;
    for (size_t i = 0; i < g->dim; i++) {
        double offset = (double)query[i] - g->mean[i];
        left += offset * offset;
    }
    for (size_t r = 0; r < g->rank; r++) {
        double along = dot_offset(g->vectors + r * g->dim, query, g->mean, g->dim);
        quadratic += along * along / g->values[r];
        left -= along * along;
        log_determinant += log((double)g->values[r]);
    }
    if (left > 0)
        quadratic += left / g->rest;
    log_determinant += (double)(g->dim - g->rank) * log((double)g->rest);
    return -0.5 * (quadratic + log_determinant + (double)g->dim * LOG_2_PI);
}

void gs_lowrank_cut(gs_lowrank *g, size_t rank)
{
    if (rank >= g->rank)
        return;
    double rest = (double)(g->dim - g->rank) * (double)g->rest;
    for (size_t r = rank; r < g->rank; r++)
        rest += g->values[r];
    g->rest = (float)(rest / (double)(g->dim - rank));
    g->rank = rank;
}

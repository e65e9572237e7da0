#include "core/score.h"

#include <math.h>   /* exp, log, sqrt */
#include <stdint.h> /* SIZE_MAX */
#include <stdlib.h> /* malloc, free */
#include <string.h> /* strcmp */

#define LOG_2_PI 1.8378770664093454836

/* Sums run in LANES interleaved partial sums: fast, because they do not wait for each other, and written out, so that
 * the order of the additions is the program's and not the compiler's. */
#define LANES 4

static double sum_lanes(const double lanes[LANES])
{
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/* a . b for a [dim], b [dim]. */
static double dot(const float *a, const float *b, size_t dim)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lanes[l] += (double)a[i + l] * b[i + l];
    for (; i < dim; i++)
        lanes[0] += (double)a[i] * b[i];
    return sum_lanes(lanes);
}

static double dot_f64(const double *a, const double *b, size_t dim)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lanes[l] += a[i + l] * b[i + l];
    for (; i < dim; i++)
        lanes[0] += a[i] * b[i];
    return sum_lanes(lanes);
}

static const struct {
    const char *name;
    int is_cosine;
} methods[GS_METHOD_COUNT] = {
    [GS_FIRST_MOMENT] = {"first-moment", 1},         [GS_FIRST_SECOND_MOMENT] = {"first-second-moment", 0},
    [GS_GAUSSIAN_DENSITY] = {"gaussian-density", 0}, [GS_GAUSSIAN_LOWRANK] = {"gaussian-lowrank", 0},
    [GS_MONTE_CARLO] = {"monte-carlo", 0},
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
    return gs_fail(err, GS_EARGS, "no method '%.64s': choose one of %s, %s, %s, %s, %s", name, methods[0].name,
                   methods[1].name, methods[2].name, methods[3].name, methods[4].name);
}

double gs_method_scale(gs_method method, double tau)
{
    return (size_t)method < GS_METHOD_COUNT && methods[method].is_cosine ? tau : 1;
}

void gs_score_first_moment(const float *means, size_t count, size_t dim, const float *query, double *scores)
{
    for (size_t i = 0; i < count; i++) {
        const float *mean = means + i * dim;
        double square = dot(mean, mean, dim);
        scores[i] = square > 0 ? dot(mean, query, dim) / sqrt(square) : 0;
    }
}

double gs_score_first_second_moment(const float *mean, const float *covariance, size_t dim, const float *query,
                                    double tau)
{
    double quadratic = 0;
    for (size_t i = 0; i < dim; i++)
        quadratic += query[i] * dot(covariance + i * dim, query, dim);
    return tau * dot(mean, query, dim) + tau * tau / 2 * quadratic;
}

double gs_score_monte_carlo(const float *samples, size_t count, size_t dim, const float *query, double tau)
{
    /* One pass: the sum is kept relative to the highest exponent so far. */
    double highest = tau * dot(samples, query, dim), sum = 1;
    for (size_t i = 1; i < count; i++) {
        double exponent = tau * dot(samples + i * dim, query, dim);
        if (exponent <= highest) {
            sum += exp(exponent - highest);
        } else {
            sum = sum * exp(highest - exponent) + 1;
            highest = exponent;
        }
    }
    return highest + log(sum / (double)count);
}

/* lower [dim, dim] := the Cholesky factor of covariance [dim, dim] + ridge I. Returns the index of the first pivot
 * that is not positive, or dim when there is none. */
static size_t factorise(const float *covariance, size_t dim, double ridge, double *lower)
{
    for (size_t i = 0; i < dim; i++) {
        double *row = lower + i * dim;
        for (size_t j = 0; j < i; j++)
            row[j] = (covariance[i * dim + j] - dot_f64(row, lower + j * dim, j)) / lower[j * dim + j];
        double pivot = covariance[i * dim + i] + ridge - dot_f64(row, row, i);
        if (!(pivot > 0) || pivot > 1e300)
            return i;
        row[i] = sqrt(pivot);
    }
    return dim;
}

gs_status gs_gaussian_init(gs_gaussian *g, const float *mean, const float *covariance, size_t dim, gs_error *err)
{
    *g = (gs_gaussian){0};
    if (dim == 0)
        return gs_fail(err, GS_EARGS, "gaussian: the dimension is 0");
    if (dim > SIZE_MAX / sizeof(double) / dim)
        return gs_fail(err, GS_ENOMEM, "gaussian: a covariance of dimension %zu does not fit the memory", dim);
    g->dim = dim;
    g->mean = malloc(dim * sizeof(double));
    g->factor = calloc(dim * dim, sizeof(double));
    g->work = malloc(dim * sizeof(double));
    if (!g->mean || !g->factor || !g->work) {
        gs_gaussian_free(g);
        return gs_fail(err, GS_ENOMEM, "gaussian: no memory for dimension %zu", dim);
    }
    for (size_t i = 0; i < dim; i++)
        g->mean[i] = mean[i];
    size_t stuck = factorise(covariance, dim, GS_COVARIANCE_RIDGE, g->factor);
    if (stuck < dim) {
        gs_gaussian_free(g);
        return gs_fail(err, GS_EFORMAT,
                       "gaussian: the matrix is no covariance: not positive definite at row %zu of %zu", stuck, dim);
    }
    for (size_t i = 0; i < dim; i++)
        g->log_determinant += 2 * log(g->factor[i * dim + i]);
    return GS_OK;
}

double gs_gaussian_density(gs_gaussian *g, const float *query)
{
    /* |L^-1 (q - mu)|^2 is the quadratic form. */
    double *solved = g->work, quadratic = 0;
    for (size_t i = 0; i < g->dim; i++) {
        const double *row = g->factor + i * g->dim;
        solved[i] = (query[i] - g->mean[i] - dot_f64(row, solved, i)) / row[i];
        quadratic += solved[i] * solved[i];
    }
    return -0.5 * (quadratic + g->log_determinant + (double)g->dim * LOG_2_PI);
}

void gs_gaussian_free(gs_gaussian *g)
{
    free(g->mean);
    free(g->factor);
    free(g->work);
    *g = (gs_gaussian){0};
}

/* u . (query - mean). */
static double dot_offset(const float *u, const float *query, const float *mean, size_t dim)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lanes[l] += u[i + l] * ((double)query[i + l] - mean[i + l]);
    for (; i < dim; i++)
        lanes[0] += u[i] * ((double)query[i] - mean[i]);
    return sum_lanes(lanes);
}

double gs_score_gaussian_lowrank(const gs_lowrank *g, const float *query)
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

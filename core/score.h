/* score.h - how well a model explains a query: the scores of METHOD.md, higher is better.
 *
 *     gs_score_first_moment(means, count, dim, query, scores);           // the whole catalog at once
 *     double s = gs_score_first_second_moment(mean, covariance, dim, query, tau);
 *
 *     gs_gaussian g;                                                     // factor once, score many queries
 *     if ((st = gs_gaussian_init(&g, mean, covariance, dim, err)) != GS_OK) return st;
 *     double density = gs_gaussian_density(&g, query);
 *     gs_gaussian_free(&g);
 *
 * Queries are L2-normalised CLIP features [dim], tau is exp(logit_scale). Inputs are f32, sums are f64,
 * in one fixed order, so that native and wasm rank alike.
 */
#ifndef GS_SCORE_H
#define GS_SCORE_H

#include "core/status.h"

#include <stddef.h>

/* The methods by the names the command line, the database and the site use. */
typedef enum {
    GS_FIRST_MOMENT,        /* "first-moment" */
    GS_FIRST_SECOND_MOMENT, /* "first-second-moment" */
    GS_GAUSSIAN_DENSITY,    /* "gaussian-density" */
    GS_GAUSSIAN_LOWRANK,    /* "gaussian-lowrank" */
    GS_MONTE_CARLO,         /* "monte-carlo" */
    GS_METHOD_COUNT
} gs_method;

/* The name of a method: static text. */
const char *gs_method_name(gs_method method);

/* GS_EARGS, with the list of valid names, when name is none of them. */
gs_status gs_method_parse(const char *name, gs_method *method, gs_error *err);

/* What turns a method's score into a log-likelihood for combine.h: tau for the first moment, whose score is a cosine
 * (a von Mises-Fisher density of concentration tau), 1 for the others, which are log-likelihoods already. */
double gs_method_scale(gs_method method, double tau);

/* 1st Moment: scores[i] = q . mu_i / |mu_i|. means [count, dim], query [dim], scores [count]. A zero mean scores 0. */
void gs_score_first_moment(const float *means, size_t count, size_t dim, const float *query, double *scores);

/* 1st + 2nd Moment: tau q.mu + tau^2/2 q' Sigma q. mean [dim], covariance [dim, dim]. */
double gs_score_first_second_moment(const float *mean, const float *covariance, size_t dim, const float *query,
                                    double tau);

/* Monte Carlo: log mean_j exp(tau q.s_j), computed without overflow. samples [count, dim], count >= 1. */
double gs_score_monte_carlo(const float *samples, size_t count, size_t dim, const float *query, double tau);

/* What METHOD.md adds to the diagonal of a covariance before it is inverted. */
#define GS_COVARIANCE_RIDGE 0.001

/* Gaussian Density: log N(q; mu, Sigma + 0.001 I), through a Cholesky factor. */
typedef struct {
    size_t dim;
    double *mean;           /* [dim]       owned */
    double *factor;         /* [dim, dim]  owned; lower Cholesky factor, row-major */
    double *work;           /* [dim]       owned; scratch of density */
    double log_determinant; /* of Sigma + 0.001 I */
} gs_gaussian;

/* GS_EFORMAT when covariance + 0.001 I is not positive definite (it is not a covariance), GS_ENOMEM. mean and
 * covariance are borrowed for the call. */
gs_status gs_gaussian_init(gs_gaussian *g, const float *mean, const float *covariance, size_t dim, gs_error *err);
double gs_gaussian_density(gs_gaussian *g, const float *query);
void gs_gaussian_free(gs_gaussian *g);

/* The low-rank form of Sigma + 0.001 I ~ U diag(values) U' + rest (I - U U'), as catalog.h reads it and stats/ makes
 * it. */
typedef struct {
    size_t dim;
    size_t rank;          /* k < dim */
    const float *mean;    /* [dim]        borrowed */
    const float *values;  /* [rank]       borrowed; eigenvalues of Sigma + 0.001 I, descending, > 0 */
    const float *vectors; /* [rank, dim]  borrowed; orthonormal rows */
    float rest;           /* mean of the remaining eigenvalues of Sigma + 0.001 I, > 0 */
} gs_lowrank;

/* log N(q; mu, low-rank form): O(dim * rank). */
double gs_score_gaussian_lowrank(const gs_lowrank *g, const float *query);

#endif

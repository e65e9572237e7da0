/* score.h - how well a model explains a query: the scores of core/METHOD.md, higher is better.
 *
 *     gs_score_first_moment(means, count, dim, query, scores);           // the whole catalog at once
 *
 *     float *factor = malloc(gs_packed_count(dim) * sizeof *factor);     // once for a model
 *     gs_gaussian g = {.dim = dim, .mean = mean, .factor = factor};
 *     if ((st = gs_gaussian_factorise(covariance, dim, factor, &g.log_determinant, err)) != GS_OK) return st;
 *     double density = gs_score_gaussian_density(&g, query, work);       // for every query, in O(dim^2)
 *     double moments = gs_score_first_second_moment(&g, query, tau, work);
 *
 * Queries are L2-normalised CLIP features [dim], tau is exp(logit_scale). Inputs are f32, sums are f64,
 * in one fixed order, so that native and wasm rank alike.
 */
#ifndef GS_SCORE_H
#define GS_SCORE_H

#include "core/status.h"

#include <stddef.h>

/* The methods by the names that the command line and the site use. */
typedef enum {
    GS_FIRST_MOMENT, /* "first-moment" */
    GS_CENTRED_MOMENT, /* "centred-moment": the first moment less half of the model's mean one over a background (query.h) */
    GS_FIRST_SECOND_MOMENT, /* "first-second-moment" */
    GS_GAUSSIAN_DENSITY,    /* "gaussian-density" */
    GS_GAUSSIAN_LOWRANK,    /* "gaussian-lowrank" */
    GS_MONTE_CARLO,         /* "monte-carlo" */
    GS_FRECHET,             /* "frechet": of a model as the query; the score is the distance, negated */
    GS_FRECHET_LOWRANK,     /* "frechet-lowrank": the same of the two models' low-rank forms */
    GS_METHOD_COUNT
} gs_method;

/* The name of a method: static text. */
const char *gs_method_name(gs_method method);

/* GS_EARGS, with the list of valid names, when name is none of them. */
gs_status gs_method_parse(const char *name, gs_method *method, gs_error *err);

/* What turns a method's score into a log-likelihood for combine.h: tau for the first moment, centred or not, whose score is a cosine
 * (a von Mises-Fisher density of concentration tau); tau / 2 for the negated Frechet distances, which for two points of length 1 is twice
 * their cosine less 2; 1 for the others, which are log-likelihoods already. */
double gs_method_scale(gs_method method, double tau);

/* 1st Moment: scores[i] = q . mu_i / |mu_i|. means [count, dim], query [dim], scores [count]. A zero mean scores 0. */
void gs_score_first_moment(const float *means, size_t count, size_t dim, const float *query, double *scores);

/* What core/METHOD.md adds to the diagonal of a covariance before it is inverted. */
#define GS_COVARIANCE_RIDGE 0.001

/* Numbers in the lower triangle of a matrix [dim, dim], which is packed row after row: m[0][0], m[1][0], m[1][1], m[2][0] ... */
size_t gs_packed_count(size_t dim);

/* A model's Gaussian, prepared once for every query. */
typedef struct {
    size_t dim;
    const float *mean; /* [dim]                   borrowed */
    const float
        *factor; /* [gs_packed_count(dim)]  borrowed; L with L L' = Sigma + 0.001 I, its lower triangle packed */
    double log_determinant; /* of Sigma + 0.001 I */
} gs_gaussian;

/* covariance [dim, dim] -> factor [gs_packed_count(dim)] and its log determinant. GS_EFORMAT when covariance + 0.001 I is not positive
 * definite (it is no covariance), GS_EARGS for dim 0, GS_ENOMEM. */
gs_status gs_gaussian_factorise(const float *covariance, size_t dim, float *factor, double *log_determinant,
                                gs_error *err);

/* 1st + 2nd Moment: tau q.mu + tau^2/2 q' Sigma q, where q' Sigma q = |L' q|^2 - 0.001 |q|^2. work [dim]: scratch, here and below. */
double gs_score_first_second_moment(const gs_gaussian *g, const float *query, double tau, double *work);

/* Gaussian Density: log N(q; mu, Sigma + 0.001 I); the quadratic form is |L^-1 (q - mu)|^2. */
double gs_score_gaussian_density(const gs_gaussian *g, const float *query, double *work);

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

/* Keeps the first eigenpairs alone, rank > 0 of them, where there are more: the others go into rest. */
void gs_lowrank_cut(gs_lowrank *g, size_t rank);

#endif

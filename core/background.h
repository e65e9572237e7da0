/* background.h - what the models of a zoo score for queries that ask for nothing in particular. It takes a model's general
 * advantage out of its first moment, and tells when no model makes what is asked for (core/METHOD.md, "Background").
 *
 *     gs_background background = {.means = means, .cutoffs = cutoffs};    // of words, or of pictures
 *     double lead;
 *     if ((st = gs_background_lead(&background, cosines, NULL, count, &lead, err)) != GS_OK) return st;
 *     bool matched = lead >= background.cutoffs.lead;
 */
#ifndef GS_BACKGROUND_H
#define GS_BACKGROUND_H

#include "core/status.h"

#include <math.h> /* INFINITY */
#include <stddef.h>

/* A lead over the median says little among fewer models: these have no cut-off. */
#define GS_BACKGROUND_LEAST 8

/* No model matches a query that stays below; -INFINITY: not known. */
typedef struct {
    double lead;
    double density, lowrank; /* of a picture's best score by GS_GAUSSIAN_DENSITY, by GS_GAUSSIAN_LOWRANK */
} gs_cutoffs;
#define GS_NO_CUTOFFS ((gs_cutoffs){-INFINITY, -INFINITY, -INFINITY})

typedef struct {
    const double *means; /* [count]  each model's mean first moment over the background's queries  borrowed */
    gs_cutoffs cutoffs;
} gs_background;

/* *median over the models of the cosines less the background's means; INFINITY without a model. cosines as below. GS_ENOMEM. */
gs_status gs_background_median(const gs_background *background, const double *cosines, size_t count, double *median,
                               gs_error *err);

/* *lead: by how much the best model is ahead of the median of all models, in cosines less the background's means. cosines [count]: first
 * moments of the query, NaN for a model that is to be ignored. ranked [count]: only a model whose number is not NaN can be the best one;
 * NULL: every model. -INFINITY when none can. GS_ENOMEM. */
gs_status gs_background_lead(const gs_background *background, const double *cosines, const double *ranked, size_t count,
                             double *lead, gs_error *err);

/* The q-quantile of values [n], n >= 1, which are sorted: linear between the two nearest, as NumPy's default. */
double gs_quantile(double *values, size_t n, double q);

#endif

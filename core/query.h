/* query.h - the parts of a query, and one ranking of them: what the program and the browser share.
 *
 *     gs_query_part parts[] = {{.kind = GS_PART_TEXT, .method = GS_FIRST_MOMENT, .weight = 1, .feature = words},
 *                              {.kind = GS_PART_IMAGE, .method = GS_GAUSSIAN_DENSITY, .weight = 0.5, .feature = picture}};
 *     for (m = 0; m < count; m++)                                        // the caller knows where models come from
 *         for (p = 0; p < 2; p++)
 *             st = gs_query_score(&parts[p], &model, tau, work, &scores[p * count + m], err);
 *     st = gs_query_rank(parts, 2, scores, count, tau, log_probability, &conflict, err);
 *     st = gs_query_matched(parts, 2, cosines, scores, log_probability, count, matched, NULL, err); // or does none?
 *     size_t n = gs_rank_top(log_probability, count, 10, top);           // rank.h
 *
 * Where second-order data are costly to fetch, only the leading candidates are scored by it: gs_query_candidates() finds them by the first
 * moment of every part. A model with a NaN among its scores is not ranked: it was left out by a filter, or is no candidate. Probabilities
 * are those of the models that are ranked; they sum to 1.
 */
#ifndef GS_QUERY_H
#define GS_QUERY_H

#include "core/background.h"
#include "core/score.h"
#include "core/table.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { GS_PART_TEXT, GS_PART_IMAGE, GS_PART_SKETCH, GS_PART_MODEL, GS_PART_KIND_COUNT } gs_part_kind;

/* "text", "image", "sketch", "model": static text. */
const char *gs_part_kind_name(gs_part_kind kind);
gs_status gs_part_kind_parse(const char *name, gs_part_kind *kind, gs_error *err); /* GS_EARGS lists the names */

/* What ranks a part of this kind where nobody says otherwise. */
gs_method gs_part_default_method(gs_part_kind kind);

/* The same over a published folder, where the small files that it always holds must do. */
gs_method gs_part_published_method(gs_part_kind kind);

/* The kind whose background a part of this kind is compared with: words with words, everything else with pictures. */
gs_part_kind gs_part_background_kind(gs_part_kind kind);

/* Over a published folder, how many of the models that lead by first moments are scored by methods that read a file of each. */
#define GS_QUERY_CANDIDATES 48

typedef struct {
    gs_part_kind kind;
    gs_method method;
    double weight;             /* of its expert in the product; negative steers away */
    const float *feature;      /* [dim] of length 1; of a model, its mean scaled to that  borrowed */
    const gs_lowrank *lowrank; /* of a model, for GS_FRECHET_LOWRANK; else NULL  borrowed */
    const gs_background
        *background; /* of gs_part_background_kind(kind); NULL: unknown, and all its means count as 0  borrowed */
} gs_query_part;

/* feature [dim] of a model as a query: row index of means, scaled to length 1. norms: gs_table_norms(). */
void gs_query_model_feature(const gs_table *means, const double *norms, size_t index, float *feature);

/* What a model is scored by. A part's method needs what gs_method_needs() says; the rest may be NULL. */
typedef struct {
    size_t index; /* among all models: whose mean of a background is its */
    size_t dim;
    const float *mean;           /* [dim] */
    const gs_gaussian *gaussian; /* NULL: not at hand */
    const gs_lowrank *lowrank;   /* NULL: not at hand */
    const gs_table *features;    /* NULL or empty: none are kept for Monte Carlo */
} gs_scored_model;

typedef enum { GS_NEEDS_MEAN, GS_NEEDS_GAUSSIAN, GS_NEEDS_LOWRANK, GS_NEEDS_FEATURES, GS_NEEDS_COVARIANCE } gs_needs;
gs_needs gs_method_needs(gs_method method);

/* *score of a model by the part's method. work: scratch from malloc(), dim doubles long. GS_EARGS when the model or the part lacks what the method
 * needs, and for GS_FRECHET, which is the caller's to compute (indexer/stats); GS_EFORMAT when a number is not finite. */
gs_status gs_query_score(const gs_query_part *part, const gs_scored_model *model, double tau, void *work, double *score,
                         gs_error *err);

/* Of a model's mean over the background, what the centred moment takes off: chosen on data/zoo (tests/quality/README.md). */
#define GS_CENTRED_SHARE 0.5

/* What a part's method takes from the first moment of model i, because the model has it whatever is asked for: 0 unless that is centred. */
double gs_query_advantage(const gs_query_part *part, size_t i);

/* Writes to candidates [most] the models that lead by the product of every part's first moment, best first; returns how many. cosines
 * [n_parts, count]: gs_score_first_moment() of each part, NaN in a row for a model that a filter leaves out; overwritten. A part whose
 * method is the centred moment counts by that. */
size_t gs_query_candidates(const gs_query_part *parts, size_t n_parts, double *cosines, size_t count, double tau,
                           uint32_t *candidates, size_t most);

/* A model is near the best one for a part when it comes that far from the mean of all models to the best one. */
#define GS_CONFLICT 0.6

/* log_probability [count]: of each model given all parts. scores [n_parts, count] by each part's method. The parts are a product of experts of
 * equal spread; where they are in conflict, which is when no model is near the best one for every part of positive weight, those parts are a
 * mixture, which has the best models of each of them in front (core/METHOD.md). conflict may be NULL. GS_EARGS for no parts, and for a
 * weight that is 0 or not finite; GS_ENOMEM. */
gs_status gs_query_rank(const gs_query_part *parts, size_t n_parts, const double *scores, size_t count, double tau,
                        double *log_probability, bool *conflict, gs_error *err);

/* matched [n_parts]: false where no ranked model makes what a part of words or of a picture asks for. A picture's best density is compared with
 * its cut-off where the part's method is one that has it; else the part's lead is (background.h). True where that is not known: without a
 * background, for sketches and models, and for a negative weight. cosines [n_parts, count]: first moments of all models; scores [n_parts, count]
 * by the parts' methods; log_probability [count]: NaN for a model that is not ranked. makes [count], or NULL: the ranked models that make what
 * one of these parts asks for; none where nothing is known. GS_ENOMEM. */
gs_status gs_query_matched(const gs_query_part *parts, size_t n_parts, const double *cosines, const double *scores,
                           const double *log_probability, size_t count, bool *matched, bool *makes, gs_error *err);

/* Whether it is known of a part which models make it. */
bool gs_query_has_cutoff(const gs_query_part *parts, size_t n_parts);

/* Whether a model makes something of what is asked for: false when no part of positive weight is matched. */
bool gs_query_any_matched(const gs_query_part *parts, size_t n_parts, const bool *matched);

#endif

#include "core/query.h"

#include "core/combine.h"
#include "core/frechet.h"
#include "core/rank.h"

#include <math.h> /* isnan, isfinite, NAN */
#include <stdbool.h>
#include <stdlib.h> /* malloc, free */
#include <string.h> /* strcmp */

static const struct {
    const char *name;
    gs_method method, published;
    gs_part_kind background;
    bool has_cutoff; /* the background's is that of such queries */
} kinds[GS_PART_KIND_COUNT] = {
    [GS_PART_TEXT] = {"text", GS_CENTRED_MOMENT, GS_CENTRED_MOMENT, GS_PART_TEXT, true},
    [GS_PART_IMAGE] = {"image", GS_GAUSSIAN_DENSITY, GS_GAUSSIAN_LOWRANK, GS_PART_IMAGE, true},
    [GS_PART_SKETCH] = {"sketch", GS_GAUSSIAN_DENSITY, GS_GAUSSIAN_LOWRANK, GS_PART_IMAGE, false},
    [GS_PART_MODEL] = {"model", GS_FRECHET, GS_FRECHET_LOWRANK, GS_PART_IMAGE, false},
};

const char *gs_part_kind_name(gs_part_kind kind)
{
    return (size_t)kind < GS_PART_KIND_COUNT ? kinds[kind].name : "unknown";
}

gs_status gs_part_kind_parse(const char *name, gs_part_kind *kind, gs_error *err)
{
    for (int i = 0; i < GS_PART_KIND_COUNT; i++)
        if (strcmp(name, kinds[i].name) == 0) {
            *kind = (gs_part_kind)i;
            return GS_OK;
        }
    return gs_fail(err, GS_EARGS, "no kind of query '%.64s': expected %s, %s, %s or %s", name, kinds[0].name,
                   kinds[1].name, kinds[2].name, kinds[3].name);
}

gs_method gs_part_default_method(gs_part_kind kind)
{
    return kinds[kind].method;
}

gs_method gs_part_published_method(gs_part_kind kind)
{
    return kinds[kind].published;
}

gs_part_kind gs_part_background_kind(gs_part_kind kind)
{
    return kinds[kind].background;
}

gs_needs gs_method_needs(gs_method method)
{
    static const gs_needs needs[GS_METHOD_COUNT] = {
        [GS_FIRST_MOMENT] = GS_NEEDS_MEAN,
        [GS_CENTRED_MOMENT] = GS_NEEDS_MEAN,
        [GS_FIRST_SECOND_MOMENT] = GS_NEEDS_GAUSSIAN,
        [GS_GAUSSIAN_DENSITY] = GS_NEEDS_GAUSSIAN,
        [GS_GAUSSIAN_LOWRANK] = GS_NEEDS_LOWRANK,
        [GS_MONTE_CARLO] = GS_NEEDS_FEATURES,
        [GS_FRECHET] = GS_NEEDS_COVARIANCE,
        [GS_FRECHET_LOWRANK] = GS_NEEDS_LOWRANK,
    };
    return needs[method];
}

double gs_query_advantage(const gs_query_part *part, size_t i)
{
    return part->method == GS_CENTRED_MOMENT && part->background ? GS_CENTRED_SHARE * part->background->means[i] : 0;
}

void gs_query_model_feature(const gs_table *means, const double *norms, size_t index, float *feature)
{
    gs_table_expand(means, index, 1, feature);
    for (size_t k = 0; k < means->dim && norms[index] > 0; k++)
        feature[k] = (float)(feature[k] / norms[index]);
}

/* The score of a model that has what the method needs. */
static gs_status compute_score(const gs_query_part *part, const gs_scored_model *model, double tau, void *work,
                               double *score, gs_error *err)
{
    gs_table_query query;
    gs_status st = GS_OK;
    switch (part->method) {
    case GS_FIRST_SECOND_MOMENT:
        *score = gs_score_first_second_moment(model->gaussian, part->feature, tau, work);
        return GS_OK;
    case GS_GAUSSIAN_DENSITY:
        *score = gs_score_gaussian_density(model->gaussian, part->feature, work);
        return GS_OK;
    case GS_GAUSSIAN_LOWRANK:
        *score = gs_score_gaussian_lowrank(model->lowrank, part->feature);
        return GS_OK;
    case GS_FRECHET_LOWRANK:
        st = gs_frechet_lowrank(part->lowrank, model->lowrank, score, err);
        *score = -*score;
        return st;
    case GS_MONTE_CARLO:
        st = gs_table_query_init(&query, model->features, part->feature, work, err);
        if (st == GS_OK)
            *score = gs_table_monte_carlo(model->features, &query, tau);
        return st;
    default:
        gs_score_first_moment(model->mean, 1, model->dim, part->feature, score);
        *score -= gs_query_advantage(part, model->index);
        return GS_OK;
    }
}

gs_status gs_query_score(const gs_query_part *part, const gs_scored_model *model, double tau, void *work, double *score,
                         gs_error *err)
{
    gs_needs needs = gs_method_needs(part->method);
    bool of_models = part->method == GS_FRECHET_LOWRANK;
    bool lacks = (needs == GS_NEEDS_GAUSSIAN && !model->gaussian) || (needs == GS_NEEDS_LOWRANK && !model->lowrank) ||
                 (needs == GS_NEEDS_FEATURES && (!model->features || model->features->count == 0)) ||
                 (of_models ? !part->lowrank : !part->feature) || needs == GS_NEEDS_COVARIANCE;
    if (lacks)
        return gs_fail(err, GS_EARGS, "what %s needs is not there%s", gs_method_name(part->method),
                       needs == GS_NEEDS_FEATURES ? ": no features are kept; index it with --keep-features" : "");
    *score = 0;
    gs_status st = compute_score(part, model, tau, work, score, err);
    if (st == GS_OK && !isfinite(*score))
        st = gs_fail(err, GS_EFORMAT, "its score by %s is no finite number", gs_method_name(part->method));
    return st;
}

size_t gs_query_candidates(const gs_query_part *parts, size_t n_parts, double *cosines, size_t count, double tau,
                           uint32_t *candidates, size_t most)
{
    if (n_parts == 0)
        return 0;
    /* The first part's row takes the sum: it is the last to be read. */
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t p = 0; p < n_parts; p++)
            sum += parts[p].weight * tau * (cosines[p * count + i] - gs_query_advantage(&parts[p], i));
        cosines[i] = sum;
    }
    size_t n = gs_rank_top(cosines, count, most, candidates);
    while (n > 0 && isnan(cosines[candidates[n - 1]]))
        n--;
    return n;
}

/* A model that one part did not score is left out of every part, so that all are normalised over the same models. */
static void leave_out(double *experts, size_t n_parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool missing = false;
        for (size_t p = 0; p < n_parts; p++)
            missing |= isnan(experts[p * count + i]) != 0;
        for (size_t p = 0; missing && p < n_parts; p++)
            experts[p * count + i] = NAN;
    }
}

/* Of an expert's numbers that are finite; 0, 0 and -inf without any. */
typedef struct {
    double mean, deviation, highest;
} summary;

static summary summarise(const double *values, size_t count)
{
    summary s = {0, 0, -INFINITY};
    double n = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            s.mean += values[i];
            s.highest = values[i] > s.highest ? values[i] : s.highest;
            n++;
        }
    if (n == 0)
        return s;
    s.mean /= n;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            squares += (values[i] - s.mean) * (values[i] - s.mean);
    s.deviation = sqrt(squares / n);
    return s;
}

/* Whether no model comes near the best one for every part of positive weight. */
static bool in_conflict(const gs_query_part *parts, size_t n_parts, const double *experts, const summary *summaries,
                        size_t count)
{
    bool ranked = false;
    for (size_t i = 0; i < count; i++) {
        bool near = !isnan(experts[i]);
        ranked |= near;
        for (size_t p = 0; p < n_parts && near; p++) {
            const summary *s = &summaries[p];
            near = parts[p].weight < 0 || experts[p * count + i] - s->mean >= GS_CONFLICT * (s->highest - s->mean);
        }
        if (near)
            return false;
    }
    return ranked;
}

/* Scales all experts to the spread of the one that varies least over the models; one that does not vary has nothing to say. */
static void temper(double *experts, const summary *summaries, size_t n_parts, size_t count)
{
    double least = INFINITY;
    for (size_t p = 0; p < n_parts; p++)
        if (summaries[p].deviation > 0 && summaries[p].deviation < least)
            least = summaries[p].deviation;
    for (size_t p = 0; p < n_parts; p++)
        for (size_t i = 0; i < count && summaries[p].deviation > least; i++)
            experts[p * count + i] *= least / summaries[p].deviation;
}

/* The first expert of positive weight becomes the mixture of all of them, with the weight 1; the others get the weight 0. Two at least. */
static void mix(double *experts, double *weights, size_t n_parts, size_t count)
{
    double *mixture = NULL;
    for (size_t p = 0; p < n_parts; p++) {
        double *expert = experts + p * count;
        if (weights[p] < 0)
            continue;
        for (size_t i = 0; i < count; i++)
            expert[i] = weights[p] * exp(expert[i]);
        for (size_t i = 0; mixture && i < count; i++)
            mixture[i] += expert[i];
        weights[p] = mixture ? 0 : 1;
        mixture = mixture ? mixture : expert;
    }
    for (size_t i = 0; mixture && i < count; i++)
        mixture[i] = log(mixture[i]);
}

/* experts [n_parts, count]: log-likelihoods; overwritten, as are weights [n_parts]. */
static bool combine(const gs_query_part *parts, size_t n_parts, double *experts, double *weights, summary *summaries,
                    size_t count, double *log_probability)
{
    for (size_t p = 0; p < n_parts; p++)
        summaries[p] = summarise(experts + p * count, count);
    bool conflict = in_conflict(parts, n_parts, experts, summaries, count);
    temper(experts, summaries, n_parts, count);
    for (size_t p = 0; p < n_parts; p++)
        gs_log_softmax(experts + p * count, count);
    if (conflict)
        mix(experts, weights, n_parts, count);
    gs_combine(experts, weights, n_parts, count, log_probability);
    return conflict;
}

gs_status gs_query_rank(const gs_query_part *parts, size_t n_parts, const double *scores, size_t count, double tau,
                        double *log_probability, bool *conflict, gs_error *err)
{
    if (n_parts == 0)
        return gs_fail(err, GS_EARGS, "a query without parts ranks nothing");
    for (size_t p = 0; p < n_parts; p++)
        if (!isfinite(parts[p].weight) || parts[p].weight == 0)
            return gs_fail(err, GS_EARGS, "part %zu has the weight %g, expected a number other than 0", p + 1,
                           parts[p].weight);
    double *experts = malloc((n_parts * count + 1) * sizeof *experts),
           *weights = malloc((n_parts + 1) * sizeof *weights);
    summary *summaries = malloc((n_parts + 1) * sizeof *summaries);
    gs_status st =
        experts && weights && summaries ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory to rank %zu models", count);
    if (st == GS_OK) {
        for (size_t p = 0; p < n_parts; p++) {
            weights[p] = parts[p].weight;
            for (size_t i = 0; i < count; i++)
                experts[p * count + i] = gs_method_scale(parts[p].method, tau) * scores[p * count + i];
        }
        leave_out(experts, n_parts, count);
        bool found = combine(parts, n_parts, experts, weights, summaries, count, log_probability);
        if (conflict)
            *conflict = found;
    }
    free(summaries);
    free(weights);
    free(experts);
    return st;
}

/* What of every model is compared with which limit, to tell whether it makes what a part asks for. */
typedef struct {
    const double *values; /* [count]  NULL: nothing is known */
    const double *means;  /* [count]  what is taken from the values; NULL: nothing */
    double limit;
} comparison;

static comparison compare_scores(double cutoff, const double *scores)
{
    return (comparison){isfinite(cutoff) ? scores : NULL, NULL, cutoff};
}

static gs_status choose_comparison(const gs_query_part *part, const double *cosines, const double *scores, size_t count,
                                   comparison *c, gs_error *err)
{
    const gs_background *background = kinds[part->kind].has_cutoff ? part->background : NULL;
    double median;
    *c = (comparison){0};
    if (!background || part->weight < 0)
        return GS_OK;
    if (part->kind == GS_PART_IMAGE && part->method == GS_GAUSSIAN_DENSITY)
        *c = compare_scores(background->cutoffs.density, scores);
    if (part->kind == GS_PART_IMAGE && part->method == GS_GAUSSIAN_LOWRANK)
        *c = compare_scores(background->cutoffs.lowrank, scores);
    if (c->values || !isfinite(background->cutoffs.lead))
        return GS_OK;
    gs_status st = gs_background_median(background, cosines, count, &median, err);
    if (st == GS_OK)
        *c = (comparison){cosines, background->means, background->cutoffs.lead + median};
    return st;
}

gs_status gs_query_matched(const gs_query_part *parts, size_t n_parts, const double *cosines, const double *scores,
                           const double *log_probability, size_t count, bool *matched, bool *makes, gs_error *err)
{
    gs_status st = GS_OK;
    for (size_t i = 0; makes && i < count; i++)
        makes[i] = false;
    for (size_t p = 0; p < n_parts && st == GS_OK; p++) {
        comparison c;
        st = choose_comparison(&parts[p], cosines + p * count, scores + p * count, count, &c, err);
        matched[p] = !c.values;
        for (size_t i = 0; i < count && c.values && st == GS_OK; i++) {
            bool reached = !isnan(log_probability[i]) && c.values[i] - (c.means ? c.means[i] : 0) >= c.limit;
            matched[p] |= reached;
            if (makes)
                makes[i] |= reached;
        }
    }
    return st;
}

bool gs_query_has_cutoff(const gs_query_part *parts, size_t n_parts)
{
    for (size_t p = 0; p < n_parts; p++)
        if (kinds[parts[p].kind].has_cutoff && parts[p].weight > 0 && parts[p].background &&
            isfinite(parts[p].background->cutoffs.lead))
            return true;
    return false;
}

bool gs_query_any_matched(const gs_query_part *parts, size_t n_parts, const bool *matched)
{
    bool wanted = false;
    for (size_t p = 0; p < n_parts; p++) {
        if (parts[p].weight > 0 && matched[p])
            return true;
        wanted |= parts[p].weight > 0;
    }
    return !wanted;
}

#include "indexer/search/drawn.h"

#include "core/rank.h"
#include "indexer/search/prepare.h"
#include "indexer/util/mix.h"

#include <math.h>
#include <stdlib.h>

#define DRAWS      1600 /* in all, of which a model gives at most MOST_DRAWS */
#define MOST_DRAWS 100

void gs_drawn_free(gs_drawn *drawn)
{
    free(drawn->features);
    free(drawn->authors);
    *drawn = (gs_drawn){0};
}

static gs_status normalise(float *feature, size_t dim, gs_error *err)
{
    double square = 0;
    for (size_t k = 0; k < dim; k++)
        square += (double)feature[k] * feature[k];
    if (!(square > 0 && isfinite(square)))
        return gs_fail(err, GS_EFORMAT, "a feature of the background has no length");
    for (size_t k = 0; k < dim; k++)
        feature[k] = (float)(feature[k] / sqrt(square));
    return GS_OK;
}

/* Uniform in (0, 1], from a key alone. */
static double uniform(uint64_t key)
{
    return ((double)(gs_mix64(key) >> 11) + 1) / 9007199254740992.0;
}

/* out [n] of the standard normal distribution, from a key alone (Box and Muller 1958). */
static void draw_normal(uint64_t key, size_t n, double *out)
{
    for (size_t i = 0; i < n; i += 2) {
        double radius = sqrt(-2 * log(uniform(gs_mix64(key) ^ i))), angle = 2 * M_PI * uniform(gs_mix64(key) ^ (i + 1));
        out[i] = radius * cos(angle);
        if (i + 1 < n)
            out[i + 1] = radius * sin(angle);
    }
}

/* A picture's feature from a model's Gaussian in its low-rank form, without what was added to the covariance's diagonal: of a normal z, the
 * part along each eigenvector is scaled by its deviation, and what is left by that of the rest. work [dim]. */
static void draw_feature(const gs_lowrank *g, uint64_t key, double *work, float *feature)
{
    double rest = sqrt(fmax(g->rest - GS_COVARIANCE_RIDGE, 0));
    draw_normal(key, g->dim, work);
    for (size_t k = 0; k < g->dim; k++)
        feature[k] = (float)(g->mean[k] + rest * work[k]);
    for (size_t r = 0; r < g->rank; r++) {
        const float *vector = g->vectors + r * g->dim;
        double along = 0, scale = sqrt(fmax(g->values[r] - GS_COVARIANCE_RIDGE, 0)) - rest;
        for (size_t k = 0; k < g->dim; k++)
            along += work[k] * vector[k];
        for (size_t k = 0; k < g->dim; k++)
            feature[k] += (float)(scale * along * vector[k]);
    }
}

/* What is read of one model after the other. */
typedef struct {
    gs_store_reader *reader;
    size_t dim;
    float *vectors; /* [GS_PREPARED_RANK, dim]  owned */
    double *work;   /* [dim]  owned */
    gs_lowrank lowrank;
    gs_gaussian gaussian;
} reading;

static void close_reading(reading *r)
{
    gs_store_reader_close(r->reader);
    free(r->vectors);
    free(r->work);
}

static gs_status open_reading(reading *r, gs_store *store, size_t dim, gs_error *err)
{
    *r = (reading){.dim = dim,
                   .vectors = malloc(GS_PREPARED_RANK * dim * sizeof *r->vectors),
                   .work = malloc(dim * sizeof *r->work)};
    if (!r->vectors || !r->work)
        return gs_fail(err, GS_ENOMEM, "no memory for a Gaussian of dimension %zu", dim);
    return gs_store_reader_open(&r->reader, store, err);
}

static gs_status read_lowrank(reading *r, int64_t run, gs_error *err)
{
    gs_store_prepared row = {0};
    gs_status st = gs_store_read_lowrank(r->reader, run, &row, err);
    return st == GS_OK ? gs_prepared_open_lowrank(&row, r->dim, r->vectors, &r->lowrank, err) : st;
}

static gs_status read_gaussian(reading *r, int64_t run, const float *mean, gs_error *err)
{
    gs_store_prepared row = {0};
    gs_status st = gs_store_read_factor(r->reader, run, &row, err);
    r->gaussian = (gs_gaussian){r->dim, mean, row.factor, row.log_determinant};
    return st;
}

/* ---- drawing ------------------------------------------------------------------------------------------------------------------ */

static gs_status draw_from_model(reading *r, int64_t run, size_t model, size_t draws, gs_drawn *drawn, gs_error *err)
{
    gs_status st = read_lowrank(r, run, err);
    if (st == GS_ENOTFOUND)
        return GS_OK;
    for (size_t j = 0; j < draws && st == GS_OK; j++) {
        float *feature = drawn->features + drawn->count * drawn->dim;
        draw_feature(&r->lowrank, model * MOST_DRAWS + j, r->work, feature);
        drawn->authors[drawn->count++] = model;
        st = normalise(feature, drawn->dim, err);
    }
    return st;
}

gs_status gs_drawn_make(gs_store *store, const gs_store_means *zoo, size_t dim, gs_drawn *drawn, gs_error *err)
{
    size_t count = zoo->count, draws = count > 0 ? DRAWS / count : 0;
    draws = draws > MOST_DRAWS ? MOST_DRAWS : draws < 1 ? 1 : draws;
    size_t step = count * draws > DRAWS ? count / DRAWS : 1, most = (count / step + 1) * draws;
    reading r;
    *drawn = (gs_drawn){.dim = dim,
                        .features = calloc(most * dim + 1, sizeof *drawn->features),
                        .authors = malloc((most + 1) * sizeof *drawn->authors)};
    gs_status st = open_reading(&r, store, dim, err);
    if (st == GS_OK && (!drawn->features || !drawn->authors))
        st = gs_fail(err, GS_ENOMEM, "no memory for %zu pictures of the background", most);
    for (size_t i = 0; i < count && st == GS_OK; i += step)
        st = draw_from_model(&r, zoo->runs[i], i, draws, drawn, err);
    close_reading(&r);
    return st;
}

/* ---- densities ---------------------------------------------------------------------------------------------------------------- */

void gs_drawn_choose_leaders(const double *cosines, size_t count, uint32_t *leaders)
{
    size_t found = gs_rank_top(cosines, count, GS_DRAWN_LEADERS, leaders);
    for (size_t k = 0; k < GS_DRAWN_LEADERS; k++)
        if (k >= found || isnan(cosines[leaders[k]]))
            leaders[k] = GS_DRAWN_NOBODY;
}

static bool leads(const uint32_t *leaders, size_t model)
{
    for (size_t k = 0; k < GS_DRAWN_LEADERS; k++)
        if (leaders[k] == model)
            return true;
    return false;
}

/* Model by model, so that each is read once. One that has vanished meanwhile is left out. */
gs_status gs_drawn_densities(gs_store *store, const gs_store_means *zoo, const gs_drawn *drawn, const uint32_t *leaders,
                             gs_method method, double *others, double *all, gs_error *err)
{
    reading r;
    gs_status st = open_reading(&r, store, drawn->dim, err);
    for (size_t i = 0; i < drawn->count; i++)
        others[i] = all[i] = -INFINITY;
    for (size_t m = 0; m < zoo->count && st == GS_OK; m++) {
        st = method == GS_GAUSSIAN_LOWRANK ? read_lowrank(&r, zoo->runs[m], err)
                                           : read_gaussian(&r, zoo->runs[m], zoo->means + m * drawn->dim, err);
        bool there = st == GS_OK;
        st = st == GS_ENOTFOUND ? GS_OK : st;
        for (size_t i = 0; i < drawn->count && there; i++) {
            const float *feature = drawn->features + i * drawn->dim;
            bool leader = leads(leaders + i * GS_DRAWN_LEADERS, m);
            if (!leader && drawn->authors[i] != m)
                continue;
            double density = method == GS_GAUSSIAN_LOWRANK ? gs_score_gaussian_lowrank(&r.lowrank, feature)
                                                           : gs_score_gaussian_density(&r.gaussian, feature, r.work);
            all[i] = fmax(all[i], density);
            others[i] = leader ? fmax(others[i], density) : others[i];
        }
    }
    close_reading(&r);
    return st;
}

#include "indexer/search/background.h"

#include "core/background.h"
#include "core/catalog.h"
#include "core/half.h"
#include "indexer/search/prepare.h"
#include "indexer/search/words.h"
#include "indexer/util/mix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS      1600 /* pictures in all, of which a model gives at most MOST_DRAWS */
#define MOST_DRAWS 100
#define AT_ONCE    64 /* words encoded between two looks at stop */
#define NOBODY     SIZE_MAX

/* The queries of a background. */
typedef struct {
    size_t count;
    float *features; /* [count, dim]  length 1  owned */
    size_t *
        authors; /* [count]       the model that a picture was drawn from, which is no answer to it; NULL of words  owned */
} queries;

static void free_queries(queries *q)
{
    free(q->features);
    free(q->authors);
}

typedef struct {
    gs_store *store;
    gs_encoder *encoder;
    const gs_stop *stop;
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
    gs_store_means zoo;
    size_t dim;
} update;

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

static gs_status check_stop(const update *u, size_t done, size_t total, gs_error *err)
{
    if (u->progress && done % AT_ONCE == 0)
        u->progress(u->context, done, total);
    if (gs_stop_requested(u->stop))
        return gs_fail(err, GS_ECANCELED, "interrupted; run again to resume");
    return GS_OK;
}

/* ---- words -------------------------------------------------------------------------------------------------------------------- */

static gs_status encode_words(update *u, uint16_t **halves, size_t *count, gs_error *err)
{
    char **words;
    gs_status st = gs_words_list(gs_encoder_get_tokenizer(u->encoder), &words, count, err);
    if (st != GS_OK)
        return st;
    size_t n = *count * u->dim;
    float *features = malloc((n + 1) * sizeof *features);
    *halves = malloc((n + 1) * sizeof **halves);
    if (!features || !*halves)
        st = gs_fail(err, GS_ENOMEM, "no memory for the features of %zu words", *count);
    for (size_t i = 0; i < *count && st == GS_OK; i += AT_ONCE) {
        size_t some = *count - i < AT_ONCE ? *count - i : AT_ONCE;
        st = check_stop(u, i, *count, err);
        if (st == GS_OK)
            st = gs_encoder_texts(u->encoder, (const char *const *)words + i, some, features + i * u->dim, err);
    }
    for (size_t i = 0; i < n && st == GS_OK; i++)
        (*halves)[i] = gs_float_to_half(features[i]);
    if (st == GS_OK)
        st = gs_store_write_words(u->store, *halves, *count, err);
    free(features);
    gs_words_free(words, *count);
    return st;
}

/* None when there is no text tower. */
static gs_status read_words(update *u, queries *q, gs_error *err)
{
    uint16_t *halves = NULL;
    gs_status st = gs_store_read_words(u->store, &halves, &q->count, err);
    if (st == GS_OK && !halves && u->encoder && gs_encoder_get_info(u->encoder)->has_text)
        st = encode_words(u, &halves, &q->count, err);
    size_t n = q->count * u->dim;
    q->features = malloc((n + 1) * sizeof *q->features);
    if (st == GS_OK && !q->features)
        st = gs_fail(err, GS_ENOMEM, "no memory for %zu words", q->count);
    for (size_t i = 0; i < n && halves && st == GS_OK; i++)
        q->features[i] = gs_half_to_float(halves[i]);
    free(halves);
    return st;
}

/* ---- pictures ----------------------------------------------------------------------------------------------------------------- */

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

typedef struct {
    gs_store_reader *reader;
    float *vectors; /* [GS_PREPARED_RANK, dim] */
    double *work;   /* [dim] */
} drawing;

/* None from a model that another process has removed, or sampled anew, meanwhile: the background is stale then, and made again. */
static gs_status draw_from_model(update *u, drawing *d, size_t model, size_t draws, queries *q, gs_error *err)
{
    gs_store_prepared row = {0};
    gs_lowrank lowrank;
    gs_status st = gs_store_read_lowrank(d->reader, u->zoo.runs[model], &row, err);
    if (st == GS_ENOTFOUND)
        return GS_OK;
    if (st == GS_OK)
        st = gs_prepared_open_lowrank(&row, u->dim, d->vectors, &lowrank, err);
    for (size_t j = 0; j < draws && st == GS_OK; j++) {
        float *feature = q->features + q->count * u->dim;
        draw_feature(&lowrank, model * MOST_DRAWS + j, d->work, feature);
        q->authors[q->count++] = model;
        st = normalise(feature, u->dim, err);
    }
    return st;
}

static gs_status draw_pictures(update *u, queries *q, gs_error *err)
{
    size_t count = u->zoo.count, draws = count > 0 ? DRAWS / count : 0;
    draws = draws > MOST_DRAWS ? MOST_DRAWS : draws < 1 ? 1 : draws;
    size_t step = count * draws > DRAWS ? count / DRAWS : 1, most = (count / step + 1) * draws;
    drawing d = {NULL, malloc(GS_PREPARED_RANK * u->dim * sizeof *d.vectors), malloc(u->dim * sizeof *d.work)};
    q->features = calloc(most * u->dim + 1, sizeof *q->features);
    q->authors = malloc((most + 1) * sizeof *q->authors);
    gs_status st = d.vectors && d.work && q->features && q->authors
                       ? gs_store_reader_open(&d.reader, u->store, err)
                       : gs_fail(err, GS_ENOMEM, "no memory for %zu pictures of the background", most);
    for (size_t i = 0; i < count && st == GS_OK; i += step)
        st = draw_from_model(u, &d, i, draws, q, err);
    gs_store_reader_close(d.reader);
    free(d.work);
    free(d.vectors);
    return st;
}

/* ---- both --------------------------------------------------------------------------------------------------------------------- */

/* cosines [count] of query i. */
static void score_query(const update *u, const queries *q, size_t i, double *cosines)
{
    gs_score_first_moment(u->zoo.means, u->zoo.count, u->dim, q->features + i * u->dim, cosines);
}

/* means [count] of the models over all queries, then leads [q->count] of the queries, a picture's among the models that it was not drawn from.
 * In two passes: a matrix of all scores could be large. */
static gs_status fit(const update *u, const queries *q, double *cosines, double *means, double *leads, gs_error *err)
{
    gs_background background = {means, -INFINITY};
    size_t total = 2 * q->count;
    gs_status st = GS_OK;
    for (size_t i = 0; i < q->count && st == GS_OK; i++) {
        score_query(u, q, i, cosines);
        for (size_t m = 0; m < u->zoo.count; m++)
            means[m] += cosines[m] / (double)q->count;
        st = check_stop(u, i, total, err);
    }
    for (size_t i = 0; i < q->count && st == GS_OK; i++) {
        score_query(u, q, i, cosines);
        if (q->authors)
            cosines[q->authors[i]] = NAN;
        st = gs_background_lead(&background, cosines, NULL, u->zoo.count, &leads[i], err);
        if (st == GS_OK)
            st = check_stop(u, q->count + i, total, err);
    }
    return st;
}

static gs_status write_background(update *u, gs_part_kind kind, const queries *q, double quantile, gs_error *err)
{
    if (q->count == 0)
        return GS_OK;
    double *cosines = malloc((u->zoo.count + 1) * sizeof *cosines), *means = calloc(u->zoo.count + 1, sizeof *means);
    double *leads = malloc(q->count * sizeof *leads);
    gs_status st = cosines && means && leads ? fit(u, q, cosines, means, leads, err)
                                             : gs_fail(err, GS_ENOMEM, "no memory for the background of queries");
    if (st == GS_OK) {
        double cutoff = u->zoo.count < GS_BACKGROUND_LEAST ? -INFINITY : gs_quantile(leads, q->count, quantile);
        st = gs_store_write_background(u->store, kind, &u->zoo, means, cutoff, err);
    }
    free(leads);
    free(means);
    free(cosines);
    return st;
}

static gs_status update_kind(update *u, gs_part_kind kind, gs_error *err)
{
    bool stale, words = kind == GS_PART_TEXT;
    queries q = {0};
    gs_status st = gs_store_background_is_stale(u->store, kind, &stale, err);
    if (st != GS_OK || !stale)
        return st;
    st = words ? read_words(u, &q, err) : draw_pictures(u, &q, err);
    if (st == GS_OK)
        st = write_background(u, kind, &q, words ? GS_BACKGROUND_WORDS_QUANTILE : GS_BACKGROUND_PICTURES_QUANTILE, err);
    free_queries(&q);
    return st;
}

gs_status gs_background_update(gs_store *store, gs_encoder *encoder, const gs_stop *stop,
                               void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                               gs_error *err)
{
    update u = {store, encoder, stop, progress, context, {0}, 0};
    gs_store_encoder bound;
    gs_status st = gs_store_get_encoder(store, &bound, err);
    if (st != GS_OK)
        return st == GS_ENOTFOUND ? GS_OK : st;
    u.dim = bound.dim;
    st = gs_store_read_means(store, &u.zoo, err);
    if (st == GS_OK && u.zoo.count > 0)
        st = update_kind(&u, GS_PART_TEXT, err);
    if (st == GS_OK && u.zoo.count > 0)
        st = update_kind(&u, GS_PART_IMAGE, err);
    gs_store_means_free(&u.zoo);
    return st;
}

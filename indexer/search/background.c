#include "indexer/search/background.h"

#include "core/background.h"
#include "core/half.h"
#include "indexer/search/drawn.h"
#include "indexer/search/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 64 /* words encoded between two looks at stop */

typedef struct {
    gs_store *store;
    gs_encoder *encoder;
    const gs_stop *stop;
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
    gs_store_means zoo;
    size_t dim;
} update;

static gs_status check_stop(const update *u, size_t done, size_t total, gs_error *err)
{
    if (u->progress && done % AT_ONCE == 0)
        u->progress(u->context, done, total);
    if (gs_stop_requested(u->stop))
        return gs_fail(err, GS_ECANCELED, "interrupted; run again to resume");
    return GS_OK;
}

/* ---- words -------------------------------------------------------------------------------------------------------------------- */

static gs_status encode_words(update *u, gs_words_kind kind, char **words, size_t count, gs_error *err)
{
    size_t n = count * u->dim;
    float *features = malloc((n + 1) * sizeof *features);
    uint16_t *halves = malloc((n + 1) * sizeof *halves);
    gs_status st =
        features && halves ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for the features of %zu words", count);
    for (size_t i = 0; i < count && st == GS_OK; i += AT_ONCE) {
        size_t some = count - i < AT_ONCE ? count - i : AT_ONCE;
        st = check_stop(u, i, count, err);
        if (st == GS_OK)
            st = gs_encoder_texts(u->encoder, (const char *const *)words + i, some, features + i * u->dim, err);
    }
    for (size_t i = 0; i < n && st == GS_OK; i++)
        halves[i] = gs_float_to_half(features[i]);
    if (st == GS_OK)
        st = gs_store_write_words(u->store, kind, halves, count, err);
    free(halves);
    free(features);
    return st;
}

/* The vocabulary's words are encoded once, tags whenever models may have new ones. */
static gs_status encode_kind(update *u, gs_words_kind kind, gs_error *err)
{
    uint16_t *halves = NULL;
    size_t count = 0;
    char **words = NULL;
    gs_status st = GS_OK;
    if (!u->encoder || !gs_encoder_get_info(u->encoder)->has_text)
        return GS_OK;
    if (kind == GS_WORDS_VOCABULARY)
        st = gs_store_read_words(u->store, kind, &halves, &count, err);
    if (st != GS_OK || halves) {
        free(halves);
        return st;
    }
    st = kind == GS_WORDS_TAGS ? gs_store_list_tags(u->store, GS_WORDS_MOST, &words, &count, err)
                               : gs_words_list(gs_encoder_get_tokenizer(u->encoder), &words, &count, err);
    if (st == GS_OK)
        st = encode_words(u, kind, words, count, err);
    gs_words_free(words, count);
    return st;
}

/* None when there is no text tower. *features [*count, dim] is the caller's to free. */
static gs_status read_words(update *u, gs_words_kind kind, float **features, size_t *count, gs_error *err)
{
    uint16_t *halves = NULL;
    gs_status st = encode_kind(u, kind, err);
    if (st == GS_OK)
        st = gs_store_read_words(u->store, kind, &halves, count, err);
    size_t n = *count * u->dim;
    *features = malloc((n + 1) * sizeof **features);
    if (st == GS_OK && !*features)
        st = gs_fail(err, GS_ENOMEM, "no memory for %zu words", *count);
    for (size_t i = 0; i < n && halves && st == GS_OK; i++)
        (*features)[i] = gs_half_to_float(halves[i]);
    free(halves);
    return st;
}

/* ---- both --------------------------------------------------------------------------------------------------------------------- */

/* What a cut-off is chosen from: leads of queries that no model is asked to match, and of queries that one makes. */
typedef struct {
    double *means;   /* [models]        over the former  owned, as all here */
    double *cosines; /* [models]        scratch */
    double *unmade;  /* [n_unmade]      leads */
    double *made;    /* [n_made] */
    uint32_t
        *leaders; /* [n_unmade, GS_DRAWN_LEADERS]  of pictures, the models in front that they were not drawn from */
    size_t n_unmade, n_made;
} sample;

static void free_sample(sample *s)
{
    free(s->means);
    free(s->cosines);
    free(s->unmade);
    free(s->made);
    free(s->leaders);
}

static gs_status take_sample(sample *s, const update *u, size_t n_unmade, size_t n_made, gs_error *err)
{
    *s = (sample){.n_unmade = n_unmade, .n_made = n_made};
    s->means = calloc(u->zoo.count + 1, sizeof *s->means);
    s->cosines = malloc((u->zoo.count + 1) * sizeof *s->cosines);
    s->unmade = malloc((n_unmade + 1) * sizeof *s->unmade);
    s->made = malloc((n_made + 1) * sizeof *s->made);
    s->leaders = malloc((n_unmade * GS_DRAWN_LEADERS + 1) * sizeof *s->leaders);
    return s->means && s->cosines && s->unmade && s->made && s->leaders
               ? GS_OK
               : gs_fail(err, GS_ENOMEM, "no memory for the background of queries");
}

/* In two passes: a matrix of all scores could be large. */
static gs_status average(update *u, sample *s, const float *features, gs_error *err)
{
    gs_status st = GS_OK;
    for (size_t i = 0; i < s->n_unmade && st == GS_OK; i++) {
        gs_score_first_moment(u->zoo.means, u->zoo.count, u->dim, features + i * u->dim, s->cosines);
        for (size_t m = 0; m < u->zoo.count; m++)
            s->means[m] += s->cosines[m] / (double)s->n_unmade;
        st = check_stop(u, i, 2 * s->n_unmade, err);
    }
    return st;
}

static gs_status find_lead(update *u, sample *s, const float *feature, double *lead, gs_error *err)
{
    gs_score_first_moment(u->zoo.means, u->zoo.count, u->dim, feature, s->cosines);
    return gs_background_lead(&(gs_background){s->means, GS_NO_CUTOFFS}, s->cosines, NULL, u->zoo.count, lead, err);
}

/* The lower of two quantiles of leads or of densities, so that hardly anything is refused that a model makes. */
static double choose_cutoff(sample *s, double *unmade, double unmade_quantile, double *made, size_t n_made,
                            double made_quantile)
{
    double cutoff = gs_quantile(unmade, s->n_unmade, unmade_quantile);
    return n_made > 0 ? fmin(cutoff, gs_quantile(made, n_made, made_quantile)) : cutoff;
}

static gs_status write_background(update *u, gs_part_kind kind, const sample *s, gs_cutoffs cutoffs, gs_error *err)
{
    gs_background background = {s->means, u->zoo.count < GS_BACKGROUND_LEAST ? GS_NO_CUTOFFS : cutoffs};
    return gs_store_write_background(u->store, kind, &u->zoo, &background, err);
}

static gs_status fit_words(update *u, sample *s, const float *words, const float *tags, gs_error *err)
{
    gs_status st = average(u, s, words, err);
    for (size_t i = 0; i < s->n_unmade && st == GS_OK; i++) {
        st = find_lead(u, s, words + i * u->dim, &s->unmade[i], err);
        if (st == GS_OK)
            st = check_stop(u, s->n_unmade + i, 2 * s->n_unmade, err);
    }
    for (size_t i = 0; i < s->n_made && st == GS_OK; i++)
        st = find_lead(u, s, tags + i * u->dim, &s->made[i], err);
    if (st != GS_OK)
        return st;
    gs_cutoffs cutoffs = GS_NO_CUTOFFS;
    cutoffs.lead =
        choose_cutoff(s, s->unmade, GS_BACKGROUND_WORDS_UNMADE, s->made, s->n_made, GS_BACKGROUND_WORDS_MADE);
    return write_background(u, GS_PART_TEXT, s, cutoffs, err);
}

static gs_status update_words(update *u, gs_error *err)
{
    float *words = NULL, *tags = NULL;
    size_t n_words = 0, n_tags = 0;
    sample s = {0};
    gs_status st = read_words(u, GS_WORDS_VOCABULARY, &words, &n_words, err);
    if (st == GS_OK)
        st = read_words(u, GS_WORDS_TAGS, &tags, &n_tags, err);
    if (st == GS_OK && n_words > 0) {
        st = take_sample(&s, u, n_words, n_tags, err);
        if (st == GS_OK)
            st = fit_words(u, &s, words, tags, err);
    }
    free_sample(&s);
    free(tags);
    free(words);
    return st;
}

static gs_status find_leads_of_drawn(update *u, sample *s, const gs_drawn *drawn, gs_error *err)
{
    gs_background background = {s->means, GS_NO_CUTOFFS};
    gs_status st = average(u, s, drawn->features, err);
    for (size_t i = 0; i < drawn->count && st == GS_OK; i++) {
        st = find_lead(u, s, drawn->features + i * u->dim, &s->made[i], err);
        if (st != GS_OK)
            return st;
        s->cosines[drawn->authors[i]] = NAN;
        gs_drawn_choose_leaders(s->cosines, u->zoo.count, s->leaders + i * GS_DRAWN_LEADERS);
        st = gs_background_lead(&background, s->cosines, NULL, u->zoo.count, &s->unmade[i], err);
        if (st == GS_OK)
            st = check_stop(u, s->n_unmade + i, 2 * s->n_unmade, err);
    }
    return st;
}

/* Of the drawn pictures' densities, in the place of their leads, which are no longer needed. */
static gs_status choose_density(update *u, sample *s, const gs_drawn *drawn, gs_method method, double *cutoff,
                                gs_error *err)
{
    gs_status st = gs_drawn_densities(u->store, &u->zoo, drawn, s->leaders, method, s->unmade, s->made, err);
    if (st == GS_OK)
        *cutoff =
            choose_cutoff(s, s->unmade, GS_BACKGROUND_DENSITY_UNMADE, s->made, s->n_made, GS_BACKGROUND_PICTURES_MADE);
    return st;
}

static gs_status fit_pictures(update *u, sample *s, const gs_drawn *drawn, gs_error *err)
{
    gs_cutoffs cutoffs = GS_NO_CUTOFFS;
    gs_status st = find_leads_of_drawn(u, s, drawn, err);
    if (st != GS_OK)
        return st;
    cutoffs.lead =
        choose_cutoff(s, s->unmade, GS_BACKGROUND_PICTURES_UNMADE, s->made, s->n_made, GS_BACKGROUND_PICTURES_MADE);
    st = choose_density(u, s, drawn, GS_GAUSSIAN_DENSITY, &cutoffs.density, err);
    if (st == GS_OK)
        st = choose_density(u, s, drawn, GS_GAUSSIAN_LOWRANK, &cutoffs.lowrank, err);
    return st == GS_OK ? write_background(u, GS_PART_IMAGE, s, cutoffs, err) : st;
}

static gs_status update_pictures(update *u, gs_error *err)
{
    gs_drawn drawn;
    sample s = {0};
    gs_status st = gs_drawn_make(u->store, &u->zoo, u->dim, &drawn, err);
    if (st == GS_OK && drawn.count > 0) {
        st = take_sample(&s, u, drawn.count, drawn.count, err);
        if (st == GS_OK)
            st = fit_pictures(u, &s, &drawn, err);
    }
    free_sample(&s);
    gs_drawn_free(&drawn);
    return st;
}

static gs_status update_kind(update *u, gs_part_kind kind, gs_error *err)
{
    bool stale;
    gs_status st = gs_store_background_is_stale(u->store, kind, &stale, err);
    if (st != GS_OK || !stale)
        return st;
    return kind == GS_PART_TEXT ? update_words(u, err) : update_pictures(u, err);
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

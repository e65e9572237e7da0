/* database.c - a source of models: the database. */
#include "indexer/search/source.h"

#include "indexer/search/prepare.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    gs_source source; /* the first member: a source of this file is one of these */
    gs_store *store;
    gs_store_means means;
    double *norms;                                       /* [count] */
    gs_store_background backgrounds[GS_PART_KIND_COUNT]; /* what the source borrows */
    gs_store_reader *reader;
    gs_gaussian gaussian;
    gs_lowrank lowrank;
    float *vectors; /* [GS_PREPARED_RANK, dim]  of lowrank */
    gs_store_features features;
    gs_table feature_table;
    float *covariance;    /* [dim, dim]  taken when the first one is read */
    gs_prepared prepared; /* of the model prepared_of, where the database lacks it */
    size_t prepared_of;
} database;

static gs_status find_model(database *d, size_t i, gs_store_model *model, gs_error *err)
{
    return gs_store_find_id(d->store, d->means.models[i], model, err);
}

static gs_status find(gs_source *source, const char *slug, size_t *i, gs_error *err)
{
    database *d = (database *)source;
    gs_store_model model;
    gs_status st = gs_store_find(d->store, slug, &model, err);
    if (st != GS_OK)
        return st;
    for (*i = 0; *i < source->count && d->means.models[*i] != model.id;)
        ++*i;
    gs_store_model_free(&model);
    return *i < source->count ? GS_OK : gs_fail(err, GS_ENOTFOUND, "model '%s' has no moments yet", slug);
}

static gs_status describe(gs_source *source, size_t i, gs_source_model *model, gs_error *err)
{
    gs_store_model found;
    gs_status st = find_model((database *)source, i, &found, err);
    if (st != GS_OK)
        return st;
    *model = (gs_source_model){found.slug, found.title, found.type};
    found.slug = found.title = found.type = NULL;
    gs_store_model_free(&found);
    return GS_OK;
}

static gs_status visit_fields(gs_source *source, gs_source_visit *visit, void *context, gs_error *err)
{
    return gs_store_visit_fields(((database *)source)->store, visit, context, err);
}

/* What a database from before it was prepared lacks is computed. */
static gs_status prepare_now(database *d, size_t i, gs_error *err)
{
    gs_store_model model;
    if (d->prepared_of == i && d->prepared.factor) /* for the model's other form already */
        return GS_OK;
    gs_prepared_free(&d->prepared);
    gs_status st = find_model(d, i, &model, err);
    if (st != GS_OK)
        return st;
    st = gs_prepare(d->store, &model, &d->prepared, err);
    d->prepared_of = i;
    gs_store_model_free(&model);
    return st;
}

static gs_status load_gaussian(database *d, size_t i, gs_scored_model *model, gs_error *err)
{
    gs_store_prepared row = {0};
    gs_status st = gs_store_read_factor(d->reader, d->means.runs[i], &row, err);
    if (st == GS_ENOTFOUND && (st = prepare_now(d, i, err)) == GS_OK)
        row = d->prepared.row;
    const float *mean = d->means.means + i * d->source.dim;
    d->gaussian = (gs_gaussian){d->source.dim, mean, row.factor, row.log_determinant};
    model->gaussian = &d->gaussian;
    return st;
}

static gs_status load_lowrank(database *d, size_t i, gs_scored_model *model, gs_error *err)
{
    gs_store_prepared row = {0};
    gs_status st = gs_store_read_lowrank(d->reader, d->means.runs[i], &row, err);
    if (st == GS_ENOTFOUND && (st = prepare_now(d, i, err)) == GS_OK)
        row = d->prepared.row;
    if (st == GS_OK)
        st = gs_prepared_open_lowrank(&row, d->source.dim, d->vectors, &d->lowrank, err);
    model->lowrank = &d->lowrank;
    return st;
}

static gs_status load_features(database *d, size_t i, gs_scored_model *model, gs_error *err)
{
    gs_store_features_free(&d->features);
    gs_status st = gs_store_read_features(d->store, d->means.runs[i], &d->features, err);
    d->feature_table = (gs_table){d->features.count, d->source.dim, GS_F32, d->features.vectors, NULL, NULL, NULL};
    model->features = &d->feature_table;
    return st;
}

static gs_status load(gs_source *source, size_t i, gs_needs needs, gs_scored_model *model, gs_error *err)
{
    database *d = (database *)source;
    switch (needs) {
    case GS_NEEDS_GAUSSIAN:
        return load_gaussian(d, i, model, err);
    case GS_NEEDS_LOWRANK:
        return load_lowrank(d, i, model, err);
    case GS_NEEDS_FEATURES:
        return load_features(d, i, model, err);
    default:
        return GS_OK;
    }
}

static gs_status load_distribution(gs_source *source, size_t i, gs_distribution *distribution, gs_error *err)
{
    database *d = (database *)source;
    gs_store_model model;
    if (!d->covariance && !(d->covariance = malloc(source->dim * source->dim * sizeof *d->covariance)))
        return gs_fail(err, GS_ENOMEM, "no memory for a covariance of dimension %zu", source->dim);
    gs_status st = find_model(d, i, &model, err);
    if (st != GS_OK)
        return st;
    st = gs_store_read_covariance(d->store, &model, d->covariance, err);
    *distribution = (gs_distribution){d->means.means + i * source->dim, d->covariance, source->dim, model.count};
    gs_store_model_free(&model);
    return st;
}

static void close_database(gs_source *source)
{
    database *d = (database *)source;
    gs_store_reader_close(d->reader);
    gs_store_means_free(&d->means);
    gs_store_features_free(&d->features);
    gs_prepared_free(&d->prepared);
    free(d->covariance);
    free(d->vectors);
    free(d->norms);
    for (int kind = 0; kind < GS_PART_KIND_COUNT; kind++)
        gs_store_background_free(&d->backgrounds[kind]);
    free(d);
}

static gs_status read_means(database *d, gs_error *err)
{
    gs_source *s = &d->source;
    gs_status st = gs_store_read_means(d->store, &d->means, err);
    if (st != GS_OK)
        return st;
    s->count = d->means.count;
    s->means = (gs_table){s->count, s->dim, GS_F32, d->means.means, NULL, NULL, NULL};
    s->norms = d->norms = malloc((s->count + 1) * sizeof *d->norms);
    d->vectors = malloc(GS_PREPARED_RANK * s->dim * sizeof *d->vectors);
    if (!d->norms || !d->vectors)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu models", s->count);
    return gs_table_norms(&s->means, d->norms, err);
}

static gs_status read_backgrounds(database *d, gs_error *err)
{
    static const gs_part_kind kinds[] = {GS_PART_TEXT, GS_PART_IMAGE};
    gs_status st = GS_OK;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds && st == GS_OK; k++) {
        gs_store_background *b = &d->backgrounds[kinds[k]];
        st = gs_store_read_background(d->store, kinds[k], &d->means, b, err);
        d->source.backgrounds[kinds[k]] = (gs_background){b->means, b->cutoffs};
    }
    return st;
}

gs_status gs_source_open_database(gs_source **out, gs_store *store, gs_error *err)
{
    gs_store_encoder encoder;
    *out = NULL;
    gs_status st = gs_store_get_encoder(store, &encoder, err);
    if (st != GS_OK)
        return st;
    database *d = calloc(1, sizeof *d);
    if (!d)
        return gs_fail(err, GS_ENOMEM, "no memory");
    d->store = store;
    d->source = (gs_source){.dim = encoder.dim,
                            .tau = encoder.tau,
                            .find = find,
                            .describe = describe,
                            .visit_fields = visit_fields,
                            .load = load,
                            .load_distribution = load_distribution,
                            .close = close_database};
    st = read_means(d, err);
    if (st == GS_OK)
        st = read_backgrounds(d, err);
    if (st == GS_OK)
        st = gs_store_reader_open(&d->reader, store, err);
    if (st == GS_OK)
        *out = &d->source;
    else
        close_database(&d->source);
    return st;
}

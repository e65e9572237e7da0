#include "indexer/search/prepare.h"

#include "core/catalog.h"
#include "core/score.h"
#include "indexer/stats/stats.h"

#include <stdlib.h>

void gs_prepared_free(gs_prepared *prepared)
{
    free(prepared->factor);
    free(prepared->lowrank);
    *prepared = (gs_prepared){0};
}

gs_status gs_prepared_open_lowrank(const gs_store_prepared *row, size_t dim, float *vectors, gs_lowrank *lowrank,
                                   gs_error *err)
{
    uint8_t fingerprint[GS_FINGERPRINT];
    size_t rank, found;
    gs_status st = gs_lowrank_peek(row->lowrank, row->lowrank_size, &rank, &found, err);
    if (st == GS_OK && (found != dim || rank > GS_PREPARED_RANK))
        st = gs_fail(err, GS_EFORMAT, "prepared.lowrank is of rank %zu and dimension %zu, expected at most %d and %zu",
                     rank, found, GS_PREPARED_RANK, dim);
    if (st == GS_OK)
        st = gs_lowrank_open(lowrank, fingerprint, row->lowrank, row->lowrank_size, vectors, err);
    return st;
}

static gs_status make_factor(const float *covariance, size_t dim, gs_prepared *prepared, gs_error *err)
{
    prepared->factor = malloc(gs_packed_count(dim) * sizeof *prepared->factor);
    prepared->row.factor = prepared->factor;
    if (!prepared->factor)
        return gs_fail(err, GS_ENOMEM, "no memory for a factor of dimension %zu", dim);
    return gs_gaussian_factorise(covariance, dim, prepared->factor, &prepared->row.log_determinant, err);
}

static gs_status make_lowrank(const float *mean, const float *covariance, size_t dim, gs_prepared *prepared,
                              gs_error *err)
{
    static const uint8_t no_fingerprint[GS_FINGERPRINT]; /* inside the database nothing else can be met */
    gs_eigen eigen;
    gs_lowrank lowrank;
    float *storage = NULL;
    gs_status st = gs_eigen_init(&eigen, mean, covariance, dim, err);
    if (st != GS_OK)
        return st;
    st = gs_eigen_lowrank(&eigen, GS_PREPARED_RANK, &lowrank, &storage, err);
    if (st == GS_OK) {
        prepared->row.lowrank_size = gs_lowrank_size(lowrank.rank, dim, GS_F32);
        prepared->lowrank = malloc(prepared->row.lowrank_size);
        prepared->row.lowrank = prepared->lowrank;
        if (prepared->lowrank)
            gs_lowrank_write(prepared->lowrank, &lowrank, GS_F32, no_fingerprint);
        else
            st = gs_fail(err, GS_ENOMEM, "no memory for a low-rank form of dimension %zu", dim);
    }
    free(storage);
    gs_eigen_free(&eigen);
    return st;
}

gs_status gs_prepare(gs_store *store, const gs_store_model *model, gs_prepared *prepared, gs_error *err)
{
    *prepared = (gs_prepared){0};
    gs_store_encoder encoder;
    gs_status st = gs_store_get_encoder(store, &encoder, err);
    if (st != GS_OK)
        return st;
    size_t dim = encoder.dim;
    float *mean = malloc(dim * sizeof *mean), *covariance = malloc(dim * dim * sizeof *covariance);
    if (!mean || !covariance)
        st = gs_fail(err, GS_ENOMEM, "no memory for a covariance of dimension %zu", dim);
    if (st == GS_OK)
        st = gs_store_read_mean(store, model, mean, err);
    if (st == GS_OK)
        st = gs_store_read_covariance(store, model, covariance, err);
    if (st == GS_OK)
        st = make_factor(covariance, dim, prepared, err);
    if (st == GS_OK)
        st = make_lowrank(mean, covariance, dim, prepared, err);
    free(covariance);
    free(mean);
    if (st == GS_OK)
        return GS_OK;
    gs_prepared_free(prepared);
    return gs_error_prefix(err, st, "model '%s'", model->slug);
}

static gs_status prepare_run(gs_store *store, int64_t id, gs_error *err)
{
    gs_store_model model;
    gs_prepared prepared = {0};
    gs_status st = gs_store_find_id(store, id, &model, err);
    if (st != GS_OK)
        return st;
    st = gs_prepare(store, &model, &prepared, err);
    if (st == GS_OK)
        st = gs_store_write_prepared(store, model.run, &prepared.row, err);
    gs_prepared_free(&prepared);
    gs_store_model_free(&model);
    return st;
}

gs_status gs_prepare_all(gs_store *store, const gs_stop *stop,
                         void (*progress)(void *context, uint64_t done, uint64_t total), void *context, gs_error *err)
{
    int64_t *models;
    size_t count;
    gs_status st = gs_store_list_unprepared(store, &models, &count, err);
    for (size_t i = 0; st == GS_OK && i < count; i++) {
        if (progress)
            progress(context, i, count);
        if (gs_stop_requested(stop))
            st = gs_fail(err, GS_ECANCELED, "interrupted; run again to resume");
        else
            st = prepare_run(store, models[i], err);
        if (st == GS_ENOTFOUND) /* another process has removed it meanwhile */
            st = GS_OK;
    }
    if (st == GS_OK && count > 0 && progress)
        progress(context, count, count);
    free(models);
    return st;
}

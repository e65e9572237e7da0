/* read.c - what a finished run holds: moments, thumbnails, kept features, neighbours. */
#include "indexer/store/sql.h"

#include "core/score.h" /* gs_packed_count */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One array of moments, to out [count]. column is a name from this file, never from outside. */
static gs_status read_floats(gs_store *store, const gs_store_model *model, const char *column, size_t count, float *out,
                             gs_error *err)
{
    if (!model->run)
        return gs_fail(err, GS_ENOTFOUND, "%s: the model '%s' is not finished (%llu of %llu samples)", store->path,
                       model->slug, (unsigned long long)model->count, (unsigned long long)model->requested);
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT %s FROM moments WHERE run_id = ?", column);
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(store, &query, err, sql, "i", model->run);
    bool row = false;
    if (st == GS_OK)
        st = gs_sql_step(store, query, &row, err);
    if (st == GS_OK && !row)
        st = gs_fail(err, GS_EFORMAT, "%s: the model '%s' has no moments", store->path, model->slug);
    const void *blob = NULL;
    if (st == GS_OK)
        st = gs_sql_blob(store, query, 0, count * sizeof *out, column, &blob, err);
    if (st == GS_OK)
        memcpy(out, blob, count * sizeof *out);
    else if (st == GS_EFORMAT)
        gs_error_prefix(err, st, "model '%s'", model->slug);
    sqlite3_finalize(query);
    return st;
}

gs_status gs_store_read_mean(gs_store *store, const gs_store_model *model, float *mean, gs_error *err)
{
    return read_floats(store, model, "mean", store->dim, mean, err);
}

gs_status gs_store_read_covariance(gs_store *store, const gs_store_model *model, float *covariance, gs_error *err)
{
    size_t dim = store->dim, packed = gs_packed_count(dim);
    gs_status st = read_floats(store, model, "covariance", packed, covariance, err);
    if (st != GS_OK)
        return st;
    /* From the last row on, so that no number is overwritten before it is read. */
    for (size_t i = dim; i-- > 0;)
        memmove(covariance + i * dim, covariance + i * (i + 1) / 2, (i + 1) * sizeof *covariance);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = i + 1; j < dim; j++)
            covariance[i * dim + j] = covariance[j * dim + i];
    return GS_OK;
}

/* ---- thumbnails --------------------------------------------------------------------------------------------------------------- */

static gs_status copy_thumbnail(gs_store *store, sqlite3_stmt *row, gs_store_thumbnails *thumbnails, gs_error *err)
{
    size_t size = (size_t)sqlite3_column_bytes(row, 3);
    gs_store_thumbnail *items = realloc(thumbnails->items, (thumbnails->count + 1) * sizeof *items);
    if (items)
        thumbnails->items = items;
    uint8_t *webp = items ? malloc(size + 1) : NULL;
    if (!webp)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for a thumbnail", store->path);
    if (size)
        memcpy(webp, sqlite3_column_blob(row, 3), size);
    items[thumbnails->count++] = (gs_store_thumbnail){.position = (uint64_t)sqlite3_column_int64(row, 0),
                                                      .width = sqlite3_column_int(row, 1),
                                                      .height = sqlite3_column_int(row, 2),
                                                      .webp = webp,
                                                      .size = size};
    return GS_OK;
}

gs_status gs_store_read_thumbnails(gs_store *store, const gs_store_model *model, gs_store_thumbnails *thumbnails,
                                   gs_error *err)
{
    *thumbnails = (gs_store_thumbnails){0};
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(
        store, &query, err, "SELECT position, width, height, webp FROM thumbnail WHERE run_id = ? ORDER BY position",
        "i", model->run);
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(store, query, &row, err);
        if (st == GS_OK && row)
            st = copy_thumbnail(store, query, thumbnails, err);
    }
    sqlite3_finalize(query);
    if (st != GS_OK)
        gs_store_thumbnails_free(thumbnails);
    return st;
}

void gs_store_thumbnails_free(gs_store_thumbnails *thumbnails)
{
    for (size_t i = 0; i < thumbnails->count; i++)
        free(thumbnails->items[i].webp);
    free(thumbnails->items);
    *thumbnails = (gs_store_thumbnails){0};
}

/* ---- kept features ------------------------------------------------------------------------------------------------------------ */

static gs_status take_features(gs_store *store, gs_store_features *features, size_t capacity, gs_error *err)
{
    size_t room = capacity ? capacity : 1;
    features->vectors = calloc(room, store->dim * sizeof *features->vectors);
    features->slots = calloc(room, sizeof *features->slots);
    features->indices = calloc(room, sizeof *features->indices);
    if (features->vectors && features->slots && features->indices)
        return GS_OK;
    return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu features", store->path, capacity);
}

gs_status gs_store_read_features(gs_store *store, int64_t run, gs_store_features *features, gs_error *err)
{
    *features = (gs_store_features){0};
    int64_t capacity;
    gs_status st =
        gs_sql_integer(store, &capacity, "no features", err, "SELECT count(*) FROM feature WHERE run_id = ?", "i", run);
    if (st == GS_OK)
        st = take_features(store, features, (size_t)capacity, err);
    sqlite3_stmt *query = NULL;
    if (st == GS_OK)
        st = gs_sql_prepare(store, &query, err,
                            "SELECT slot, sample_index, vector FROM feature WHERE run_id = ? ORDER BY slot LIMIT ?",
                            "ii", run, capacity);
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(store, query, &row, err);
        if (st != GS_OK || !row)
            break;
        const void *vector;
        st = gs_sql_blob(store, query, 2, store->dim * sizeof(float), "feature.vector", &vector, err);
        if (st == GS_OK) {
            size_t i = features->count++;
            features->slots[i] = (uint64_t)sqlite3_column_int64(query, 0);
            features->indices[i] = (uint64_t)sqlite3_column_int64(query, 1);
            memcpy(features->vectors + i * store->dim, vector, store->dim * sizeof(float));
        }
    }
    sqlite3_finalize(query);
    if (st != GS_OK)
        gs_store_features_free(features);
    return st;
}

void gs_store_features_free(gs_store_features *features)
{
    free(features->vectors);
    free(features->slots);
    free(features->indices);
    *features = (gs_store_features){0};
}

/* ---- neighbours --------------------------------------------------------------------------------------------------------------- */

/* Every list holds all models that have lists, or as many as are kept. */
#define STALE                                                                                                          \
    " finished AND (neighbors IS NULL OR neighbors > (SELECT count(*) FROM neighbor WHERE run_id = run.id)"            \
    " OR neighbors < min(?, (SELECT count(*) FROM run WHERE finished AND neighbors IS NOT NULL) - 1))"

gs_status gs_store_count_stale(gs_store *store, uint64_t *count, gs_error *err)
{
    int64_t stale = 0;
    gs_status st = gs_sql_integer(store, &stale, "no count", err, "SELECT count(*) FROM run WHERE" STALE, "i",
                                  (int64_t)GS_STORE_NEIGHBORS);
    *count = (uint64_t)stale;
    return st;
}

gs_status gs_store_mark_stale(gs_store *store, gs_error *err)
{
    return gs_sql_run(store, err, "UPDATE run SET neighbors = NULL WHERE" STALE, "i", (int64_t)GS_STORE_NEIGHBORS);
}

gs_status gs_store_read_neighbors(gs_store *store, int64_t run, gs_store_neighbor *neighbors, size_t capacity,
                                  size_t *count, bool *stale, gs_error *err)
{
    int64_t unmade = 0;
    *count = 0;
    gs_status st =
        gs_sql_integer(store, &unmade, "no such run", err, "SELECT neighbors IS NULL FROM run WHERE id = ?", "i", run);
    *stale = unmade != 0;
    sqlite3_stmt *query = NULL;
    if (st == GS_OK)
        st = gs_sql_prepare(store, &query, err,
                            "SELECT other_id, distance FROM neighbor WHERE run_id = ? ORDER BY rank LIMIT ?", "ii", run,
                            (int64_t)capacity);
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(store, query, &row, err);
        if (st == GS_OK && row)
            neighbors[(*count)++] =
                (gs_store_neighbor){.run = sqlite3_column_int64(query, 0), .distance = sqlite3_column_double(query, 1)};
    }
    sqlite3_finalize(query);
    return st;
}

typedef struct {
    const gs_store_neighbor_list *lists;
    size_t count;
} neighbor_context;

static gs_status write_list(gs_store *store, const gs_store_neighbor_list *list, gs_error *err)
{
    gs_status st = gs_sql_run(store, err, "DELETE FROM neighbor WHERE run_id = ?", "i", list->run);
    for (size_t i = 0; i < list->count && st == GS_OK; i++)
        st = gs_sql_run(store, err, "INSERT INTO neighbor (run_id, rank, other_id, distance) VALUES (?, ?, ?, ?)",
                        "iiid", list->run, (int64_t)i + 1, list->neighbors[i].run, list->neighbors[i].distance);
    if (st == GS_OK)
        st = gs_sql_run(store, err, "UPDATE run SET neighbors = ? WHERE id = ?", "ii", (int64_t)list->count, list->run);
    return st;
}

static gs_status write_lists(gs_store *store, void *context, gs_error *err)
{
    const neighbor_context *lists = context;
    gs_status st = GS_OK;
    for (size_t i = 0; i < lists->count && st == GS_OK; i++)
        st = write_list(store, &lists->lists[i], err);
    return st;
}

gs_status gs_store_write_neighbors(gs_store *store, const gs_store_neighbor_list *lists, size_t n, gs_error *err)
{
    return gs_sql_transaction(store, write_lists, &(neighbor_context){lists, n}, err);
}

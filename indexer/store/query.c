/* query.c - what a query reads: the table of means, the fields of filters, what was prepared of each model. */
#include "indexer/store/sql.h"

#include "core/score.h" /* gs_packed_count */

#include <stdlib.h>
#include <string.h>

/* ---- means -------------------------------------------------------------------------------------------------------------------- */

#define FROM_FINISHED " FROM model JOIN run ON run.model_id = model.id AND run.finished"

static gs_status take_means(gs_store *store, gs_store_means *means, size_t capacity, gs_error *err)
{
    size_t room = capacity ? capacity : 1;
    means->models = malloc(room * sizeof *means->models);
    means->runs = malloc(room * sizeof *means->runs);
    means->means = calloc(room, store->dim * sizeof *means->means);
    if (means->models && means->runs && means->means)
        return GS_OK;
    return gs_fail(err, GS_ENOMEM, "%s: no memory for the means of %zu models", store->path, capacity);
}

static gs_status take_mean(gs_store *store, sqlite3_stmt *row, gs_store_means *means, gs_error *err)
{
    const void *mean;
    size_t i = means->count, size = store->dim * sizeof *means->means;
    gs_status st = gs_sql_blob(store, row, 2, size, "moments.mean", &mean, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st, "model '%s'", sqlite3_column_text(row, 3));
    means->models[i] = sqlite3_column_int64(row, 0);
    means->runs[i] = sqlite3_column_int64(row, 1);
    memcpy(means->means + i * store->dim, mean, size);
    means->count++;
    return GS_OK;
}

gs_status gs_store_read_means(gs_store *store, gs_store_means *means, gs_error *err)
{
    *means = (gs_store_means){0};
    int64_t capacity;
    sqlite3_stmt *query = NULL;
    gs_status st = gs_sql_integer(store, &capacity, "no models", err, "SELECT count(*)" FROM_FINISHED, "");
    if (st == GS_OK)
        st = take_means(store, means, (size_t)capacity, err);
    if (st == GS_OK)
        st = gs_sql_prepare(store, &query, err,
                            "SELECT model.id, run.id, mean, slug" FROM_FINISHED
                            " JOIN moments ON moments.run_id = run.id ORDER BY slug LIMIT ?",
                            "i", capacity);
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(store, query, &row, err);
        if (st == GS_OK && row)
            st = take_mean(store, query, means, err);
    }
    sqlite3_finalize(query);
    if (st != GS_OK)
        gs_store_means_free(means);
    return st;
}

void gs_store_means_free(gs_store_means *means)
{
    free(means->models);
    free(means->runs);
    free(means->means);
    *means = (gs_store_means){0};
}

/* ---- fields ------------------------------------------------------------------------------------------------------------------- */

/* One line per element of an array, the string itself where it is one, NULL when it is missing or something else. */
#define LINES(field)                                                                                                   \
    "(SELECT group_concat(value, char(10)) FROM json_each(model.json, '$." field "') WHERE json_each.type = 'text')"

gs_status gs_store_visit_fields(gs_store *store,
                                gs_status (*visit)(void *context, size_t i, const char *const *fields, gs_error *err),
                                void *context, gs_error *err)
{
    static const gs_field columns[] = {GS_FIELD_TITLE, GS_FIELD_AUTHOR, GS_FIELD_TAG,
                                       GS_FIELD_TYPE,  GS_FIELD_FAMILY, GS_FIELD_LICENSE};
    sqlite3_stmt *query;
    gs_status st =
        gs_sql_prepare(store, &query, err,
                       "SELECT title, " LINES("authors") ", " LINES("tags") ", model.type, family, " LINES("license")
                           FROM_FINISHED " ORDER BY slug",
                       "");
    size_t i = 0;
    for (bool row = true; st == GS_OK && row; i++) {
        st = gs_sql_step(store, query, &row, err);
        const char *fields[GS_FIELD_COUNT] = {0};
        for (size_t k = 0; st == GS_OK && row && k < sizeof columns / sizeof *columns; k++)
            fields[columns[k]] = (const char *)sqlite3_column_text(query, (int)k);
        if (st == GS_OK && row)
            st = visit(context, i, fields, err);
    }
    sqlite3_finalize(query);
    return st;
}

/* ---- prepared ----------------------------------------------------------------------------------------------------------------- */

struct gs_store_reader {
    gs_store *store;
    sqlite3_stmt *factor, *lowrank;
    void *factor_copy, *lowrank_copy; /* of a blob that SQLite holds at an address that does not suit a float  owned */
};

gs_status gs_store_reader_open(gs_store_reader **out, gs_store *store, gs_error *err)
{
    *out = NULL;
    gs_store_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", store->path);
    reader->store = store;
    gs_status st = gs_sql_prepare(store, &reader->factor, err,
                                  "SELECT factor, log_determinant FROM prepared WHERE run_id = ?", "");
    if (st == GS_OK)
        st = gs_sql_prepare(store, &reader->lowrank, err, "SELECT lowrank FROM prepared WHERE run_id = ?", "");
    if (st == GS_OK)
        *out = reader;
    else
        gs_store_reader_close(reader);
    return st;
}

void gs_store_reader_close(gs_store_reader *reader)
{
    if (!reader)
        return;
    sqlite3_finalize(reader->factor);
    sqlite3_finalize(reader->lowrank);
    free(reader->factor_copy);
    free(reader->lowrank_copy);
    free(reader);
}

/* The blob of the run's row, which must have size bytes unless that is 0. */
static gs_status find_blob(gs_store_reader *reader, sqlite3_stmt *statement, int64_t run, size_t size, const char *what,
                           void **copy, const void **blob, size_t *found_size, gs_error *err)
{
    bool row;
    sqlite3_reset(statement);
    sqlite3_bind_int64(statement, 1, run);
    gs_status st = gs_sql_step(reader->store, statement, &row, err);
    if (st == GS_OK && !row)
        return gs_fail(err, GS_ENOTFOUND, "%s: run %lld is not prepared for queries", reader->store->path,
                       (long long)run);
    *found_size = size ? size : (size_t)sqlite3_column_bytes(statement, 0);
    if (st == GS_OK)
        st = gs_sql_blob(reader->store, statement, 0, *found_size, what, blob, err);
    if (st != GS_OK || (uintptr_t)*blob % sizeof(double) == 0)
        return st;
    free(*copy);
    *copy = malloc(*found_size);
    if (!*copy)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", reader->store->path);
    *blob = memcpy(*copy, *blob, *found_size);
    return GS_OK;
}

gs_status gs_store_read_factor(gs_store_reader *reader, int64_t run, gs_store_prepared *prepared, gs_error *err)
{
    const void *blob;
    size_t size = gs_packed_count(reader->store->dim) * sizeof(float);
    gs_status st =
        find_blob(reader, reader->factor, run, size, "prepared.factor", &reader->factor_copy, &blob, &size, err);
    if (st != GS_OK)
        return st;
    prepared->factor = blob;
    prepared->log_determinant = sqlite3_column_double(reader->factor, 1);
    return GS_OK;
}

gs_status gs_store_read_lowrank(gs_store_reader *reader, int64_t run, gs_store_prepared *prepared, gs_error *err)
{
    return find_blob(reader, reader->lowrank, run, 0, "prepared.lowrank", &reader->lowrank_copy, &prepared->lowrank,
                     &prepared->lowrank_size, err);
}

gs_status gs_store_write_prepared(gs_store *store, int64_t run, const gs_store_prepared *prepared, gs_error *err)
{
    return gs_sql_run(store, err,
                      "INSERT OR REPLACE INTO prepared (run_id, log_determinant, factor, lowrank) VALUES (?, ?, ?, ?)",
                      "idbb", run, prepared->log_determinant, (const void *)prepared->factor,
                      gs_packed_count(store->dim) * sizeof(float), prepared->lowrank, prepared->lowrank_size);
}

gs_status gs_store_list_unprepared(gs_store *store, int64_t **models, size_t *count, gs_error *err)
{
    *models = NULL;
    *count = 0;
    int64_t capacity;
    sqlite3_stmt *query = NULL;
    gs_status st = gs_sql_integer(store, &capacity, "no models", err, "SELECT count(*)" FROM_FINISHED, "");
    int64_t *list = st == GS_OK ? malloc(((size_t)capacity + 1) * sizeof *list) : NULL;
    if (st == GS_OK && !list)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory for %lld models", store->path, (long long)capacity);
    if (st == GS_OK)
        st = gs_sql_prepare(store, &query, err,
                            "SELECT model.id" FROM_FINISHED
                            " WHERE run.id NOT IN (SELECT run_id FROM prepared) ORDER BY slug LIMIT ?",
                            "i", capacity);
    size_t n = 0;
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(store, query, &row, err);
        if (st == GS_OK && row)
            list[n++] = sqlite3_column_int64(query, 0);
    }
    sqlite3_finalize(query);
    if (st != GS_OK) {
        free(list);
        return st;
    }
    *models = list;
    *count = n;
    return GS_OK;
}

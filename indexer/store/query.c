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
#define SIDE(i) "CAST(json_extract(model.json, '$.resolution[" i "]') AS INTEGER)"
#define LINES(field)                                                                                                   \
    "(SELECT group_concat(value, char(10)) FROM json_each(model.json, '$." field "') WHERE json_each.type = 'text')"

gs_status gs_store_visit_fields(gs_store *store,
                                gs_status (*visit)(void *context, size_t i, const char *const *fields, gs_error *err),
                                void *context, gs_error *err)
{
    static const gs_field columns[] = {GS_FIELD_TITLE,  GS_FIELD_AUTHOR,  GS_FIELD_TAG,       GS_FIELD_TYPE,
                                       GS_FIELD_FAMILY, GS_FIELD_LICENSE, GS_FIELD_RESOLUTION};
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(store, &query, err,
                                  "SELECT title, " LINES("authors") ", " LINES("tags") ", model.type, family, " LINES(
                                      "license") ", " SIDE("0") " || 'x' || " SIDE("1") FROM_FINISHED " ORDER BY slug",
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

/* One column of blobs, read row after row to the same place. */
typedef struct {
    const char *table, *column; /* static */
    sqlite3_blob *handle;       /* NULL before the first row */
    void *bytes;                /* [capacity], aligned for any number  owned */
    size_t capacity;
} blob_column;

struct gs_store_reader {
    gs_store *store;
    sqlite3_stmt *log_determinant;
    blob_column factor, lowrank;
};

gs_status gs_store_reader_open(gs_store_reader **out, gs_store *store, gs_error *err)
{
    *out = NULL;
    gs_store_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", store->path);
    *reader = (gs_store_reader){
        store, NULL, {.table = "factor", .column = "factor"}, {.table = "lowrank", .column = "lowrank"}};
    gs_status st =
        gs_sql_prepare(store, &reader->log_determinant, err, "SELECT log_determinant FROM factor WHERE run_id = ?", "");
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
    sqlite3_finalize(reader->log_determinant);
    sqlite3_blob_close(reader->factor.handle);
    sqlite3_blob_close(reader->lowrank.handle);
    free(reader->factor.bytes);
    free(reader->lowrank.bytes);
    free(reader);
}

static gs_status not_prepared(const gs_store *store, int64_t run, gs_error *err)
{
    return gs_fail(err, GS_ENOTFOUND, "%s: run %lld is not prepared for queries", store->path, (long long)run);
}

/* Moves to the run's row. A handle whose row is missing can be moved no more. */
static gs_status find_row(gs_store *store, blob_column *c, int64_t run, gs_error *err)
{
    int result = c->handle ? sqlite3_blob_reopen(c->handle, run)
                           : sqlite3_blob_open(store->db, "main", c->table, c->column, run, 0, &c->handle);
    if (result == SQLITE_OK)
        return GS_OK;
    sqlite3_blob_close(c->handle);
    c->handle = NULL;
    return result == SQLITE_ERROR ? not_prepared(store, run, err) : gs_sql_fail(store, err);
}

/* Reads the run's blob into c->bytes. */
static gs_status read_blob(gs_store *store, blob_column *c, int64_t run, size_t *size, gs_error *err)
{
    gs_status st = find_row(store, c, run, err);
    if (st != GS_OK)
        return st;
    *size = (size_t)sqlite3_blob_bytes(c->handle);
    if (*size > c->capacity) {
        free(c->bytes);
        c->bytes = malloc(*size);
        c->capacity = c->bytes ? *size : 0;
        if (!c->bytes)
            return gs_fail(err, GS_ENOMEM, "%s: no memory", store->path);
    }
    return sqlite3_blob_read(c->handle, c->bytes, (int)*size, 0) == SQLITE_OK ? GS_OK : gs_sql_fail(store, err);
}

gs_status gs_store_read_factor(gs_store_reader *reader, int64_t run, gs_store_prepared *prepared, gs_error *err)
{
    size_t size, expected = gs_packed_count(reader->store->dim) * sizeof(float);
    bool row;
    gs_status st = read_blob(reader->store, &reader->factor, run, &size, err);
    if (st == GS_OK && size != expected)
        st = gs_fail(err, GS_EFORMAT, "%s: factor.factor has %zu bytes, expected %zu", reader->store->path, size,
                     expected);
    if (st != GS_OK)
        return st;
    sqlite3_reset(reader->log_determinant);
    sqlite3_bind_int64(reader->log_determinant, 1, run);
    st = gs_sql_step(reader->store, reader->log_determinant, &row, err);
    if (st == GS_OK && !row)
        st = not_prepared(reader->store, run, err);
    prepared->factor = reader->factor.bytes;
    prepared->log_determinant = st == GS_OK ? sqlite3_column_double(reader->log_determinant, 0) : 0;
    return st;
}

gs_status gs_store_read_lowrank(gs_store_reader *reader, int64_t run, gs_store_prepared *prepared, gs_error *err)
{
    gs_status st = read_blob(reader->store, &reader->lowrank, run, &prepared->lowrank_size, err);
    prepared->lowrank = reader->lowrank.bytes;
    return st;
}

typedef struct {
    int64_t run;
    const gs_store_prepared *prepared;
} preparing;

static gs_status write_prepared(gs_store *store, void *context, gs_error *err)
{
    const preparing *p = context;
    gs_status st = gs_sql_run(store, err,
                              "INSERT OR REPLACE INTO factor (run_id, log_determinant, factor)"
                              " SELECT id, ?, ? FROM run WHERE id = ?",
                              "dbi", p->prepared->log_determinant, (const void *)p->prepared->factor,
                              gs_packed_count(store->dim) * sizeof(float), p->run);
    if (st == GS_OK)
        st = gs_sql_run(store, err,
                        "INSERT OR REPLACE INTO lowrank (run_id, lowrank) SELECT id, ? FROM run WHERE id = ?", "bi",
                        p->prepared->lowrank, p->prepared->lowrank_size, p->run);
    return st;
}

gs_status gs_store_write_prepared(gs_store *store, int64_t run, const gs_store_prepared *prepared, gs_error *err)
{
    preparing p = {run, prepared};
    return gs_sql_transaction(store, write_prepared, &p, err);
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
        st = gs_sql_prepare(
            store, &query, err,
            "SELECT model.id" FROM_FINISHED
            " WHERE run.id NOT IN (SELECT run_id FROM factor JOIN lowrank USING (run_id)) ORDER BY slug LIMIT ?",
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

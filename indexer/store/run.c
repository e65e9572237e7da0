/* run.c - samples being taken in: where a run stands, checkpoint by checkpoint, until its moments are final. */
#include "indexer/store/sql.h"

#include "core/score.h" /* gs_packed_count */

#include <stdlib.h>
#include <string.h>

/* ---- beginning ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t model;
    const gs_store_order *order;
    gs_store_run *run;
} begin_context;

/* A run as it is stored, against the order. */
typedef struct {
    gs_store_run run;
    bool same_sampler, same_source, same_numbers, same_precision;
} stored_run;

/* Reads the model's finished run, or the one under way; *found tells whether there is one. */
static gs_status read_run(gs_store *store, const begin_context *begin, bool finished, stored_run *stored, bool *found,
                          gs_error *err)
{
    sqlite3_stmt *query;
    const gs_store_order *order = begin->order;
    gs_status st = gs_sql_prepare(
        store, &query, err,
        "SELECT id, keep, count, bad, sampler = ?, source = ? OR (source = '' AND finished),"
        " seed = ? AND requested = ? AND keep >= ?, precision = ? FROM run WHERE model_id = ? AND finished = ?",
        "ssiiisii", order->sampler, order->source, (int64_t)order->seed, (int64_t)order->requested,
        (int64_t)order->keep, order->precision, begin->model, (int64_t)finished);
    *found = false;
    if (st == GS_OK)
        st = gs_sql_step(store, query, found, err);
    if (st == GS_OK && *found)
        *stored = (stored_run){.run = {.id = sqlite3_column_int64(query, 0),
                                       .keep = (uint64_t)sqlite3_column_int64(query, 1),
                                       .count = (uint64_t)sqlite3_column_int64(query, 2),
                                       .bad = (uint64_t)sqlite3_column_int64(query, 3),
                                       .finished = finished},
                               .same_sampler = sqlite3_column_int(query, 4),
                               .same_source = sqlite3_column_int(query, 5),
                               .same_numbers = sqlite3_column_int(query, 6),
                               .same_precision = sqlite3_column_int(query, 7)};
    sqlite3_finalize(query);
    return st;
}

static gs_store_anew why_anew(const gs_store_order *order, const stored_run *stored)
{
    if (order->force)
        return GS_STORE_ANEW_FORCED;
    if (!stored->same_sampler)
        return GS_STORE_ANEW_SAMPLER;
    if (!stored->same_source)
        return GS_STORE_ANEW_SOURCE;
    return stored->same_numbers ? GS_STORE_NOT_ANEW : GS_STORE_ANEW_NUMBERS;
}

/* Looks for a run that answers the order; *anew says why the last one met does not. */
static gs_status find_run(gs_store *store, const begin_context *begin, gs_store_anew *anew, bool *found, gs_error *err)
{
    *anew = GS_STORE_NOT_ANEW;
    for (int finished = 1; finished >= 0; finished--) {
        stored_run stored;
        gs_status st = read_run(store, begin, finished, &stored, found, err);
        if (st != GS_OK)
            return st;
        gs_store_anew why = *found ? why_anew(begin->order, &stored) : GS_STORE_NOT_ANEW;
        if (*found && why == GS_STORE_NOT_ANEW) {
            *begin->run = stored.run;
            if (finished || stored.same_precision || stored.run.count == 0)
                return GS_OK;
            return gs_fail(
                err, GS_EMISMATCH,
                "its first %llu samples were encoded in another precision than %s: resume with that --precision, or"
                " sample it anew with --force",
                (unsigned long long)stored.run.count, begin->order->precision);
        }
        if (why != GS_STORE_NOT_ANEW)
            *anew = why;
    }
    *found = false;
    return GS_OK;
}

static gs_status begin_run(gs_store *store, void *context, gs_error *err)
{
    begin_context *begin = context;
    const gs_store_order *order = begin->order;
    bool found;
    gs_store_anew anew;
    gs_status st = find_run(store, begin, &anew, &found, err);
    if (st == GS_OK && found) /* an old program's run gets its fingerprint now */
        return gs_sql_run(store, err, "UPDATE run SET source = ? WHERE id = ? AND source = ''", "si", order->source,
                          begin->run->id);
    if (st == GS_OK)
        st = gs_sql_run(store, err, "DELETE FROM run WHERE model_id = ? AND NOT finished", "i", begin->model);
    if (st == GS_OK && order->force) /* so that the new run is the one to resume, and not this one that is there */
        st = gs_sql_run(store, err, "UPDATE run SET source = '-' WHERE model_id = ?", "i", begin->model);
    if (st == GS_OK)
        st = gs_sql_run(store, err,
                        "INSERT INTO run (model_id, sampler, source, precision, seed, requested, keep, count, finished)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
                        "isssiii", begin->model, order->sampler, order->source, order->precision, (int64_t)order->seed,
                        (int64_t)order->requested, (int64_t)order->keep);
    if (st == GS_OK)
        *begin->run = (gs_store_run){.id = sqlite3_last_insert_rowid(store->db), .keep = order->keep, .anew = anew};
    return st;
}

gs_status gs_store_begin(gs_store *store, int64_t model, const gs_store_order *order, gs_store_run *run, gs_error *err)
{
    return gs_sql_transaction(store, begin_run, &(begin_context){model, order, run}, err);
}

/* ---- checkpoints -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    gs_store_run *run;
    const gs_store_checkpoint *checkpoint;
} save_context;

/* Compare and swap on the counts: of two processes on one run, the second to write learns of the first. */
static gs_status advance(gs_store *store, const save_context *save, gs_error *err)
{
    gs_status st = gs_sql_run(
        store, err, "UPDATE run SET count = ?, bad = ? WHERE id = ? AND count = ? AND bad = ? AND NOT finished",
        "iiiii", (int64_t)save->checkpoint->moments->count, (int64_t)save->checkpoint->bad, save->run->id,
        (int64_t)save->run->count, (int64_t)save->run->bad);
    if (st == GS_OK && sqlite3_changes(store->db) == 0)
        return gs_fail(err, GS_EMISMATCH, "%s: the model was removed or is being indexed by another process",
                       store->path);
    return st;
}

static gs_status write_extras(gs_store *store, const save_context *save, gs_error *err)
{
    const gs_store_checkpoint *c = save->checkpoint;
    gs_status st = GS_OK;
    for (size_t i = 0; i < c->n_thumbnails && st == GS_OK; i++) {
        const gs_store_thumbnail *t = &c->thumbnails[i];
        st = gs_sql_run(store, err,
                        "INSERT OR REPLACE INTO thumbnail (run_id, position, width, height, webp)"
                        " VALUES (?, ?, ?, ?, ?)",
                        "iiiib", save->run->id, (int64_t)t->position, (int64_t)t->width, (int64_t)t->height,
                        (const void *)t->webp, t->size);
    }
    for (size_t i = 0; i < c->n_features && st == GS_OK; i++) {
        const gs_store_feature *f = &c->features[i];
        st = gs_sql_run(store, err,
                        "INSERT OR REPLACE INTO feature (run_id, slot, sample_index, vector) VALUES (?, ?, ?, ?)",
                        "iiib", save->run->id, (int64_t)f->slot, (int64_t)f->index, (const void *)f->vector,
                        store->dim * sizeof *f->vector);
    }
    return st;
}

/* state [dim + packed]: the mean, then the scatter's lower triangle. */
static void pack_state(const gs_moments *m, double *state)
{
    memcpy(state, m->mean, m->dim * sizeof *state);
    state += m->dim;
    for (size_t i = 0; i < m->dim; i++) {
        memcpy(state, m->scatter + i * m->dim, (i + 1) * sizeof *state);
        state += i + 1;
    }
}

static void unpack_state(const double *state, uint64_t count, gs_moments *m)
{
    m->count = count;
    memcpy(m->mean, state, m->dim * sizeof *state);
    state += m->dim;
    for (size_t i = 0; i < m->dim; i++) {
        memcpy(m->scatter + i * m->dim, state, (i + 1) * sizeof *state);
        state += i + 1;
    }
}

static gs_status save_progress(gs_store *store, void *context, gs_error *err)
{
    save_context *save = context;
    const gs_moments *moments = save->checkpoint->moments;
    size_t size = (moments->dim + gs_packed_count(moments->dim)) * sizeof(double);
    double *state = malloc(size);
    if (!state)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for a checkpoint", store->path);
    pack_state(moments, state);
    gs_status st = advance(store, save, err);
    if (st == GS_OK)
        st = write_extras(store, save, err);
    if (st == GS_OK)
        st = gs_sql_run(store, err, "INSERT OR REPLACE INTO progress (run_id, state) VALUES (?, ?)", "ib",
                        save->run->id, (const void *)state, size);
    free(state);
    return st;
}

gs_status gs_store_save(gs_store *store, gs_store_run *run, const gs_store_checkpoint *checkpoint, gs_error *err)
{
    gs_status st = gs_sql_transaction(store, save_progress, &(save_context){run, checkpoint}, err);
    if (st == GS_OK) {
        run->count = checkpoint->moments->count;
        run->bad = checkpoint->bad;
    }
    return st;
}

gs_status gs_store_resume(gs_store *store, const gs_store_run *run, gs_moments *moments, gs_error *err)
{
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(store, &query, err, "SELECT state FROM progress WHERE run_id = ?", "i", run->id);
    bool row = false;
    if (st == GS_OK)
        st = gs_sql_step(store, query, &row, err);
    if (st == GS_OK && !row)
        st = gs_fail(err, GS_EFORMAT, "%s: run %lld has no progress to resume from", store->path, (long long)run->id);
    const void *state = NULL;
    if (st == GS_OK)
        st = gs_sql_blob(store, query, 0, (moments->dim + gs_packed_count(moments->dim)) * sizeof(double),
                         "progress.state", &state, err);
    if (st == GS_OK)
        unpack_state(state, run->count, moments);
    sqlite3_finalize(query);
    return st;
}

/* ---- finishing ---------------------------------------------------------------------------------------------------------------- */

/* Squeezes covariance [dim, dim] in place to its lower triangle. */
static void pack_covariance(float *covariance, size_t dim)
{
    float *to = covariance;
    for (size_t i = 0; i < dim; i++) {
        memmove(to, covariance + i * dim, (i + 1) * sizeof *to);
        to += i + 1;
    }
}

static gs_status write_moments(gs_store *store, const save_context *save, gs_error *err)
{
    const gs_moments *moments = save->checkpoint->moments;
    size_t dim = moments->dim;
    float *mean = malloc(dim * sizeof *mean), *covariance = malloc(dim * dim * sizeof *covariance);
    gs_status st = GS_OK;
    if (!mean || !covariance)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory for a covariance of dim %zu", store->path, dim);
    if (st == GS_OK)
        st = gs_moments_covariance(moments, covariance, err);
    if (st == GS_OK) {
        gs_moments_mean(moments, mean);
        pack_covariance(covariance, dim);
        st = gs_sql_run(store, err, "INSERT INTO moments (run_id, mean, covariance) VALUES (?, ?, ?)", "ibb",
                        save->run->id, (const void *)mean, dim * sizeof *mean, (const void *)covariance,
                        gs_packed_count(dim) * sizeof *covariance);
    }
    free(mean);
    free(covariance);
    return st;
}

static gs_status finish_run(gs_store *store, void *context, gs_error *err)
{
    save_context *save = context;
    int64_t id = save->run->id;
    gs_status st = advance(store, save, err);
    if (st == GS_OK)
        st = write_extras(store, save, err);
    if (st == GS_OK)
        st = write_moments(store, save, err);
    if (st == GS_OK)
        st = gs_sql_run(store, err, "DELETE FROM progress WHERE run_id = ?", "i", id);
    if (st == GS_OK)
        st = gs_sql_run(store, err,
                        "DELETE FROM run WHERE finished AND model_id = (SELECT model_id FROM run WHERE id = ?)", "i",
                        id);
    if (st == GS_OK)
        st = gs_sql_run(store, err, "UPDATE run SET finished = 1 WHERE id = ?", "i", id);
    return st;
}

gs_status gs_store_finish(gs_store *store, gs_store_run *run, const gs_store_checkpoint *checkpoint, gs_error *err)
{
    gs_status st = gs_sql_transaction(store, finish_run, &(save_context){run, checkpoint}, err);
    if (st == GS_OK) {
        run->count = checkpoint->moments->count;
        run->bad = checkpoint->bad;
        run->finished = true;
    }
    return st;
}

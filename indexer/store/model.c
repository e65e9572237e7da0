/* model.c - the rows of model, and which run speaks for each. */
#include "indexer/store/sql.h"

#include <stdlib.h>
#include <string.h>

/* A finished run sorts before one under way: the first row of a model is the run that counts. */
#define SELECT_MODEL                                                                                                   \
    "SELECT model.id, iif(run.finished, run.id, 0), slug, title, type, family, json, added,"                           \
    " ifnull(seed, 0), ifnull(requested, 0), ifnull(keep, 0), ifnull(count, 0), path, error, ifnull(source, ''),"      \
    " ifnull(bad, 0) FROM model"                                                                                       \
    " LEFT JOIN run ON run.id ="                                                                                       \
    " (SELECT id FROM run AS r WHERE r.model_id = model.id ORDER BY finished DESC LIMIT 1)"

static gs_status read_row(gs_store *store, sqlite3_stmt *row, gs_store_model *model, gs_error *err)
{
    *model = (gs_store_model){
        .id = sqlite3_column_int64(row, 0),
        .run = sqlite3_column_int64(row, 1),
        .slug = gs_sql_text(row, 2),
        .title = gs_sql_text(row, 3),
        .type = gs_sql_text(row, 4),
        .family = gs_sql_text(row, 5),
        .json = gs_sql_text(row, 6),
        .added = gs_sql_text(row, 7),
        .seed = (uint64_t)sqlite3_column_int64(row, 8),
        .requested = (uint64_t)sqlite3_column_int64(row, 9),
        .keep = (uint64_t)sqlite3_column_int64(row, 10),
        .count = (uint64_t)sqlite3_column_int64(row, 11),
        .path = gs_sql_text(row, 12),
        .error = gs_sql_text(row, 13),
        .source = gs_sql_text(row, 14),
        .bad = (uint64_t)sqlite3_column_int64(row, 15),
    };
    if (model->slug && model->title && model->type && model->family && model->json && model->added && model->path &&
        model->error && model->source)
        return GS_OK;
    gs_store_model_free(model);
    return gs_fail(err, GS_ENOMEM, "%s: no memory", store->path);
}

void gs_store_model_free(gs_store_model *model)
{
    free(model->slug);
    free(model->title);
    free(model->type);
    free(model->family);
    free(model->json);
    free(model->added);
    free(model->path);
    free(model->error);
    free(model->source);
    *model = (gs_store_model){0};
}

static gs_status append(gs_store *store, gs_store_list *list, size_t *capacity, sqlite3_stmt *row, gs_error *err)
{
    if (list->count == *capacity) {
        size_t larger = *capacity ? 2 * *capacity : 64;
        gs_store_model *models = realloc(list->models, larger * sizeof *models);
        if (!models)
            return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu models", store->path, larger);
        list->models = models;
        *capacity = larger;
    }
    gs_status st = read_row(store, row, &list->models[list->count], err);
    if (st == GS_OK)
        list->count++;
    return st;
}

static int compare_runs(const void *a, const void *b, void *models)
{
    int64_t x = ((gs_store_model *)models)[*(const size_t *)a].run,
            y = ((gs_store_model *)models)[*(const size_t *)b].run;
    return x < y ? -1 : x > y;
}

static gs_status sort_by_run(gs_store *store, gs_store_list *list, gs_error *err)
{
    list->by_run = calloc(list->count + 1, sizeof *list->by_run);
    if (!list->by_run)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu models", store->path, list->count);
    for (size_t i = 0; i < list->count; i++)
        list->by_run[i] = i;
    qsort_r(list->by_run, list->count, sizeof *list->by_run, compare_runs, list->models);
    return GS_OK;
}

const gs_store_model *gs_store_list_find_run(const gs_store_list *list, int64_t run)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const gs_store_model *model = &list->models[list->by_run[middle]];
        if (model->run == run)
            return model;
        if (model->run < run)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static gs_status read_list(gs_store *store, const char *sql, gs_store_list *list, gs_error *err)
{
    *list = (gs_store_list){0};
    sqlite3_stmt *query;
    size_t capacity = 0;
    gs_status st = gs_sql_prepare(store, &query, err, sql, "");
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(store, query, &row, err);
        if (st == GS_OK && row)
            st = append(store, list, &capacity, query, err);
    }
    sqlite3_finalize(query);
    if (st == GS_OK)
        st = sort_by_run(store, list, err);
    if (st != GS_OK)
        gs_store_list_free(list);
    return st;
}

gs_status gs_store_list_finished(gs_store *store, gs_store_list *list, gs_error *err)
{
    return read_list(store, SELECT_MODEL " WHERE run.finished ORDER BY slug", list, err);
}

gs_status gs_store_list_all(gs_store *store, gs_store_list *list, gs_error *err)
{
    return read_list(store, SELECT_MODEL " ORDER BY slug", list, err);
}

void gs_store_list_free(gs_store_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        gs_store_model_free(&list->models[i]);
    free(list->models);
    free(list->by_run);
    *list = (gs_store_list){0};
}

static gs_status no_such_model(gs_store *store, const char *slug, gs_error *err)
{
    return gs_fail(err, GS_ENOTFOUND, "%s: no model '%s'", store->path, slug);
}

gs_status gs_store_find(gs_store *store, const char *slug, gs_store_model *model, gs_error *err)
{
    *model = (gs_store_model){0};
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(store, &query, err, SELECT_MODEL " WHERE slug = ?", "s", slug);
    bool row = false;
    if (st == GS_OK)
        st = gs_sql_step(store, query, &row, err);
    if (st == GS_OK)
        st = row ? read_row(store, query, model, err) : no_such_model(store, slug, err);
    sqlite3_finalize(query);
    return st;
}

gs_status gs_store_find_id(gs_store *store, int64_t id, gs_store_model *model, gs_error *err)
{
    *model = (gs_store_model){0};
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(store, &query, err, SELECT_MODEL " WHERE model.id = ?", "i", id);
    bool row = false;
    if (st == GS_OK)
        st = gs_sql_step(store, query, &row, err);
    if (st == GS_OK)
        st = row ? read_row(store, query, model, err)
                 : gs_fail(err, GS_ENOTFOUND, "%s: no model with the id %lld", store->path, (long long)id);
    sqlite3_finalize(query);
    return st;
}

typedef struct {
    const gs_store_metadata *metadata;
    int64_t id;
    bool changed;
} put_context;

static gs_status put_model(gs_store *store, void *context, gs_error *err)
{
    put_context *put = context;
    const gs_store_metadata *m = put->metadata;
    /* The condition keeps a row that already says so unwritten. */
    gs_status st =
        gs_sql_run(store, err,
                   "INSERT INTO model (slug, title, type, family, json, path) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                   " ON CONFLICT (slug) DO UPDATE SET title = ?2, type = ?3, family = ?4, json = ?5, path = ?6"
                   " WHERE (title, type, family, json, path) IS NOT (?2, ?3, ?4, ?5, ?6)",
                   "ssssss", m->slug, m->title, m->type, m->family, m->json, m->path);
    if (st != GS_OK)
        return st;
    put->changed = sqlite3_changes(store->db) > 0;
    return gs_sql_integer(store, &put->id, "the model was not written", err, "SELECT id FROM model WHERE slug = ?", "s",
                          m->slug);
}

gs_status gs_store_put_model(gs_store *store, const gs_store_metadata *metadata, int64_t *id, bool *changed,
                             gs_error *err)
{
    put_context put = {.metadata = metadata};
    gs_status st = gs_sql_transaction(store, put_model, &put, err);
    if (st != GS_OK)
        return st;
    *id = put.id;
    if (changed)
        *changed = put.changed;
    return GS_OK;
}

gs_status gs_store_set_error(gs_store *store, int64_t model, const char *error, gs_error *err)
{
    return gs_sql_run(store, err, "UPDATE model SET error = ?1 WHERE id = ?2 AND error IS NOT ?1", "si", error, model);
}

gs_status gs_store_remove(gs_store *store, const char *slug, gs_error *err)
{
    gs_status st = gs_sql_run(store, err, "DELETE FROM model WHERE slug = ?", "s", slug);
    if (st == GS_OK && sqlite3_changes(store->db) == 0)
        return no_such_model(store, slug, err);
    return st;
}

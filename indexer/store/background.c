/* background.c - the background of queries (core/background.h) in the database: what the models score for it, and the words of it. */
#include "indexer/store/sql.h"

#include <math.h> /* INFINITY, isfinite */
#include <stdlib.h>
#include <string.h>

#define COUNT_FINISHED "(SELECT count(*) FROM run WHERE finished)"

static double read_cutoff(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? -INFINITY : sqlite3_column_double(row, column);
}

gs_status gs_store_read_background(gs_store *store, gs_part_kind kind, const gs_store_means *zoo,
                                   gs_store_background *background, gs_error *err)
{
    *background = (gs_store_background){.cutoffs = GS_NO_CUTOFFS};
    const char *name = gs_part_kind_name(kind);
    sqlite3_stmt *query;
    double *means = malloc((zoo->count + 1) * sizeof *means);
    if (!means)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for a background of %zu models", store->path, zoo->count);
    gs_status st = gs_sql_prepare(
        store, &query, err,
        "SELECT mean, models, cutoff, density_cutoff, lowrank_cutoff FROM background JOIN background_mean USING (kind)"
        " WHERE kind = ? AND run_id = ?",
        "s", name);
    size_t found = 0;
    for (bool row = true; st == GS_OK && row && found < zoo->count; found += row) {
        sqlite3_reset(query);
        sqlite3_bind_int64(query, 2, zoo->runs[found]);
        st = gs_sql_step(store, query, &row, err);
        if (st != GS_OK || !row)
            break;
        means[found] = sqlite3_column_double(query, 0);
        /* That of a zoo that has lost a model since would refuse too much. */
        if (sqlite3_column_int64(query, 1) == (int64_t)zoo->count)
            background->cutoffs = (gs_cutoffs){read_cutoff(query, 2), read_cutoff(query, 3), read_cutoff(query, 4)};
        if (!isfinite(means[found]))
            st = gs_fail(err, GS_EFORMAT, "%s: background_mean.mean is not finite", store->path);
    }
    sqlite3_finalize(query);
    if (st == GS_OK && found == zoo->count && found > 0) {
        background->means = means;
        return GS_OK;
    }
    free(means);
    *background = (gs_store_background){.cutoffs = GS_NO_CUTOFFS};
    return st;
}

void gs_store_background_free(gs_store_background *background)
{
    free(background->means);
    *background = (gs_store_background){.cutoffs = GS_NO_CUTOFFS};
}

typedef struct {
    gs_part_kind kind;
    const gs_store_means *zoo;
    const gs_background *background;
} writing;

static gs_status write_cutoff(gs_store *store, const char *kind, const char *update, double cutoff, gs_error *err)
{
    return isfinite(cutoff) ? gs_sql_run(store, err, update, "ds", cutoff, kind) : GS_OK;
}

static gs_status write_background(gs_store *store, void *context, gs_error *err)
{
    const writing *w = context;
    const char *kind = gs_part_kind_name(w->kind);
    gs_status st = gs_sql_run(store, err, "DELETE FROM background_mean WHERE kind = ?", "s", kind);
    const gs_cutoffs *cutoffs = &w->background->cutoffs;
    if (st == GS_OK)
        st = gs_sql_run(store, err, "INSERT OR REPLACE INTO background (kind, models) VALUES (?, ?)", "si", kind,
                        (int64_t)w->zoo->count);
    if (st == GS_OK)
        st = write_cutoff(store, kind, "UPDATE background SET cutoff = ? WHERE kind = ?", cutoffs->lead, err);
    if (st == GS_OK)
        st =
            write_cutoff(store, kind, "UPDATE background SET density_cutoff = ? WHERE kind = ?", cutoffs->density, err);
    if (st == GS_OK)
        st =
            write_cutoff(store, kind, "UPDATE background SET lowrank_cutoff = ? WHERE kind = ?", cutoffs->lowrank, err);
    for (size_t i = 0; i < w->zoo->count && st == GS_OK; i++)
        st = gs_sql_run(store, err,
                        "INSERT INTO background_mean (run_id, kind, mean) SELECT id, ?, ? FROM run WHERE id = ?", "sdi",
                        kind, w->background->means[i], w->zoo->runs[i]);
    return st;
}

gs_status gs_store_write_background(gs_store *store, gs_part_kind kind, const gs_store_means *zoo,
                                    const gs_background *background, gs_error *err)
{
    writing w = {kind, zoo, background};
    return gs_sql_transaction(store, write_background, &w, err);
}

gs_status gs_store_background_is_stale(gs_store *store, gs_part_kind kind, bool *stale, gs_error *err)
{
    int64_t current;
    gs_status st = gs_sql_integer(
        store, &current, "no background", err,
        "SELECT " COUNT_FINISHED " = 0 OR (" COUNT_FINISHED
        " = coalesce((SELECT models FROM background WHERE kind = ?1), -1) AND NOT EXISTS (SELECT 1 FROM run"
        " WHERE finished AND id NOT IN (SELECT run_id FROM background_mean WHERE kind = ?1)))",
        "s", gs_part_kind_name(kind));
    *stale = st == GS_OK && !current;
    return st;
}

gs_status gs_store_list_tags(gs_store *store, size_t most, char ***tags, size_t *count, gs_error *err)
{
    sqlite3_stmt *query = NULL;
    char **list = calloc(most + 1, sizeof *list);
    size_t n = 0;
    gs_status st = list ? gs_sql_prepare(store, &query, err,
                                         "SELECT DISTINCT value FROM run JOIN model ON model.id = model_id,"
                                         " json_each(model.json, '$.tags') WHERE finished AND json_each.type = 'text'"
                                         " ORDER BY value LIMIT ?",
                                         "i", (int64_t)most)
                        : gs_fail(err, GS_ENOMEM, "%s: no memory for %zu tags", store->path, most);
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(store, query, &row, err);
        if (st != GS_OK || !row)
            break;
        const unsigned char *text = sqlite3_column_text(query, 0);
        list[n] = text ? strdup((const char *)text) : NULL;
        st = list[n] ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory for a tag", store->path);
        n += list[n] != NULL;
    }
    sqlite3_finalize(query);
    for (size_t i = 0; st != GS_OK && i < n; i++)
        free(list[i]);
    if (st != GS_OK) {
        free(list);
        list = NULL;
        n = 0;
    }
    *tags = list;
    *count = n;
    return st;
}

static const char *const words_names[] = {[GS_WORDS_VOCABULARY] = "vocabulary", [GS_WORDS_TAGS] = "tags"};

gs_status gs_store_write_words(gs_store *store, gs_words_kind kind, const uint16_t *features, size_t count,
                               gs_error *err)
{
    return gs_sql_run(store, err, "INSERT OR REPLACE INTO background_words (kind, features) VALUES (?, ?)", "sb",
                      words_names[kind], (const void *)features, count * store->dim * sizeof *features);
}

gs_status gs_store_read_words(gs_store *store, gs_words_kind kind, uint16_t **features, size_t *count, gs_error *err)
{
    *features = NULL;
    *count = 0;
    sqlite3_stmt *query;
    bool row = false;
    gs_status st = gs_sql_prepare(store, &query, err, "SELECT features FROM background_words WHERE kind = ?", "s",
                                  words_names[kind]);
    if (st == GS_OK)
        st = gs_sql_step(store, query, &row, err);
    size_t size = row ? (size_t)sqlite3_column_bytes(query, 0) : 0, one = store->dim * sizeof **features;
    if (st == GS_OK && row && (one == 0 || size % one != 0))
        st = gs_fail(err, GS_EFORMAT, "%s: background_words.features has %zu bytes, expected a multiple of %zu",
                     store->path, size, one);
    if (st == GS_OK && row) {
        *features = malloc(size + 1);
        if (*features && size > 0)
            memcpy(*features, sqlite3_column_blob(query, 0), size);
        else if (!*features)
            st = gs_fail(err, GS_ENOMEM, "%s: no memory for the background's words", store->path);
        *count = st == GS_OK ? size / one : 0;
    }
    sqlite3_finalize(query);
    return st;
}

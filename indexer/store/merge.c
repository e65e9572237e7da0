/* merge.c - the models of another database, taken in with all they have but their neighbours, which depend on who else is there. */
#include "indexer/store/sql.h"

#include <stdio.h>

/* What hangs on a run and goes with it. The background and neighbours are of a whole database and made anew. */
static const struct {
    const char *table, *columns;
} parts[] = {
    {"progress", "state"},
    {"moments", "mean, covariance"},
    {"factor", "log_determinant, factor"},
    {"lowrank", "lowrank"},
    {"thumbnail", "position, width, height, webp"},
    {"feature", "slot, sample_index, vector"},
};

/* Models that both databases have finished, and not in the same way. */
static const char find_differing[] =
    "CREATE TEMP TABLE differing AS SELECT slug, CASE"
    " WHEN s.json <> m.json THEN 'its model.json differs'"
    " WHEN (a.sampler, a.source) <> (b.sampler, b.source) THEN 'its samples come from other files'"
    " WHEN a.precision <> b.precision THEN format('precision %s, expected %s', a.precision, b.precision)"
    " WHEN a.seed <> b.seed THEN format('seed %d, expected %d', a.seed, b.seed)"
    " WHEN a.requested <> b.requested THEN format('--samples %d, expected %d', a.requested, b.requested)"
    " WHEN a.keep <> b.keep THEN format('--keep-features %d, expected %d', a.keep, b.keep)"
    " WHEN (a.count, a.bad) <> (b.count, b.bad) THEN format('%d samples, expected %d', a.count, b.count)"
    " END AS reason FROM shard.model AS s JOIN main.model AS m USING (slug)"
    " JOIN shard.run AS a ON a.model_id = s.id AND a.finished"
    " JOIN main.run AS b ON b.model_id = m.id AND b.finished WHERE reason IS NOT NULL";

/* Those that are new here, or unfinished here and further there. */
static const char find_taken[] =
    "CREATE TEMP TABLE taken AS SELECT slug FROM shard.model AS s LEFT JOIN main.model AS m USING (slug)"
    " WHERE m.id IS NULL OR (NOT EXISTS (SELECT 1 FROM main.run WHERE model_id = m.id AND finished)"
    " AND (SELECT ifnull(max(finished), 0), ifnull(max(count), 0) FROM shard.run WHERE model_id = s.id)"
    " > (SELECT 0, ifnull(max(count), 0) FROM main.run WHERE model_id = m.id))"
    " UNION SELECT slug FROM differing";

static const char *const copy_models[] = {
    "DELETE FROM main.model WHERE slug IN (SELECT slug FROM taken)",
    "INSERT INTO main.model (slug, title, type, family, json, path, error, added)"
    " SELECT slug, title, type, family, json, path, error, added FROM shard.model JOIN taken USING (slug) ORDER BY "
    "slug",
    "INSERT INTO main.run (model_id, sampler, source, precision, seed, requested, keep, count, bad, finished)"
    " SELECT m.id, sampler, source, precision, seed, requested, keep, count, bad, finished FROM taken"
    " JOIN shard.model AS s USING (slug) JOIN shard.run ON model_id = s.id JOIN main.model AS m USING (slug)",
    "CREATE TEMP TABLE pair AS SELECT a.id AS there, b.id AS here FROM taken"
    " JOIN shard.model AS s USING (slug) JOIN shard.run AS a ON a.model_id = s.id"
    " JOIN main.model AS m USING (slug) JOIN main.run AS b ON b.model_id = m.id AND b.finished = a.finished",
};

static gs_status copy_part(gs_store *store, const char *table, const char *columns, gs_error *err)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "INSERT INTO main.%s (run_id, %s) SELECT here, %s FROM shard.%s JOIN pair ON there = run_id", table,
             columns, columns, table);
    return gs_sql_run(store, err, sql, "");
}

typedef struct {
    const char *path;
    bool replace;
    gs_store_merged *merged;
} merge_context;

/* A difference is a conflict: it cannot be known which of the two is meant. */
static gs_status refuse_differing(gs_store *store, const merge_context *merge, gs_error *err)
{
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(store, &query, err, "SELECT slug, reason FROM differing ORDER BY slug", "");
    bool row = false;
    if (st == GS_OK)
        st = gs_sql_step(store, query, &row, err);
    if (st == GS_OK && row)
        st = gs_fail(err, GS_EMISMATCH, "%s: %s has the model '%s' too: %s; --replace takes the former's place",
                     merge->path, store->path, sqlite3_column_text(query, 0), sqlite3_column_text(query, 1));
    sqlite3_finalize(query);
    return st;
}

static gs_status count_models(gs_store *store, gs_store_merged *merged, gs_error *err)
{
    int64_t models = 0, taken = 0;
    gs_status st = gs_sql_integer(store, &models, "no models", err, "SELECT count(*) FROM shard.model", "");
    if (st == GS_OK)
        st = gs_sql_integer(store, &taken, "no models", err, "SELECT count(*) FROM taken", "");
    *merged = (gs_store_merged){(uint64_t)models, (uint64_t)taken};
    return st;
}

static gs_status merge_attached(gs_store *store, void *context, gs_error *err)
{
    const merge_context *merge = context;
    gs_status st = gs_sql_run(store, err, find_differing, "");
    if (st == GS_OK && !merge->replace)
        st = refuse_differing(store, merge, err);
    if (st == GS_OK)
        st = gs_sql_run(store, err, find_taken, "");
    if (st == GS_OK)
        st = count_models(store, merge->merged, err);
    for (size_t i = 0; i < sizeof copy_models / sizeof *copy_models && st == GS_OK; i++)
        st = gs_sql_run(store, err, copy_models[i], "");
    for (size_t i = 0; i < sizeof parts / sizeof *parts && st == GS_OK; i++)
        st = copy_part(store, parts[i].table, parts[i].columns, err);
    static const char *const temporary[] = {"DROP TABLE temp.differing", "DROP TABLE temp.taken",
                                            "DROP TABLE temp.pair"};
    for (size_t i = 0; i < sizeof temporary / sizeof *temporary && st == GS_OK; i++)
        st = gs_sql_run(store, err, temporary[i], "");
    return st;
}

gs_status gs_store_merge(gs_store *store, const char *path, bool replace, gs_store_merged *merged, gs_error *err)
{
    gs_store *other;
    gs_store_encoder encoder;
    gs_status st = gs_store_open(&other, path, GS_STORE_READ, err); /* it is a database, and of this version */
    if (st != GS_OK)
        return st;
    st = gs_store_get_encoder(other, &encoder, err);
    gs_store_close(other);
    if (st == GS_OK)
        st = gs_store_bind_encoder(store, &encoder, err);
    if (st == GS_OK)
        st = gs_sql_run(store, err, "ATTACH ? AS shard", "s", path);
    if (st != GS_OK)
        return st;
    st = gs_sql_transaction(store, merge_attached, &(merge_context){path, replace, merged}, err);
    gs_status detached = gs_sql_run(store, st == GS_OK ? err : NULL, "DETACH shard", "");
    return st == GS_OK ? detached : st;
}

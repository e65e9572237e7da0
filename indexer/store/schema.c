#include "indexer/store/schema.h"

#include "indexer/store/sql.h"
#include "schema_sql.h" /* generated from schema.sql */

#include <stdio.h>

/* The next version appends its step here, and schema.sql then describes the result. What an old run under way had left to sample cannot be
 * known: folders had another order. */
static const char *const steps[] = {
    "ALTER TABLE model ADD COLUMN path TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE model ADD COLUMN error TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE run ADD COLUMN source TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE run ADD COLUMN precision TEXT NOT NULL DEFAULT '';"
    "DELETE FROM run WHERE NOT finished;"
    "CREATE TABLE prepared ("
    "    run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE, log_determinant REAL NOT NULL,"
    "    factor BLOB NOT NULL, lowrank BLOB NOT NULL) STRICT;",
    "ALTER TABLE run ADD COLUMN bad INTEGER NOT NULL DEFAULT 0 CHECK (bad >= 0);"
    "DROP TABLE prepared;"
    "CREATE TABLE factor ("
    "    run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE, log_determinant REAL NOT NULL,"
    "    factor BLOB NOT NULL) STRICT;"
    "CREATE TABLE lowrank ("
    "    run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE, lowrank BLOB NOT NULL) STRICT;"
    "CREATE TABLE background ("
    "    kind TEXT PRIMARY KEY CHECK (kind IN ('text', 'image')), models INTEGER NOT NULL CHECK (models >= 0),"
    "    cutoff REAL) STRICT;"
    "CREATE TABLE background_mean ("
    "    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE, kind TEXT NOT NULL, mean REAL NOT NULL,"
    "    PRIMARY KEY (run_id, kind)) STRICT;"
    "CREATE TABLE background_words (id INTEGER PRIMARY KEY CHECK (id = 1), features BLOB NOT NULL) STRICT;",
    "DELETE FROM background;"
    "ALTER TABLE background ADD COLUMN density_cutoff REAL;"
    "ALTER TABLE background ADD COLUMN lowrank_cutoff REAL;"
    "CREATE TABLE encoded ("
    "    kind TEXT PRIMARY KEY CHECK (kind IN ('vocabulary', 'tags')), features BLOB NOT NULL) STRICT;"
    "INSERT INTO encoded SELECT 'vocabulary', features FROM background_words;"
    "DROP TABLE background_words;"
    "ALTER TABLE encoded RENAME TO background_words;",
};
_Static_assert(sizeof steps / sizeof *steps == GS_STORE_VERSION - 1, "one step between two versions");
const gs_schema gs_schema_current = {GS_STORE_VERSION, gs_schema_sql, steps};

static gs_status execute(gs_store *store, const char *sql, gs_error *err)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? GS_OK : gs_sql_fail(store, err);
}

typedef struct {
    int64_t application, version, tables;
} file_kind;

static gs_status read_kind(gs_store *store, file_kind *kind, gs_error *err)
{
    gs_status st = gs_sql_integer(store, &kind->application, "no application_id", err, "PRAGMA application_id", "");
    if (st == GS_OK)
        st = gs_sql_integer(store, &kind->version, "no user_version", err, "PRAGMA user_version", "");
    if (st == GS_OK)
        st = gs_sql_integer(store, &kind->tables, "no schema", err, "SELECT count(*) FROM sqlite_schema", "");
    return st;
}

static gs_status stamp(gs_store *store, const gs_schema *schema, gs_error *err)
{
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;", GS_STORE_APPLICATION,
             schema->version);
    return execute(store, sql, err);
}

/* Inside the write lock: another process may have done it since we looked. */
static gs_status upgrade(gs_store *store, void *context, gs_error *err)
{
    const gs_schema *schema = context;
    file_kind kind;
    gs_status st = read_kind(store, &kind, err);
    if (st != GS_OK || (kind.application == GS_STORE_APPLICATION && kind.version == schema->version))
        return st;
    if (kind.tables == 0) {
        st = execute(store, schema->tables, err);
    } else {
        for (int64_t version = kind.version; st == GS_OK && version < schema->version; version++)
            st = execute(store, schema->steps[version - 1], err);
        if (st != GS_OK)
            return gs_error_prefix(err, st, "migration from version %d to %d", (int)kind.version, schema->version);
    }
    return st == GS_OK ? stamp(store, schema, err) : st;
}

gs_status gs_schema_prepare(gs_store *store, const gs_schema *schema, bool may_write, gs_error *err)
{
    file_kind kind;
    gs_status st = read_kind(store, &kind, err);
    if (st != GS_OK)
        return st;
    bool empty = kind.tables == 0 && kind.application == 0 && kind.version == 0;
    if (empty && !may_write)
        return gs_fail(err, GS_EFORMAT, "%s: is empty, no gensearch database", store->path);
    if (!empty && (kind.application != GS_STORE_APPLICATION || kind.version < 1))
        return gs_fail(err, GS_EFORMAT, "%s: is no gensearch database (application_id 0x%08x, expected 0x%08x)",
                       store->path, (unsigned)kind.application, GS_STORE_APPLICATION);
    if (kind.version > schema->version)
        return gs_fail(err, GS_EMISMATCH,
                       "%s: was written by a newer gensearch (version %d of the tables, this program knows %d)",
                       store->path, (int)kind.version, schema->version);
    if (kind.version == schema->version)
        return GS_OK;
    if (!may_write)
        return gs_fail(err, GS_EMISMATCH,
                       "%s: has version %d of the tables, this program reads %d; `index` migrates it", store->path,
                       (int)kind.version, schema->version);
    return gs_sql_transaction(store, upgrade, (void *)schema, err);
}

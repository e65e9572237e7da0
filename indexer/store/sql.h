/* sql.h - SQLite with this project's errors; for store/ only.
 *
 *     sqlite3_stmt *query;
 *     st = gs_sql_prepare(store, &query, err, "SELECT count FROM run WHERE id = ? AND finished = ?", "ii", id, (int64_t)1);
 *     for (bool row; (st = gs_sql_step(store, query, &row, err)) == GS_OK && row;) ...
 *     sqlite3_finalize(query);
 *
 * Arguments by letter: i int64_t, d double, s const char *, b const void * and size_t. Texts and blobs are borrowed until the statement is
 * finalized.
 */
#ifndef GS_SQL_H
#define GS_SQL_H

#include "indexer/store/store.h"

#include <sqlite3.h>

struct gs_store {
    sqlite3 *db;
    char *path;
    size_t dim; /* the encoder's; 0 while none is bound */
};

/* SQLite's complaint in our terms: "zoo.db: database is locked". */
gs_status gs_sql_fail(gs_store *store, gs_error *err);

gs_status gs_sql_prepare(gs_store *store, sqlite3_stmt **statement, gs_error *err, const char *sql, const char *types,
                         ...);
gs_status gs_sql_step(gs_store *store, sqlite3_stmt *statement, bool *row, gs_error *err);

/* Prepares, runs to the end, finalizes. */
gs_status gs_sql_run(gs_store *store, gs_error *err, const char *sql, const char *types, ...);

/* The same for the first column of the first row. GS_ENOTFOUND (message: what) when there is none. */
gs_status gs_sql_integer(gs_store *store, int64_t *value, const char *what, gs_error *err, const char *sql,
                         const char *types, ...);

/* A transaction around a function: committed when it succeeds, else rolled back. Takes the write lock at once, so that what the function
 * reads stays true until it is done. */
gs_status gs_sql_transaction(gs_store *store, gs_status (*body)(gs_store *, void *, gs_error *), void *context,
                             gs_error *err);

/* The blob of a column, borrowed until the next step. GS_EFORMAT unless it has size bytes; what names it. */
gs_status gs_sql_blob(gs_store *store, sqlite3_stmt *statement, int column, size_t size, const char *what,
                      const void **blob, gs_error *err);

/* A copy of a text column, malloc'ed; NULL when memory ran out. */
char *gs_sql_text(sqlite3_stmt *statement, int column);

#endif

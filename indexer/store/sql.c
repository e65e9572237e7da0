#include "indexer/store/sql.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

gs_status gs_sql_fail(gs_store *store, gs_error *err)
{
    gs_status status = GS_EIO;
    switch (sqlite3_errcode(store->db)) {
    case SQLITE_NOMEM:
        status = GS_ENOMEM;
        break;
    case SQLITE_NOTADB:
        return gs_fail(err, GS_EFORMAT, "%s: is no gensearch database (not an SQLite file)", store->path);
    case SQLITE_CORRUPT:
        status = GS_EFORMAT;
        break;
    }
    return gs_fail(err, status, "%s: %s", store->path, sqlite3_errmsg(store->db));
}

static int bind_arguments(sqlite3_stmt *statement, const char *types, va_list args)
{
    int result = SQLITE_OK;
    for (int at = 1; *types && result == SQLITE_OK; types++, at++) {
        switch (*types) {
        case 'i':
            result = sqlite3_bind_int64(statement, at, va_arg(args, int64_t));
            break;
        case 'd':
            result = sqlite3_bind_double(statement, at, va_arg(args, double));
            break;
        case 's':
            result = sqlite3_bind_text(statement, at, va_arg(args, const char *), -1, SQLITE_STATIC);
            break;
        case 'b': {
            const void *blob = va_arg(args, const void *);
            size_t size = va_arg(args, size_t);
            result = sqlite3_bind_blob64(statement, at, blob, size, SQLITE_STATIC);
            break;
        }
        default:
            result = SQLITE_MISUSE;
        }
    }
    return result;
}

static gs_status prepare(gs_store *store, sqlite3_stmt **statement, gs_error *err, const char *sql, const char *types,
                         va_list args)
{
    *statement = NULL;
    if (sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) == SQLITE_OK &&
        bind_arguments(*statement, types, args) == SQLITE_OK)
        return GS_OK;
    gs_status st = gs_sql_fail(store, err);
    sqlite3_finalize(*statement);
    *statement = NULL;
    return st;
}

gs_status gs_sql_prepare(gs_store *store, sqlite3_stmt **statement, gs_error *err, const char *sql, const char *types,
                         ...)
{
    va_list args;
    va_start(args, types);
    gs_status st = prepare(store, statement, err, sql, types, args);
    va_end(args);
    return st;
}

gs_status gs_sql_step(gs_store *store, sqlite3_stmt *statement, bool *row, gs_error *err)
{
    int result = sqlite3_step(statement);
    *row = result == SQLITE_ROW;
    return result == SQLITE_ROW || result == SQLITE_DONE ? GS_OK : gs_sql_fail(store, err);
}

gs_status gs_sql_run(gs_store *store, gs_error *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list args;
    va_start(args, types);
    gs_status st = prepare(store, &statement, err, sql, types, args);
    va_end(args);
    for (bool row = true; st == GS_OK && row;)
        st = gs_sql_step(store, statement, &row, err);
    sqlite3_finalize(statement);
    return st;
}

gs_status gs_sql_integer(gs_store *store, int64_t *value, const char *what, gs_error *err, const char *sql,
                         const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list args;
    va_start(args, types);
    gs_status st = prepare(store, &statement, err, sql, types, args);
    va_end(args);
    bool row = false;
    if (st == GS_OK)
        st = gs_sql_step(store, statement, &row, err);
    if (st == GS_OK && !row)
        st = gs_fail(err, GS_ENOTFOUND, "%s: %s", store->path, what);
    if (st == GS_OK)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return st;
}

gs_status gs_sql_transaction(gs_store *store, gs_status (*body)(gs_store *, void *, gs_error *), void *context,
                             gs_error *err)
{
    gs_status st = gs_sql_run(store, err, "BEGIN IMMEDIATE", "");
    if (st != GS_OK)
        return st;
    st = body(store, context, err);
    if (st == GS_OK)
        st = gs_sql_run(store, err, "COMMIT", "");
    if (st != GS_OK) /* keeps the message of what went wrong first */
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

gs_status gs_sql_blob(gs_store *store, sqlite3_stmt *statement, int column, size_t size, const char *what,
                      const void **blob, gs_error *err)
{
    *blob = sqlite3_column_blob(statement, column);
    size_t have = (size_t)sqlite3_column_bytes(statement, column);
    if (have == size && *blob)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: %s has %zu bytes, expected %zu", store->path, what, have, size);
}

char *gs_sql_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? strdup((const char *)text) : NULL;
}

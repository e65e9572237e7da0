#include "indexer/store/store.h"

#include "indexer/store/schema.h"
#include "indexer/store/sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "blobs are little-endian arrays, written as they lie in memory");

#define BUSY_TIMEOUT_MS 30000
#define MAX_DIM         16384 /* of a feature: far beyond any CLIP, and dim^2 floats still fit */

/* "file:PATH?immutable=1" with the few characters escaped that mean something in a URI. malloc'ed. */
static char *immutable_uri(const char *path)
{
    char *uri = malloc(3 * strlen(path) + sizeof "file:?immutable=1");
    if (!uri)
        return NULL;
    char *end = uri + sprintf(uri, "file:");
    for (; *path; path++)
        end += strchr("?#%", *path) ? sprintf(end, "%%%02X", (unsigned char)*path) : sprintf(end, "%c", *path);
    sprintf(end, "?immutable=1");
    return uri;
}

/* In WAL mode SQLite needs files beside the database even to read, which a read-only folder does not allow. Without them it must be told
 * that nobody writes; that is true only when no log waits to be taken in. */
static bool needs_immutable(const gs_store *store)
{
    int result = sqlite3_exec(store->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    if (result != SQLITE_CANTOPEN && result != SQLITE_READONLY)
        return false;
    size_t length = strlen(store->path) + sizeof "-wal";
    char *log = malloc(length);
    struct stat info;
    if (log)
        snprintf(log, length, "%s-wal", store->path);
    bool waits = !log || (stat(log, &info) == 0 && info.st_size > 0);
    free(log);
    return !waits;
}

static gs_status connect_database(gs_store *store, gs_store_mode mode, gs_error *err)
{
    int flags = mode == GS_STORE_CREATE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
        return store->db ? gs_sql_fail(store, err) : gs_fail(err, GS_ENOMEM, "%s: no memory", store->path);
    sqlite3_extended_result_codes(store->db, 0);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    if (mode != GS_STORE_READ || !needs_immutable(store))
        return GS_OK;

    sqlite3_close(store->db);
    store->db = NULL;
    char *uri = immutable_uri(store->path);
    if (!uri)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", store->path);
    int result = sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    free(uri);
    return result == SQLITE_OK ? GS_OK : gs_sql_fail(store, err);
}

static gs_status set_up(gs_store *store, gs_store_mode mode, gs_error *err)
{
    gs_status st = GS_OK;
    if (mode == GS_STORE_CREATE) /* of a new file; what a query reads are blobs of many pages */
        st = gs_sql_run(store, err, "PRAGMA page_size = 16384", "");
    if (st == GS_OK)
        st = gs_schema_prepare(store, &gs_schema_current, mode != GS_STORE_READ, err);
    if (st == GS_OK)
        st = gs_sql_run(store, err, "PRAGMA foreign_keys = ON", "");
    if (st == GS_OK && mode != GS_STORE_READ) {
        st = gs_sql_run(store, err, "PRAGMA journal_mode = WAL", "");
        if (st == GS_OK) /* a checkpoint that was reported is on the disk */
            st = gs_sql_run(store, err, "PRAGMA synchronous = FULL", "");
    }
    if (st != GS_OK)
        return st;
    gs_store_encoder encoder;
    st = gs_store_get_encoder(store, &encoder, err);
    if (st == GS_OK)
        store->dim = encoder.dim;
    return st == GS_ENOTFOUND ? GS_OK : st;
}

gs_status gs_store_open(gs_store **out, const char *path, gs_store_mode mode, gs_error *err)
{
    *out = NULL;
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (!exists && (mode != GS_STORE_CREATE || errno != ENOENT))
        return gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    if (exists && !S_ISREG(info.st_mode))
        return gs_fail(err, GS_EIO, "%s: is not a file, expected a gensearch database", path);

    gs_store *store = calloc(1, sizeof *store);
    if (store)
        store->path = strdup(path);
    if (!store || !store->path) {
        free(store);
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    }
    gs_status st = connect_database(store, mode, err);
    if (st == GS_OK)
        st = set_up(store, mode, err);
    if (st != GS_OK) {
        gs_store_close(store);
        return st;
    }
    *out = store;
    return GS_OK;
}

void gs_store_close(gs_store *store)
{
    if (!store)
        return;
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}

gs_status gs_store_snapshot_begin(gs_store *store, gs_error *err)
{
    int64_t version;
    gs_status st = gs_sql_run(store, err, "BEGIN", "");
    /* SQLite takes the snapshot at the first read. */
    return st == GS_OK ? gs_sql_integer(store, &version, "no version", err, "PRAGMA user_version", "") : st;
}

void gs_store_snapshot_end(gs_store *store)
{
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
}

/* ---- the encoder -------------------------------------------------------------------------------------------------------------- */

gs_status gs_store_get_encoder(gs_store *store, gs_store_encoder *encoder, gs_error *err)
{
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(store, &query, err,
                                  "SELECT name, directory, fingerprint, dim, tau, image_size FROM encoder", "");
    bool row = false;
    if (st == GS_OK)
        st = gs_sql_step(store, query, &row, err);
    if (st == GS_OK && !row)
        st = gs_fail(err, GS_ENOTFOUND, "%s: nothing was indexed yet, no encoder is bound", store->path);
    if (st == GS_OK) {
        *encoder = (gs_store_encoder){.dim = (size_t)sqlite3_column_int64(query, 3),
                                      .tau = sqlite3_column_double(query, 4),
                                      .image_size = sqlite3_column_int(query, 5)};
        snprintf(encoder->name, sizeof encoder->name, "%s", sqlite3_column_text(query, 0));
        snprintf(encoder->directory, sizeof encoder->directory, "%s", sqlite3_column_text(query, 1));
        snprintf(encoder->fingerprint, sizeof encoder->fingerprint, "%s", sqlite3_column_text(query, 2));
    }
    sqlite3_finalize(query);
    if (st == GS_OK && encoder->dim > MAX_DIM)
        return gs_fail(err, GS_EFORMAT, "%s: encoder.dim is %zu, at most %d is known", store->path, encoder->dim,
                       MAX_DIM);
    return st;
}

static gs_status bind_encoder(gs_store *store, void *context, gs_error *err)
{
    const gs_store_encoder *encoder = context;
    gs_store_encoder bound;
    gs_status st = gs_store_get_encoder(store, &bound, err);
    if (st == GS_ENOTFOUND)
        return gs_sql_run(store, err,
                          "INSERT INTO encoder (id, name, directory, fingerprint, dim, tau, image_size)"
                          " VALUES (1, ?, ?, ?, ?, ?, ?)",
                          "sssidi", encoder->name, encoder->directory, encoder->fingerprint, (int64_t)encoder->dim,
                          encoder->tau, (int64_t)encoder->image_size);
    if (st != GS_OK)
        return st;
    if (strcmp(bound.fingerprint, encoder->fingerprint) != 0)
        return gs_fail(err, GS_EMISMATCH, "%s: holds features of the encoder '%s' (%s), not of '%s' (%s)", store->path,
                       bound.name, bound.fingerprint, encoder->name, encoder->fingerprint);
    if (strcmp(bound.directory, encoder->directory) == 0)
        return GS_OK;
    return gs_sql_run(store, err, "UPDATE encoder SET directory = ?", "s", encoder->directory);
}

gs_status gs_store_bind_encoder(gs_store *store, const gs_store_encoder *encoder, gs_error *err)
{
    gs_status st = gs_sql_transaction(store, bind_encoder, (void *)encoder, err);
    if (st == GS_OK)
        store->dim = encoder->dim;
    return st;
}

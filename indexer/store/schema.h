/* schema.h - which version of the tables a file has, and how it gets the current one; for store/ and its test.
 *
 *     st = gs_schema_prepare(store, &gs_schema_current, true, err);
 *
 * A new database gets schema.sql. An older one gets the steps from its version on, all in one transaction. A newer one is refused.
 */
#ifndef GS_SCHEMA_H
#define GS_SCHEMA_H

#include "indexer/store/store.h"

typedef struct {
    int version;              /* what tables has */
    const char *tables;       /* SQL that makes them from nothing */
    const char *const *steps; /* [version - 1]: steps[i] takes version i + 1 to i + 2 */
} gs_schema;

extern const gs_schema gs_schema_current;

/* may_write: an empty file becomes a database and an old one is migrated; else both are refused. */
gs_status gs_schema_prepare(gs_store *store, const gs_schema *schema, bool may_write, gs_error *err);

#endif

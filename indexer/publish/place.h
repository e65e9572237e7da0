/* place.h - where queries are answered from: a database, or a published folder.
 *
 *     gs_place place = {0};
 *     gs_status st = gs_place_open(&place, path, err);       // then what prepares the database; place.encoder says whose features it holds
 *     if (st == GS_OK)
 *         st = gs_place_start_reading(&place, err);          // then place.source
 *     gs_place_close(&place);                                // in any case
 */
#ifndef GS_PLACE_H
#define GS_PLACE_H

#include "core/query.h"
#include "indexer/search/source.h"
#include "indexer/store/store.h"

typedef struct {
    const char *path;  /* borrowed */
    gs_store *store;   /* NULL of a folder */
    gs_source *source; /* of a database from gs_place_start_reading() on */
    gs_store_encoder encoder;
} gs_place;

/* A database of an older version is migrated. GS_ENOTFOUND when it holds no model. */
gs_status gs_place_open(gs_place *place, const char *path, gs_error *err);
/* What is read of a database from here on is of one moment. */
gs_status gs_place_start_reading(gs_place *place, gs_error *err);
void gs_place_close(gs_place *place); /* safe on a zeroed one */

/* What ranks a part of this kind there, and how many candidates are scored by more than the first moment (0: all), where nobody says
 * otherwise. */
gs_method gs_place_default_method(const gs_place *place, gs_part_kind kind);
size_t gs_place_default_candidates(const gs_place *place);

#endif

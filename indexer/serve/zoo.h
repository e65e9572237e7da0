/* zoo.h - the models that a server answers from, replaced when their database or folder changes.
 *
 *     gs_zoo *zoo;
 *     if ((st = gs_zoo_open(&zoo, "zoo.db", err)) != GS_OK) return st;
 *     gs_zoo_view *view = gs_zoo_lock(zoo);
 *     ... gs_search(view->place.source, ...) ...
 *     gs_zoo_unlock(zoo);
 *     bool changed;
 *     st = gs_zoo_refresh(zoo, false, &changed, err);
 *     gs_zoo_close(zoo);
 */
#ifndef GS_ZOO_H
#define GS_ZOO_H

#include "indexer/publish/place.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* The models at one moment. */
typedef struct {
    gs_place place;
    cJSON **models; /* [place.source->count]  {"slug","title","type","family"?,"authors"?,"tags"?,"license"?}  owned */
} gs_zoo_view;

typedef struct gs_zoo gs_zoo;

/* path (borrowed): a database or a published folder. GS_ENOTFOUND for one without models. */
gs_status gs_zoo_open(gs_zoo **zoo, const char *path, gs_error *err);
void gs_zoo_close(gs_zoo *zoo); /* NULL is fine */

/* The models as they are now, which stay so, and nobody else's, until gs_zoo_unlock(): a source is for one thread at a time. */
gs_zoo_view *gs_zoo_lock(gs_zoo *zoo);
void gs_zoo_unlock(gs_zoo *zoo);

/* Reads path anew where its files are others than before, or always; whoever looks meanwhile still sees the old models. On failure they stay.
 * GS_EMISMATCH when the new ones have another encoder. */
gs_status gs_zoo_refresh(gs_zoo *zoo, bool always, bool *changed, gs_error *err);

#endif

/* neighbors.h - the nearest models of every model by Frechet distance, brought up to date.
 *
 *     st = gs_neighbors_update(store, &stop, progress, context, err);
 *
 * Exact: only pairs that a bound proves to be outside both lists are left out. Only models that are new, or whose list lost an entry, are
 * compared with the others.
 */
#ifndef GS_NEIGHBORS_H
#define GS_NEIGHBORS_H

#include "indexer/store/store.h"
#include "indexer/util/stop.h"

#define GS_NEIGHBORS 16 /* kept per model */

/* stop and progress as in job.h; total counts models to compare. GS_ECANCELED leaves the lists as they were. */
gs_status gs_neighbors_update(gs_store *store, const gs_stop *stop,
                              void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                              gs_error *err);

#endif

/* neighbors.h - the nearest models of every model by Frechet distance, brought up to date.
 *
 *     gs_neighbors_options options = {.threads = 2, .stop = &stop, .progress = show, .context = &progress};
 *     gs_neighbors_result result;
 *     st = gs_neighbors_update(store, &options, &result, err);
 *
 * Exact: only pairs are left out that a bound proves to be outside both lists. Only models that are new, or whose list lost an entry, are
 * compared with others, and every pair once. A list is committed as soon as it is complete, so that an interruption loses what was
 * under way: about one model per thread.
 *
 * The same lists come from any number of threads, whole or in parts: a pair has one distance, and who is as near stands by slug.
 *
 * Memory, for n models, t threads: about n (4 dim + 17000) bytes, and 40 dim^2 bytes per thread, 10 MB for dim = 512.
 */
#ifndef GS_NEIGHBORS_H
#define GS_NEIGHBORS_H

#include "indexer/store/store.h"
#include "indexer/util/stop.h"

typedef struct {
    int threads;         /* at least 1 */
    const gs_stop *stop; /* borrowed; NULL: nobody can ask to stop */
    void (*progress)(void *context, uint64_t done,
                     uint64_t total); /* of lists to make; NULL: nobody asks. From any thread, one at a time */
    void *context;
} gs_neighbors_options;

typedef struct {
    uint64_t models, stale; /* with moments; of these, lists to make */
    uint64_t made;          /* lists written */
    uint64_t compared;      /* pairs whose distance was computed */
    uint64_t bounded;       /* pairs whose tight bound was */
} gs_neighbors_result;

/* result (may be NULL) is set whatever happens. GS_ECANCELED after a request to stop, GS_EMISMATCH when
 * another process removed a model or sampled it anew. */
gs_status gs_neighbors_update(gs_store *store, const gs_neighbors_options *options, gs_neighbors_result *result,
                              gs_error *err);

#endif

/* lists.h - every model's list of its nearest, while they are brought up to date.
 *
 *     gs_lists lists;
 *     st = gs_lists_read(&lists, store, err);          // lists.n_stale of them are to be made
 *     st = gs_lists_meet(&lists, i, k, err);           // the pair is, or will be, compared
 *     gs_lists_put(&lists, i, k, distance);            // into both, where it belongs
 *     n = gs_lists_take(&lists, i, taken, neighbors);  // i's list is complete: what to write
 *     st = gs_store_write_neighbors(store, taken, n, err);
 *     gs_lists_free(&lists);
 *
 * Models are numbered by slug. What a stale list still holds is kept: those pairs are not compared again. Lists that are not stale take in the
 * new models, and are written beside theirs.
 */
#ifndef GS_LISTS_H
#define GS_LISTS_H

#include "indexer/store/store.h"

#include <stdbool.h>

typedef struct {
    size_t other;
    double distance;
} gs_near;

typedef struct {
    gs_near nearest[GS_STORE_NEIGHBORS]; /* [count]  nearest first, then by slug */
    size_t count;
    bool stale;   /* to be made in this update */
    bool fresh;   /* and nothing is known of its model, so that it may belong into lists that are not stale */
    bool made;    /* and it has been */
    bool changed; /* to be written */
    size_t *met;  /* [n_met]  owned; with whom one is compared that is stale and not made */
    size_t n_met, room;
} gs_list;

typedef struct {
    gs_store_list models;
    gs_list *all; /* [models.count]  owned */
    size_t n_stale;
} gs_lists;

gs_status gs_lists_read(gs_lists *lists, gs_store *store, gs_error *err);
void gs_lists_free(gs_lists *lists); /* safe on a zeroed one */

/* Beyond this distance nobody enters model i's list any more. It only ever falls. */
double gs_lists_reach(const gs_lists *lists, size_t i);

/* Notes that i and k are compared. GS_ENOMEM. */
gs_status gs_lists_meet(gs_lists *lists, size_t i, size_t k, gs_error *err);
bool gs_lists_met(const gs_lists *lists, size_t i, size_t k);

void gs_lists_put(gs_lists *lists, size_t i, size_t k, double distance);

/* Model i's list is complete. Copies it, and what changed of other complete ones, to taken [models.count] over neighbors
 * [models.count * GS_STORE_NEIGHBORS], and returns how many. */
size_t gs_lists_take(gs_lists *lists, size_t i, gs_store_neighbor_list *taken, gs_store_neighbor *neighbors);

#endif

/* prepare.h - what queries read of a model, computed once from its moments.
 *
 *     st = gs_prepare_all(store, &stop, progress, context, err);         // after sampling: whatever is missing
 *
 *     gs_prepared prepared;                                              // of one model, to use it or to write it
 *     st = gs_prepare(store, &model, &prepared, err);
 *     gs_prepared_free(&prepared);
 */
#ifndef GS_PREPARE_H
#define GS_PREPARE_H

#include "core/score.h"
#include "indexer/store/store.h"
#include "indexer/util/stop.h"

#define GS_PREPARED_RANK 64 /* eigenvectors of the low-rank form, or dim - 1 */

typedef struct {
    float *factor; /* owned, as is lowrank; what row borrows */
    void *lowrank;
    gs_store_prepared row;
} gs_prepared;

/* model: with a finished run. */
gs_status gs_prepare(gs_store *store, const gs_store_model *model, gs_prepared *prepared, gs_error *err);
void gs_prepared_free(gs_prepared *prepared); /* safe on a zeroed one */

/* The low-rank form of a row, which it borrows from, as vectors [GS_PREPARED_RANK, dim], which is filled. GS_EFORMAT. */
gs_status gs_prepared_open_lowrank(const gs_store_prepared *row, size_t dim, float *vectors, gs_lowrank *lowrank,
                                   gs_error *err);

/* Prepares every finished model that is not prepared yet, each in a transaction of its own. progress (may be NULL) counts models. stop as in
 * job.h. */
gs_status gs_prepare_all(gs_store *store, const gs_stop *stop,
                         void (*progress)(void *context, uint64_t done, uint64_t total), void *context, gs_error *err);

#endif

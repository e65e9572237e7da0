/* reservoir.h - a fair sample of a stream of features that does not depend on how the stream was cut.
 *
 *     gs_reservoir r;
 *     if ((st = gs_reservoir_init(&r, dim, 1000, seed, err)) != GS_OK) return st;
 *     gs_reservoir_add(&r, index, feature);                        // for every sample, in any order
 *     size_t n = gs_reservoir_changes(&r, features);               // slots overwritten since the last call
 *     gs_reservoir_free(&r);
 *
 * Bottom-k sampling: every index has a fixed pseudo-random key, and the k lowest stay. A stream that is interrupted and resumed, or cut into
 * other batches, keeps the same ones.
 */
#ifndef GS_RESERVOIR_H
#define GS_RESERVOIR_H

#include "indexer/store/store.h"

typedef struct {
    size_t dim, capacity, count;
    uint64_t seed;
    uint64_t *keys;    /* [capacity]       owned; by slot */
    uint64_t *indices; /* [capacity]       owned; by slot */
    float *vectors;    /* [capacity, dim]  owned; by slot */
    bool *changed;     /* [capacity]       owned; by slot */
    size_t *heap;      /* [capacity]       owned; slots, the highest key on top */
} gs_reservoir;

/* capacity 0 keeps nothing. GS_ENOMEM; on failure r is safe to free. */
gs_status gs_reservoir_init(gs_reservoir *r, size_t dim, size_t capacity, uint64_t seed, gs_error *err);
void gs_reservoir_free(gs_reservoir *r); /* safe on a zeroed one */

void gs_reservoir_add(gs_reservoir *r, uint64_t index, const float *vector);

/* Puts back what a checkpoint stored, into the empty reservoir. GS_EFORMAT when slots are not 0, 1, 2 ... or do not fit. */
gs_status gs_reservoir_restore(gs_reservoir *r, const gs_store_features *features, gs_error *err);

/* Fills features [r->capacity] with the slots changed since the last call (their vectors borrowed from r) and returns how many. */
size_t gs_reservoir_changes(gs_reservoir *r, gs_store_feature *features);

#endif

/* batches.h - samples read ahead by a thread of their own, so that the generator works while the encoder does.
 *
 *     gs_batches *batches;
 *     st = gs_batches_open(&batches, sampler, 0, 50000, 32, err);
 *     gs_batch batch;
 *     while ((st = gs_batches_next(batches, &batch, err)) == GS_OK && batch.count > 0) {
 *         ... batch.frames [batch.count] are samples batch.first ... ...
 *         gs_batch_free(&batch);
 *     }
 *     gs_batches_close(batches);
 */
#ifndef GS_BATCHES_H
#define GS_BATCHES_H

#include "indexer/sampler/sampler.h"

typedef struct gs_batches gs_batches;

typedef struct {
    uint64_t first;
    size_t count;
    gs_image *frames; /* [count], and their pixels; one without is a sample that cannot be read  owned */
    gs_error *faults; /* [count]  owned; why */
} gs_batch;

/* Reads samples first .. end - 1, size at a time. The sampler is the thread's own until stop. */
gs_status gs_batches_open(gs_batches **batches, gs_sampler *sampler, uint64_t first, uint64_t end, size_t size,
                          gs_error *err);

/* The next batch, in order; count is 0 at the end. The sampler's failure comes after every batch that was read before it. */
gs_status gs_batches_next(gs_batches *batches, gs_batch *batch, gs_error *err);
void gs_batch_free(gs_batch *batch);

/* Waits for the read under way, then ends the thread. NULL is fine. */
void gs_batches_close(gs_batches *batches);

#endif

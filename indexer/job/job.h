/* job.h - one model sampled, encoded and taken into the database.
 *
 *     gs_job_result result;
 *     gs_job_options options = {.seed = 1, .samples = 50000, .batch = 32, .checkpoint = 5};
 *     if ((st = gs_job_run(store, encoder, &model, &options, &result, err)) != GS_OK) return st;
 *
 * A job that is cut off, however rudely, goes on from its last checkpoint and ends with the same bits, given the same batch, threads,
 * precision, device and kind of processor; between others, features differ by rounding.
 */
#ifndef GS_JOB_H
#define GS_JOB_H

#include "indexer/encoder/encoder.h"
#include "indexer/model/model.h"
#include "indexer/store/store.h"
#include "indexer/util/stop.h"

#include <stdbool.h>

typedef struct {
    uint64_t seed, samples;
    uint64_t keep;       /* features kept for the Monte Carlo score */
    size_t batch;        /* pictures sampled and encoded at a time */
    int threads;         /* that decode pictures, besides the encoder's; 0: one per core */
    double checkpoint;   /* seconds between two */
    const gs_stop *stop; /* on request: checkpoint, GS_ECANCELED; NULL: never  borrowed */
    /* Called first with what was done before, then after every batch; NULL: none. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
} gs_job_options;

typedef struct {
    bool skipped;     /* everything was there already */
    uint64_t resumed; /* samples that were there already */
    uint64_t count;   /* samples the moments stand on */
} gs_job_result;

/* Whatever fails but the database and a GPU, what was encoded until then is kept in a checkpoint. The model's former moments stay. */
gs_status gs_job_run(gs_store *store, gs_encoder *encoder, const gs_model *model, const gs_job_options *options,
                     gs_job_result *result, gs_error *err);

#endif

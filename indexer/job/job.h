/* job.h - one model sampled, encoded and taken into the database.
 *
 *     gs_job_result result;
 *     gs_job_options options = {.seed = 1, .samples = 50000, .batch = 32, .checkpoint = 5};
 *     if ((st = gs_job_run(store, encoder, &model, &options, &result, err)) != GS_OK) return st;
 *
 * A job that is interrupted, in whatever way, resumes from its last checkpoint and ends with the same bits, given the same batch, threads,
 * precision, device and kind of processor; between others, features differ by rounding. A picture that cannot be read is left out and
 * counted, and is no other sample's place: sample i stays what it is.
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
    bool force;          /* sample anew what is there already */
    bool replace;        /* of a model that has the slug of another one, take the former's place */
    double bad_percent;  /* of the samples that may be left out because their files hold no picture that can be read */
    double checkpoint;   /* seconds between two */
    const gs_stop *stop; /* on request: checkpoint, GS_ECANCELED; NULL: never  borrowed */
    /* Called first with what was done before, then after every batch; NULL: none. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void (*message)(void *context, const char *line); /* what else the user may want to know; NULL: none */
    void *context;
} gs_job_options;

typedef struct {
    bool skipped;     /* everything was there already */
    uint64_t resumed; /* samples that were there already */
    uint64_t count;   /* samples the moments stand on */
    uint64_t bad;     /* samples left out */
    bool
        fatal; /* on failure: it was not the model's, but the database's or the encoder's, which the next model needs too */
} gs_job_result;

/* Whatever fails but the database and a GPU, what was encoded until then is kept in a checkpoint. The model's former moments stay, with
 * their title and place, and the database notes why the model failed. GS_EMISMATCH, with both paths, when the database's model of this slug
 * is another one: its model.json lies elsewhere and is not the same, or its samples come from other files. */
gs_status gs_job_run(gs_store *store, gs_encoder *encoder, const gs_model *model, const gs_job_options *options,
                     gs_job_result *result, gs_error *err);

#endif

/* sampling.h - samples of models for many threads, by workers that are kept warm.
 *
 *     gs_sampling *sampling;
 *     if ((st = gs_sampling_open(&sampling, "data/zoo", 4, err)) != GS_OK) return st;
 *     gs_sampling_request request = {.slug = "cats", .seed = 1, .first = 0, .count = 4, .frames = frames};   // in any thread
 *     st = gs_sampling_read(sampling, &request, err);
 *     gs_sampling_close(sampling);
 *
 * One thread samples, request after request: a worker takes all cores, or the GPU, by itself. The workers of the models that were asked for last
 * stay; a worker that fails is ended, and started anew by the next request.
 */
#ifndef GS_SAMPLING_H
#define GS_SAMPLING_H

#include "core/status.h"
#include "indexer/image/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS_SAMPLING_SECONDS 60.0 /* that a worker may be silent */

typedef struct gs_sampling gs_sampling;

typedef struct gs_sampling_request {
    const char *slug; /* borrowed until gs_sampling_read() returns, as all here */
    uint64_t seed, first;
    size_t count;
    gs_image *frames; /* [count]  filled; the caller frees each */
    size_t got;       /* fewer than count at the end of a folder of samples */

    /* Asked just before it is its turn: false gives GS_ECANCELED. NULL: it is wanted. */
    bool (*is_wanted)(void *context);
    void *context;

    /* Its own. */
    struct gs_sampling_request *next;
    gs_status status;
    gs_error error;
    bool is_done;
} gs_sampling_request;

/* directory (borrowed): holds SLUG/model.json of every model that may be sampled. warm: how many workers are kept, at least 1. */
gs_status gs_sampling_open(gs_sampling **sampling, const char *directory, size_t warm, gs_error *err);

/* Ends the workers. Nobody may ask any more. NULL is fine. */
void gs_sampling_close(gs_sampling *sampling);

/* Blocks until it is done. GS_ENOTFOUND: no such model may be sampled; GS_EARGS: it has no pictures, or no samples there; GS_ECHILD: its worker
 * failed. On failure no frame is left to free. */
gs_status gs_sampling_read(gs_sampling *sampling, gs_sampling_request *request, gs_error *err);

/* Whether the model may be sampled. */
bool gs_sampling_knows(const gs_sampling *sampling, const char *slug);

#endif

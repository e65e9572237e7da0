/* queue.h - one encoder for many threads: what they ask for while it works is its next batch.
 *
 *     gs_encode_queue *queue;
 *     if ((st = gs_encode_queue_open(&queue, encoder, err)) != GS_OK) return st;
 *     gs_encode_request request = {.image = &image, .feature = feature};          // in any thread
 *     gs_encode_queue_add(queue, &request);
 *     st = gs_encode_queue_wait(queue, &request, err);
 *     gs_encode_queue_close(queue);
 *
 * Nobody waits for a batch to fill: a request that finds the encoder idle is encoded at once, and under load the batches
 * are as large as what came in meanwhile.
 */
#ifndef GS_ENCODE_QUEUE_H
#define GS_ENCODE_QUEUE_H

#include "indexer/encoder/encoder.h"

#define GS_ENCODE_QUEUE_PIXELS ((uint64_t)64 << 20) /* of all pictures that wait or are encoded: 192 MiB of RGB */

typedef struct gs_encode_queue gs_encode_queue;

typedef struct gs_encode_request {
    const gs_image *image; /* or */
    const char *text; /* NUL-terminated UTF-8  both borrowed until gs_encode_queue_wait() returns, as the rest is */
    float *feature;   /* [dim] */

    /* Asked just before the request is encoded: false gives GS_ECANCELED instead. NULL: it is wanted. */
    bool (*is_wanted)(void *context);
    void *context;

    /* The queue's own. */
    struct gs_encode_request *next;
    gs_status status;
    gs_error error;
    bool is_done;
} gs_encode_request;

typedef struct {
    uint64_t requests, batches, canceled;
    double busy_seconds; /* that the encoder worked */
    size_t waiting;      /* now */
} gs_encode_queue_stats;

/* Starts the thread that encodes. encoder is borrowed until gs_encode_queue_close(), and nobody else may use it. */
gs_status gs_encode_queue_open(gs_encode_queue **queue, gs_encoder *encoder, gs_error *err);

/* Encodes what was added first. Nobody may add any more. NULL is fine. */
void gs_encode_queue_close(gs_encode_queue *queue);

/* Blocks while the pictures that wait have more than GS_ENCODE_QUEUE_PIXELS with this one, unless it is alone. */
void gs_encode_queue_add(gs_encode_queue *queue, gs_encode_request *request);

/* Blocks until the request is done: GS_OK, GS_ECANCELED, or what gs_encoder_images() and gs_encoder_texts() give for it; a text or picture that
 * fails fails alone. */
gs_status gs_encode_queue_wait(gs_encode_queue *queue, gs_encode_request *request, gs_error *err);

gs_encode_queue_stats gs_encode_queue_get_stats(gs_encode_queue *queue);

#endif

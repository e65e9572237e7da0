#include "indexer/encoder/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct gs_encode_queue {
    gs_encoder *encoder; /* borrowed; only the thread uses it */
    size_t dim, batch;
    gs_encode_request **taken; /* [batch]       in the order that they came  owned, as all below */
    gs_encode_request **ready; /* [batch]       what of it is encoded: texts, then pictures */
    gs_image *images;          /* [batch]       borrowing the requests' pixels */
    const char **texts;        /* [batch] */
    float *features;           /* [batch, dim] */
    pthread_t thread;
    pthread_mutex_t lock;             /* guards what follows */
    pthread_cond_t added, done, room; /* signalled when a request comes, when some are done, when pixels are free */
    gs_encode_request *first, **last;
    uint64_t pixels; /* of the pictures that wait or are encoded */
    bool closing;
    gs_encode_queue_stats stats;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t pixels_of(const gs_encode_request *request)
{
    return request->image ? (uint64_t)request->image->width * (uint64_t)request->image->height : 0;
}

/* ---- what the thread does ---- */

static void finish(gs_encode_request *request, gs_status status, const gs_error *error)
{
    request->status = status;
    if (error)
        request->error = *error;
}

/* requests [n], all of one kind. */
static gs_status encode_batch(gs_encode_queue *queue, gs_encode_request *const *requests, size_t n, gs_error *err)
{
    bool is_text = requests[0]->text != NULL;
    for (size_t i = 0; i < n; i++) {
        if (is_text)
            queue->texts[i] = requests[i]->text;
        else
            queue->images[i] = *requests[i]->image;
    }
    gs_status st = is_text ? gs_encoder_texts(queue->encoder, queue->texts, n, queue->features, err)
                           : gs_encoder_images(queue->encoder, queue->images, n, queue->features, err);
    for (size_t i = 0; i < n && st == GS_OK; i++)
        memcpy(requests[i]->feature, queue->features + i * queue->dim, queue->dim * sizeof(float));
    return st;
}

/* A batch that fails is encoded anew one by one, so that only what is at fault fails. */
static void encode_kind(gs_encode_queue *queue, gs_encode_request *const *requests, size_t n)
{
    gs_error err = {{0}};
    if (n == 0)
        return;
    gs_status st = encode_batch(queue, requests, n, &err);
    for (size_t i = 0; i < n; i++) {
        gs_status own = st == GS_OK || n == 1 ? st : encode_batch(queue, &requests[i], 1, &err);
        finish(requests[i], own, &err);
    }
}

/* taken [n] -> ready [*count], without what nobody wants any more; returns how many of it are texts. */
static size_t choose(gs_encode_queue *queue, size_t n, size_t *count)
{
    size_t texts = 0;
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        gs_encode_request *request = queue->taken[i];
        if (request->is_wanted && !request->is_wanted(request->context)) {
            finish(request, GS_ECANCELED, NULL);
            continue;
        }
        queue->ready[(*count)++] = request;
        if (!request->text)
            continue;
        queue->ready[*count - 1] = queue->ready[texts];
        queue->ready[texts++] = request;
    }
    return texts;
}

/* Up to a batch of the requests that wait, to queue->taken; the lock is held. */
static size_t take(gs_encode_queue *queue)
{
    size_t n = 0;
    while (queue->first && n < queue->batch) {
        queue->taken[n++] = queue->first;
        queue->first = queue->first->next;
    }
    if (!queue->first)
        queue->last = &queue->first;
    queue->stats.waiting -= n;
    return n;
}

static void *encode_requests(void *context)
{
    gs_encode_queue *queue = context;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (!queue->first && !queue->closing)
            pthread_cond_wait(&queue->added, &queue->lock);
        size_t n = take(queue), count;
        if (n == 0)
            break;
        pthread_mutex_unlock(&queue->lock);
        double started = now();
        size_t texts = choose(queue, n, &count);
        encode_kind(queue, queue->ready, texts);
        encode_kind(queue, queue->ready + texts, count - texts);
        double took = now() - started;
        pthread_mutex_lock(&queue->lock);
        queue->stats.requests += n;
        queue->stats.canceled += n - count;
        queue->stats.batches++;
        queue->stats.busy_seconds += took;
        for (size_t i = 0; i < n; i++) {
            queue->pixels -= pixels_of(queue->taken[i]);
            queue->taken[i]->is_done = true;
        }
        pthread_cond_broadcast(&queue->done);
        pthread_cond_broadcast(&queue->room);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* ---- what other threads do ---- */

void gs_encode_queue_add(gs_encode_queue *queue, gs_encode_request *request)
{
    uint64_t pixels = pixels_of(request);
    request->next = NULL;
    request->is_done = false;
    pthread_mutex_lock(&queue->lock);
    while (queue->pixels > 0 && queue->pixels + pixels > GS_ENCODE_QUEUE_PIXELS)
        pthread_cond_wait(&queue->room, &queue->lock);
    queue->pixels += pixels;
    *queue->last = request;
    queue->last = &request->next;
    queue->stats.waiting++;
    pthread_cond_signal(&queue->added);
    pthread_mutex_unlock(&queue->lock);
}

gs_status gs_encode_queue_wait(gs_encode_queue *queue, gs_encode_request *request, gs_error *err)
{
    pthread_mutex_lock(&queue->lock);
    while (!request->is_done)
        pthread_cond_wait(&queue->done, &queue->lock);
    pthread_mutex_unlock(&queue->lock);
    if (request->status == GS_ECANCELED)
        return gs_fail(err, GS_ECANCELED, "nobody waits for this any more");
    return request->status == GS_OK ? GS_OK : gs_fail(err, request->status, "%s", request->error.message);
}

gs_encode_queue_stats gs_encode_queue_get_stats(gs_encode_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    gs_encode_queue_stats stats = queue->stats;
    pthread_mutex_unlock(&queue->lock);
    return stats;
}

/* ---- start and end ---- */

static void free_queue(gs_encode_queue *queue)
{
    free(queue->taken);
    free(queue->ready);
    free(queue->images);
    free(queue->texts);
    free(queue->features);
    free(queue);
}

gs_status gs_encode_queue_open(gs_encode_queue **out, gs_encoder *encoder, gs_error *err)
{
    *out = NULL;
    const gs_encoder_info *info = gs_encoder_get_info(encoder);
    gs_encode_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return gs_fail(err, GS_ENOMEM, "no memory for a queue");
    *queue = (gs_encode_queue){.encoder = encoder, .dim = info->dim, .batch = info->batch, .last = &queue->first};
    queue->taken = calloc(info->batch, sizeof(void *));
    queue->ready = calloc(info->batch, sizeof(void *));
    queue->images = calloc(info->batch, sizeof *queue->images);
    queue->texts = calloc(info->batch, sizeof *queue->texts);
    queue->features = calloc(info->batch * info->dim, sizeof *queue->features);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->added, NULL);
    pthread_cond_init(&queue->done, NULL);
    pthread_cond_init(&queue->room, NULL);
    if (!queue->taken || !queue->ready || !queue->images || !queue->texts || !queue->features) {
        free_queue(queue);
        return gs_fail(err, GS_ENOMEM, "no memory for batches of %zu", info->batch);
    }
    int failed = pthread_create(&queue->thread, NULL, encode_requests, queue);
    if (failed) {
        free_queue(queue);
        return gs_fail(err, GS_EIO, "no thread to encode in: %s", strerror(failed));
    }
    *out = queue;
    return GS_OK;
}

void gs_encode_queue_close(gs_encode_queue *queue)
{
    if (!queue)
        return;
    pthread_mutex_lock(&queue->lock);
    queue->closing = true;
    pthread_cond_signal(&queue->added);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->added);
    pthread_cond_destroy(&queue->done);
    pthread_cond_destroy(&queue->room);
    free_queue(queue);
}

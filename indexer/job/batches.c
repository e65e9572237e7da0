#include "indexer/job/batches.h"

#include <pthread.h>
#include <stdlib.h>

#define QUEUE_LENGTH 2                   /* batches read ahead: one would do if sampling and encoding took even time */
#define QUEUE_BYTES  ((size_t)256 << 20) /* of their pixels, beyond which reading ahead pauses: photographs are large */

struct gs_batches {
    gs_sampler *sampler;
    uint64_t next, end;
    size_t size;
    pthread_t thread;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    gs_batch ready[QUEUE_LENGTH]; /* the oldest first */
    size_t n_ready, ready_bytes;
    bool over, canceled;
    gs_status status; /* of the sampler, once over */
    gs_error error;
};

void gs_batch_free(gs_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        gs_image_free(&batch->frames[i]);
    free(batch->frames);
    free(batch->faults);
    *batch = (gs_batch){0};
}

static gs_status read_batch(gs_batches *b, gs_batch *batch, gs_error *err)
{
    size_t want = b->end - b->next < b->size ? (size_t)(b->end - b->next) : b->size;
    *batch = (gs_batch){.first = b->next};
    if (want == 0)
        return GS_OK;
    batch->frames = calloc(want, sizeof *batch->frames);
    batch->faults = calloc(want, sizeof *batch->faults);
    gs_status st = batch->frames && batch->faults
                       ? gs_sampler_read(b->sampler, b->next, want, batch->frames, batch->faults, &batch->count, err)
                       : gs_fail(err, GS_ENOMEM, "no memory for a batch of %zu pictures", want);
    if (st != GS_OK)
        batch->count = 0;
    if (batch->count == 0)
        gs_batch_free(batch);
    b->next += batch->count;
    if (batch->count < want)
        b->end = b->next;
    return st;
}

static size_t bytes_of(const gs_batch *batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += (size_t)batch->frames[i].width * (size_t)batch->frames[i].height * 3;
    return bytes;
}

/* Before a batch is read, so that no more than one is held besides those that wait. False when nobody wants another. */
static bool wait_for_room(gs_batches *b)
{
    pthread_mutex_lock(&b->lock);
    while (!b->canceled && (b->n_ready == QUEUE_LENGTH || b->ready_bytes >= QUEUE_BYTES))
        pthread_cond_wait(&b->changed, &b->lock);
    bool wanted = !b->canceled;
    pthread_mutex_unlock(&b->lock);
    return wanted;
}

/* Hands a batch over, or the news that there are no more. There is room. */
static void deliver(gs_batches *b, gs_batch *batch, gs_status status, const gs_error *error)
{
    pthread_mutex_lock(&b->lock);
    if (batch->count > 0) {
        b->ready_bytes += bytes_of(batch);
        b->ready[b->n_ready++] = *batch;
    } else {
        b->over = true;
        b->status = status;
        b->error = *error;
    }
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

static void *produce(void *argument)
{
    gs_batches *b = argument;
    while (wait_for_room(b)) {
        gs_batch batch;
        gs_error error = {""};
        gs_status status = read_batch(b, &batch, &error);
        bool last = batch.count == 0;
        deliver(b, &batch, status, &error);
        if (last)
            break;
    }
    return NULL;
}

gs_status gs_batches_open(gs_batches **batches, gs_sampler *sampler, uint64_t first, uint64_t end, size_t size,
                          gs_error *err)
{
    *batches = NULL;
    gs_batches *b = calloc(1, sizeof *b);
    if (!b)
        return gs_fail(err, GS_ENOMEM, "no memory to read samples ahead");
    b->sampler = sampler;
    b->next = first;
    b->end = end < first ? first : end;
    b->size = size;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    if (pthread_create(&b->thread, NULL, produce, b) != 0) {
        pthread_cond_destroy(&b->changed);
        pthread_mutex_destroy(&b->lock);
        free(b);
        return gs_fail(err, GS_ENOMEM, "cannot start a thread to read samples ahead");
    }
    *batches = b;
    return GS_OK;
}

gs_status gs_batches_next(gs_batches *b, gs_batch *batch, gs_error *err)
{
    *batch = (gs_batch){0};
    gs_status st = GS_OK;
    pthread_mutex_lock(&b->lock);
    while (b->n_ready == 0 && !b->over)
        pthread_cond_wait(&b->changed, &b->lock);
    if (b->n_ready > 0) {
        *batch = b->ready[0];
        b->ready_bytes -= bytes_of(batch);
        b->n_ready--;
        for (size_t i = 0; i < b->n_ready; i++)
            b->ready[i] = b->ready[i + 1];
    } else if (b->status != GS_OK) {
        st = gs_fail(err, b->status, "%s", b->error.message);
    }
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    return st;
}

void gs_batches_close(gs_batches *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->canceled = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    for (size_t i = 0; i < b->n_ready; i++)
        gs_batch_free(&b->ready[i]);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

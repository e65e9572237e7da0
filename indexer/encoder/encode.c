/* encode.c - texts and pictures through an encoder that is open: on the processor's cores, or on a GPU. */
#include "indexer/encoder/encoder_state.h"

#include <math.h> /* isfinite */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Every worker gets the memory that a share takes. */
static gs_status take_memory(gs_encoder *encoder, size_t size, gs_error *err)
{
    for (gs_encoder_worker *w = encoder->workers; w < encoder->workers + encoder->threads; w++) {
        if (w->work_size >= size)
            continue;
        free(w->work);
        w->work = aligned_alloc(64, (size + 63) / 64 * 64);
        w->work_size = w->work ? size : 0;
        if (!w->work)
            return gs_fail(err, GS_ENOMEM, "%s: no memory for batches of %zu", encoder->info.name,
                           encoder->share * encoder->threads);
    }
    return GS_OK;
}

static gs_engine engine_of(const gs_encoder *encoder, const gs_encoder_worker *w)
{
    return (gs_engine){encoder->backend, w->context};
}

static gs_engine text_engine_of(const gs_encoder *encoder, const gs_encoder_worker *w)
{
    return (gs_engine){encoder->text_backend, w->text_context};
}

/* A tower's weights are packed when it is first used: a search for words needs no vision tower, a job no text tower. */
static gs_status ready_texts(gs_encoder *encoder, gs_error *err)
{
    size_t tokens = encoder->share * encoder->config.context;
    gs_status st = GS_OK;
    if (encoder->gpu)
        return GS_OK;
    if (!encoder->text_packed)
        st = gs_clip_text_pack(&encoder->text, text_engine_of(encoder, encoder->workers), &encoder->weights, err);
    encoder->text_packed = st == GS_OK;
    size_t size = gs_clip_text_workspace(&encoder->text, encoder->text_backend->number, tokens);
    return st == GS_OK ? take_memory(encoder, size, err) : st;
}

static gs_status ready_images(gs_encoder *encoder, gs_error *err)
{
    gs_status st = GS_OK;
    if (!encoder->vision_packed)
        st = gs_clip_vision_pack(&encoder->vision, engine_of(encoder, encoder->workers), &encoder->weights, err);
    encoder->vision_packed = st == GS_OK;
    size_t size = gs_clip_vision_workspace(&encoder->vision, encoder->backend->number, encoder->share);
    return st == GS_OK ? take_memory(encoder, size, err) : st;
}

/* A call's inputs, which its workers take share by share until none is left. */
typedef struct job {
    const gs_encoder *encoder;
    const gs_backend *backend;
    const char *const *texts; /* or */
    const gs_image *images;
    size_t n, share;
    int threads;     /* of the products of one worker */
    float *features; /* [n, dim] */
    gs_status (*encode)(const struct job *job, gs_encoder_worker *w, size_t first, size_t count, gs_error *err);
    atomic_size_t next;
    atomic_bool failed;
} job;

typedef struct {
    job *job;
    gs_encoder_worker *worker;
    pthread_t thread;
    gs_status status;
    gs_error error;
} worker_thread;

static void *run_worker(void *argument)
{
    worker_thread *self = argument;
    job *j = self->job;
    const gs_backend *backend = j->backend;
    int before = backend->set_own_threads(j->threads);
    while (!atomic_load(&j->failed)) {
        size_t first = atomic_fetch_add(&j->next, j->share);
        if (first >= j->n)
            break;
        size_t count = j->n - first < j->share ? j->n - first : j->share;
        self->status = j->encode(j, self->worker, first, count, &self->error);
        if (self->status != GS_OK)
            atomic_store(&j->failed, true);
    }
    backend->set_own_threads(before);
    return NULL;
}

/* Weights that are damaged, or do not belong together, overflow: nothing further on could tell. */
static gs_status check_finite(const gs_encoder *encoder, const float *features, size_t n, gs_error *err)
{
    for (size_t i = 0; i < n * encoder->info.dim; i++)
        if (!isfinite(features[i]))
            return gs_fail(err, GS_EFORMAT, "%s: gives features that are not finite", encoder->weights.path);
    return GS_OK;
}

/* Each worker takes its share through the whole tower on one core, which keeps every core busy between the matrix
 * products too. Only an encoder for single inputs leaves its cores to the products: they wait for each other, which takes
 * long where other programs run. */
static gs_status run_job(gs_encoder *encoder, job *j, gs_error *err)
{
    size_t threads = encoder->threads;
    size_t count = j->n < threads ? j->n : threads, started = 1;
    size_t even = (j->n + count - 1) / count;
    j->share = even < encoder->share ? even : encoder->share;
    worker_thread *all = calloc(count, sizeof *all);
    if (!all)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu threads", count);
    j->threads = encoder->info.batch == 1 && count == 1 ? (int)threads : 1;
    int before = j->backend->set_threads(j->threads);
    for (size_t i = 0; i < count; i++)
        all[i] = (worker_thread){.job = j, .worker = &encoder->workers[i]};
    while (started < count && pthread_create(&all[started].thread, NULL, run_worker, &all[started]) == 0)
        started++; /* where the system gives fewer threads, these do all the work */
    run_worker(&all[0]);
    gs_status st = all[0].status;
    for (size_t i = 1; i < started; i++)
        pthread_join(all[i].thread, NULL);
    j->backend->set_threads(before);
    for (size_t i = 0; i < started; i++) {
        if (all[i].status == GS_OK)
            continue;
        st = all[i].status;
        if (err)
            *err = all[i].error;
        break;
    }
    free(all);
    return st == GS_OK ? check_finite(encoder, j->features, j->n, err) : st;
}

static gs_status encode_texts(const job *j, gs_encoder_worker *w, size_t first, size_t count, gs_error *err)
{
    const gs_encoder *encoder = j->encoder;
    int32_t *ids = w->ids;
    for (size_t i = 0; i < count; i++) {
        const char *text = j->texts[first + i];
        size_t size = strlen(text);
        w->lengths[i] = gs_tokenize(&encoder->tokenizer, text, size, ids);
        if (w->lengths[i] == 0)
            return size > GS_MAX_TEXT
                       ? gs_fail(err, GS_EARGS, "a text of %zu bytes, expected at most %u", size, GS_MAX_TEXT)
                       : gs_fail(err, GS_ENOMEM, "no memory to tokenize a text of %zu bytes", size);
        ids += w->lengths[i];
    }
    float *features = j->features + first * encoder->info.dim;
    gs_sequences sequences = {w->lengths, count};
    if (encoder->gpu)
        return encoder->cuda->texts(encoder->gpu, w->ids, sequences, features, err);
    return gs_clip_text_run(&encoder->text, text_engine_of(encoder, w), w->ids, sequences, w->work, features, err);
}

/* image -> w->pixels. */
static gs_status prepare(const gs_encoder *encoder, gs_encoder_worker *w, const gs_image *image, gs_error *err)
{
    const gs_preprocess *p = &encoder->preprocess;
    int size = encoder->info.image_size, width, height;
    size_t need = gs_preprocess_workspace(p, image->width, image->height);
    gs_preprocess_output_size(p, image->width, image->height, &width, &height);
    if (width != size || height != size)
        return gs_fail(err, GS_EARGS,
                       "a picture of %dx%d becomes %dx%d, the encoder takes %dx%d (preprocessor_config.json)",
                       image->width, image->height, width, height, size, size);
    if (need > w->preparation_size) {
        free(w->preparation);
        w->preparation = malloc(need);
        w->preparation_size = w->preparation ? need : 0;
    }
    if (need == 0 || !w->preparation)
        return gs_fail(err, GS_ENOMEM, "no memory to prepare a picture of %dx%d", image->width, image->height);
    return gs_preprocess_run(p, image->rgb, image->width, image->height, w->preparation, w->pixels, err);
}

static gs_status encode_images(const job *j, gs_encoder_worker *w, size_t first, size_t count, gs_error *err)
{
    const gs_encoder *encoder = j->encoder;
    const gs_clip_vision *vision = &encoder->vision;
    float *features = j->features + first * encoder->info.dim;
    for (size_t i = 0; i < count; i++) {
        gs_status st = prepare(encoder, w, &j->images[first + i], err);
        if (st != GS_OK)
            return st;
        gs_clip_vision_place(vision, encoder->backend->number, w->pixels, i, count, w->work);
    }
    return gs_clip_vision_run(vision, engine_of(encoder, w), count, w->lengths, w->work, features, err);
}

gs_status gs_encoder_texts(gs_encoder *encoder, const char *const *texts, size_t n, float *features, gs_error *err)
{
    if (!encoder->info.has_text)
        return gs_fail(err, GS_EARGS, "%s (%s) encodes pictures only: it has no text tower", encoder->info.name,
                       gs_architecture_name(encoder->config.vision.architecture));
    job j = {.encoder = encoder,
             .backend = encoder->text_backend,
             .texts = texts,
             .n = n,
             .features = features,
             .encode = encode_texts};
    gs_status st = n ? ready_texts(encoder, err) : GS_OK;
    return n && st == GS_OK ? run_job(encoder, &j, err) : st;
}

gs_status gs_encoder_images(gs_encoder *encoder, const gs_image *images, size_t n, float *features, gs_error *err)
{
    if (n == 0)
        return GS_OK;
    if (encoder->gpu) { /* all at once: it copies one batch while it encodes another */
        gs_status st = encoder->cuda->images(encoder->gpu, images, n, features, err);
        return st == GS_OK ? check_finite(encoder, features, n, err) : st;
    }
    job j = {.encoder = encoder,
             .backend = encoder->backend,
             .images = images,
             .n = n,
             .features = features,
             .encode = encode_images};
    gs_status st = ready_images(encoder, err);
    return st == GS_OK ? run_job(encoder, &j, err) : st;
}

gs_status gs_encoder_device_frames(gs_encoder *encoder, const uint8_t *frames, int width, int height, size_t n,
                                   float *features, gs_error *err)
{
    if (!encoder->gpu)
        return gs_fail(err, GS_EARGS, "%s: frames on a GPU, but the encoder is on the processor", encoder->info.name);
    gs_status st = encoder->cuda->frames(encoder->gpu, frames, width, height, n, features, err);
    return st == GS_OK ? check_finite(encoder, features, n, err) : st;
}

bool gs_encoder_accumulates_moments(const gs_encoder *encoder)
{
    return encoder->gpu != NULL;
}

gs_status gs_encoder_moments_set(gs_encoder *encoder, const gs_moments *moments, gs_error *err)
{
    return encoder->cuda->moments_set(encoder->gpu, moments, err);
}

gs_status gs_encoder_moments_add(gs_encoder *encoder, gs_error *err)
{
    return encoder->cuda->moments_add(encoder->gpu, err);
}

gs_status gs_encoder_moments_get(gs_encoder *encoder, gs_moments *moments, gs_error *err)
{
    return encoder->cuda->moments_get(encoder->gpu, moments, err);
}

#include "encoder.h"

#include "../util/file.h" /* gs_bytes */
#include "../util/utf8.h"
#include "clip_text.h"
#include "clip_vision.h"
#include "config.h"
#include "device.h"
#include "fingerprint.h"
#include "preprocessor.h"
#include "towers.h"
#include "vocabulary.h"
#include "weights.h"

#include <math.h> /* exp, isfinite */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* sysconf */

#define DEFAULT_BATCH     32
#define DEFAULT_GPU_BATCH 256

/* What one thread needs to encode a share of a batch by itself. */
typedef struct {
    void *preparation; /* [preparation_size]  owned; grows with the largest picture met */
    size_t preparation_size;
    float *pixels; /* [3, image_size, image_size]  owned, as all below */
    void *context; /* the backend's */
    void *work;    /* [work_size]  what a share needs, of pictures or of texts; grows to the larger when that is used */
    size_t work_size;
    int32_t *ids;    /* [share, context] */
    size_t *lengths; /* [share] */
} worker;

struct gs_encoder {
    gs_encoder_info info;
    gs_clip_config config;
    gs_preprocess preprocess;
    gs_bytes vocabulary;
    gs_tokenizer tokenizer;
    gs_weights weights;
    gs_clip_text text;
    gs_clip_vision vision;
    const gs_backend *backend;
    bool text_packed, vision_packed;
    const gs_cuda_api *cuda; /* borrowed; NULL: the processor does it all */
    gs_cuda *gpu;            /* owned through cuda */
    worker *workers;         /* [threads]  owned */
    size_t threads;
    size_t share; /* pictures, or texts, that a worker takes at once */
};

const gs_encoder_info *gs_encoder_get_info(const gs_encoder *encoder)
{
    return &encoder->info;
}

const gs_tokenizer *gs_encoder_get_tokenizer(const gs_encoder *encoder)
{
    return encoder->info.has_text ? &encoder->tokenizer : NULL;
}

const gs_preprocess *gs_encoder_get_preprocess(const gs_encoder *encoder)
{
    return &encoder->preprocess;
}

const void *gs_encoder_get_vocabulary(const gs_encoder *encoder, size_t *size)
{
    *size = encoder->vocabulary.size;
    return encoder->vocabulary.data;
}

const gs_clip_text *gs_encoder_get_text(const gs_encoder *encoder)
{
    return encoder->info.has_text ? &encoder->text : NULL;
}

const gs_clip_vision *gs_encoder_get_vision(const gs_encoder *encoder)
{
    return &encoder->vision;
}

/* ---- opening ---- */

static void write_name(gs_encoder *encoder, const char *directory)
{
    char *name = encoder->info.name;
    snprintf(name, sizeof encoder->info.name, "%s", encoder->config.name);
    char *real = name[0] ? NULL : realpath(directory, NULL);
    if (real) {
        const char *slash = strrchr(real, '/');
        snprintf(name, sizeof encoder->info.name, "%s", slash ? slash + 1 : real);
    }
    free(real);
    /* It is printed as JSON, and the directory may be called anything, or be cut within a character. */
    for (size_t size = strlen(name), bad; (bad = gs_utf8_invalid_at(name, size)) < size;)
        name[bad] = '?';
}

/* The width of a feature is what the projections say; the two must agree, and config.json, where it speaks. */
static gs_status find_dim(const gs_encoder *encoder, size_t *dim, gs_error *err)
{
    const gs_clip_config *config = &encoder->config;
    size_t vision;
    gs_status st;
    if ((st = gs_weights_rows(&encoder->weights, "text_projection.weight", config->text.width, dim, err)) != GS_OK ||
        (st = gs_weights_rows(&encoder->weights, "visual_projection.weight", config->vision.width, &vision, err)) !=
            GS_OK)
        return st;
    if (*dim != vision)
        return gs_fail(err, GS_EFORMAT, "%s: text_projection.weight has %zu rows and visual_projection.weight %zu",
                       encoder->weights.path, *dim, vision);
    if (config->projection && config->projection != *dim)
        return gs_fail(err, GS_EFORMAT, "%s: text_projection.weight has %zu rows, config.json's projection_dim is %zu",
                       encoder->weights.path, *dim, config->projection);
    return GS_OK;
}

/* What CLIP has beside its vision tower. */
static gs_status load_text(gs_encoder *encoder, gs_error *err)
{
    gs_encoder_info *info = &encoder->info;
    float logit_scale;
    gs_status st;
    if ((st = find_dim(encoder, &info->dim, err)) != GS_OK ||
        (st = gs_weights_number(&encoder->weights, "logit_scale", &logit_scale, err)) != GS_OK ||
        (st = gs_clip_text_load(&encoder->text, &encoder->config, info->dim, &encoder->weights, err)) != GS_OK)
        return st;
    info->tau = exp((double)logit_scale);
    if (!isfinite(info->tau))
        return gs_fail(err, GS_EFORMAT, "%s: logit_scale is %g", encoder->weights.path, (double)logit_scale);
    return GS_OK;
}

static gs_status load_weights(gs_encoder *encoder, const char *directory, gs_error *err)
{
    gs_encoder_info *info = &encoder->info;
    gs_status st = gs_weights_open(&encoder->weights, directory, err);
    info->tau = GS_TAU_WITHOUT_TEXT;
    info->dim = encoder->config.vision.width;
    info->image_size = (int)encoder->config.image_size;
    if (st == GS_OK && info->has_text)
        st = load_text(encoder, err);
    if (st == GS_OK)
        st = gs_clip_vision_load(&encoder->vision, &encoder->config, info->dim, &encoder->weights, err);
    return st;
}

static gs_status load_tokenizer(gs_encoder *encoder, const char *directory, gs_error *err)
{
    const gs_clip_config *config = &encoder->config;
    if (!encoder->info.has_text)
        return GS_OK;
    gs_status st = gs_vocabulary_read(&encoder->vocabulary, directory, config->context, config->vocabulary, err);
    if (st != GS_OK)
        return st;
    st = gs_tokenizer_open(&encoder->tokenizer, encoder->vocabulary.data, encoder->vocabulary.size, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st, "%s: tokenizer", directory);
    if (config->end_token != GS_END_TOKEN_LEGACY && config->end_token != encoder->tokenizer.end)
        return gs_fail(err, GS_EFORMAT,
                       "%s/config.json: text_config.eos_token_id is %zu, the tokenizer's end of text %u", directory,
                       config->end_token, encoder->tokenizer.end);
    return GS_OK;
}

static gs_status open_workers(gs_encoder *encoder, gs_error *err)
{
    size_t share = encoder->share, side = encoder->config.image_size;
    encoder->workers = calloc(encoder->threads, sizeof *encoder->workers);
    bool good = encoder->workers != NULL;
    for (worker *w = encoder->workers; good && w < encoder->workers + encoder->threads; w++) {
        gs_status st = encoder->backend->open(&w->context, err);
        if (st != GS_OK)
            return st;
        w->pixels = malloc(3 * side * side * sizeof *w->pixels);
        w->ids =
            malloc((share * encoder->config.context + 1) * sizeof *w->ids); /* context is 0 where there are no texts */
        w->lengths = malloc(share * sizeof *w->lengths);
        good = w->pixels && w->ids && w->lengths;
    }
    return good ? GS_OK
                : gs_fail(err, GS_ENOMEM, "%s: no memory for batches of %zu", encoder->info.name,
                          share * encoder->threads);
}

/* Every worker gets the memory that a share takes. */
static gs_status take_memory(gs_encoder *encoder, size_t size, gs_error *err)
{
    for (worker *w = encoder->workers; w < encoder->workers + encoder->threads; w++) {
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

static gs_engine engine_of(const gs_encoder *encoder, const worker *w)
{
    return (gs_engine){encoder->backend, w->context};
}

/* A tower's weights are packed when it is first used: a search for words needs no vision tower, a job no text tower. */
static gs_status ready_texts(gs_encoder *encoder, gs_error *err)
{
    size_t tokens = encoder->share * encoder->config.context;
    gs_status st = GS_OK;
    if (encoder->gpu)
        return GS_OK;
    if (!encoder->text_packed)
        st = gs_clip_text_pack(&encoder->text, engine_of(encoder, encoder->workers), &encoder->weights, err);
    encoder->text_packed = st == GS_OK;
    size_t size = gs_clip_text_workspace(&encoder->text, encoder->backend->number, tokens);
    return st == GS_OK ? take_memory(encoder, size, err) : st;
}

static gs_status ready_images(gs_encoder *encoder, gs_error *err)
{
    gs_status st = GS_OK;
    if (encoder->gpu)
        return GS_OK;
    if (!encoder->vision_packed)
        st = gs_clip_vision_pack(&encoder->vision, engine_of(encoder, encoder->workers), &encoder->weights, err);
    encoder->vision_packed = st == GS_OK;
    size_t size = gs_clip_vision_workspace(&encoder->vision, encoder->backend->number, encoder->share);
    return st == GS_OK ? take_memory(encoder, size, err) : st;
}

/* A GPU that is asked for must be there; one that is not is used where there is one, and bf16 will do. */
static gs_status choose_device(gs_encoder *encoder, const gs_encoder_options *options, gs_error *err)
{
    bool asked = options->device == GS_DEVICE_CUDA;
    if (options->device == GS_DEVICE_CPU || (!asked && (options->precision == GS_PRECISION_F32 || options->backend)))
        return GS_OK;
    if (options->precision == GS_PRECISION_F32 || options->backend)
        return gs_fail(err, GS_EARGS, "cuda: a GPU multiplies bf16 only, and with cublasLt; f32 and other backends are the processor's");
    gs_status st = gs_cuda_open(&encoder->cuda, err);
    return asked ? st : GS_OK;
}

/* A GPU is fed by one thread with whole batches, the cores of a processor each with a share. */
static void plan_threads(gs_encoder *encoder, const gs_encoder_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = encoder->cuda ? 1 : options->threads > 0 ? options->threads : cores > 0 ? (int)cores : 1;
    encoder->info.batch = options->batch ? options->batch : encoder->cuda ? DEFAULT_GPU_BATCH : DEFAULT_BATCH;
    encoder->threads = (size_t)threads;
    encoder->share = (encoder->info.batch + encoder->threads - 1) / encoder->threads;
}

static gs_status open_gpu(gs_encoder *encoder, gs_error *err)
{
    gs_cuda_options options = {.vision = &encoder->vision,
                               .text = encoder->info.has_text ? &encoder->text : NULL,
                               .preprocess = &encoder->preprocess,
                               .batch = encoder->info.batch,
                               .graph = true};
    return encoder->cuda->create(&encoder->gpu, &options, err);
}

static gs_status read_directory(gs_encoder *encoder, const char *directory, gs_error *err)
{
    gs_status st;
    if ((st = gs_clip_config_read(&encoder->config, directory, err)) != GS_OK ||
        (st = gs_preprocessor_read(&encoder->preprocess, directory, &encoder->config, err)) != GS_OK)
        return st;
    encoder->info.has_text = encoder->config.vision.architecture == GS_CLIP;
    if ((st = load_tokenizer(encoder, directory, err)) != GS_OK ||
        (st = load_weights(encoder, directory, err)) != GS_OK)
        return st;
    write_name(encoder, directory);
    return gs_fingerprint(encoder->info.fingerprint, &encoder->config, &encoder->preprocess, &encoder->vocabulary,
                          encoder->weights.manifest, err);
}

gs_status gs_encoder_open(gs_encoder **out, const char *directory, const gs_encoder_options *asked, gs_error *err)
{
    static const gs_encoder_options usual;
    const gs_encoder_options *options = asked ? asked : &usual;
    *out = NULL;
    gs_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    gs_status st;
    if ((st = choose_device(encoder, options, err)) == GS_OK &&
        (st = gs_backend_pick(&encoder->backend, options->backend,
                              encoder->cuda ? GS_PRECISION_F32 : options->precision, err)) == GS_OK) {
        plan_threads(encoder, options);
        snprintf(encoder->info.backend, sizeof encoder->info.backend, "%s",
                 encoder->cuda ? "cuda" : encoder->backend->name);
        st = read_directory(encoder, directory, err);
    }
    if (st == GS_OK)
        st = open_workers(encoder, err);
    if (st == GS_OK && encoder->cuda)
        st = open_gpu(encoder, err);
    if (st == GS_OK)
        *out = encoder;
    else
        gs_encoder_close(encoder);
    return st;
}

void gs_encoder_close(gs_encoder *encoder)
{
    if (!encoder)
        return;
    if (encoder->cuda)
        encoder->cuda->destroy(encoder->gpu);
    for (worker *w = encoder->workers; w && w < encoder->workers + encoder->threads; w++) {
        encoder->backend->close(w->context);
        free(w->preparation);
        free(w->pixels);
        free(w->work);
        free(w->ids);
        free(w->lengths);
    }
    free(encoder->workers);
    if (encoder->backend) {
        gs_clip_text_unpack(&encoder->text, encoder->backend);
        gs_clip_vision_unpack(&encoder->vision, encoder->backend);
    }
    gs_clip_text_free(&encoder->text);
    gs_clip_vision_free(&encoder->vision);
    gs_weights_close(&encoder->weights);
    gs_bytes_free(&encoder->vocabulary);
    free(encoder);
}

/* ---- encoding ---- */

/* A call's inputs, which its workers take share by share until none is left. */
typedef struct job {
    const gs_encoder *encoder;
    const char *const *texts; /* or */
    const gs_image *images;
    size_t n, share;
    int threads;     /* of the products of one worker */
    float *features; /* [n, dim] */
    gs_status (*encode)(const struct job *job, worker *w, size_t first, size_t count, gs_error *err);
    atomic_size_t next;
    atomic_bool failed;
} job;

typedef struct {
    job *job;
    worker *worker;
    pthread_t thread;
    gs_status status;
    gs_error error;
} hand;

static void *work_off(void *argument)
{
    hand *h = argument;
    job *j = h->job;
    j->encoder->backend->set_threads(j->threads);
    while (!atomic_load(&j->failed)) {
        size_t first = atomic_fetch_add(&j->next, j->share);
        if (first >= j->n)
            break;
        size_t count = j->n - first < j->share ? j->n - first : j->share;
        h->status = j->encode(j, h->worker, first, count, &h->error);
        if (h->status != GS_OK)
            atomic_store(&j->failed, true);
    }
    return NULL;
}

/* Weights that are damaged, or do not belong together, overflow: nothing further on could tell. */
static gs_status check_finite(const gs_encoder *encoder, const job *j, gs_error *err)
{
    for (size_t i = 0; i < j->n * encoder->info.dim; i++)
        if (!isfinite(j->features[i]))
            return gs_fail(err, GS_EFORMAT, "%s: gives features that are not finite", encoder->weights.path);
    return GS_OK;
}

/* Each worker takes its share through the whole tower on one core, which keeps every core busy between the matrix
 * products too; only a call with fewer inputs than cores leaves the cores to the products. */
static gs_status run_job(gs_encoder *encoder, job *j, gs_error *err)
{
    size_t threads = encoder->threads;
    size_t hands = j->n < threads ? 1 : threads, started = 1;
    size_t even = (j->n + hands - 1) / hands;
    j->share = even < encoder->share ? even : encoder->share;
    hand *all = calloc(hands, sizeof *all);
    if (!all)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu threads", hands);
    j->threads = hands == 1 ? (int)threads : 1;
    for (size_t i = 0; i < hands; i++)
        all[i] = (hand){.job = j, .worker = &encoder->workers[i]};
    while (started < hands && pthread_create(&all[started].thread, NULL, work_off, &all[started]) == 0)
        started++; /* where the system gives fewer threads, these do all the work */
    work_off(&all[0]);
    gs_status st = all[0].status;
    for (size_t i = 1; i < started; i++)
        pthread_join(all[i].thread, NULL);
    encoder->backend->set_threads((int)threads);
    for (size_t i = 0; i < started; i++) {
        if (all[i].status == GS_OK)
            continue;
        st = all[i].status;
        if (err)
            *err = all[i].error;
        break;
    }
    free(all);
    return st == GS_OK ? check_finite(encoder, j, err) : st;
}

static gs_status encode_texts(const job *j, worker *w, size_t first, size_t count, gs_error *err)
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
    return gs_clip_text_run(&encoder->text, engine_of(encoder, w), w->ids, sequences, w->work, features, err);
}

/* image -> w->pixels. */
static gs_status prepare(const gs_encoder *encoder, worker *w, const gs_image *image, gs_error *err)
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

static gs_status encode_images(const job *j, worker *w, size_t first, size_t count, gs_error *err)
{
    const gs_encoder *encoder = j->encoder;
    const gs_clip_vision *vision = &encoder->vision;
    float *features = j->features + first * encoder->info.dim;
    if (encoder->gpu)
        return encoder->cuda->images(encoder->gpu, j->images + first, count, features, err);
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
    job j = {.encoder = encoder, .texts = texts, .n = n, .features = features, .encode = encode_texts};
    gs_status st = n ? ready_texts(encoder, err) : GS_OK;
    return n && st == GS_OK ? run_job(encoder, &j, err) : st;
}

gs_status gs_encoder_images(gs_encoder *encoder, const gs_image *images, size_t n, float *features, gs_error *err)
{
    job j = {.encoder = encoder, .images = images, .n = n, .features = features, .encode = encode_images};
    gs_status st = n ? ready_images(encoder, err) : GS_OK;
    return n && st == GS_OK ? run_job(encoder, &j, err) : st;
}

gs_status gs_encoder_device_frames(gs_encoder *encoder, const uint8_t *frames, int width, int height, size_t n,
                                   float *features, gs_error *err)
{
    if (!encoder->gpu)
        return gs_fail(err, GS_EARGS, "%s: frames on a GPU, but the encoder is on the processor", encoder->info.name);
    return encoder->cuda->frames(encoder->gpu, frames, width, height, n, features, err);
}

bool gs_encoder_sums(const gs_encoder *encoder)
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

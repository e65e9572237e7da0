/* The fingerprint is the SHA-256 of a text that says everything a feature depends on: one line of the architecture, one
 * of the picture preparation, the digest of tokenizer.bin, and NAME TYPE SHAPE SHA-256 of every tensor that is used, in
 * the order of their use. Two directories that give the same features but for rounding (f32 and f16 of one model) have
 * different fingerprints. */
#include "encoder.h"

#include "../util/file.h" /* gs_sha256_hex */
#include "../util/utf8.h"
#include "clip_text.h"
#include "clip_vision.h"
#include "config.h"
#include "towers.h"
#include "vocabulary.h"
#include "weights.h"

#include <math.h> /* exp, isfinite */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h> /* snprintf, open_memstream */
#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* sysconf */

#define DEFAULT_BATCH 32

/* What one thread needs to encode a share of a batch by itself. */
typedef struct {
    void *preparation; /* [preparation_size]  owned; grows with the largest picture met */
    size_t preparation_size;
    float *pixels;   /* [3, image_size, image_size]  owned, as all below */
    float *work;     /* what a share needs, of pictures or of texts, whichever is more */
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
    worker *workers; /* [threads]  owned */
    size_t threads;
    size_t share; /* pictures, or texts, that a worker takes at once */
};

const gs_encoder_info *gs_encoder_get_info(const gs_encoder *encoder)
{
    return &encoder->info;
}

const gs_tokenizer *gs_encoder_get_tokenizer(const gs_encoder *encoder)
{
    return &encoder->tokenizer;
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
    return &encoder->text;
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

static void describe_tower(FILE *out, const char *name, const gs_tower_config *c)
{
    fprintf(out, "%s width %zu inner %zu layers %zu heads %zu activation %s epsilon %.9g\n", name, c->width, c->inner,
            c->layers, c->heads, c->activation == GS_GELU ? "gelu" : "quick_gelu", (double)c->epsilon);
}

static void describe_preprocess(FILE *out, const gs_preprocess *p)
{
    fprintf(out, "pictures resize %d %d %d %d %d crop %d %d %d rescale %d %.9g normalize %d", p->do_resize, p->resample,
            p->shortest_edge, p->resize_width, p->resize_height, p->do_center_crop, p->crop_width, p->crop_height,
            p->do_rescale, (double)p->rescale_factor, p->do_normalize);
    for (int i = 0; i < 3; i++)
        fprintf(out, " %.9g %.9g", (double)p->mean[i], (double)p->std[i]);
    fputc('\n', out);
}

static gs_status write_fingerprint(gs_encoder *encoder, gs_error *err)
{
    const gs_clip_config *config = &encoder->config;
    char *text = NULL, digest[GS_SHA256_HEX];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", encoder->info.name);
    fprintf(out, "gensearch encoder 1\n");
    describe_tower(out, "text", &config->text);
    describe_tower(out, "vision", &config->vision);
    fprintf(out, "context %zu end %zu image %zu patch %zu\n", config->context, config->end_token, config->image_size,
            config->patch_size);
    describe_preprocess(out, &encoder->preprocess);
    gs_sha256_hex(encoder->vocabulary.data, encoder->vocabulary.size, digest);
    fprintf(out, "tokenizer %s\n%s", digest, encoder->weights.manifest);
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return gs_fail(err, GS_ENOMEM, "%s: no memory", encoder->info.name);
    }
    gs_sha256_hex(text, size, encoder->info.fingerprint);
    free(text);
    return GS_OK;
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
                       encoder->weights.file.path, *dim, vision);
    if (config->projection && config->projection != *dim)
        return gs_fail(err, GS_EFORMAT, "%s: text_projection.weight has %zu rows, config.json's projection_dim is %zu",
                       encoder->weights.file.path, *dim, config->projection);
    return GS_OK;
}

static gs_status load_weights(gs_encoder *encoder, const char *directory, gs_error *err)
{
    const float *logit_scale;
    gs_encoder_info *info = &encoder->info;
    gs_status st;
    if ((st = gs_weights_open(&encoder->weights, directory, err)) != GS_OK ||
        (st = find_dim(encoder, &info->dim, err)) != GS_OK ||
        (st = gs_weights_get(&encoder->weights, "logit_scale", NULL, 0, &logit_scale, err)) != GS_OK ||
        (st = gs_clip_text_load(&encoder->text, &encoder->config, info->dim, &encoder->weights, err)) != GS_OK ||
        (st = gs_clip_vision_load(&encoder->vision, &encoder->config, info->dim, &encoder->weights, err)) != GS_OK)
        return st;
    info->tau = exp((double)*logit_scale);
    info->image_size = (int)encoder->config.image_size;
    if (!isfinite(info->tau))
        return gs_fail(err, GS_EFORMAT, "%s: logit_scale is %g", encoder->weights.file.path, (double)*logit_scale);
    return GS_OK;
}

static gs_status load_tokenizer(gs_encoder *encoder, const char *directory, gs_error *err)
{
    const gs_clip_config *config = &encoder->config;
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

static gs_status take_memory(gs_encoder *encoder, gs_error *err)
{
    const gs_clip_vision *vision = &encoder->vision;
    size_t share = encoder->share, context = encoder->config.context,
           pixels = 3 * vision->image_size * vision->image_size;
    size_t work = gs_clip_vision_workspace(vision, share);
    size_t text_work = gs_clip_text_workspace(&encoder->text, share * context);
    encoder->workers = calloc(encoder->threads, sizeof *encoder->workers);
    bool good = encoder->workers != NULL;
    for (worker *w = encoder->workers; good && w < encoder->workers + encoder->threads; w++) {
        w->pixels = malloc(pixels * sizeof *w->pixels);
        w->work = malloc((work > text_work ? work : text_work) * sizeof *w->work);
        w->ids = malloc(share * context * sizeof *w->ids);
        w->lengths = malloc(share * sizeof *w->lengths);
        good = w->pixels && w->work && w->ids && w->lengths;
    }
    return good ? GS_OK
                : gs_fail(err, GS_ENOMEM, "%s: no memory for batches of %zu", encoder->info.name,
                          share * encoder->threads);
}

static void plan_threads(gs_encoder *encoder, const gs_encoder_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t batch = options && options->batch ? options->batch : DEFAULT_BATCH;
    int threads = options && options->threads > 0 ? options->threads : cores > 0 ? (int)cores : 1;
    encoder->threads = (size_t)threads;
    encoder->share = (batch + encoder->threads - 1) / encoder->threads;
}

gs_status gs_encoder_open(gs_encoder **out, const char *directory, const gs_encoder_options *options, gs_error *err)
{
    *out = NULL;
    gs_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    encoder->backend = gs_backend_blas();
    plan_threads(encoder, options);
    gs_status st;
    if ((st = gs_clip_config_read(&encoder->config, directory, err)) == GS_OK &&
        (st = gs_preprocess_config_read(&encoder->preprocess, directory, encoder->config.image_size, err)) == GS_OK &&
        (st = load_tokenizer(encoder, directory, err)) == GS_OK &&
        (st = load_weights(encoder, directory, err)) == GS_OK) {
        write_name(encoder, directory);
        st = write_fingerprint(encoder, err);
    }
    if (st == GS_OK)
        st = take_memory(encoder, err);
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
    for (worker *w = encoder->workers; w && w < encoder->workers + encoder->threads; w++) {
        free(w->preparation);
        free(w->pixels);
        free(w->work);
        free(w->ids);
        free(w->lengths);
    }
    free(encoder->workers);
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
            return gs_fail(err, GS_EFORMAT, "%s: gives features that are not finite", encoder->weights.file.path);
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
    int before = encoder->backend->set_threads(hands == 1 ? (int)threads : 1);
    for (size_t i = 0; i < hands; i++)
        all[i] = (hand){.job = j, .worker = &encoder->workers[i]};
    while (started < hands && pthread_create(&all[started].thread, NULL, work_off, &all[started]) == 0)
        started++; /* where the system gives fewer threads, these do all the work */
    work_off(&all[0]);
    gs_status st = all[0].status;
    for (size_t i = 1; i < started; i++)
        pthread_join(all[i].thread, NULL);
    encoder->backend->set_threads(before);
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
    gs_clip_text_run(&encoder->text, encoder->backend, w->ids, (gs_sequences){w->lengths, count}, w->work,
                     j->features + first * encoder->info.dim);
    return GS_OK;
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
    for (size_t i = 0; i < count; i++) {
        gs_status st = prepare(encoder, w, &j->images[first + i], err);
        if (st != GS_OK)
            return st;
        gs_clip_vision_place(vision, w->pixels, i, count, w->work);
    }
    gs_clip_vision_run(vision, encoder->backend, count, w->lengths, w->work, j->features + first * encoder->info.dim);
    return GS_OK;
}

gs_status gs_encoder_texts(gs_encoder *encoder, const char *const *texts, size_t n, float *features, gs_error *err)
{
    job j = {.encoder = encoder, .texts = texts, .n = n, .features = features, .encode = encode_texts};
    return n ? run_job(encoder, &j, err) : GS_OK;
}

gs_status gs_encoder_images(gs_encoder *encoder, const gs_image *images, size_t n, float *features, gs_error *err)
{
    job j = {.encoder = encoder, .images = images, .n = n, .features = features, .encode = encode_images};
    return n ? run_job(encoder, &j, err) : GS_OK;
}

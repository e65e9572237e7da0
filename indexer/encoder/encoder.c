#include "indexer/encoder/encoder_state.h"
#include "indexer/encoder/towers.h"
#include "indexer/util/cores.h"
#include "indexer/util/utf8.h"

#include <errno.h>
#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH     32
#define DEFAULT_GPU_BATCH 256

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

/* A snapshot of the hub is called as its repository; any other directory as its configuration says, if it does. */
static void write_name(gs_encoder *encoder, const gs_directory *directory)
{
    char *name = encoder->info.name;
    bool said = encoder->config.name[0] && !directory->snapshot;
    snprintf(name, sizeof encoder->info.name, "%s", said ? encoder->config.name : directory->name);
    /* It is printed as JSON, and the directory may be called anything, or be cut within a character. */
    for (size_t size = strlen(name), bad; (bad = gs_utf8_invalid_at(name, size)) < size;)
        name[bad] = '?';
}

static gs_status open_workers(gs_encoder *encoder, gs_error *err)
{
    size_t share = encoder->share, side = encoder->config.image_size;
    encoder->workers = calloc(encoder->threads, sizeof *encoder->workers);
    bool good = encoder->workers != NULL;
    for (gs_encoder_worker *w = encoder->workers; good && w < encoder->workers + encoder->threads; w++) {
        gs_status st = encoder->backend->open(&w->context, err);
        w->text_context = w->context;
        if (st == GS_OK && encoder->text_backend != encoder->backend)
            st = encoder->text_backend->open(&w->text_context, err);
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

/* Whether to try a GPU. GS_EARGS when one is asked for together with what only the processor has. */
static gs_status wants_gpu(const gs_encoder_options *options, bool *wanted, gs_error *err)
{
    bool only_processor =
        options->precision == GS_PRECISION_F32 || options->precision == GS_PRECISION_INT8 || options->backend;
    *wanted = options->device != GS_DEVICE_CPU && !only_processor;
    if (options->device == GS_DEVICE_CUDA && only_processor)
        return gs_fail(
            err, GS_EARGS,
            "cuda: a GPU multiplies bf16 only, with cublasLt; f32, int8 and other backends are the processor's");
    return GS_OK;
}

/* A GPU is fed by one thread with whole batches, the cores of a processor each with a share. */
static void plan_threads(gs_encoder *encoder, const gs_encoder_options *options)
{
    int threads = encoder->cuda ? 1 : options->threads > 0 ? options->threads : (int)gs_cores();
    size_t usual = encoder->cuda ? DEFAULT_GPU_BATCH : DEFAULT_BATCH;
    if (usual < 2 * (size_t)threads) /* enough for every core */
        usual = 2 * (size_t)threads;
    encoder->info.batch = options->batch ? options->batch : usual;
    encoder->threads = (size_t)threads;
    encoder->share = (encoder->info.batch + encoder->threads - 1) / encoder->threads;
}

static void close_workers(gs_encoder *encoder)
{
    for (gs_encoder_worker *w = encoder->workers; w && w < encoder->workers + encoder->threads; w++) {
        if (encoder->text_backend != encoder->backend)
            encoder->text_backend->close(w->text_context);
        encoder->backend->close(w->context);
        free(w->preparation);
        free(w->pixels);
        free(w->work);
        free(w->ids);
        free(w->lengths);
    }
    free(encoder->workers);
    encoder->workers = NULL;
}

static gs_status open_on_processor(gs_encoder *encoder, const gs_encoder_options *options, gs_error *err)
{
    plan_threads(encoder, options);
    size_t rows = encoder->share * encoder->vision.tokens;
    gs_status st = gs_backend_pick(&encoder->backend, options->backend, options->precision, rows, err);
    encoder->text_backend = encoder->backend;
    if (st == GS_OK && options->precision == GS_PRECISION_INT8)
        st = gs_backend_pick(&encoder->text_backend, NULL, GS_PRECISION_AUTO, rows, err);
    if (st != GS_OK)
        return st;
    encoder->info.precision = encoder->backend->precision;
    snprintf(encoder->info.backend, sizeof encoder->info.backend, "%s", encoder->backend->name);
    return open_workers(encoder, err);
}

/* On failure the encoder can be opened on the processor still. */
static gs_status open_on_gpu(gs_encoder *encoder, const gs_encoder_options *options, gs_error *err)
{
    gs_status st = gs_cuda_open(&encoder->cuda, err);
    if (st == GS_OK && encoder->config.vision.architecture == GS_SIGLIP) {
        encoder->cuda = NULL;
        st = gs_fail(err, GS_EARGS, "cuda: SigLIP runs on the processor only");
    }
    if (st != GS_OK)
        return st;
    plan_threads(encoder, options);
    encoder->info.precision = GS_PRECISION_BF16;
    snprintf(encoder->info.backend, sizeof encoder->info.backend, "cuda");
    gs_cuda_options gpu = {.vision = &encoder->vision,
                           .text = encoder->info.has_text ? &encoder->text : NULL,
                           .preprocess = &encoder->preprocess,
                           .batch = encoder->info.batch,
                           .graph = true};
    st = gs_backend_pick(&encoder->backend, NULL, GS_PRECISION_F32, encoder->share * encoder->vision.tokens, err);
    encoder->text_backend = encoder->backend;
    if (st == GS_OK)
        st = open_workers(encoder, err);
    if (st == GS_OK)
        st = encoder->cuda->create(&encoder->gpu, &gpu, err);
    if (st == GS_OK)
        return GS_OK;
    close_workers(encoder);
    encoder->cuda = NULL;
    return st;
}

/* A GPU that is asked for must do. Otherwise the processor takes over, and info says why when there is a GPU, or a
 * plug-in for one, that should have done. */
static gs_status open_device(gs_encoder *encoder, const gs_encoder_options *options, bool gpu, gs_error *err)
{
    gs_error reason;
    gs_status st = gpu ? open_on_gpu(encoder, options, &reason) : GS_ENOTFOUND;
    if (st == GS_OK)
        return GS_OK;
    if (options->device == GS_DEVICE_CUDA)
        return gs_fail(err, st, "%s", reason.message);
    if (st != GS_ENOTFOUND)
        encoder->info.gpu_refused = reason;
    return open_on_processor(encoder, options, err);
}

static gs_status read_directory(gs_encoder *encoder, const char *path, gs_error *err)
{
    gs_directory directory;
    gs_status st = gs_directory_open(&directory, path, err);
    if (st != GS_OK)
        return st;
    st = gs_encoder_load(encoder, &directory, err);
    if (st == GS_OK) {
        write_name(encoder, &directory);
        encoder->info.directory = encoder->directory = realpath(directory.path, NULL);
        if (!encoder->directory)
            st = gs_fail(err, GS_EIO, "%s: %s", directory.path, strerror(errno));
    }
    gs_directory_close(&directory);
    return st;
}

gs_status gs_encoder_open(gs_encoder **out, const char *directory, const gs_encoder_options *asked, gs_error *err)
{
    static const gs_encoder_options usual;
    const gs_encoder_options *options = asked ? asked : &usual;
    *out = NULL;
    gs_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    bool gpu;
    gs_status st;
    if ((st = wants_gpu(options, &gpu, err)) != GS_OK || (st = read_directory(encoder, directory, err)) != GS_OK ||
        (st = open_device(encoder, options, gpu, err)) != GS_OK) {
        gs_encoder_close(encoder);
        return st;
    }
    *out = encoder;
    return GS_OK;
}

void gs_encoder_close(gs_encoder *encoder)
{
    if (!encoder)
        return;
    if (encoder->cuda)
        encoder->cuda->destroy(encoder->gpu);
    close_workers(encoder);
    if (encoder->backend) {
        gs_clip_text_unpack(&encoder->text, encoder->text_backend);
        gs_clip_vision_unpack(&encoder->vision, encoder->backend);
    }
    gs_clip_text_free(&encoder->text);
    gs_clip_vision_free(&encoder->vision);
    gs_weights_close(&encoder->weights);
    gs_bytes_free(&encoder->vocabulary);
    free(encoder->directory);
    free(encoder);
}

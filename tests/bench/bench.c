#include "bench.h"

#include "indexer/encoder/encoder.h"
#include "indexer/job/job.h"

#include <stdlib.h>
#include <string.h>

struct gs_bench {
    gs_encoder *encoder;
    gs_image *images; /* [capacity]  owned; their pixels are the caller's */
    size_t capacity;
    void *work; /* [work_size]  owned; of gs_bench_prepare() */
    size_t work_size;
};

static _Thread_local gs_error last;

const char *gs_bench_error(void)
{
    return last.message;
}

static gs_precision precision_of(const char *name)
{
    gs_precision precision = GS_PRECISION_BF16;
    while (precision < GS_PRECISION_AUTO && strcmp(name, gs_precision_name(precision)) != 0)
        precision++;
    return precision < GS_PRECISION_AUTO ? precision : GS_PRECISION_F32;
}

gs_bench *gs_bench_open(const char *directory, int threads, size_t batch, const char *precision, const char *device,
                        const char *backend)
{
    gs_encoder_options options = {.threads = threads,
                                  .batch = batch,
                                  .precision = precision_of(precision),
                                  .device = strcmp(device, "cuda") == 0 ? GS_DEVICE_CUDA : GS_DEVICE_CPU,
                                  .backend = backend};
    gs_bench *bench = calloc(1, sizeof *bench);
    if (!bench) {
        gs_fail(&last, GS_ENOMEM, "no memory");
        return NULL;
    }
    if (gs_encoder_open(&bench->encoder, directory, &options, &last) != GS_OK) {
        free(bench);
        return NULL;
    }
    return bench;
}

void gs_bench_close(gs_bench *bench)
{
    if (!bench)
        return;
    gs_encoder_close(bench->encoder);
    free(bench->images);
    free(bench->work);
    free(bench);
}

size_t gs_bench_dim(const gs_bench *bench)
{
    return gs_encoder_get_info(bench->encoder)->dim;
}

int gs_bench_image_size(const gs_bench *bench)
{
    return gs_encoder_get_info(bench->encoder)->image_size;
}

int gs_bench_images(gs_bench *bench, const uint8_t *frames, size_t n, int width, int height, float *features)
{
    if (n > bench->capacity) {
        free(bench->images);
        bench->images = calloc(n, sizeof *bench->images);
        bench->capacity = bench->images ? n : 0;
    }
    if (n > bench->capacity)
        return gs_fail(&last, GS_ENOMEM, "no memory for %zu pictures", n);
    size_t size = (size_t)width * (size_t)height * 3;
    for (size_t i = 0; i < n; i++) /* encoding only reads the pixels */
        bench->images[i] = (gs_image){width, height, (uint8_t *)frames + i * size};
    return gs_encoder_images(bench->encoder, bench->images, n, features, &last);
}

int gs_bench_images_on_device(gs_bench *bench, const void *frames, size_t n, int width, int height, float *features)
{
    return gs_encoder_device_frames(bench->encoder, frames, width, height, n, features, &last);
}

int gs_bench_texts(gs_bench *bench, const char *const *texts, size_t n, float *features)
{
    return gs_encoder_texts(bench->encoder, texts, n, features, &last);
}

int gs_bench_prepare(gs_bench *bench, const uint8_t *rgb, int width, int height, float *pixels)
{
    const gs_preprocess *p = gs_encoder_get_preprocess(bench->encoder);
    size_t need = gs_preprocess_workspace(p, width, height);
    if (need > bench->work_size) {
        free(bench->work);
        bench->work = malloc(need);
        bench->work_size = bench->work ? need : 0;
    }
    if (need == 0 || need > bench->work_size)
        return gs_fail(&last, GS_ENOMEM, "no memory to prepare a picture of %dx%d", width, height);
    return gs_preprocess_run(p, rgb, width, height, bench->work, pixels, &last);
}

int gs_bench_decode(const void *bytes, size_t size, uint8_t *rgb)
{
    gs_image image;
    gs_status st = gs_image_decode(&image, bytes, size, "the picture", &last);
    if (st != GS_OK)
        return st;
    if (rgb)
        memcpy(rgb, image.rgb, (size_t)image.width * (size_t)image.height * 3);
    gs_image_free(&image);
    return GS_OK;
}

int gs_bench_index(gs_bench *bench, const char *path, const char *database, uint64_t samples, size_t batch)
{
    gs_model model;
    gs_store *store = NULL;
    gs_job_result result = {0};
    gs_job_options options = {.seed = 1, .samples = samples, .batch = batch, .checkpoint = 5};
    gs_status st = gs_model_read(&model, path, &last);
    if (st != GS_OK)
        return st;
    st = gs_store_open(&store, database, GS_STORE_CREATE, &last);
    if (st == GS_OK)
        st = gs_job_run(store, bench->encoder, &model, &options, &result, &last);
    if (st == GS_OK && (result.skipped || result.resumed || result.count != samples))
        st = gs_fail(&last, GS_EMISMATCH, "%s: %llu samples of which %llu were there, expected %llu new ones", database,
                     (unsigned long long)result.count, (unsigned long long)result.resumed, (unsigned long long)samples);
    gs_store_close(store);
    gs_model_free(&model);
    return st;
}

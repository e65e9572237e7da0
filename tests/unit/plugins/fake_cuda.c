/* fake_cuda.c - a plug-in that looks like the one for CUDA and needs no GPU: for test_encoder_device.c.
 *
 *     setenv("GENSEARCH_CUDA", ".../fake_cuda.so", 1);
 *     setenv("FAKE_CUDA_FULL", "1", 1);        // create finds no memory
 *     setenv("FAKE_CUDA_FAIL_AFTER", "6", 1);  // the 6th call of images and moments_add together fails
 *
 * A feature is a pseudo-random direction that depends on all bytes of its picture, or ids of its text.
 */
#include "indexer/nn/cuda/cuda.h"

#include <math.h> /* sqrtf */
#include <stdlib.h>
#include <string.h>

struct gs_cuda {
    size_t dim, batch, n;
    float *features; /* [n, dim]  owned; of the last call */
    gs_moments moments;
    long calls, fail_after; /* 0: never */
};

gs_cuda_plugin_function gs_cuda_plugin;

static gs_status device(gs_cuda_device *found, gs_error *err)
{
    (void)err;
    *found = (gs_cuda_device){.name = "none at all", .major = 9};
    return GS_OK;
}

static void destroy(gs_cuda *gpu)
{
    if (!gpu)
        return;
    gs_moments_free(&gpu->moments);
    free(gpu->features);
    free(gpu);
}

static gs_status create(gs_cuda **out, const gs_cuda_options *options, gs_error *err)
{
    const char *fail_after = getenv("FAKE_CUDA_FAIL_AFTER");
    *out = NULL;
    if (getenv("FAKE_CUDA_FULL"))
        return gs_fail(err, GS_ENOMEM, "cuda: the fake device is full");
    gs_cuda *gpu = calloc(1, sizeof *gpu);
    if (!gpu)
        return gs_fail(err, GS_ENOMEM, "no memory");
    gpu->dim = options->vision->dim;
    gpu->batch = options->batch;
    gpu->fail_after = fail_after ? strtol(fail_after, NULL, 10) : 0;
    gs_status st = gs_moments_init(&gpu->moments, gpu->dim, err);
    if (st == GS_OK)
        *out = gpu;
    else
        destroy(gpu);
    return st;
}

static void make_feature(const void *bytes, size_t size, float *feature, size_t dim)
{
    uint64_t x = 0xcbf29ce484222325u;
    float square = 0;
    for (size_t i = 0; i < size; i++)
        x = (x ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    for (size_t k = 0; k < dim; k++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        feature[k] = (float)(x >> 40) / (float)(1 << 23) - 1;
        square += feature[k] * feature[k];
    }
    for (size_t k = 0; k < dim; k++)
        feature[k] /= sqrtf(square);
}

static gs_status count_call(gs_cuda *gpu, gs_error *err)
{
    return ++gpu->calls == gpu->fail_after ? gs_fail(err, GS_EIO, "cuda: the fake device fails") : GS_OK;
}

/* Room for n features, which the next moments_add takes in. */
static gs_status take_room(gs_cuda *gpu, size_t n, gs_error *err)
{
    free(gpu->features);
    gpu->features = calloc(n + 1, gpu->dim * sizeof *gpu->features);
    gpu->n = gpu->features ? n : 0;
    return gpu->features ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory");
}

static gs_status images(gs_cuda *gpu, const gs_image *pictures, size_t n, float *features, gs_error *err)
{
    gs_status st = count_call(gpu, err);
    if (st != GS_OK || (st = take_room(gpu, n, err)) != GS_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        size_t size = (size_t)pictures[i].width * (size_t)pictures[i].height * 3;
        make_feature(pictures[i].rgb, size, gpu->features + i * gpu->dim, gpu->dim);
    }
    memcpy(features, gpu->features, n * gpu->dim * sizeof *features);
    return GS_OK;
}

static gs_status texts(gs_cuda *gpu, const int32_t *ids, gs_sequences sequences, float *features, gs_error *err)
{
    if (sequences.count > gpu->batch)
        return gs_fail(err, GS_EARGS, "cuda: %zu texts in a batch of %zu", sequences.count, gpu->batch);
    for (size_t i = 0; i < sequences.count; ids += sequences.length[i++])
        make_feature(ids, sequences.length[i] * sizeof *ids, features + i * gpu->dim, gpu->dim);
    return GS_OK;
}

/* A failure leaves half of the features behind, as one between two kernels may. */
static gs_status moments_add(gs_cuda *gpu, gs_error *err)
{
    gs_status st = count_call(gpu, err);
    gs_moments_add(&gpu->moments, gpu->features, st == GS_OK ? gpu->n : gpu->n / 2);
    return st;
}

static gs_status moments_get(gs_cuda *gpu, gs_moments *moments, gs_error *err)
{
    if (moments->dim != gpu->dim)
        return gs_fail(err, GS_EMISMATCH, "cuda: moments of dimension %zu", moments->dim);
    moments->count = gpu->moments.count;
    memcpy(moments->mean, gpu->moments.mean, gpu->dim * sizeof *moments->mean);
    memcpy(moments->scatter, gpu->moments.scatter, gpu->dim * gpu->dim * sizeof *moments->scatter);
    return GS_OK;
}

static gs_status moments_set(gs_cuda *gpu, const gs_moments *moments, gs_error *err)
{
    gs_moments_free(&gpu->moments);
    gs_status st = gs_moments_init(&gpu->moments, gpu->dim, err);
    return st == GS_OK ? gs_moments_merge(&gpu->moments, moments, err) : st;
}

const gs_cuda_api *gs_cuda_plugin(void)
{
    /* No other function is called in the test. */
    static const gs_cuda_api api = {.version = GS_CUDA_VERSION,
                                    .device = device,
                                    .create = create,
                                    .destroy = destroy,
                                    .images = images,
                                    .texts = texts,
                                    .moments_add = moments_add,
                                    .moments_get = moments_get,
                                    .moments_set = moments_set};
    return &api;
}

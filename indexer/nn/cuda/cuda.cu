/* The table of functions that the program gets. Two streams: pictures.stream copies and resizes the next batch while
 * compute encodes this one. */
extern "C" {
#include "indexer/nn/cuda/cuda.h"
}

#include "indexer/nn/cuda/device_moments.cuh"
#include "indexer/nn/cuda/pictures.cuh"
#include "indexer/nn/cuda/tower.cuh"

#include <string.h>

#define MAX_BATCH 4096

struct gs_cuda {
    size_t batch, dim;
    bool has_text;
    gs_clip_text text_shape; /* sizes and the rule of the end; its tensors may be gone */
    device_memory memory;
    device_vision vision;
    device_text text;
    scratch scratch_rows;
    matmul *products;
    pictures input;
    cudaStream_t compute;
    float *level;                      /* [3, 256] */
    uint8_t *prepared[2];              /* [batch, size, size, 3] each, by turns */
    cudaEvent_t ready[2], consumed[2]; /* prepared[i] is written; it may be written again */
    float *features;                   /* [n_features, dim] of the last call */
    size_t features_capacity, n_features;
    device_moments moments;
    bool wants_graph;
    size_t full_batches;   /* run so far, up to 1: the first one loads kernels, which a capture must not */
    cudaGraphExec_t graph; /* of a full batch: s->hidden's patches -> s->projected */
};

static gs_status find_device(gs_cuda_device *device, gs_error *err)
{
    int count = 0;
    *device = {};
    cudaDriverGetVersion(&device->driver);
    cudaRuntimeGetVersion(&device->runtime);
    if (device->driver == 0)
        return gs_fail(err, GS_ENOTFOUND, "cuda: there is no NVIDIA driver on this machine");
    cudaError_t code = cudaGetDeviceCount(&count);
    if (code != cudaSuccess || count == 0) {
        cudaGetLastError();
        return gs_fail(err, GS_ENOTFOUND, "cuda: %s; the driver speaks CUDA %d.%d, this build %d.%d",
                       code == cudaSuccess ? "no device" : cudaGetErrorString(code), device->driver / 1000,
                       device->driver % 1000 / 10, device->runtime / 1000, device->runtime % 1000 / 10);
    }
    cudaDeviceProp properties;
    TRY(check(cudaGetDeviceProperties(&properties, 0), err, "asking the device's properties"));
    snprintf(device->name, sizeof device->name, "%.127s", properties.name);
    device->major = properties.major;
    device->minor = properties.minor;
    if (properties.major < 8)
        return gs_fail(err, GS_ENOTFOUND, "cuda: %s has compute capability %d.%d, expected 8.0 or later (bf16)",
                       device->name, device->major, device->minor);
    return check(cudaMemGetInfo(&device->memory_free, &device->memory_total), err, "asking for free memory");
}

static void destroy(gs_cuda *g)
{
    if (!g)
        return;
    if (g->compute)
        cudaStreamSynchronize(g->compute);
    pictures_free(&g->input);
    if (g->graph)
        cudaGraphExecDestroy(g->graph);
    matmul_destroy(g->products);
    for (int i = 0; i < 2; i++) {
        if (g->ready[i])
            cudaEventDestroy(g->ready[i]);
        if (g->consumed[i])
            cudaEventDestroy(g->consumed[i]);
    }
    if (g->compute)
        cudaStreamDestroy(g->compute);
    cudaFree(g->features);
    stack_free(&g->vision.stack);
    stack_free(&g->text.stack);
    g->memory.release();
    free(g);
}

static gs_status upload_levels(gs_cuda *g, const gs_preprocess *preprocess, gs_error *err)
{
    float level[3][256];
    for (int channel = 0; channel < 3; channel++)
        gs_preprocess_levels(preprocess, channel, level[channel]);
    TRY(g->memory.take(&g->level, 3 * 256, "levels", err));
    return check(cudaMemcpy(g->level, level, sizeof level, cudaMemcpyHostToDevice), err, "copying levels");
}

static gs_status fill(gs_cuda *g, const gs_cuda_options *options, gs_error *err)
{
    const gs_clip_vision *vision = options->vision;
    size_t picture = vision->image_size * vision->image_size * 3;
    TRY(check(cudaStreamCreateWithFlags(&g->compute, cudaStreamNonBlocking), err, "a stream"));
    for (int i = 0; i < 2; i++) {
        TRY(check(cudaEventCreateWithFlags(&g->ready[i], cudaEventDisableTiming), err, "an event"));
        TRY(check(cudaEventCreateWithFlags(&g->consumed[i], cudaEventDisableTiming), err, "an event"));
        TRY(g->memory.take(&g->prepared[i], g->batch * picture, "prepared pictures", err));
    }
    TRY(pictures_create(&g->input, options->preprocess, (int)vision->image_size, err));
    TRY(upload_levels(g, options->preprocess, err));
    TRY(matmul_create(&g->products, g->compute, err));
    TRY(vision_upload(&g->vision, vision, &g->memory, err));
    if (options->text) {
        TRY(text_upload(&g->text, options->text, &g->memory, err));
        g->text_shape = *options->text;
        g->has_text = true;
    }
    TRY(scratch_take(&g->scratch_rows, &g->vision, g->has_text ? &g->text : NULL, g->batch, &g->memory, err));
    TRY(moments_create(&g->moments, g->dim, &g->memory, err));
    /* The streams above do not wait for what was copied and cleared here. */
    return check(cudaDeviceSynchronize(), err, "uploading the weights");
}

static gs_status create(gs_cuda **out, const gs_cuda_options *options, gs_error *err)
{
    gs_cuda_device device;
    *out = NULL;
    TRY(find_device(&device, err));
    if (!options->vision || !options->preprocess || options->batch < 1 || options->batch > MAX_BATCH)
        return gs_fail(err, GS_EARGS, "cuda: a batch of %zu, expected 1 .. %d", options->batch, MAX_BATCH);
    if (options->text && options->text->dim != options->vision->dim)
        return gs_fail(err, GS_EMISMATCH, "cuda: text features have dimension %zu, pictures' %zu", options->text->dim,
                       options->vision->dim);
    gs_cuda *g = (gs_cuda *)calloc(1, sizeof *g);
    if (!g)
        return gs_fail(err, GS_ENOMEM, "cuda: no memory");
    g->batch = options->batch;
    g->dim = options->vision->dim;
    g->wants_graph = options->graph;
    gs_status st = fill(g, options, err);
    if (st == GS_OK)
        *out = g;
    else
        destroy(g);
    return st;
}

static gs_status run_vision(gs_cuda *g, size_t n, gs_error *err)
{
    return vision_run(&g->vision, &g->scratch_rows, g->products, g->compute, n, err);
}

static gs_status capture(gs_cuda *g, gs_error *err)
{
    cudaGraph_t graph = NULL;
    TRY(check(cudaStreamBeginCapture(g->compute, cudaStreamCaptureModeThreadLocal), err, "capturing a graph"));
    gs_status st = run_vision(g, g->batch, err);
    cudaError_t ended = cudaStreamEndCapture(g->compute, &graph);
    if (st == GS_OK)
        st = check(ended, err, "capturing a graph");
    if (st == GS_OK)
        st = check(cudaGraphInstantiate(&g->graph, graph, 0), err, "making a graph");
    if (graph)
        cudaGraphDestroy(graph);
    return st;
}

/* The patches in hidden -> projected [n, dim]. */
static gs_status run_tower(gs_cuda *g, size_t n, gs_error *err)
{
    if (!g->wants_graph || n != g->batch)
        return run_vision(g, n, err);
    if (g->full_batches == 0) {
        g->full_batches = 1;
        return run_vision(g, n, err);
    }
    if (!g->graph)
        TRY(capture(g, err));
    return check(cudaGraphLaunch(g->graph, g->compute), err, "launching the graph of %zu pictures", n);
}

/* projected -> features [n, dim], from row first of the call's on. */
static gs_status keep_features(gs_cuda *g, size_t first, size_t n, gs_error *err)
{
    return features_finish(&g->scratch_rows, g->compute, n, g->dim, g->features + first * g->dim, err);
}

static gs_status encode_batch(gs_cuda *g, const source *from, size_t first, size_t n, int turn, gs_error *err)
{
    cudaStream_t copy = g->input.stream;
    TRY(check(cudaStreamWaitEvent(copy, g->consumed[turn], 0), err, "waiting for the tower"));
    TRY(pictures_prepare(&g->input, from, first, n, g->prepared[turn], err));
    TRY(check(cudaEventRecord(g->ready[turn], copy), err, "recording a batch"));
    TRY(check(cudaStreamWaitEvent(g->compute, g->ready[turn], 0), err, "waiting for pictures"));
    TRY(vision_patches(&g->vision, &g->scratch_rows, g->compute, g->prepared[turn], n, g->level, err));
    TRY(check(cudaEventRecord(g->consumed[turn], g->compute), err, "recording a batch"));
    TRY(run_tower(g, n, err));
    return keep_features(g, first, n, err);
}

static gs_status start_call(gs_cuda *g, size_t n, gs_error *err)
{
    g->n_features = 0;
    return grow(&g->features, &g->features_capacity, n * g->dim, "features", err);
}

/* The features of a call, when all of it is queued: to the host if asked for. */
static gs_status end_call(gs_cuda *g, size_t n, float *features, gs_error *err)
{
    if (features)
        TRY(check(
            cudaMemcpyAsync(features, g->features, n * g->dim * sizeof *features, cudaMemcpyDeviceToHost, g->compute),
            err, "copying %zu features", n));
    TRY(check(cudaStreamSynchronize(g->compute), err, "encoding %zu inputs", n));
    g->n_features = n;
    return GS_OK;
}

static gs_status encode(gs_cuda *g, const source *from, size_t n, float *features, gs_error *err)
{
    TRY(start_call(g, n, err));
    int turn = 0;
    for (size_t first = 0, count; first < n; first += count, turn = 1 - turn) {
        count = n - first < g->batch ? n - first : g->batch;
        gs_status st = encode_batch(g, from, first, count, turn, err);
        if (st != GS_OK) {
            cudaDeviceSynchronize(); /* what was queued may still read the caller's frames */
            return st;
        }
    }
    return end_call(g, n, features, err);
}

static gs_status images(gs_cuda *g, const gs_image *images, size_t n, float *features, gs_error *err)
{
    source from = {images, NULL, 0, 0};
    return n ? encode(g, &from, n, features, err) : start_call(g, 0, err);
}

static gs_status frames(gs_cuda *g, const uint8_t *frames, int width, int height, size_t n, float *features,
                        gs_error *err)
{
    source from = {NULL, frames, width, height};
    return n ? encode(g, &from, n, features, err) : start_call(g, 0, err);
}

static gs_status prepared(gs_cuda *g, const gs_image *images, size_t n, uint8_t *rgb, gs_error *err)
{
    source from = {images, NULL, 0, 0};
    size_t each = g->vision.size * g->vision.size * 3;
    for (size_t first = 0, count; first < n; first += count) {
        count = n - first < g->batch ? n - first : g->batch;
        TRY(pictures_prepare(&g->input, &from, first, count, g->prepared[0], err));
        TRY(check(
            cudaMemcpyAsync(rgb + first * each, g->prepared[0], count * each, cudaMemcpyDeviceToHost, g->input.stream),
            err, "copying %zu prepared pictures", count));
        TRY(check(cudaStreamSynchronize(g->input.stream), err, "preparing %zu pictures", count));
    }
    return GS_OK;
}

/* Of a batch of texts, what the kernels are told beside the tokens. */
struct text_batch {
    int *positions, *offsets, *ends; /* [tokens], [count + 1], [count]  owned by positions */
    size_t count, rows, longest;
};

static gs_status describe_texts(const gs_cuda *g, text_batch *b, const int32_t *ids, const size_t *lengths,
                                gs_error *err)
{
    size_t row = 0;
    b->longest = 0;
    b->offsets[0] = 0;
    for (size_t s = 0; s < b->count; s++) {
        size_t length = lengths[s];
        if (length < 1 || length > g->text.context)
            return gs_fail(err, GS_EARGS, "cuda: a text of %zu tokens, expected 1 .. %zu", length, g->text.context);
        b->longest = length > b->longest ? length : b->longest;
        b->ends[s] = (int)(row + gs_clip_text_end(&g->text_shape, ids + row, length));
        for (size_t i = 0; i < length; i++, row++) {
            if (ids[row] < 0 || (size_t)ids[row] >= g->text.vocabulary)
                return gs_fail(err, GS_EARGS, "cuda: token %d, expected 0 .. %zu", (int)ids[row],
                               g->text.vocabulary - 1);
            b->positions[row] = (int)i;
        }
        b->offsets[s + 1] = (int)row;
    }
    b->rows = row;
    return GS_OK;
}

static gs_status upload_ints(gs_cuda *g, int *to, const int *from, size_t n, gs_error *err)
{
    return check(cudaMemcpyAsync(to, from, n * sizeof *from, cudaMemcpyHostToDevice, g->compute), err,
                 "copying tokens");
}

static gs_status encode_texts(gs_cuda *g, const text_batch *b, const int32_t *ids, gs_error *err)
{
    const scratch *s = &g->scratch_rows;
    TRY(upload_ints(g, s->ids, ids, b->rows, err));
    TRY(upload_ints(g, s->positions, b->positions, b->rows, err));
    TRY(upload_ints(g, s->offsets, b->offsets, b->count + 1, err));
    TRY(upload_ints(g, s->ends, b->ends, b->count, err));
    return text_run(&g->text, s, g->products, g->compute, b->count, b->rows, b->longest, err);
}

static gs_status texts(gs_cuda *g, const int32_t *ids, gs_sequences sequences, float *features, gs_error *err)
{
    if (!g->has_text)
        return gs_fail(err, GS_EARGS, "cuda: this encoder has no text tower");
    TRY(start_call(g, sequences.count, err));
    if (sequences.count == 0)
        return GS_OK;
    size_t tokens = g->batch * g->text.context;
    text_batch b = {};
    b.positions = (int *)malloc((tokens + 2 * g->batch + 1) * sizeof *b.positions);
    if (!b.positions)
        return gs_fail(err, GS_ENOMEM, "cuda: no memory for %zu tokens", tokens);
    b.offsets = b.positions + tokens;
    b.ends = b.offsets + g->batch + 1;
    gs_status st = GS_OK;
    for (size_t first = 0; st == GS_OK && first < sequences.count; first += b.count, ids += b.rows) {
        b.count = sequences.count - first < g->batch ? sequences.count - first : g->batch;
        if ((st = describe_texts(g, &b, ids, sequences.length + first, err)) == GS_OK &&
            (st = encode_texts(g, &b, ids, err)) == GS_OK)
            st = keep_features(g, first, b.count, err);
    }
    if (st == GS_OK)
        st = end_call(g, sequences.count, features, err);
    free(b.positions);
    return st;
}

static gs_status moments_reset(gs_cuda *g, gs_error *err)
{
    return moments_clear(&g->moments, g->compute, err);
}

static gs_status moments_add(gs_cuda *g, gs_error *err)
{
    return moments_join(&g->moments, g->features, g->n_features, g->compute, err);
}

static gs_status moments_get(gs_cuda *g, gs_moments *moments, gs_error *err)
{
    return moments_download(&g->moments, moments, g->compute, err);
}

static gs_status moments_set(gs_cuda *g, const gs_moments *moments, gs_error *err)
{
    return moments_upload(&g->moments, moments, g->compute, err);
}

extern "C" __attribute__((visibility("default"))) const gs_cuda_api *gs_cuda_plugin(void)
{
    static const gs_cuda_api api = {GS_CUDA_VERSION, find_device, create,        destroy,     images,      frames,
                                    texts,           prepared,    moments_reset, moments_add, moments_get, moments_set};
    return &api;
}

/* Pictures per second of the vision tower from uint8 frames on the device, and what its matrix products alone would
 * reach: the roof.
 *
 *     gpu_bench ENCODER-DIRECTORY [SIDE]        # SIDE: pixels of the square frames; without it, what the tower takes
 *
 * For batches of 64, 256 and 1024 both are run by turns, five rounds of 16,384 pictures; the table shows the medians.
 * `products` are the same shapes through the same cublasLt calls, each layer with weights of its own, on random values.
 * tests/gpu/run runs it for a random ViT-B/32.
 */
extern "C" {
#include "indexer/nn/device.h"
#include "indexer/encoder/encoder.h"
#include "indexer/encoder/towers.h"
}

#include "indexer/nn/cuda/matmul.cuh"

#include <algorithm>
#include <chrono>
#include <vector>

#define ROUNDS   5
#define PICTURES ((size_t)16384) /* of a round */

static gs_status fail_on(cudaError_t code, gs_error *err)
{
    return check(code, err, "bench");
}

static double seconds_since(std::chrono::steady_clock::time_point start)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

static double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/* n values of device memory, random: a product of zeros is quicker than it should be. */
template <typename T> static gs_status take_random(device_memory *memory, T **out, size_t n, gs_error *err)
{
    std::vector<T> values(n);
    uint32_t seed = 5;
    for (T &value : values) {
        seed = seed * 1664525u + 1013904223u;
        value = (T)((float)(seed >> 8) / 8388608.0f - 1.0f);
    }
    TRY(memory->take(out, n, "random values", err));
    return fail_on(cudaMemcpy(*out, values.data(), n * sizeof(T), cudaMemcpyHostToDevice), err);
}

/* times copies of n random bytes. */
static gs_status take_random_frames(device_memory *memory, uint8_t **out, size_t n, size_t times, gs_error *err)
{
    std::vector<uint8_t> bytes(n);
    uint32_t seed = 6;
    for (uint8_t &byte : bytes)
        byte = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
    TRY(memory->take(out, n * times, "frames", err));
    for (size_t i = 0; i < times; i++)
        TRY(fail_on(cudaMemcpy(*out + i * n, bytes.data(), n, cudaMemcpyHostToDevice), err));
    return GS_OK;
}

/* The products of one batch. */
struct roof {
    device_memory memory;
    matmul *products;
    cudaStream_t stream;
    std::vector<device_linear> layers;
    bf16 *x;
    float *y;
    size_t rows;
};

static gs_status add_layer(roof *r, size_t in, size_t out, product kind, bool bias, gs_error *err)
{
    bf16 *weight, *bias_bf16 = NULL;
    float *values = NULL;
    TRY(take_random(&r->memory, &weight, in * out, err));
    if (bias) {
        TRY(take_random(&r->memory, &values, out, err));
        TRY(take_random(&r->memory, &bias_bf16, out, err));
    }
    r->layers.push_back({weight, values, bias_bf16, in, out, kind});
    return GS_OK;
}

static gs_status build_roof(roof *r, const gs_clip_vision *v, size_t batch, gs_error *err)
{
    const gs_tower_config *c = &v->stack.config;
    size_t widest = std::max({3 * c->width, c->inner, round_up(v->patch_values, MATMUL_ROWS)});
    r->rows = round_up(batch * v->tokens, MATMUL_ROWS);
    TRY(fail_on(cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking), err));
    TRY(matmul_create(&r->products, r->stream, err));
    TRY(take_random(&r->memory, &r->x, r->rows * widest, err));
    TRY(take_random(&r->memory, &r->y, r->rows * widest, err));
    TRY(add_layer(r, round_up(v->patch_values, MATMUL_ROWS), c->width, PRODUCT_ADD, false, err));
    for (size_t i = 0; i < c->layers; i++) {
        TRY(add_layer(r, c->width, 3 * c->width, PRODUCT_BF16, true, err));
        TRY(add_layer(r, c->width, c->width, PRODUCT_ADD, true, err));
        TRY(add_layer(r, c->width, c->inner, PRODUCT_BF16, true, err));
        TRY(add_layer(r, c->inner, c->width, PRODUCT_ADD, true, err));
    }
    return fail_on(cudaDeviceSynchronize(), err);
}

static gs_status run_roof(roof *r, size_t times, double *seconds, gs_error *err)
{
    auto start = std::chrono::steady_clock::now();
    for (size_t i = 0; i < times; i++)
        for (const device_linear &layer : r->layers)
            TRY(matmul_run(r->products, &layer, r->x, r->rows, r->y, err));
    TRY(fail_on(cudaStreamSynchronize(r->stream), err));
    *seconds = seconds_since(start);
    return GS_OK;
}

static void free_roof(roof *r)
{
    matmul_destroy(r->products);
    r->memory.release();
    if (r->stream)
        cudaStreamDestroy(r->stream);
}

static gs_status compare(const gs_cuda_api *cuda, gs_cuda *gpu, roof *r, const uint8_t *frames, int side, size_t batch,
                         gs_error *err)
{
    size_t times = PICTURES / batch;
    std::vector<double> towers, products;
    for (int round = -1; round < ROUNDS; round++) { /* the first warms up */
        double seconds;
        auto start = std::chrono::steady_clock::now();
        TRY(cuda->frames(gpu, frames, side, side, times * batch, NULL, err));
        double tower = seconds_since(start);
        TRY(run_roof(r, times, &seconds, err));
        if (round >= 0) {
            towers.push_back((double)(times * batch) / tower);
            products.push_back((double)(times * batch) / seconds);
        }
    }
    printf("%6zu  %10.0f  %10.0f  %6.2f\n", batch, median(towers), median(products), median(towers) / median(products));
    return GS_OK;
}

static gs_status bench(const gs_cuda_api *cuda, gs_encoder *encoder, const uint8_t *frames, int side, size_t batch,
                       gs_error *err)
{
    gs_cuda_options options = {gs_encoder_get_vision(encoder), NULL, gs_encoder_get_preprocess(encoder), batch, true};
    gs_cuda *gpu = NULL;
    roof r = {};
    gs_status st = cuda->create(&gpu, &options, err);
    if (st == GS_OK)
        st = build_roof(&r, options.vision, batch, err);
    if (st == GS_OK)
        st = compare(cuda, gpu, &r, frames, side, batch, err);
    free_roof(&r);
    cuda->destroy(gpu);
    return st;
}

static gs_status run(const char *directory, int side, gs_error *err)
{
    const gs_cuda_api *cuda;
    gs_encoder *encoder = NULL;
    gs_cuda_device device;
    device_memory memory = {};
    uint8_t *frames;
    TRY(gs_cuda_open(&cuda, err));
    TRY(cuda->device(&device, err));
    TRY(gs_encoder_open(&encoder, directory, NULL, err));
    side = side > 0 ? side : gs_encoder_get_info(encoder)->image_size;
    printf("%s on %s, frames of %d x %d\n batch    images/s    products   ratio\n", gs_encoder_get_info(encoder)->name,
           device.name, side, side);
    size_t each = (size_t)side * (size_t)side * 3, different = 64; /* frames; the rest are copies */
    gs_status st = take_random_frames(&memory, &frames, different * each, PICTURES / different, err);
    for (size_t batch = 64; st == GS_OK && batch <= 1024; batch *= 4)
        st = bench(cuda, encoder, frames, side, batch, err);
    memory.release();
    gs_encoder_close(encoder);
    return st;
}

int main(int argc, char **argv)
{
    gs_error err;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: gpu_bench ENCODER-DIRECTORY [SIDE]\n");
        return 2;
    }
    if (run(argv[1], argc > 2 ? atoi(argv[2]) : 0, &err) != GS_OK) {
        fprintf(stderr, "gpu_bench: %s\n", err.message);
        return 1;
    }
    return 0;
}

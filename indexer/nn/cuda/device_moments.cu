#include "indexer/nn/cuda/device_moments.cuh"

#include "indexer/nn/cuda/kernels_moments.cuh"

#include <math.h> /* sqrt */

gs_status moments_create(device_moments *m, size_t dim, device_memory *memory, gs_error *err)
{
    *m = {};
    m->dim = dim;
    TRY(memory->take(&m->mean, dim, "moments", err));
    TRY(memory->take(&m->scatter, dim * dim, "moments", err));
    TRY(memory->take(&m->batch_mean, dim, "moments", err));
    return memory->take(&m->shift, dim, "moments", err);
}

gs_status moments_clear(device_moments *m, cudaStream_t stream, gs_error *err)
{
    m->count = 0;
    TRY(check(cudaMemsetAsync(m->mean, 0, m->dim * sizeof(double), stream), err, "clearing the mean"));
    TRY(check(cudaMemsetAsync(m->scatter, 0, m->dim * m->dim * sizeof(double), stream), err, "clearing the scatter"));
    return check(cudaStreamSynchronize(stream), err, "clearing the moments");
}

gs_status moments_join(device_moments *m, const float *features, size_t n, cudaStream_t stream, gs_error *err)
{
    if (n == 0)
        return GS_OK;
    int dim = (int)m->dim;
    double share = (double)n / ((double)m->count + (double)n), scale = sqrt((double)m->count * share);
    unsigned tiles = blocks_for(m->dim, MOMENTS_SIDE);
    size_t shared = 2 * MOMENTS_SIDE * MOMENTS_SIDE * sizeof(double);
    TRY(launch(err, "batch_mean", stream, blocks_for(m->dim, MOMENTS_THREADS), MOMENTS_THREADS, 0, batch_mean_kernel,
               features, (int)n, dim, m->mean, scale, m->batch_mean, m->shift));
    TRY(launch(err, "scatter", stream, dim3(tiles, tiles), MOMENTS_SIDE * MOMENTS_SIDE, shared, scatter_kernel,
               features, (int)n, dim, m->batch_mean, m->shift, m->scatter));
    TRY(launch(err, "move_mean", stream, blocks_for(m->dim, MOMENTS_THREADS), MOMENTS_THREADS, 0, move_mean_kernel,
               m->mean, m->batch_mean, dim, share));
    TRY(check(cudaStreamSynchronize(stream), err, "the moments of %zu features", n));
    m->count += n;
    return GS_OK;
}

static gs_status check_dim(const device_moments *m, size_t dim, gs_error *err)
{
    if (dim == m->dim)
        return GS_OK;
    return gs_fail(err, GS_EMISMATCH, "cuda: moments of dimension %zu, the device's have %zu", dim, m->dim);
}

gs_status moments_download(const device_moments *m, gs_moments *out, cudaStream_t stream, gs_error *err)
{
    TRY(check_dim(m, out->dim, err));
    TRY(check(cudaMemcpyAsync(out->mean, m->mean, m->dim * sizeof(double), cudaMemcpyDeviceToHost, stream), err,
              "copying the mean"));
    TRY(check(
        cudaMemcpyAsync(out->scatter, m->scatter, m->dim * m->dim * sizeof(double), cudaMemcpyDeviceToHost, stream),
        err, "copying the scatter"));
    TRY(check(cudaStreamSynchronize(stream), err, "copying the moments"));
    out->count = m->count;
    return GS_OK;
}

gs_status moments_upload(device_moments *m, const gs_moments *in, cudaStream_t stream, gs_error *err)
{
    TRY(check_dim(m, in->dim, err));
    TRY(check(cudaMemcpyAsync(m->mean, in->mean, m->dim * sizeof(double), cudaMemcpyHostToDevice, stream), err,
              "copying the mean"));
    TRY(check(
        cudaMemcpyAsync(m->scatter, in->scatter, m->dim * m->dim * sizeof(double), cudaMemcpyHostToDevice, stream), err,
        "copying the scatter"));
    TRY(check(cudaStreamSynchronize(stream), err, "copying the moments"));
    m->count = in->count;
    return GS_OK;
}

/* check.cuh - CUDA's errors as gs_status, kernel launches, and device memory with an owner.
 *
 *     device_memory memory = {};
 *     float *x;
 *     TRY(memory.take(&x, rows * width, "the residual", err));               // freed by memory.release()
 *     TRY(launch(err, "layer_norm", stream, blocks, threads, 0, layer_norm_kernel<float, 8>, x, ...));
 *     TRY(check(cudaStreamSynchronize(stream), err, "encoding %zu pictures", n));
 */
#ifndef GS_CUDA_CHECK_CUH
#define GS_CUDA_CHECK_CUH

#include <cuda_runtime.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern "C" {
#include "core/status.h"
}

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        gs_status try_status = (call);                                                                                 \
        if (try_status != GS_OK)                                                                                       \
            return try_status;                                                                                         \
    } while (0)

/* GS_OK, or a message of what was tried and CUDA's own words. */
__attribute__((format(printf, 3, 4))) inline gs_status check(cudaError_t code, gs_error *err, const char *format, ...)
{
    if (code == cudaSuccess)
        return GS_OK;
    cudaGetLastError(); /* reported here, and not once more by the next call */
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return gs_fail(err, code == cudaErrorMemoryAllocation ? GS_ENOMEM : GS_EIO, "cuda: %s: %s (%s)", what,
                   cudaGetErrorString(code), cudaGetErrorName(code));
}

template <typename... Parameters, typename... Arguments>
gs_status launch(gs_error *err, const char *name, cudaStream_t stream, dim3 blocks, int threads, size_t shared,
                 void (*kernel)(Parameters...), Arguments... arguments)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = blocks;
    config.blockDim = dim3((unsigned)threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    return check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), err,
                 "kernel %s, %u x %u x %u blocks of %d threads", name, blocks.x, blocks.y, blocks.z, threads);
}

inline unsigned blocks_for(size_t items, size_t each)
{
    return (unsigned)((items + each - 1) / each);
}

inline size_t round_up(size_t value, size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

/* Every allocation of a handle, released together. Zeroed is empty. */
struct device_memory {
    void **blocks; /* [count]  owned, each owned */
    size_t count;

    template <typename T> gs_status take(T **values, size_t n, const char *what, gs_error *err)
    {
        void *block = NULL, **longer = (void **)realloc(blocks, (count + 1) * sizeof *blocks);
        if (!longer)
            return gs_fail(err, GS_ENOMEM, "cuda: no memory for %s", what);
        blocks = longer;
        size_t left = 0, total = 0, bytes = (n ? n : 1) * sizeof(T);
        cudaError_t code = cudaMalloc(&block, bytes);
        if (code != cudaSuccess) {
            cudaMemGetInfo(&left, &total);
            return check(code, err, "%zu MiB for %s, of %zu MiB the device has %zu free; a smaller batch needs less",
                         bytes >> 20, what, total >> 20, left >> 20);
        }
        blocks[count++] = block;
        *values = (T *)block;
        return check(cudaMemset(block, 0, bytes), err, "clearing %s", what);
    }

    void release(void)
    {
        for (size_t i = 0; i < count; i++)
            cudaFree(blocks[i]);
        free(blocks);
        *this = {};
    }
};

/* One allocation that grows; what it held is lost then. */
template <typename T> gs_status grow(T **values, size_t *capacity, size_t n, const char *what, gs_error *err)
{
    if (n <= *capacity)
        return GS_OK;
    cudaFree(*values); /* waits for the device */
    *values = NULL;
    *capacity = 0;
    TRY(check(cudaMalloc((void **)values, n * sizeof(T)), err, "%zu MiB for %s", n * sizeof(T) >> 20, what));
    *capacity = n;
    return GS_OK;
}

#endif

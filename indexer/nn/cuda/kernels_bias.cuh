/* kernels_bias.cuh - the bias of a product whose epilogue could not add it. */
#ifndef GS_KERNELS_BIAS_CUH
#define GS_KERNELS_BIAS_CUH

#include <cuda_bf16.h>
#include <cuda_runtime.h>

__device__ inline void add_to(float *y, float value)
{
    *y += value;
}

__device__ inline void add_to(__nv_bfloat16 *y, float value)
{
    *y = __float2bfloat16(__bfloat162float(*y) + value);
}

/* y [n / width, width] += bias [width]. */
template <typename T> __global__ void add_bias_kernel(T *y, const float *bias, size_t n, int width)
{
    size_t at = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (at < n)
        add_to(y + at, bias[at % (size_t)width]);
}

#endif

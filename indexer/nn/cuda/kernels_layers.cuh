/* kernels_layers.cuh - the kernels of a transformer that are neither matrix products nor attention. Kernels alone: who
 * launches them is in tower.cu, and tests/gpu compares each with its plain reference. One warp works on one row where
 * rows matter. Rows are 16-byte aligned, their widths multiples of 8.
 */
#ifndef GS_KERNELS_LAYERS_CUH
#define GS_KERNELS_LAYERS_CUH

#include "indexer/hf/config.h" /* gs_activation */

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

#define ROWS_PER_BLOCK    4                     /* warps of a block */
#define ROW_THREADS       (32 * ROWS_PER_BLOCK) /* its threads */
#define VALUES_PER_THREAD 8                     /* of the activation and of patches: 16 bytes of bf16 */

typedef __nv_bfloat16 bf16;

struct __align__(16) bf16x8
{
    __nv_bfloat162 pair[4];
};

__device__ inline float warp_sum(float value)
{
    for (int step = 16; step > 0; step /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, step);
    return value;
}

__device__ inline double warp_sum(double value)
{
    for (int step = 16; step > 0; step /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, step);
    return value;
}

__device__ inline void store4(float *y, float4 v)
{
    *(float4 *)y = v;
}

__device__ inline void store4(bf16 *y, float4 v)
{
    ((__nv_bfloat162 *)y)[0] = __floats2bfloat162_rn(v.x, v.y);
    ((__nv_bfloat162 *)y)[1] = __floats2bfloat162_rn(v.z, v.w);
}

/* y [rows, width] = layer norm of row picks[r] of x, or of row r step when picks is NULL. A row is in registers between
 * reading and writing, so y may be x. PARTS: enough that 128 PARTS >= width. */
template <typename Out, int PARTS>
__global__ void layer_norm_kernel(const float *x, const int *picks, int step, int rows, int width, const float *weight,
                                  const float *bias, float epsilon, Out *y)
{
    int row = (int)(blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / 32), lane = threadIdx.x % 32;
    if (row >= rows)
        return;
    const float *in = x + (size_t)(picks ? picks[row] : row * step) * width;
    float4 part[PARTS];
    float sum = 0, squares = 0;
#pragma unroll
    for (int i = 0; i < PARTS; i++) {
        int column = (i * 32 + lane) * 4;
        part[i] = column < width ? *(const float4 *)(in + column) : make_float4(0, 0, 0, 0);
        sum += part[i].x + part[i].y + part[i].z + part[i].w;
    }
    float mean = warp_sum(sum) / (float)width;
#pragma unroll
    for (int i = 0; i < PARTS; i++) {
        if ((i * 32 + lane) * 4 >= width)
            continue;
        float a = part[i].x - mean, b = part[i].y - mean, c = part[i].z - mean, d = part[i].w - mean;
        squares += a * a + b * b + c * c + d * d;
    }
    float inverse = 1.0f / sqrtf(warp_sum(squares) / (float)width + epsilon);
#pragma unroll
    for (int i = 0; i < PARTS; i++) {
        int column = (i * 32 + lane) * 4;
        if (column >= width)
            continue;
        float4 w = *(const float4 *)(weight + column), b = *(const float4 *)(bias + column);
        store4(y + (size_t)row * width + column,
               make_float4((part[i].x - mean) * inverse * w.x + b.x, (part[i].y - mean) * inverse * w.y + b.y,
                           (part[i].z - mean) * inverse * w.z + b.z, (part[i].w - mean) * inverse * w.w + b.w));
    }
}

/* x Phi(x), and x sigmoid(1.702 x): cublasLt's own gelu is the approximation by tanh, which CLIP does not mean. */
template <gs_activation WHICH> __device__ inline float activate(float x)
{
    switch (WHICH) {
    case GS_QUICK_GELU: return x / (1.0f + expf(-1.702f * x));
    case GS_GELU: return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case GS_GELU_TANH: return x / (1.0f + expf(-1.5957691f * (x + 0.044715f * x * x * x)));
    case GS_SILU: return x / (1.0f + expf(-x));
    case GS_RELU: return fmaxf(x, 0.0f);
    }
    return x;
}

/* x [n] in place, n a multiple of 8. */
template <gs_activation WHICH> __global__ void activation_kernel(bf16 *x, size_t n)
{
    size_t at = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * VALUES_PER_THREAD;
    if (at >= n)
        return;
    bf16x8 v = *(bf16x8 *)(x + at);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float2 f = __bfloat1622float2(v.pair[i]);
        v.pair[i] = __floats2bfloat162_rn(activate<WHICH>(f.x), activate<WHICH>(f.y));
    }
    *(bf16x8 *)(x + at) = v;
}

/* x [n, size] = base [size] again and again. */
__global__ void repeat_kernel(const float *base, size_t size, size_t n, float *x)
{
    size_t at = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * 4;
    if (at < n * size)
        *(float4 *)(x + at) = *(const float4 *)(base + at % size);
}

/* x [rows, width] = token embedding of ids[r] + position embedding of positions[r]. */
__global__ void embed_tokens_kernel(const float *token, const float *position, const int *ids, const int *positions,
                                    int rows, int width, float *x)
{
    int row = (int)(blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / 32), lane = threadIdx.x % 32;
    if (row >= rows)
        return;
    const float *a = token + (size_t)ids[row] * width, *b = position + (size_t)positions[row] * width;
    for (int column = lane * 4; column < width; column += 128) {
        float4 p = *(const float4 *)(a + column), q = *(const float4 *)(b + column);
        *(float4 *)(x + (size_t)row * width + column) = make_float4(p.x + q.x, p.y + q.y, p.z + q.z, p.w + q.w);
    }
}

/* y [rows, dim] = x's rows / their lengths; a row of zeros stays one. */
__global__ void unit_length_kernel(const float *x, int rows, int dim, float *y)
{
    int row = (int)(blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / 32), lane = threadIdx.x % 32;
    if (row >= rows)
        return;
    const float *in = x + (size_t)row * dim;
    double squares = 0;
    for (int i = lane; i < dim; i += 32)
        squares += (double)in[i] * in[i];
    squares = warp_sum(squares);
    float inverse = squares > 0 ? (float)(1.0 / sqrt(squares)) : 0;
    for (int i = lane; i < dim; i += 32)
        y[(size_t)row * dim + i] = in[i] * inverse;
}

/* Prepared pictures rgb [n, size, size, 3] -> patches [n (1 + grid grid), stride], what the convolution's kernel meets:
 * channel, row, column; normalised by level [3, 256]. The first row of a picture, the class token's when tokens is
 * grid grid + 1, and what is beyond 3 side side are zero. stride is a multiple of 8. */
__global__ void patches_kernel(const uint8_t *rgb, size_t n, int size, int side, int tokens, int stride,
                               const float *level, bf16 *patches)
{
    size_t at = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * VALUES_PER_THREAD;
    if (at >= n * tokens * stride)
        return;
    int column = (int)(at % stride), token = (int)(at / stride % tokens), grid = size / side;
    size_t picture = at / stride / tokens;
    int patch = token - (tokens - grid * grid); /* below 0: a token without a patch */
    int cell = patch < 0 ? 0 : patch;
    int channel = column / (side * side), y = column / side % side, x = column % side;
    const uint8_t *corner = rgb + ((picture * size + cell / grid * side) * size + cell % grid * side) * 3;
    union {
        bf16 value[VALUES_PER_THREAD];
        bf16x8 all;
    } out;
#pragma unroll
    for (int i = 0; i < VALUES_PER_THREAD; i++) {
        float value = 0;
        if (patch >= 0 && channel < 3)
            value = level[channel * 256 + corner[((size_t)y * size + x) * 3 + channel]];
        out.value[i] = __float2bfloat16(value);
        if (++x == side) {
            x = 0;
            if (++y == side) {
                y = 0;
                channel++;
            }
        }
    }
    *(bf16x8 *)(patches + at) = out.all;
}

#endif

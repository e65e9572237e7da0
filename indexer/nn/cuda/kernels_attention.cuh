/* kernels_attention.cuh - scaled dot-product attention within each sequence, on the tensor cores, by tiles with an
 * online softmax (Milakov, Gimelshein 2018; Dao et al. 2022).
 *
 * A block of four warps takes 64 queries of one head of one sequence, each warp 16 of them, and goes over the keys in
 * tiles of 64. Scores, weights and sums lie in shared memory, where a row belongs to two lanes of the warp: what the
 * fragments of wmma hold is nobody's business but its own.
 */
#ifndef GS_KERNELS_ATTENTION_CUH
#define GS_KERNELS_ATTENTION_CUH

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <mma.h>
#include <stdint.h>

#define TILE              64 /* queries of a block, and keys at once */
#define ATTENTION_THREADS 128

typedef __nv_bfloat16 bf16;

/* Rows in shared memory, padded against bank conflicts by 16 bytes, so that every fragment begins at a multiple of 32
 * bytes, as wmma asks. HEAD: the size of a head rounded up to 16. */
template <int HEAD> struct attention_layout {
    static constexpr int head = HEAD + 8, score = TILE + 4, weight = TILE + 8, sum = HEAD + 4;
    static constexpr size_t bytes = 3 * TILE * head * sizeof(bf16) + TILE * weight * sizeof(bf16) +
                                    TILE * score * sizeof(float) + TILE * sum * sizeof(float);
};

/* tile [TILE, HEAD] = the first count rows, stride apart, of head values; zero beyond. head is a multiple of 8. */
template <int HEAD> __device__ inline void load_tile(bf16 *tile, const bf16 *rows, size_t stride, int count, int head)
{
    constexpr int PARTS = HEAD / 8;
    for (int i = (int)threadIdx.x; i < TILE * PARTS; i += ATTENTION_THREADS) {
        int row = i / PARTS, column = i % PARTS * 8;
        uint4 part = make_uint4(0, 0, 0, 0);
        if (row < count && column < head)
            part = *(const uint4 *)(rows + (size_t)row * stride + column);
        *(uint4 *)(tile + row * attention_layout<HEAD>::head + column) = part;
    }
}

/* scores [16, TILE] of one warp = q [16, HEAD] keys [TILE, HEAD]^T. */
template <int HEAD> __device__ inline void warp_scores(const bf16 *q, const bf16 *keys, float *scores)
{
    using namespace nvcuda;
    constexpr int LD = attention_layout<HEAD>::head;
    for (int j = 0; j < TILE; j += 16) {
        wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
        wmma::fill_fragment(sum, 0.0f);
#pragma unroll
        for (int d = 0; d < HEAD; d += 16) {
            wmma::fragment<wmma::matrix_a, 16, 16, 16, bf16, wmma::row_major> a;
            wmma::fragment<wmma::matrix_b, 16, 16, 16, bf16, wmma::col_major> b;
            wmma::load_matrix_sync(a, q + d, LD);
            wmma::load_matrix_sync(b, keys + j * LD + d, LD);
            wmma::mma_sync(sum, a, b, sum);
        }
        wmma::store_matrix_sync(scores + j, sum, attention_layout<HEAD>::score, wmma::mem_row_major);
    }
}

/* sums [16, HEAD] of one warp += weights [16, TILE] values [TILE, HEAD]. */
template <int HEAD> __device__ inline void warp_values(const bf16 *weights, const bf16 *values, float *sums)
{
    using namespace nvcuda;
    constexpr int LD = attention_layout<HEAD>::head;
    for (int d = 0; d < HEAD; d += 16) {
        wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
        wmma::load_matrix_sync(sum, sums + d, attention_layout<HEAD>::sum, wmma::mem_row_major);
#pragma unroll
        for (int j = 0; j < TILE; j += 16) {
            wmma::fragment<wmma::matrix_a, 16, 16, 16, bf16, wmma::row_major> a;
            wmma::fragment<wmma::matrix_b, 16, 16, 16, bf16, wmma::row_major> b;
            wmma::load_matrix_sync(a, weights + j, attention_layout<HEAD>::weight);
            wmma::load_matrix_sync(b, values + j * LD + d, LD);
            wmma::mma_sync(sum, a, b, sum);
        }
        wmma::store_matrix_sync(sums + d, sum, attention_layout<HEAD>::sum, wmma::mem_row_major);
    }
}

/* One row's softmax so far; both of its lanes hold the same. */
struct running_softmax {
    float largest, sum;
};

/* scores [TILE] of one row -> weights [TILE], relative to the largest score so far; sums [HEAD], what the keys before
 * gave, is brought down to it too. seen: keys of the tile that the row sees, at least 1. half: which of the two lanes.
 */
template <int HEAD>
__device__ inline void weigh_row(running_softmax *r, const float *scores, int seen, float scale, int half,
                                 bf16 *weights, float *sums)
{
    float largest = r->largest, sum = 0;
    for (int c = half; c < seen; c += 2)
        largest = fmaxf(largest, scores[c] * scale);
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, 1));
    for (int c = half; c < TILE; c += 2) {
        float weight = c < seen ? exp2f(scores[c] * scale - largest) : 0.0f;
        weights[c] = __float2bfloat16(weight);
        sum += weight;
    }
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    float keep = exp2f(r->largest - largest); /* 0 at first, when r->largest is -infinity */
    for (int d = half; d < HEAD; d += 2)
        sums[d] *= keep;
    r->sum = r->sum * keep + sum;
    r->largest = largest;
}

/* qkv [rows, 3 width]: query, key, value, each its heads side by side -> y [rows, width]. Sequence s is the rows
 * offsets[s] .. offsets[s + 1] - 1. causal: a row sees itself and those before it. Grid: heads, sequences, tiles of the
 * longest sequence. */
template <int HEAD>
__global__ void __launch_bounds__(ATTENTION_THREADS)
    attention_kernel(const bf16 *qkv, const int *offsets, int width, int head, bool causal, bf16 *y)
{
    typedef attention_layout<HEAD> layout;
    extern __shared__ __align__(32) unsigned char shared[];
    bf16 *q = (bf16 *)shared, *k = q + TILE * layout::head, *v = k + TILE * layout::head;
    bf16 *weights = v + TILE * layout::head;
    float *scores = (float *)(weights + TILE * layout::weight), *sums = scores + TILE * layout::score;

    int first = offsets[blockIdx.y], n = offsets[blockIdx.y + 1] - first, tile = (int)blockIdx.z * TILE;
    if (tile >= n)
        return;
    size_t stride = 3 * (size_t)width;
    const bf16 *rows = qkv + (size_t)first * stride + blockIdx.x * head;
    load_tile<HEAD>(q, rows + (size_t)tile * stride, stride, n - tile, head);
    for (int i = (int)threadIdx.x; i < TILE * layout::sum; i += ATTENTION_THREADS)
        sums[i] = 0;

    int lane = (int)threadIdx.x % 32, warp_row = (int)threadIdx.x / 32 * 16;
    int row = warp_row + lane / 2, half = lane % 2; /* whose softmax this lane helps with */
    float scale = 1.44269504f / sqrtf((float)head); /* log2(e): powers of two are cheaper */
    running_softmax softmax = {-INFINITY, 0};
    int end = causal && tile + TILE < n ? tile + TILE : n;
    for (int key = 0; key < end; key += TILE) {
        __syncthreads(); /* every warp is done with the tile before */
        load_tile<HEAD>(k, rows + width + (size_t)key * stride, stride, n - key, head);
        load_tile<HEAD>(v, rows + 2 * width + (size_t)key * stride, stride, n - key, head);
        __syncthreads();
        warp_scores<HEAD>(q + warp_row * layout::head, k, scores + warp_row * layout::score);
        __syncwarp();
        int seen = causal && tile + row + 1 < n ? tile + row + 1 - key : n - key;
        weigh_row<HEAD>(&softmax, scores + row * layout::score, seen < TILE ? seen : TILE, scale, half,
                        weights + row * layout::weight, sums + row * layout::sum);
        __syncwarp();
        warp_values<HEAD>(weights + warp_row * layout::weight, v, sums + warp_row * layout::sum);
        __syncwarp();
    }
    for (int r = 0; r < 16 && tile + warp_row + r < n; r++) {
        float inverse = 1.0f / __shfl_sync(0xffffffffu, softmax.sum, 2 * r);
        bf16 *out = y + (size_t)(first + tile + warp_row + r) * width + blockIdx.x * head;
        for (int d = lane; d < head; d += 32)
            out[d] = __float2bfloat16(sums[(warp_row + r) * layout::sum + d] * inverse);
    }
}

#endif

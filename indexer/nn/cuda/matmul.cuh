/* matmul.cuh - y = x weight^T + bias on the tensor cores, by cublasLt.
 *
 *     matmul *products;
 *     TRY(matmul_create(&products, stream, err));
 *     TRY(matmul_run(products, &linear, x, rows, y, err));         // x bf16 [rows, linear.in], y [rows, linear.out]
 *     matmul_destroy(products);
 *
 * The algorithm is asked for once per shape. Products are bf16, sums f32. Rows are best multiples of MATMUL_ROWS, which
 * keeps the shapes few.
 */
#ifndef GS_MATMUL_CUH
#define GS_MATMUL_CUH

#include "indexer/nn/cuda/check.cuh"

#include <cuda_bf16.h>

#define MATMUL_ROWS 64

typedef __nv_bfloat16 bf16;

typedef enum {
    PRODUCT_BF16, /* y is bf16 */
    PRODUCT_F32,  /* y is f32 */
    PRODUCT_ADD,  /* y is f32 and is added to */
} product;

/* A linear layer in device memory. */
struct device_linear {
    const bf16 *weight;    /* [out, in] */
    const float *bias;     /* [out]; NULL: none */
    const bf16 *bias_bf16; /* the same, which is what an epilogue takes when y is bf16 */
    size_t in, out;
    product kind;
};

struct matmul;

/* The products run in stream (borrowed). */
gs_status matmul_create(matmul **m, cudaStream_t stream, gs_error *err);
void matmul_destroy(matmul *m); /* NULL is fine */

/* All pointers are to device memory and 256-byte aligned. */
gs_status matmul_run(matmul *m, const device_linear *layer, const bf16 *x, size_t rows, void *y, gs_error *err);

#endif

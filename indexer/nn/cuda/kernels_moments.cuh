/* kernels_moments.cuh - mean and scatter of a batch joined to those before, in f64, as core/moments.h defines them.
 * Every sum is in the order of the rows, so that the same batches give the same bits.
 */
#ifndef GS_KERNELS_MOMENTS_CUH
#define GS_KERNELS_MOMENTS_CUH

#include <cuda_runtime.h>
#include <stdint.h>

#define MOMENTS_THREADS 64
#define MOMENTS_SIDE    16 /* a block makes 16 x 16 of the scatter, a thread one element */

/* mean [dim] of features [n, dim], and shift [dim] = (mean - old) scale: what the move of the mean adds to the scatter is
 * shift's outer product. */
__global__ void batch_mean_kernel(const float *features, int n, int dim, const double *old, double scale, double *mean,
                                  double *shift)
{
    int j = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (j >= dim)
        return;
    double sum = 0;
    for (int r = 0; r < n; r++)
        sum += (double)features[(size_t)r * dim + j];
    mean[j] = sum / n;
    shift[j] = (mean[j] - old[j]) * scale;
}

/* scatter [dim, dim], lower triangle, += sum of (feature - mean)(feature - mean)^T + shift shift^T. Grid: columns, rows of
 * tiles. Threads: MOMENTS_SIDE^2. */
__global__ void scatter_kernel(const float *features, int n, int dim, const double *mean, const double *shift,
                               double *scatter)
{
    if (blockIdx.x > blockIdx.y)
        return;
    extern __shared__ __align__(32) unsigned char shared[];
    double *a = (double *)shared,
           *b = a + MOMENTS_SIDE * MOMENTS_SIDE; /* [rows, columns] of the two bands of features */
    int tx = (int)threadIdx.x % MOMENTS_SIDE, ty = (int)threadIdx.x / MOMENTS_SIDE;
    int i = (int)blockIdx.y * MOMENTS_SIDE, j = (int)blockIdx.x * MOMENTS_SIDE; /* the tile's corner */
    double sum = 0;
    for (int first = 0; first < n; first += MOMENTS_SIDE) {
        const float *row = features + (size_t)(first + ty) * dim;
        bool inside = first + ty < n;
        a[threadIdx.x] = inside && i + tx < dim ? (double)row[i + tx] - mean[i + tx] : 0;
        b[threadIdx.x] = inside && j + tx < dim ? (double)row[j + tx] - mean[j + tx] : 0;
        __syncthreads();
        for (int r = 0; r < MOMENTS_SIDE; r++)
            sum += a[r * MOMENTS_SIDE + ty] * b[r * MOMENTS_SIDE + tx];
        __syncthreads();
    }
    if (i + ty < dim && j + tx <= i + ty)
        scatter[(size_t)(i + ty) * dim + j + tx] += sum + shift[i + ty] * shift[j + tx];
}

/* mean [dim] moves by share of the difference to other. */
__global__ void move_mean_kernel(double *mean, const double *other, int dim, double share)
{
    int j = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (j < dim)
        mean[j] += (other[j] - mean[j]) * share;
}

#endif

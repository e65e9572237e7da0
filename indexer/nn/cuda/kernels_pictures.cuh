/* kernels_pictures.cuh - the two passes of core/resize.c over a batch of pictures. All in whole numbers with the
 * weights that gs_resize_plan_make() gives, so that the bytes are the CPU's.
 */
#ifndef GS_KERNELS_PICTURES_CUH
#define GS_KERNELS_PICTURES_CUH

#include <cuda_runtime.h>
#include <stdint.h>

#define PICTURE_THREADS 256

/* gs_resize_axis, in device memory. */
struct device_axis {
    int n, low, span, taps;
    const int *begin, *end;
    const int32_t *weights;
};

struct device_picture {
    const uint8_t *rgb; /* the whole input, its rows width pixels apart */
    int width;
    device_axis across, down;
    bool down_first;
    uint8_t *middle; /* [middle_height, middle_width, 3] what the first pass makes */
    int middle_width, middle_height;
    int x, y; /* where the part lies in the result */
};

__device__ inline uint8_t to_pixel(int32_t sum)
{
    sum = (sum + (1 << 21)) >> 22;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* out [3] = output i of axis, whose inputs begin at in for input 0 and are step bytes apart. */
__device__ inline void resize_pixel(const device_axis &axis, int i, const uint8_t *in, size_t step, uint8_t *out)
{
    const int32_t *weights = axis.weights + (size_t)i * axis.taps;
    int begin = axis.begin[i], count = axis.end[i] - begin;
    int32_t red = 0, green = 0, blue = 0;
    in += (size_t)begin * step;
    for (int k = 0; k < count; k++, in += step) {
        red += in[0] * weights[k];
        green += in[1] * weights[k];
        blue += in[2] * weights[k];
    }
    out[0] = to_pixel(red);
    out[1] = to_pixel(green);
    out[2] = to_pixel(blue);
}

/* Input -> middle. Grid: pixels of the largest middle, pictures. */
__global__ void first_pass_kernel(const device_picture *pictures)
{
    const device_picture &p = pictures[blockIdx.y];
    size_t at = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= (size_t)p.middle_width * p.middle_height)
        return;
    int x = (int)(at % p.middle_width), y = (int)(at / p.middle_width);
    if (p.down_first)
        resize_pixel(p.down, y, p.rgb + (size_t)(p.across.low + x) * 3, (size_t)p.width * 3, p.middle + at * 3);
    else
        resize_pixel(p.across, x, p.rgb + (size_t)(p.down.low + y) * p.width * 3, 3, p.middle + at * 3);
}

/* Middle -> out [pictures, size, size, 3], black around the part. Grid: pixels of a result, pictures. */
__global__ void second_pass_kernel(const device_picture *pictures, int size, uint8_t *out)
{
    const device_picture &p = pictures[blockIdx.y];
    int at = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (at >= size * size)
        return;
    int x = at % size - p.x, y = at / size - p.y;
    out += ((size_t)blockIdx.y * size * size + at) * 3;
    if (x < 0 || x >= p.across.n || y < 0 || y >= p.down.n) {
        out[0] = out[1] = out[2] = 0;
        return;
    }
    /* The middle begins at the first input of the pass that is left; the axis counts from the picture's. */
    size_t row = (size_t)p.middle_width * 3;
    if (p.down_first)
        resize_pixel(p.across, x, p.middle + (size_t)y * row - (ptrdiff_t)p.across.low * 3, 3, out);
    else
        resize_pixel(p.down, y, p.middle + (size_t)x * 3 - (ptrdiff_t)p.down.low * (ptrdiff_t)row, row, out);
}

#endif

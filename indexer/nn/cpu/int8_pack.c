#include "indexer/nn/cpu/int8.h"

#include "core/clones.h"

#include <math.h> /* fabsf, fmaxf, lrintf */
#include <stdlib.h>
#include <string.h>

#define MULTIPLE 4 /* of a depth: what every kernel's group divides */

static size_t padded(size_t n)
{
    return (n + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
}

/* ---- weights ---- */

static void pack_channel(gs_int8_weight *w, size_t channel, const float *weight)
{
    const gs_int8_kernel *kernel = w->kernel;
    size_t group = kernel->group, column = channel % kernel->columns;
    int8_t *panel = w->values + channel / kernel->columns * w->depth * kernel->columns;
    float largest = 0, nothing = 0;
    for (size_t i = 0; i < w->in; i++) {
        largest = fmaxf(largest, fabsf(weight[i]));
        nothing += weight[i] * 0; /* NaN where a weight is not finite */
    }
    float step = largest > 0 ? largest / 127 : 1;
    w->step[channel] = step + nothing;
    for (size_t i = 0; i < w->in && !isnan(nothing); i++) {
        int8_t value = (int8_t)lrintf(weight[i] / step);
        panel[(i / group * kernel->columns + column) * group + i % group] = value;
        w->sum[channel] += value;
    }
}

gs_status gs_int8_pack(gs_int8_weight *w, const gs_int8_kernel *kernel, const float *weight, size_t out, size_t in,
                       gs_error *err)
{
    size_t channels = (out + kernel->columns - 1) / kernel->columns * kernel->columns;
    *w = (gs_int8_weight){.kernel = kernel, .in = in, .out = out, .depth = padded(in)};
    if (in > GS_INT8_MAX_IN)
        return gs_fail(err, GS_EARGS, "a layer of %zu inputs, expected at most %d in int8", in, GS_INT8_MAX_IN);
    size_t size = (channels * w->depth + 63) / 64 * 64;
    w->values = aligned_alloc(64, size ? size : 64);
    w->step = calloc(channels + 1, sizeof *w->step);
    w->sum = calloc(channels + 1, sizeof *w->sum);
    if (!w->values || !w->step || !w->sum) {
        gs_int8_unpack(w);
        return gs_fail(err, GS_ENOMEM, "no memory to pack a weight of %zu x %zu", out, in);
    }
    memset(w->values, 0, size);
    for (size_t channel = 0; channel < out; channel++)
        pack_channel(w, channel, weight + channel * in);
    return GS_OK;
}

void gs_int8_unpack(gs_int8_weight *w)
{
    free(w->values);
    free(w->step);
    free(w->sum);
    *w = (gs_int8_weight){0};
}

/* ---- rows ---- */

size_t gs_int8_row_size(const gs_int8_kernel *kernel, size_t n)
{
    return padded(n) * kernel->width;
}

/* The range of x, with 0 in it: *nothing is 0, or NaN where a number is not finite. */
GS_CLONES static void find_range(const float *x, size_t n, float *least, float *most, float *nothing)
{
    float low = 0, high = 0, none = 0;
#pragma omp simd reduction(min : low) reduction(max : high) reduction(+ : none)
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        none += x[i] * 0;
    }
    *least = low;
    *most = high;
    *nothing = none;
}

/* To nearest, as 1.5 2^23 is added, within 0 .. 255. */
static inline __attribute__((always_inline)) int32_t to_step(float x, float inverse, float zero)
{
    float q = x * inverse + zero;
    q = q > 0 ? q : 0;
    q = q < 255 ? q : 255;
    return (int32_t)((q + 12582912.0f) - 12582912.0f);
}

GS_CLONES static void quantise_u8(const float *x, size_t n, float inverse, float zero, uint8_t *row)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        row[i] = (uint8_t)to_step(x[i], inverse, zero);
}

GS_CLONES static void quantise_s16(const float *x, size_t n, float inverse, float zero, int16_t *row)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        row[i] = (int16_t)to_step(x[i], inverse, zero);
}

void gs_int8_quantise(const gs_int8_kernel *kernel, const float *x, size_t n, void *row, float *scale, int32_t *zero)
{
    float least, most, nothing;
    find_range(x, n, &least, &most, &nothing);
    float step = most > least ? (most - least) / 255 : 1;
    *scale = step + nothing;
    *zero = isnan(nothing) ? 0 : (int32_t)lrintf(-least / step);
    memset((char *)row + n * kernel->width, 0, gs_int8_row_size(kernel, n) - n * kernel->width);
    if (kernel->width == 1)
        quantise_u8(x, n, 1 / step, (float)*zero, row);
    else
        quantise_s16(x, n, 1 / step, (float)*zero, row);
}

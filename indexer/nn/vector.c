#include "indexer/nn/vector.h"

#include "core/clones.h"

#include <math.h> /* sqrtf */
#include <stdint.h>
#include <string.h> /* memcpy */

#define INLINE static inline __attribute__((always_inline))

/* e^x within 2 units of the last place, for x up to 88; below -87 it is as good as zero. */
INLINE float exponential(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    /* x = n ln 2 + r. Adding 1.5 2^23 rounds to a whole number; ln 2 in two parts keeps r exact. */
    float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    /* Taylor's series; |r| <= ln 2 / 2 leaves 5e-9 after the seventh power. */
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* erf(x) within 2e-7: Abramowitz and Stegun 7.1.26. */
INLINE float error_function(float x)
{
    float a = x < 0 ? -x : x;
    float t = 1.0f / (1.0f + 0.3275911f * a);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float y = 1.0f - p * t * exponential(-a * a);
    return x < 0 ? -y : y;
}

GS_CLONES void gs_softmax(float *row, size_t n, float scale)
{
    float largest = row[0], sum = 0;
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < n; i++)
        largest = row[i] > largest ? row[i] : largest;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        row[i] = exponential((row[i] - largest) * scale);
        sum += row[i];
    }
    float inverse = 1.0f / sum;
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        row[i] *= inverse;
}

/* To nearest even: half a unit of what stays, less one where what stays is even. A NaN keeps its high bits and becomes
 * quiet, so that rounding cannot make it an infinity. */
INLINE uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    return (uint16_t)((x != x ? bits | 0x400000 : rounded) >> 16);
}

GS_CLONES void gs_to_bf16(const float *x, size_t n, uint16_t *out)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        out[i] = to_bf16(x[i]);
}

INLINE void measure(const float *row, size_t n, float epsilon, float *mean, float *inverse)
{
    float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += row[i];
    float middle = sum / (float)n;
#pragma omp simd reduction(+ : squares)
    for (size_t i = 0; i < n; i++)
        squares += (row[i] - middle) * (row[i] - middle);
    *mean = middle;
    *inverse = 1.0f / sqrtf(squares / (float)n + epsilon);
}

GS_CLONES void gs_layer_norm(const float *row, size_t n, const float *weight, const float *bias, float epsilon,
                             float *out)
{
    float mean, inverse;
    measure(row, n, epsilon, &mean, &inverse);
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        out[i] = (row[i] - mean) * inverse * weight[i] + bias[i];
}

GS_CLONES void gs_layer_norm_bf16(const float *row, size_t n, const float *weight, const float *bias, float epsilon,
                                  uint16_t *out)
{
    float mean, inverse;
    measure(row, n, epsilon, &mean, &inverse);
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        out[i] = to_bf16((row[i] - mean) * inverse * weight[i] + bias[i]);
}

/* x sigmoid(slope x) */
INLINE void swish(float *row, size_t n, const float *bias, float slope)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float x = row[i] + bias[i];
        row[i] = x / (1.0f + exponential(-slope * x));
    }
}

GS_CLONES static void quick_gelu(float *row, size_t n, const float *bias)
{
    swish(row, n, bias, 1.702f);
}

GS_CLONES static void silu(float *row, size_t n, const float *bias)
{
    swish(row, n, bias, 1.0f);
}

GS_CLONES static void gelu(float *row, size_t n, const float *bias)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float x = row[i] + bias[i];
        row[i] = 0.5f * x * (1.0f + error_function(x * 0.70710678f));
    }
}

/* (1 + tanh y) / 2 is sigmoid(2 y); 2 sqrt(2 / pi) = 1.5957691. */
GS_CLONES static void gelu_tanh(float *row, size_t n, const float *bias)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float x = row[i] + bias[i];
        row[i] = x / (1.0f + exponential(-1.5957691f * (x + 0.044715f * x * x * x)));
    }
}

GS_CLONES static void relu(float *row, size_t n, const float *bias)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float x = row[i] + bias[i];
        row[i] = x > 0 ? x : 0;
    }
}

void gs_activate(gs_activation activation, float *row, size_t n, const float *bias)
{
    static void (*const all[])(float *row, size_t n, const float *bias) = {
        [GS_QUICK_GELU] = quick_gelu, [GS_GELU] = gelu, [GS_GELU_TANH] = gelu_tanh, [GS_SILU] = silu, [GS_RELU] = relu};
    all[activation](row, n, bias);
}

GS_CLONES void gs_add(float *row, size_t n, const float *addend)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        row[i] += addend[i];
}

void gs_unit_length(float *row, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (double)row[i] * row[i];
    float inverse = squares > 0 ? (float)(1.0 / sqrt(squares)) : 0;
    for (size_t i = 0; i < n; i++)
        row[i] *= inverse;
}

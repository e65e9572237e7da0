#include "indexer/nn/cpu/int8.h"

#include <stdlib.h> /* getenv */
#include <string.h>

/* ---- the reference ---- */

static void multiply_plainly(const void *x, size_t stride, size_t rows, const int8_t *panel, size_t depth,
                             int32_t *sums)
{
    enum { COLUMNS = 16 };
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *row = (const uint8_t *)x + r * stride;
        int32_t *sum = sums + r * COLUMNS;
        memset(sum, 0, COLUMNS * sizeof *sum);
        for (size_t k = 0; k < depth; k++)
            for (size_t c = 0; c < COLUMNS; c++)
                sum[c] += row[k] * panel[k * COLUMNS + c];
    }
}

static const gs_int8_kernel plain = {"plain", 4, 16, 1, 1, multiply_plainly};

#ifdef __x86_64__

#include <immintrin.h>

#define FOR(isa) static inline __attribute__((always_inline, target(isa)))

/* Four bytes from p on, in every place. */
#define READ_FOUR(p, four) memcpy(&(four), p, sizeof(four))

/* ---- AVX-512 with VNNI: four products of bytes into each 32-bit sum ---- */

#define VNNI "avx512f,avx512vnni"

/* Three rows are addressed from one pointer, so that all pointers stay in registers. rows is a constant. */
FOR(VNNI)
void tile_vnni(const uint8_t *x, size_t stride, size_t rows, const int8_t *panel, size_t depth, int32_t *sums)
{
    __m512i low[12], high[12];
    const uint8_t *third[4] = {x, x + 3 * stride, x + 6 * stride, x + 9 * stride};
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++)
        low[r] = high[r] = _mm512_setzero_si512();
    for (size_t k = 0; k < depth; k += 4, panel += 128) {
        __m512i w0 = _mm512_load_si512(panel), w1 = _mm512_load_si512(panel + 64);
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++) {
            int32_t four;
            READ_FOUR(third[r / 3] + r % 3 * stride + k, four);
            __m512i all = _mm512_set1_epi32(four);
            low[r] = _mm512_dpbusd_epi32(low[r], all, w0);
            high[r] = _mm512_dpbusd_epi32(high[r], all, w1);
        }
    }
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        _mm512_storeu_si512(sums + r * 32, low[r]);
        _mm512_storeu_si512(sums + r * 32 + 16, high[r]);
    }
}

__attribute__((target(VNNI))) static void multiply_vnni(const void *x, size_t stride, size_t rows, const int8_t *panel,
                                                        size_t depth, int32_t *sums)
{
    switch (rows) {
    case 1:
        tile_vnni(x, stride, 1, panel, depth, sums);
        break;
    case 2:
        tile_vnni(x, stride, 2, panel, depth, sums);
        break;
    case 3:
        tile_vnni(x, stride, 3, panel, depth, sums);
        break;
    case 4:
        tile_vnni(x, stride, 4, panel, depth, sums);
        break;
    case 5:
        tile_vnni(x, stride, 5, panel, depth, sums);
        break;
    case 6:
        tile_vnni(x, stride, 6, panel, depth, sums);
        break;
    case 7:
        tile_vnni(x, stride, 7, panel, depth, sums);
        break;
    case 8:
        tile_vnni(x, stride, 8, panel, depth, sums);
        break;
    case 9:
        tile_vnni(x, stride, 9, panel, depth, sums);
        break;
    case 10:
        tile_vnni(x, stride, 10, panel, depth, sums);
        break;
    case 11:
        tile_vnni(x, stride, 11, panel, depth, sums);
        break;
    case 12:
        tile_vnni(x, stride, 12, panel, depth, sums);
        break;
    }
}

static const gs_int8_kernel vnni = {"vnni", 12, 32, 4, 1, multiply_vnni};

/* ---- AVX2: numbers widened to 16 bits, two products into each 32-bit sum ---- */

#define AVX2 "avx2"

/* rows is a constant. */
FOR(AVX2)
void tile_avx2(const int16_t *x, size_t stride, size_t rows, const int8_t *panel, size_t depth, int32_t *sums)
{
    __m256i low[6], high[6];
    const int16_t *third[2] = {x, x + 3 * stride};
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++)
        low[r] = high[r] = _mm256_setzero_si256();
    for (size_t k = 0; k < depth; k += 2, panel += 32) {
        __m256i w0 = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)panel));
        __m256i w1 = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(panel + 16)));
#pragma GCC unroll 6
        for (size_t r = 0; r < rows; r++) {
            int32_t two;
            READ_FOUR(third[r / 3] + r % 3 * stride + k, two);
            __m256i all = _mm256_set1_epi32(two);
            low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(all, w0));
            high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(all, w1));
        }
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++) {
        _mm256_storeu_si256((__m256i *)(sums + r * 16), low[r]);
        _mm256_storeu_si256((__m256i *)(sums + r * 16 + 8), high[r]);
    }
}

__attribute__((target(AVX2))) static void multiply_avx2(const void *x, size_t stride, size_t rows, const int8_t *panel,
                                                        size_t depth, int32_t *sums)
{
    switch (rows) {
    case 1:
        tile_avx2(x, stride / sizeof(int16_t), 1, panel, depth, sums);
        break;
    case 2:
        tile_avx2(x, stride / sizeof(int16_t), 2, panel, depth, sums);
        break;
    case 3:
        tile_avx2(x, stride / sizeof(int16_t), 3, panel, depth, sums);
        break;
    case 4:
        tile_avx2(x, stride / sizeof(int16_t), 4, panel, depth, sums);
        break;
    case 5:
        tile_avx2(x, stride / sizeof(int16_t), 5, panel, depth, sums);
        break;
    case 6:
        tile_avx2(x, stride / sizeof(int16_t), 6, panel, depth, sums);
        break;
    }
}

static const gs_int8_kernel avx2 = {"avx2", 6, 16, 2, 2, multiply_avx2};

const gs_int8_kernel *const *gs_int8_kernels(void)
{
    static const gs_int8_kernel *const all[] = {&vnni, &avx2, &plain, NULL};
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"))
        return all;
    return all + (__builtin_cpu_supports("avx2") ? 1 : 2);
}

#else

const gs_int8_kernel *const *gs_int8_kernels(void)
{
    static const gs_int8_kernel *const all[] = {&plain, NULL};
    return all;
}

#endif

const gs_int8_kernel *gs_int8_kernel_pick(void)
{
    const gs_int8_kernel *const *all = gs_int8_kernels();
    const char *named = getenv("GENSEARCH_INT8");
    for (size_t i = 0; named && all[i]; i++)
        if (strcmp(all[i]->name, named) == 0)
            return all[i];
    return all[0];
}

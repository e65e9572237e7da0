#include "indexer/nn/cpu/f32_kernels.h"

#include <stdlib.h> /* getenv */
#include <string.h> /* strcmp, memset */

/* ---- the reference ---- */

static void multiply_plainly(const float *x, size_t stride, size_t rows, const float *panel, size_t in, float *y)
{
    enum { COLUMNS = 16 };
    memset(y, 0, rows * COLUMNS * sizeof *y);
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < in; k++)
            for (size_t c = 0; c < COLUMNS; c++)
                y[r * COLUMNS + c] += x[r * stride + k] * panel[k * COLUMNS + c];
}

static const gs_f32_kernel plain = {"plain", 4, 16, 0, multiply_plainly};

#ifdef __x86_64__

#include <immintrin.h>

/* A tile's sums stay in registers; three rows are addressed from one pointer, so that all pointers do too. rows is a constant. */
#define TILE(name, isa, ROWS, vector, LANES, ZERO, LOAD, ALL, MULTIPLY_ADD, STORE)                                     \
    static inline __attribute__((always_inline, target(isa))) void name(const float *x, size_t stride, size_t rows,    \
                                                                        const float *panel, size_t in, float *y)       \
    {                                                                                                                  \
        vector low[ROWS], high[ROWS];                                                                                  \
        const float *third[4] = {x, x + 3 * stride, x + 6 * stride, x + 9 * stride};                                   \
        _Pragma("GCC unroll 12") for (size_t r = 0; r < rows; r++) low[r] = high[r] = ZERO();                          \
        for (size_t k = 0; k < in; k++, panel += 2 * (LANES)) {                                                        \
            vector left = LOAD(panel), right = LOAD(panel + (LANES));                                                  \
            _Pragma("GCC unroll 12") for (size_t r = 0; r < rows; r++)                                                 \
            {                                                                                                          \
                vector all = ALL(third[r / 3][r % 3 * stride + k]);                                                    \
                low[r] = MULTIPLY_ADD(all, left, low[r]);                                                              \
                high[r] = MULTIPLY_ADD(all, right, high[r]);                                                           \
            }                                                                                                          \
        }                                                                                                              \
        _Pragma("GCC unroll 12") for (size_t r = 0; r < rows; r++)                                                     \
        {                                                                                                              \
            STORE(y + r * 2 * (LANES), low[r]);                                                                        \
            STORE(y + r * 2 * (LANES) + (LANES), high[r]);                                                             \
        }                                                                                                              \
    }

/* ---- AVX2 ---- */

TILE(tile_avx2, "avx2,fma", 6, __m256, 8, _mm256_setzero_ps, _mm256_load_ps, _mm256_set1_ps, _mm256_fmadd_ps,
     _mm256_storeu_ps)

__attribute__((target("avx2,fma"))) static void multiply_avx2(const float *x, size_t stride, size_t rows,
                                                              const float *panel, size_t in, float *y)
{
    switch (rows) {
    case 1:
        tile_avx2(x, stride, 1, panel, in, y);
        break;
    case 2:
        tile_avx2(x, stride, 2, panel, in, y);
        break;
    case 3:
        tile_avx2(x, stride, 3, panel, in, y);
        break;
    case 4:
        tile_avx2(x, stride, 4, panel, in, y);
        break;
    case 5:
        tile_avx2(x, stride, 5, panel, in, y);
        break;
    case 6:
        tile_avx2(x, stride, 6, panel, in, y);
        break;
    }
}

static const gs_f32_kernel avx2 = {"avx2", 6, 16, 400, multiply_avx2};

/* ---- AVX-512 ---- */

TILE(tile_avx512, "avx512f", 12, __m512, 16, _mm512_setzero_ps, _mm512_load_ps, _mm512_set1_ps, _mm512_fmadd_ps,
     _mm512_storeu_ps)

__attribute__((target("avx512f"))) static void multiply_avx512(const float *x, size_t stride, size_t rows,
                                                               const float *panel, size_t in, float *y)
{
    switch (rows) {
    case 1:
        tile_avx512(x, stride, 1, panel, in, y);
        break;
    case 2:
        tile_avx512(x, stride, 2, panel, in, y);
        break;
    case 3:
        tile_avx512(x, stride, 3, panel, in, y);
        break;
    case 4:
        tile_avx512(x, stride, 4, panel, in, y);
        break;
    case 5:
        tile_avx512(x, stride, 5, panel, in, y);
        break;
    case 6:
        tile_avx512(x, stride, 6, panel, in, y);
        break;
    case 7:
        tile_avx512(x, stride, 7, panel, in, y);
        break;
    case 8:
        tile_avx512(x, stride, 8, panel, in, y);
        break;
    case 9:
        tile_avx512(x, stride, 9, panel, in, y);
        break;
    case 10:
        tile_avx512(x, stride, 10, panel, in, y);
        break;
    case 11:
        tile_avx512(x, stride, 11, panel, in, y);
        break;
    case 12:
        tile_avx512(x, stride, 12, panel, in, y);
        break;
    }
}

static const gs_f32_kernel avx512 = {"avx512", 12, 32, 80, multiply_avx512};

const gs_f32_kernel *const *gs_f32_kernels(void)
{
    static const gs_f32_kernel *const all[] = {&avx512, &avx2, &plain, NULL};
    if (__builtin_cpu_supports("avx512f"))
        return all;
    return all + (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 2);
}

#else

const gs_f32_kernel *const *gs_f32_kernels(void)
{
    static const gs_f32_kernel *const all[] = {&plain, NULL};
    return all;
}

#endif

const gs_f32_kernel *gs_f32_kernel_pick(void)
{
    const gs_f32_kernel *const *all = gs_f32_kernels(), *found = all[0];
    const char *named = getenv("GENSEARCH_F32");
    for (size_t i = 0; named && all[i]; i++)
        if (strcmp(all[i]->name, named) == 0)
            found = all[i];
    return found == &plain ? NULL : found;
}

/* gpu_test.h - what the programs of tests/gpu share: reproducible numbers, and the skip where there is no device. */
#ifndef GS_GPU_TEST_H
#define GS_GPU_TEST_H

#include "indexer/nn/device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SKIPPED 77 /* ctest's SKIP_RETURN_CODE */

static inline uint32_t next_random(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

static inline void random_bytes(uint32_t *seed, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(next_random(seed) >> 24);
}

/* About normal: the sum of four even numbers. */
static inline float random_value(uint32_t *seed)
{
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (float)(next_random(seed) >> 8) / 8388608.0f - 1.0f;
    return sum * 0.8660254f;
}

/* The plug-in's table; ends the program where there is no device. */
static inline const gs_cuda_api *open_or_skip(void)
{
    const gs_cuda_api *api;
    gs_error err;
    if (gs_cuda_open(&api, &err) != GS_OK) {
        printf("skipped: %s\n", err.message);
        exit(SKIPPED);
    }
    return api;
}

#endif

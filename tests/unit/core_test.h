/* core_test.h - what the tests of core/ share: cmocka (or, as WebAssembly, wasm/cmocka.h), and the random numbers and
 * checksums of tests/golden/golden.py. */
#ifndef CORE_TEST_H
#define CORE_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* |actual - expected| <= tolerance * max(1, |expected|) */
#define assert_close(actual, expected, tolerance)                                                                      \
    do {                                                                                                               \
        double actual_ = (actual), expected_ = (expected);                                                             \
        if (!(fabs(actual_ - expected_) <= (tolerance)*fmax(1, fabs(expected_))))                                      \
            printf("%s:%d: %s is %.17g, expected %.17g\n", __FILE__, __LINE__, #actual, actual_, expected_);           \
        assert_true(fabs(actual_ - expected_) <= (tolerance)*fmax(1, fabs(expected_)));                                \
    } while (0)

/* The message says what is wrong: it contains words. */
#define assert_error(err, words)                                                                                       \
    do {                                                                                                               \
        if (!strstr((err).message, words))                                                                             \
            printf("%s:%d: '%s' does not say '%s'\n", __FILE__, __LINE__, (err).message, words);                       \
        assert_non_null(strstr((err).message, words));                                                                 \
    } while (0)

static inline uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static inline uint8_t *random_bytes(uint32_t *state, size_t n)
{
    uint8_t *bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(random_next(state) >> 16);
    return bytes;
}

/* values [n] uniform in [-1/8, 1/8). */
static inline void random_floats(uint32_t *state, size_t n, float *values)
{
    for (size_t i = 0; i < n; i++)
        values[i] = ((float)random_next(state) - 0x1p23f) / 0x1p26f;
}

#define CHECKSUM_START 0xcbf29ce484222325u

/* FNV-1a, 64 bits, of data [size] behind what gave value. */
static inline uint64_t checksum(uint64_t value, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        value = (value ^ bytes[i]) * 0x100000001b3u;
    return value;
}

#endif

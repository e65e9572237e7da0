/* The SIMD loops of nn/vector.c against libm in double precision; halves against their definition. */
#include "core/half.h"
#include "indexer/hf/weights.h"
#include "indexer/nn/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N 1027 /* no multiple of any vector */

/* Even steps from -range to range. */
static void fill(float *row, double range)
{
    for (size_t i = 0; i < N; i++)
        row[i] = (float)(range * (2.0 * (double)i / (N - 1) - 1));
}

static void expect_close(double got, double want, double tolerance, const char *what, double at)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s at %g is %.9g, expected %.9g", what, at, got, want);
}

static double formula(gs_activation which, double v)
{
    switch (which) {
    case GS_QUICK_GELU:
        return v / (1 + exp(-1.702 * v));
    case GS_GELU:
        return v * 0.5 * erfc(-v / sqrt(2));
    case GS_GELU_TANH:
        return 0.5 * v * (1 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
    case GS_SILU:
        return v / (1 + exp(-v));
    case GS_RELU:
        return v > 0 ? v : 0;
    }
    return NAN;
}

static void activations_equal_their_formulas(void **state)
{
    (void)state;
    static const double ranges[] = {0.5, 8, 60};
    for (size_t r = 0; r < 3; r++) {
        float x[N], y[N], bias[N];
        fill(x, ranges[r]);
        for (size_t i = 0; i < N; i++)
            bias[i] = (float)i / N - 0.5f;
        for (gs_activation which = GS_QUICK_GELU; which <= GS_RELU; which++) {
            memcpy(y, x, sizeof y);
            gs_activate(which, y, N, bias);
            for (size_t i = 0; i < N; i++) {
                double v = (double)(x[i] + bias[i]), tolerance = 1e-6 * (1 + fabs(v));
                expect_close((double)y[i], formula(which, v), tolerance, gs_activation_name(which), v);
            }
        }
    }
}

static void softmax_equals_its_formula(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 7, 50, N};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        float x[N], got[N];
        double largest, sum = 0;
        size_t n = lengths[l];
        fill(x, 900);
        for (size_t i = 0; i < N; i++)
            got[i] = x[i];
        gs_softmax(got, n, 0.125f);
        largest = (double)x[n - 1] * 0.125;
        for (size_t i = 0; i < n; i++)
            sum += exp((double)x[i] * 0.125 - largest);
        for (size_t i = 0; i < n; i++)
            expect_close((double)got[i], exp((double)x[i] * 0.125 - largest) / sum, 1e-6, "softmax", (double)x[i]);
    }
}

static void layer_norm_equals_its_formula(void **state)
{
    (void)state;
    float x[N], weight[N], bias[N];
    double mean = 0, variance = 0;
    for (size_t i = 0; i < N; i++) {
        x[i] = 3.0f + (float)((i * 7919) % 101) / 50.0f;
        weight[i] = 1.0f + (float)(i % 5) / 10.0f;
        bias[i] = (float)(i % 3) - 1.0f;
        mean += (double)x[i] / N;
    }
    for (size_t i = 0; i < N; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / N;
    float got[N];
    gs_layer_norm(x, N, weight, bias, 1e-5f, got);
    for (size_t i = 0; i < N; i++)
        expect_close((double)got[i],
                     ((double)x[i] - mean) / sqrt(variance + 1e-5) * (double)weight[i] + (double)bias[i], 1e-5,
                     "layer_norm", (double)i);
}

/* The nearer of the two bf16 around x, by their distance; of two equally near the even one. */
static void bf16_is_the_nearest(void **state)
{
    (void)state;
    static const float some[] = {0.0f,   -0.0f,   1.0f,      0x1.01p0f, 0x1.03p0f, 0x1.010002p0f,  -0x1.03p5f,
                                 1e-40f, 3.3e38f, -3.39e38f, INFINITY,  -INFINITY, 0x1.fffffep-10f};
    enum { SOME = sizeof some / sizeof *some };
    float x[N];
    uint16_t got[N];
    fill(x, 300);
    memcpy(x, some, sizeof some);
    gs_to_bf16(x, N, got);
    for (size_t i = 0; i < N; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        uint16_t low = (uint16_t)(bits >> 16), high = (uint16_t)(low + 1);
        double below = fabs((double)x[i] - (double)gs_bf16_to_float(low));
        double above = fabs((double)gs_bf16_to_float(high) - (double)x[i]);
        uint16_t even = low % 2 ? high : low;
        assert_int_equal(got[i], isinf(x[i]) || below < above ? low : below > above ? high : even);
    }
    float not_a_number[] = {NAN};
    gs_to_bf16(not_a_number, 1, got);
    assert_true(isnan(gs_bf16_to_float(got[0])));
}

static void layer_norm_in_bf16_is_that_in_f32_rounded(void **state)
{
    (void)state;
    float x[N], weight[N], bias[N], whole[N];
    uint16_t got[N], want[N];
    fill(x, 4);
    fill(weight, 2);
    fill(bias, 1);
    gs_layer_norm(x, N, weight, bias, 1e-5f, whole);
    gs_to_bf16(whole, N, want);
    gs_layer_norm_bf16(x, N, weight, bias, 1e-5f, got);
    assert_memory_equal(got, want, sizeof got);
}

static void unit_length_is_one_or_zero(void **state)
{
    (void)state;
    float row[] = {3, 0, -4}, zeros[] = {0, 0, 0};
    gs_unit_length(row, 3);
    gs_unit_length(zeros, 3);
    assert_true(fabsf(row[0] - 0.6f) < 1e-7f && row[1] == 0 && fabsf(row[2] + 0.8f) < 1e-7f);
    assert_true(zeros[0] == 0 && zeros[1] == 0 && zeros[2] == 0);
}

/* The value of a half by its definition: sign, 5 bits of exponent, 10 of fraction. */
static double half_by_definition(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double value = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -value : value;
}

static void every_half_is_exact(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float value = gs_half_to_float((uint16_t)bits);
        if ((bits & 0x7c00) == 0x7c00) {
            assert_true(bits & 0x3ff ? isnan(value) : isinf(value) && (value < 0) == (bits >> 15));
            continue;
        }
        assert_true((double)value == half_by_definition((uint16_t)bits));
        assert_int_equal(signbit(value) != 0, bits >> 15);
    }
}

static void bfloat16_is_the_upper_half_of_a_float(void **state)
{
    (void)state;
    assert_true(gs_bf16_to_float(0x3f80) == 1.0f);
    assert_true(gs_bf16_to_float(0xc020) == -2.5f);
    assert_true(gs_bf16_to_float(0x0001) == 0x1p-133f);
    assert_true(isinf(gs_bf16_to_float(0x7f80)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_equal_their_formulas),
        cmocka_unit_test(softmax_equals_its_formula),
        cmocka_unit_test(layer_norm_equals_its_formula),
        cmocka_unit_test(bf16_is_the_nearest),
        cmocka_unit_test(layer_norm_in_bf16_is_that_in_f32_rounded),
        cmocka_unit_test(unit_length_is_one_or_zero),
        cmocka_unit_test(every_half_is_exact),
        cmocka_unit_test(bfloat16_is_the_upper_half_of_a_float),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

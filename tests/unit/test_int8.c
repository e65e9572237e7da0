#include "indexer/nn/cpu/int8.h"
#include "indexer/nn/cpu/tile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST_IN  1030
#define MOST_OUT 70

static gs_error err;

/* Uniform in -1 .. 1. */
static float noise(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (float)(*state >> 8) / (float)(1 << 23) - 1;
}

static void fill(float *values, size_t n, float scale, float shift, uint32_t seed)
{
    for (size_t i = 0; i < n; i++)
        values[i] = noise(&seed) * scale + shift;
}

static int32_t number_of(const gs_int8_kernel *kernel, const void *row, size_t i)
{
    return kernel->width == 1 ? ((const uint8_t *)row)[i] : ((const int16_t *)row)[i];
}

static void a_quantised_row_is_within_half_a_step(void **state)
{
    (void)state;
    static const float scales[] = {1, 0, 1e-6f, 30, 1}, shifts[] = {0, 0.25f, 0, -40, 5};
    float x[MOST_IN], scale;
    int16_t row[MOST_IN + 4];
    int32_t zero;
    for (const gs_int8_kernel *const *kernel = gs_int8_kernels(); *kernel; kernel++)
        for (size_t c = 0; c < sizeof scales / sizeof *scales; c++) {
            size_t n = MOST_IN - c;
            fill(x, n, scales[c], shifts[c], 3);
            gs_int8_quantise(*kernel, x, n, row, &scale, &zero);
            for (size_t i = 0; i < n; i++) {
                int32_t q = number_of(*kernel, row, i);
                assert_in_range(q, 0, 255);
                assert_true(fabs((double)x[i] - (double)scale * (q - zero)) <= 0.501 * (double)scale);
            }
            for (size_t i = n; i < gs_int8_row_size(*kernel, n) / (*kernel)->width; i++)
                assert_int_equal(number_of(*kernel, row, i), 0);
        }
}

/* Weights of whole numbers up to 127, so that a channel's step is 1, and rows of whole numbers with 0 and 255 among them, so that the scale is. */
static void make_whole(float *weight, float *x, size_t in, size_t out, size_t rows, uint32_t seed)
{
    for (size_t i = 0; i < out * in; i++)
        weight[i] = i % in == 0 ? 127 : i % 3 == 0 ? -127 : roundf(127 * noise(&seed));
    for (size_t i = 0; i < rows * in; i++)
        x[i] = i % in == 0 ? 255 : i % 5 < 2 ? 255 : roundf(127 + 127 * noise(&seed));
}

/* Largest numbers side by side: what overflows 16 bits. */
static void sums_of_every_kernel_are_exact(void **state)
{
    (void)state;
    static const size_t ins[] = {1, 3, 4, 64, 770, MOST_IN};
    float *weight = malloc(MOST_OUT * MOST_IN * sizeof *weight), x[GS_TILE_ROWS * MOST_IN], scale;
    for (const gs_int8_kernel *const *k = gs_int8_kernels(); *k; k++)
        for (size_t c = 0; c < sizeof ins / sizeof *ins; c++) {
            const gs_int8_kernel *kernel = *k;
            size_t in = ins[c], out = MOST_OUT - c, size = gs_int8_row_size(kernel, in);
            char *rows = malloc(kernel->rows * size);
            int32_t sums[GS_TILE_ROWS * GS_TILE_COLUMNS], zero;
            gs_int8_weight w;
            make_whole(weight, x, in, out, kernel->rows, 7);
            assert_int_equal(gs_int8_pack(&w, kernel, weight, out, in, &err), GS_OK);
            for (size_t r = 0; r < kernel->rows; r++)
                gs_int8_quantise(kernel, x + r * in, in, rows + r * size, &scale, &zero);
            for (size_t n = 1; n <= kernel->rows; n++)
                for (size_t first = 0; first < out; first += kernel->columns) {
                    kernel->multiply(rows, size, n, gs_int8_panel(&w, first / kernel->columns), w.depth, sums);
                    for (size_t r = 0; r < n; r++)
                        for (size_t o = first; o < out && o < first + kernel->columns; o++) {
                            double expected = 0;
                            for (size_t i = 0; i < in; i++)
                                expected += (double)weight[o * in + i] * (double)x[r * in + i];
                            assert_int_equal(sums[r * kernel->columns + o - first], (int64_t)expected);
                        }
                }
            gs_int8_unpack(&w);
            free(rows);
        }
    free(weight);
}

/* y is f32 of an act in f32; the bound is what rounding x and w to their steps can do at most. */
static void check_layer(size_t rows, size_t in, size_t out, gs_epilogue epilogue, bool has_bias)
{
    const gs_backend *backend = gs_backend_int8();
    float *weight = malloc(out * in * sizeof *weight), *x = malloc(rows * in * sizeof *x), bias[MOST_OUT];
    float *y = malloc(rows * out * sizeof *y);
    void *context;
    fill(weight, out * in, 0.3f, 0, 1);
    fill(x, rows * in, 2, 0.7f, 2);
    fill(bias, out, 1, 0, 3);
    fill(y, rows * out, 1, 0, 4);
    gs_linear layer = {.weight = weight, .bias = has_bias ? bias : NULL, .in = in, .out = out};
    assert_int_equal(backend->open(&context, &err), GS_OK);
    assert_int_equal(backend->pack(context, &layer, &err), GS_OK);
    assert_int_equal(backend->linear(context, &layer, x, rows, epilogue, y, &err), GS_OK);
    uint32_t before = 4;
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < out; o++) {
            double exact = has_bias ? (double)bias[o] : 0, bound = 1e-4, y_before = (double)noise(&before);
            for (size_t i = 0; i < in; i++) {
                double a = (double)x[r * in + i], b = (double)weight[o * in + i];
                exact += a * b;
                bound += fabs(a) * 0.3 / 254 + fabs(b) * 4 / 510 + 4.0 / 510 * 0.3 / 254;
            }
            exact = epilogue == GS_EPILOGUE_ADD ? exact + y_before : exact;
            exact = gs_epilogue_activates(epilogue) ? fmax(exact, 0) : exact;
            assert_true(fabs((double)y[r * out + o] - exact) <= bound);
        }
    backend->unpack(&layer);
    backend->close(context);
    free(weight);
    free(x);
    free(y);
}

static void a_layer_is_near_the_exact_one(void **state)
{
    (void)state;
    gs_epilogue relu = gs_epilogue_of(GS_RELU);
    check_layer(1, 5, 3, GS_EPILOGUE_NONE, true);
    check_layer(7, 64, 32, GS_EPILOGUE_F32, false);
    check_layer(50, 770, 33, GS_EPILOGUE_ADD, true);
    check_layer(29, 100, MOST_OUT, relu, true);
    check_layer(13, 1, 1, relu, false);
    check_layer(1500, 512, 2, GS_EPILOGUE_ADD, false); /* more rows than a block has */
}

static void what_is_not_finite_stays_so(void **state)
{
    (void)state;
    const gs_backend *backend = gs_backend_int8();
    float weight[4 * 6], x[3 * 6], y[3 * 4];
    void *context;
    fill(weight, 24, 1, 0, 1);
    fill(x, 18, 1, 0, 2);
    weight[6 + 2] = INFINITY; /* of channel 1 */
    x[2 * 6] = NAN;           /* of row 2 */
    gs_linear layer = {.weight = weight, .in = 6, .out = 4};
    assert_int_equal(backend->open(&context, &err), GS_OK);
    assert_int_equal(backend->pack(context, &layer, &err), GS_OK);
    assert_int_equal(backend->linear(context, &layer, x, 3, GS_EPILOGUE_NONE, y, &err), GS_OK);
    for (size_t r = 0; r < 3; r++)
        for (size_t o = 0; o < 4; o++)
            assert_int_equal(isfinite(y[r * 4 + o]) != 0, r != 2 && o != 1);
    backend->unpack(&layer);
    backend->close(context);
}

static void int8_is_refused_where_it_is_not_meant(void **state)
{
    (void)state;
    gs_int8_weight w;
    const gs_backend *backend;
    float weight = 1;
    assert_int_equal(gs_int8_pack(&w, gs_int8_kernel_pick(), &weight, 1, GS_INT8_MAX_IN + 1, &err), GS_EARGS);
    assert_int_equal(gs_backend_pick(&backend, "blas", GS_PRECISION_INT8, 1000, &err), GS_EARGS);
    assert_string_equal(err.message, "the backend blas multiplies no int8");
    assert_int_equal(gs_backend_pick(&backend, NULL, GS_PRECISION_INT8, 1000, &err), GS_OK);
    assert_int_equal(backend->precision, GS_PRECISION_INT8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quantised_row_is_within_half_a_step), cmocka_unit_test(sums_of_every_kernel_are_exact),
        cmocka_unit_test(a_layer_is_near_the_exact_one),         cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(int8_is_refused_where_it_is_not_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* weigh.h's sums over blocks against sums taken one by one, at sizes around those of a block. */
#include "core_test.h"

#include "core/weigh.h"

enum { TAPS = 9, SPAN = 90 };

/* Weights of every other output from 1/8, of the others from -1/8 to 7/32: sums below 0, above 255 and between, none of
 * which comes to 512. */
static gs_taps random_taps(uint32_t *seed, int n)
{
    gs_taps t = {n, TAPS, malloc((size_t)n * sizeof(int)), malloc((size_t)n * sizeof(int)),
                 malloc((size_t)n * TAPS * sizeof(int32_t))};
    for (int i = 0; i < n; i++) {
        t.count[i] = 1 + (int)(random_next(seed) % TAPS);
        t.begin[i] = (int)(random_next(seed) % (uint32_t)(SPAN - t.count[i] + 1));
        int32_t low = (i % 2 ? 4 : -4) * (1 << GS_WEIGHT_BITS) / 32, high = 7 * (1 << GS_WEIGHT_BITS) / 32;
        for (int tap = 0; tap < TAPS; tap++)
            t.weights[i * TAPS + tap] = low + (int32_t)(random_next(seed) % (uint32_t)(high - low));
    }
    return t;
}

static void free_taps(gs_taps *t)
{
    free(t->begin);
    free(t->count);
    free(t->weights);
}

/* Output i of t, from bytes step apart. */
static uint8_t weighed(const gs_taps *t, int i, const uint8_t *in, size_t step)
{
    double sum = 0.5; /* exact, and so is all that follows */
    for (int tap = 0; tap < t->count[i]; tap++)
        sum += in[(size_t)(t->begin[i] + tap) * step] * ldexp(t->weights[i * TAPS + tap], -GS_WEIGHT_BITS);
    sum = floor(sum);
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void sums_across_equal_sums_one_by_one(void **state)
{
    (void)state;
    uint32_t seed = 3;
    const int rows[] = {1, 2, GS_WEIGH_ROWS - 1, GS_WEIGH_ROWS, GS_WEIGH_ROWS + 1, 3 * GS_WEIGH_ROWS - 1},
              widths[] = {1, 2, 50};
    for (size_t c = 0; c < COUNT(rows) * COUNT(widths); c++) {
        int height = rows[c % COUNT(rows)], n = widths[c / COUNT(rows)];
        size_t stride = SPAN * 3 + c; /* not always rows on end */
        gs_taps t = random_taps(&seed, n);
        uint8_t *in = random_bytes(&seed, (size_t)(height - 1) * stride + SPAN * 3); /* not a byte too many */
        uint8_t *mixed = malloc(SPAN * GS_WEIGH_LANES), *out = malloc((size_t)height * (size_t)n * 3);
        gs_weigh_across(&t, in, stride, SPAN, height, mixed, out);
        for (int i = 0; i < height * n * 3; i++)
            assert_int_equal(out[i], weighed(&t, i / 3 % n, in + (size_t)(i / 3 / n) * stride + i % 3, 3));
        free(out);
        free(mixed);
        free(in);
        free_taps(&t);
    }
}

static void sums_down_equal_sums_one_by_one(void **state)
{
    (void)state;
    enum { N = 7 };
    uint32_t seed = 4;
    const size_t sizes[] = {1, 3, GS_WEIGH_LANES - 1, GS_WEIGH_LANES, GS_WEIGH_LANES + 1, 3 * GS_WEIGH_LANES - 1};
    for (size_t c = 0; c < COUNT(sizes); c++) {
        size_t bytes = sizes[c], stride = bytes + c;
        gs_taps t = random_taps(&seed, N);
        uint8_t *in = random_bytes(&seed, (SPAN - 1) * stride + bytes), *out = malloc(bytes);
        for (int y = 0; y < N; y++) {
            gs_weigh_down(&t, y, in, stride, bytes, out);
            for (size_t i = 0; i < bytes; i++)
                assert_int_equal(out[i], weighed(&t, y, in + i, stride));
        }
        free(out);
        free(in);
        free_taps(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_across_equal_sums_one_by_one),
        cmocka_unit_test(sums_down_equal_sums_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

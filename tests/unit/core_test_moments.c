/* moments.h against NumPy (golden/scores_golden.h: make_scores.py, seed 7) and against the textbook's two passes. */
#include "core_test.h"

#include "core/moments.h"
#include "scores_golden.h"

#define WIDE 67 /* no multiple of anything the implementation unrolls by */
#define MANY 333

/* The first model of make_scores.py: samples [SAMPLES, DIM]. */
static void golden_samples(float *samples)
{
    uint32_t state = SEED;
    float offsets[MODELS * DIM];
    random_floats(&state, MODELS * DIM, offsets);
    random_floats(&state, SAMPLES * DIM, samples);
    for (size_t i = 0; i < SAMPLES * DIM; i++)
        samples[i] += offsets[i % DIM];
}

/* covariance [dim, dim] of rows [n, dim], the plain way. */
static void plain_covariance(const float *rows, size_t n, size_t dim, double *covariance)
{
    double *mean = calloc(dim, sizeof *mean);
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < dim; j++)
            mean[j] += rows[r * dim + j] / (double)n;
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++) {
            double sum = 0;
            for (size_t r = 0; r < n; r++)
                sum += (rows[r * dim + i] - mean[i]) * (rows[r * dim + j] - mean[j]);
            covariance[i * dim + j] = sum / (double)(n - 1);
        }
    free(mean);
}

/* Rows of MANY random vectors far from the origin, where sums of squares would cancel. */
static float *distant_rows(float distance)
{
    uint32_t state = 1;
    float *rows = malloc(MANY * WIDE * sizeof *rows);
    random_floats(&state, MANY * WIDE, rows);
    for (size_t i = 0; i < MANY * WIDE; i++)
        rows[i] += distance;
    return rows;
}

static void mean_and_covariance_equal_numpy(void **state)
{
    (void)state;
    float samples[SAMPLES * DIM], mean[DIM], covariance[DIM * DIM];
    golden_samples(samples);
    gs_moments m;
    assert_int_equal(gs_moments_init(&m, DIM, NULL), GS_OK);
    gs_moments_add(&m, samples, SAMPLES);
    gs_moments_mean(&m, mean);
    assert_int_equal(gs_moments_covariance(&m, covariance, NULL), GS_OK);
    for (size_t i = 0; i < DIM; i++)
        assert_close(mean[i], golden_mean[i], 1e-8);
    for (size_t i = 0; i < DIM * DIM; i++)
        assert_close(covariance[i], golden_covariance[i], 1e-9);
    gs_moments_free(&m);
}

static void batches_of_any_size_equal_two_passes(void **state)
{
    (void)state;
    float *rows = distant_rows(0.5f), *covariance = malloc(WIDE * WIDE * sizeof *covariance);
    double *expected = malloc(WIDE * WIDE * sizeof *expected);
    plain_covariance(rows, MANY, WIDE, expected);
    for (size_t batch = 1; batch <= MANY; batch = batch * 2 + 1) {
        gs_moments m;
        assert_int_equal(gs_moments_init(&m, WIDE, NULL), GS_OK);
        for (size_t done = 0; done < MANY; done += batch)
            gs_moments_add(&m, rows + done * WIDE, done + batch <= MANY ? batch : MANY - done);
        assert_int_equal(m.count, MANY);
        assert_int_equal(gs_moments_covariance(&m, covariance, NULL), GS_OK);
        for (size_t i = 0; i < WIDE * WIDE; i++)
            assert_close(covariance[i] * 1e3, expected[i] * 1e3, 1e-6);
        gs_moments_free(&m);
    }
    free(expected);
    free(covariance);
    free(rows);
}

static void a_large_common_offset_loses_nothing(void **state)
{
    (void)state;
    float *rows = distant_rows(4096); /* f32 keeps steps of 2^-11 there; the f64 sums must keep them all */
    double *expected = malloc(WIDE * WIDE * sizeof *expected);
    plain_covariance(rows, MANY, WIDE, expected);
    gs_moments m;
    assert_int_equal(gs_moments_init(&m, WIDE, NULL), GS_OK);
    gs_moments_add(&m, rows, MANY);
    for (size_t i = 0; i < WIDE; i++)
        for (size_t j = 0; j <= i; j++)
            assert_close(m.scatter[i * WIDE + j] / (MANY - 1) * 1e3, expected[i * WIDE + j] * 1e3, 1e-9);
    gs_moments_free(&m);
    free(expected);
    free(rows);
}

static void merge_of_parts_equals_the_whole(void **state)
{
    (void)state;
    float *rows = distant_rows(0.25f);
    for (size_t split = 0; split <= MANY; split += 111) {
        gs_moments whole, left, right;
        assert_int_equal(gs_moments_init(&whole, WIDE, NULL), GS_OK);
        assert_int_equal(gs_moments_init(&left, WIDE, NULL), GS_OK);
        assert_int_equal(gs_moments_init(&right, WIDE, NULL), GS_OK);
        gs_moments_add(&whole, rows, MANY);
        gs_moments_add(&left, rows, split);
        gs_moments_add(&right, rows + split * WIDE, MANY - split);
        assert_int_equal(gs_moments_merge(&left, &right, NULL), GS_OK);
        assert_int_equal(left.count, MANY);
        for (size_t i = 0; i < WIDE; i++) {
            assert_close(left.mean[i], whole.mean[i], 1e-14);
            for (size_t j = 0; j <= i; j++)
                assert_close(left.scatter[i * WIDE + j], whole.scatter[i * WIDE + j], 1e-12);
        }
        gs_moments_free(&whole);
        gs_moments_free(&left);
        gs_moments_free(&right);
    }
    free(rows);
}

static void merge_of_other_dimensions_is_refused(void **state)
{
    (void)state;
    gs_error err;
    gs_moments a, b;
    assert_int_equal(gs_moments_init(&a, 3, &err), GS_OK);
    assert_int_equal(gs_moments_init(&b, 4, &err), GS_OK);
    assert_int_equal(gs_moments_merge(&a, &b, &err), GS_EMISMATCH);
    assert_error(err, "dimension 4 into dimension 3");
    gs_moments_free(&a);
    gs_moments_free(&b);
}

static void covariance_of_one_sample_is_refused(void **state)
{
    (void)state;
    gs_error err;
    gs_moments m;
    float sample[2] = {1, 2}, mean[2], covariance[4];
    assert_int_equal(gs_moments_init(&m, 2, &err), GS_OK);
    gs_moments_mean(&m, mean);
    assert_true(mean[0] == 0 && mean[1] == 0);
    gs_moments_add(&m, sample, 1);
    gs_moments_mean(&m, mean);
    assert_true(mean[0] == 1 && mean[1] == 2);
    assert_int_equal(gs_moments_covariance(&m, covariance, &err), GS_EARGS);
    assert_error(err, "two samples");
    gs_moments_free(&m);
}

static void impossible_dimensions_are_refused(void **state)
{
    (void)state;
    gs_error err;
    gs_moments m;
    assert_int_equal(gs_moments_init(&m, 0, &err), GS_EARGS);
    gs_moments_free(&m);
    assert_int_equal(gs_moments_init(&m, SIZE_MAX / 2, &err), GS_ENOMEM);
    gs_moments_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_covariance_equal_numpy),      cmocka_unit_test(batches_of_any_size_equal_two_passes),
        cmocka_unit_test(a_large_common_offset_loses_nothing),  cmocka_unit_test(merge_of_parts_equals_the_whole),
        cmocka_unit_test(merge_of_other_dimensions_is_refused), cmocka_unit_test(covariance_of_one_sample_is_refused),
        cmocka_unit_test(impossible_dimensions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

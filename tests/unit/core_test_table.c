/* table.h against NumPy (golden/scores_golden.h: make_scores.py, seed 7), and its kernels against plain f64 sums. */
#include "core_test.h"

#include "core/half.h"
#include "core/score.h"
#include "core/table.h"
#include "scores_golden.h"

#define TAU      100.0
#define MOST_DIM 1024

static gs_error err;

/* rows [count, dim] in every element type. */
typedef struct {
    gs_table tables[3];
    uint16_t *halves;
    float *center, *spread, *scales;
    int8_t *steps;
} forms;

static forms make_forms(const float *rows, size_t count, size_t dim)
{
    forms f = {.halves = malloc(count * dim * sizeof *f.halves),
               .center = malloc(dim * sizeof *f.center),
               .spread = malloc(dim * sizeof *f.spread),
               .scales = malloc(count * sizeof *f.scales),
               .steps = malloc(count * dim)};
    for (size_t i = 0; i < count * dim; i++)
        f.halves[i] = gs_float_to_half(rows[i]);
    assert_int_equal(gs_table_quantise(rows, count, dim, f.center, f.spread, f.scales, f.steps, &err), GS_OK);
    f.tables[GS_F32] = (gs_table){count, dim, GS_F32, rows, NULL, NULL, NULL};
    f.tables[GS_F16] = (gs_table){count, dim, GS_F16, f.halves, NULL, NULL, NULL};
    f.tables[GS_I8] = (gs_table){count, dim, GS_I8, f.steps, f.center, f.spread, f.scales};
    return f;
}

static void free_forms(forms *f)
{
    free(f->halves);
    free(f->center);
    free(f->spread);
    free(f->scales);
    free(f->steps);
}

/* scores [count] of all rows, in one range. */
static void score_all(const gs_table *t, const float *feature, double *scores)
{
    int16_t steps[MOST_DIM];
    gs_table_query query;
    double *norms = malloc(t->count * sizeof *norms);
    assert_int_equal(gs_table_norms(t, norms, &err), GS_OK);
    assert_int_equal(gs_table_query_init(&query, t, feature, steps, &err), GS_OK);
    gs_table_first_moment(t, norms, &query, 0, t->count, scores);
    free(norms);
}

static void wide_cosines_equal_numpy_in_every_element_type(void **state)
{
    (void)state;
    static const double tolerance[] = {1e-6, 1e-4, 1e-3};
    uint32_t seed = SEED + 2;
    static float rows[WIDE_ROWS * MOST_DIM], around[MOST_DIM], feature[MOST_DIM];
    double scores[WIDE_ROWS];
    const double *expected = golden_wide;
    for (size_t d = 0; d < COUNT(wide_dims); d++, expected += WIDE_ROWS) {
        size_t dim = wide_dims[d];
        random_floats(&seed, WIDE_ROWS * dim, rows);
        random_floats(&seed, dim, around);
        random_floats(&seed, dim, feature);
        for (size_t i = 0; i < WIDE_ROWS * dim; i++)
            rows[i] += around[i % dim] * 4;
        forms f = make_forms(rows, WIDE_ROWS, dim);
        for (int element = GS_F32; element <= GS_I8; element++) {
            score_all(&f.tables[element], feature, scores);
            for (size_t i = 0; i < WIDE_ROWS; i++)
                assert_close(scores[i], expected[i], tolerance[element]);
        }
        free_forms(&f);
    }
}

/* The seeded catalog of core_test_score.c. NumPy gave the bits: native and WebAssembly builds that have them agree. */
static void scores_are_the_same_on_every_machine(void **state)
{
    (void)state;
    uint32_t seed = SEED + 1;
    float *rows = malloc(CATALOG * CATALOG_DIM * sizeof *rows), feature[CATALOG_DIM];
    double scores[CATALOG];
    random_floats(&seed, CATALOG * CATALOG_DIM, rows);
    for (size_t i = 0; i < CATALOG / 2; i += 10)
        memcpy(rows + (CATALOG / 2 + i) * CATALOG_DIM, rows + i * CATALOG_DIM, sizeof feature);
    random_floats(&seed, CATALOG_DIM, feature);
    forms f = make_forms(rows, CATALOG, CATALOG_DIM);
    for (int element = GS_F32; element <= GS_I8; element++) {
        score_all(&f.tables[element], feature, scores);
        assert_true(checksum(CHECKSUM_START, scores, sizeof scores) == golden_catalog_scores[element]);
    }
    free_forms(&f);
    free(rows);
}

/* Every length around that of a lane group and of a piece: the dots are plain f64 sums over the expanded rows. */
static void dots_equal_a_plain_sum_at_every_length(void **state)
{
    (void)state;
    enum { ROWS = 5, MOST = 150 };
    float rows[ROWS * MOST], expanded[ROWS * MOST], feature[MOST];
    uint32_t seed = 21;
    for (size_t dim = 1; dim <= MOST; dim++) {
        random_floats(&seed, ROWS * dim, rows);
        random_floats(&seed, dim, feature);
        forms f = make_forms(rows, ROWS, dim);
        for (int element = GS_F32; element <= GS_I8; element++) {
            int16_t steps[MOST];
            double dots[ROWS];
            gs_table_query query;
            assert_int_equal(gs_table_query_init(&query, &f.tables[element], feature, steps, &err), GS_OK);
            gs_table_expand(&f.tables[element], 0, ROWS, expanded);
            gs_table_dots(&f.tables[element], &query, 0, ROWS, dots);
            for (size_t i = 0; i < ROWS; i++) {
                double sum = 0;
                for (size_t k = 0; k < dim; k++)
                    sum += (double)expanded[i * dim + k] * feature[k];
                assert_close(dots[i], sum, element == GS_I8 ? 1e-5 : 1e-12);
            }
        }
        free_forms(&f);
    }
}

static void ranges_of_rows_give_what_the_whole_table_gives(void **state)
{
    (void)state;
    enum { ROWS = 23, WIDTH = 40 };
    float rows[ROWS * WIDTH], feature[WIDTH];
    double whole[ROWS], parts[ROWS], norms[ROWS];
    uint32_t seed = 22;
    random_floats(&seed, ROWS * WIDTH, rows);
    random_floats(&seed, WIDTH, feature);
    forms f = make_forms(rows, ROWS, WIDTH);
    for (int element = GS_F32; element <= GS_I8; element++) {
        int16_t steps[WIDTH];
        gs_table_query query;
        score_all(&f.tables[element], feature, whole);
        assert_int_equal(gs_table_norms(&f.tables[element], norms, &err), GS_OK);
        assert_int_equal(gs_table_query_init(&query, &f.tables[element], feature, steps, &err), GS_OK);
        gs_table_first_moment(&f.tables[element], norms, &query, 0, 7, parts);
        gs_table_first_moment(&f.tables[element], norms, &query, 7, 0, parts);
        gs_table_first_moment(&f.tables[element], norms, &query, 7, ROWS - 7, parts + 7);
        assert_memory_equal(whole, parts, sizeof whole);
    }
    free_forms(&f);
}

static void monte_carlo_over_int8_is_near_that_over_f32(void **state)
{
    (void)state;
    enum { ROWS = 300, WIDTH = 64 };
    static float rows[ROWS * WIDTH];
    float feature[WIDTH];
    double scores[3];
    uint32_t seed = 23;
    random_floats(&seed, ROWS * WIDTH, rows);
    random_floats(&seed, WIDTH, feature);
    forms f = make_forms(rows, ROWS, WIDTH);
    for (int element = GS_F32; element <= GS_I8; element++) {
        int16_t steps[WIDTH];
        gs_table_query query;
        assert_int_equal(gs_table_query_init(&query, &f.tables[element], feature, steps, &err), GS_OK);
        scores[element] = gs_table_monte_carlo(&f.tables[element], &query, TAU);
    }
    assert_close(scores[GS_F16], scores[GS_F32], 1e-3);
    assert_close(scores[GS_I8], scores[GS_F32], 2e-2);
    free_forms(&f);
}

/* The sum of 127 times the steps of this query is as large as a query can make it. */
static void the_largest_int8_sum_fits_its_32_bits(void **state)
{
    (void)state;
    static int8_t rows[2 * GS_TABLE_MOST_DIM];
    static float center[GS_TABLE_MOST_DIM], spread[GS_TABLE_MOST_DIM], feature[GS_TABLE_MOST_DIM];
    static int16_t steps[GS_TABLE_MOST_DIM];
    float scales[2] = {1, 1};
    for (size_t k = 0; k < GS_TABLE_MOST_DIM; k++) {
        rows[k] = 127;
        rows[GS_TABLE_MOST_DIM + k] = -127;
        feature[k] = 0.25F;
        spread[k] = 1;
    }
    gs_table t = {2, GS_TABLE_MOST_DIM, GS_I8, rows, center, spread, scales};
    gs_table_query query;
    double dots[2];
    assert_int_equal(gs_table_query_init(&query, &t, feature, steps, &err), GS_OK);
    gs_table_dots(&t, &query, 0, 2, dots);
    assert_close(dots[0] / (127 * 0.25 * GS_TABLE_MOST_DIM), 1, 2e-3);
    assert_true(dots[1] == -dots[0]);
}

static void zeros_score_zero(void **state)
{
    (void)state;
    const float zeros[6] = {0}, feature[3] = {1, 0, 0};
    double scores[2];
    forms f = make_forms(zeros, 2, 3);
    for (int element = GS_F32; element <= GS_I8; element++) {
        score_all(&f.tables[element], feature, scores);
        assert_true(scores[0] == 0 && scores[1] == 0);
        score_all(&f.tables[element], zeros, scores);
        assert_true(scores[0] == 0);
    }
    free_forms(&f);
}

static void what_is_not_finite_is_refused_by_its_place(void **state)
{
    (void)state;
    float rows[6] = {1, 2, 3, 4, INFINITY, 6}, feature[3] = {1, 0, NAN}, center[3], spread[3], scales[2];
    uint16_t halves[6] = {0x3c00, 0, 0, 0, 0, 0x7c00};
    int8_t steps[6];
    double norms[2];
    gs_table floats = {2, 3, GS_F32, rows, NULL, NULL, NULL}, half = {2, 3, GS_F16, halves, NULL, NULL, NULL};
    gs_table_query query;
    assert_int_equal(gs_table_norms(&floats, norms, &err), GS_EFORMAT);
    assert_error(err, "row 1 of 2");
    assert_int_equal(gs_table_norms(&half, norms, &err), GS_EFORMAT);
    assert_error(err, "row 1 of 2");
    assert_int_equal(gs_table_quantise(rows, 2, 3, center, spread, scales, steps, &err), GS_EFORMAT);
    assert_error(err, "row 1 of a table: number 1 is inf");
    assert_int_equal(gs_table_query_init(&query, &floats, feature, NULL, &err), GS_EARGS);
    assert_error(err, "number 2 of the query's feature is");
    assert_int_equal(gs_table_quantise(rows, 1, 0, center, spread, scales, steps, &err), GS_EARGS);
    assert_int_equal(gs_table_quantise(rows, 1, GS_TABLE_MOST_DIM + 1, center, spread, scales, steps, &err), GS_EARGS);
    assert_error(err, "dimension 65537");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_cosines_equal_numpy_in_every_element_type),
        cmocka_unit_test(scores_are_the_same_on_every_machine),
        cmocka_unit_test(dots_equal_a_plain_sum_at_every_length),
        cmocka_unit_test(ranges_of_rows_give_what_the_whole_table_gives),
        cmocka_unit_test(monte_carlo_over_int8_is_near_that_over_f32),
        cmocka_unit_test(the_largest_int8_sum_fits_its_32_bits),
        cmocka_unit_test(zeros_score_zero),
        cmocka_unit_test(what_is_not_finite_is_refused_by_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

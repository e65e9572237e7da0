/* score.h, combine.h and rank.h against NumPy and SciPy (golden/scores_golden.h: make_scores.py, seed 7). */
#include "core_test.h"

#include "core/combine.h"
#include "core/moments.h"
#include "core/rank.h"
#include "core/score.h"
#include "core/table.h"
#include "scores_golden.h"

#include <stdbool.h>

#define TOLERANCE 1e-5
#define TAU       100.0

/* The models of make_scores.py and its query. */
typedef struct {
    float samples[MODELS][SAMPLES * DIM];
    float means[MODELS * DIM];
    float covariances[MODELS][DIM * DIM];
    float query[DIM];
} catalog;

static int make_catalog(void **state)
{
    catalog *c = malloc(sizeof *c);
    uint32_t seed = SEED;
    float offsets[MODELS * DIM];
    random_floats(&seed, MODELS * DIM, offsets);
    for (size_t m = 0; m < MODELS; m++) {
        random_floats(&seed, SAMPLES * DIM, c->samples[m]);
        for (size_t i = 0; i < SAMPLES * DIM; i++)
            c->samples[m][i] += offsets[m * DIM + i % DIM];
        gs_moments moments;
        gs_moments_init(&moments, DIM, NULL);
        gs_moments_add(&moments, c->samples[m], SAMPLES);
        gs_moments_mean(&moments, c->means + m * DIM);
        gs_moments_covariance(&moments, c->covariances[m], NULL);
        gs_moments_free(&moments);
    }
    random_floats(&seed, DIM, c->query);
    for (size_t i = 0; i < DIM; i++)
        c->query[i] *= 2;
    *state = c;
    return 0;
}

static int free_catalog(void **state)
{
    free(*state);
    return 0;
}

static void first_moment_equals_numpy(void **state)
{
    const catalog *c = *state;
    double scores[MODELS];
    gs_score_first_moment(c->means, MODELS, DIM, c->query, scores);
    for (size_t i = 0; i < MODELS; i++)
        assert_close(scores[i], golden_first_moment[i], TOLERANCE);
}

static void first_moment_of_a_zero_mean_is_zero(void **state)
{
    (void)state;
    float means[6] = {0, 0, 0, 3, 4, 0}, query[3] = {1, 0, 0};
    double scores[2];
    gs_score_first_moment(means, 2, 3, query, scores);
    assert_true(scores[0] == 0);
    assert_close(scores[1], 0.6, 1e-15);
}

/* The i-th model's Gaussian; factor [gs_packed_count(DIM)] is the caller's. */
static gs_gaussian prepare(const catalog *c, size_t i, float *factor)
{
    gs_gaussian g = {.dim = DIM, .mean = c->means + i * DIM, .factor = factor};
    assert_int_equal(gs_gaussian_factorise(c->covariances[i], DIM, factor, &g.log_determinant, NULL), GS_OK);
    return g;
}

static void first_and_second_moment_equal_numpy(void **state)
{
    const catalog *c = *state;
    for (size_t i = 0; i < MODELS; i++) {
        float factor[DIM * (DIM + 1) / 2];
        double work[DIM];
        gs_gaussian g = prepare(c, i, factor);
        assert_close(gs_score_first_second_moment(&g, c->query, TAU, work), golden_first_second_moment[i], TOLERANCE);
    }
}

static void gaussian_density_equals_scipy(void **state)
{
    const catalog *c = *state;
    for (size_t i = 0; i < MODELS; i++) {
        float factor[DIM * (DIM + 1) / 2];
        double work[DIM];
        gs_gaussian g = prepare(c, i, factor);
        assert_close(gs_score_gaussian_density(&g, c->query, work), golden_gaussian_density[i], TOLERANCE);
    }
}

/* Wide enough for whole groups of lanes, of fewer samples than dimensions: Sigma is singular. The truth is textbook f64 in this file. */
static void wide_singular_gaussians_equal_a_plain_solution(void **state)
{
    (void)state;
    enum { WIDE_DIM = 83, FEW = 30 };
    static float samples[FEW * WIDE_DIM], mean[WIDE_DIM], covariance[WIDE_DIM * WIDE_DIM], query[WIDE_DIM];
    static float factor[WIDE_DIM * (WIDE_DIM + 1) / 2];
    static double inverse[WIDE_DIM][2 * WIDE_DIM], work[WIDE_DIM];
    uint32_t seed = SEED;
    random_floats(&seed, FEW * WIDE_DIM, samples);
    random_floats(&seed, WIDE_DIM, query);
    gs_moments moments;
    assert_int_equal(gs_moments_init(&moments, WIDE_DIM, NULL), GS_OK);
    gs_moments_add(&moments, samples, FEW);
    gs_moments_mean(&moments, mean);
    assert_int_equal(gs_moments_covariance(&moments, covariance, NULL), GS_OK);
    gs_moments_free(&moments);
    gs_gaussian g = {.dim = WIDE_DIM, .mean = mean, .factor = factor};
    assert_int_equal(gs_gaussian_factorise(covariance, WIDE_DIM, factor, &g.log_determinant, NULL), GS_OK);

    /* Gauss-Jordan on [Sigma + 0.001 I | I]; the pivots multiply to the determinant. */
    double log_determinant = 0, quadratic = 0, second = 0, first = 0;
    for (size_t i = 0; i < WIDE_DIM; i++)
        for (size_t j = 0; j < WIDE_DIM; j++) {
            inverse[i][j] = covariance[i * WIDE_DIM + j] + (i == j ? 0.001 : 0);
            inverse[i][WIDE_DIM + j] = i == j;
        }
    for (size_t k = 0; k < WIDE_DIM; k++) {
        double pivot = inverse[k][k];
        log_determinant += log(pivot);
        for (size_t j = 0; j < 2 * WIDE_DIM; j++)
            inverse[k][j] /= pivot;
        for (size_t i = 0; i < WIDE_DIM; i++) {
            double by = i == k ? 0 : inverse[i][k];
            for (size_t j = 0; by != 0 && j < 2 * WIDE_DIM; j++)
                inverse[i][j] -= by * inverse[k][j];
        }
    }
    for (size_t i = 0; i < WIDE_DIM; i++) {
        first += (double)mean[i] * query[i];
        for (size_t j = 0; j < WIDE_DIM; j++) {
            quadratic += ((double)query[i] - mean[i]) * inverse[i][WIDE_DIM + j] * ((double)query[j] - mean[j]);
            second += (double)query[i] * covariance[i * WIDE_DIM + j] * query[j];
        }
    }
    assert_close(gs_score_gaussian_density(&g, query, work),
                 -0.5 * (quadratic + log_determinant + WIDE_DIM * log(2 * 3.14159265358979)), TOLERANCE);
    assert_close(gs_score_first_second_moment(&g, query, TAU, work), TAU * first + TAU * TAU / 2 * second, TOLERANCE);
}

static void what_is_no_covariance_has_no_density(void **state)
{
    (void)state;
    gs_error err;
    double log_determinant;
    float factor[3], indefinite[4] = {1, 2, 2, 1}, broken[4] = {NAN, 0, 0, 1};
    assert_int_equal(gs_gaussian_factorise(indefinite, 2, factor, &log_determinant, &err), GS_EFORMAT);
    assert_error(err, "row 1 of 2");
    assert_int_equal(gs_gaussian_factorise(broken, 2, factor, &log_determinant, &err), GS_EFORMAT);
    broken[0] = INFINITY;
    assert_int_equal(gs_gaussian_factorise(broken, 2, factor, &log_determinant, &err), GS_EFORMAT);
    assert_int_equal(gs_gaussian_factorise(broken, 0, factor, &log_determinant, &err), GS_EARGS);
}

static void a_model_of_identical_samples_has_a_density(void **state)
{
    (void)state;
    float mean[3] = {1, 0, 0}, covariance[9] = {0}, query[3] = {1, 0, 0}, factor[6];
    double work[3];
    gs_gaussian g = {.dim = 3, .mean = mean, .factor = factor};
    assert_int_equal(gs_gaussian_factorise(covariance, 3, factor, &g.log_determinant, NULL), GS_OK);
    /* log N(0; 0, 0.001 I) */
    assert_close(gs_score_gaussian_density(&g, query, work), -0.5 * 3 * log(2 * 3.14159265358979 * 0.001), 1e-9);
}

static void lowrank_density_equals_scipy_of_the_dense_matrix(void **state)
{
    const catalog *c = *state;
    float values[RANK], vectors[RANK * DIM];
    for (size_t i = 0; i < RANK; i++)
        values[i] = (float)lowrank_values[i];
    for (size_t i = 0; i < RANK * DIM; i++)
        vectors[i] = (float)lowrank_vectors[i];
    gs_lowrank g = {
        .dim = DIM, .rank = RANK, .mean = c->means, .values = values, .vectors = vectors, .rest = (float)lowrank_rest};
    assert_close(gs_score_gaussian_lowrank(&g, c->query), golden_lowrank, TOLERANCE);
    gs_lowrank_cut(&g, RANK);
    assert_close(gs_score_gaussian_lowrank(&g, c->query), golden_lowrank, TOLERANCE);
    gs_lowrank_cut(&g, CUT_RANK);
    assert_int_equal(g.rank, CUT_RANK);
    assert_close(gs_score_gaussian_lowrank(&g, c->query), golden_lowrank_cut, TOLERANCE);
}

/* Of samples [count, dim] in f32. */
static double monte_carlo(const float *samples, size_t count, size_t dim, const float *feature)
{
    const gs_table table = {.count = count, .dim = dim, .element = GS_F32, .rows = samples};
    gs_table_query query;
    assert_int_equal(gs_table_query_init(&query, &table, feature, NULL, NULL), GS_OK);
    return gs_table_monte_carlo(&table, &query, TAU);
}

static void monte_carlo_equals_scipy(void **state)
{
    const catalog *c = *state;
    for (size_t i = 0; i < MODELS; i++)
        assert_close(monte_carlo(c->samples[i], SAMPLES, DIM, c->query), golden_monte_carlo[i], TOLERANCE);
}

static void monte_carlo_does_not_overflow(void **state)
{
    (void)state;
    float samples[4] = {-1000, 1000, 999, 1000}, query[1] = {1};
    /* log((2 e^100000 + e^99900 + e^-100000) / 4) */
    assert_close(monte_carlo(samples, 4, 1, query), 100000 - log(2), 1e-12);
}

static void methods_are_known_by_name(void **state)
{
    (void)state;
    gs_error err;
    for (int i = 0; i < GS_METHOD_COUNT; i++) {
        gs_method method;
        assert_int_equal(gs_method_parse(gs_method_name((gs_method)i), &method, &err), GS_OK);
        assert_int_equal(method, i);
        bool is_distance = i == GS_FRECHET || i == GS_FRECHET_LOWRANK;
        bool is_moment = i == GS_FIRST_MOMENT || i == GS_CENTRED_MOMENT;
        assert_close(gs_method_scale(method, TAU), is_moment ? TAU : is_distance ? TAU / 2 : 1, 0);
    }
    gs_method method;
    assert_int_equal(gs_method_parse("magic", &method, &err), GS_EARGS);
    assert_error(err, "gaussian-lowrank");
}

static void log_softmax_equals_scipy(void **state)
{
    (void)state;
    double parts[3][MODELS];
    for (size_t i = 0; i < MODELS; i++) {
        parts[0][i] = golden_gaussian_density[i];
        parts[1][i] = TAU * golden_first_moment[i];
        parts[2][i] = golden_monte_carlo[i];
    }
    for (size_t p = 0; p < 3; p++) {
        gs_log_softmax(parts[p], MODELS);
        for (size_t i = 0; i < MODELS; i++)
            assert_close(parts[p][i], golden_parts[p * MODELS + i], 1e-12);
    }
}

static void products_of_experts_equal_scipy(void **state)
{
    (void)state;
    double product[MODELS], weighted[MODELS], sum = 0;
    gs_combine(golden_parts, NULL, 3, MODELS, product);
    gs_combine(golden_parts, golden_weights, 3, MODELS, weighted);
    for (size_t i = 0; i < MODELS; i++) {
        assert_close(product[i], golden_product[i], 1e-12);
        assert_close(weighted[i], golden_weighted[i], 1e-12);
        sum += exp(weighted[i]);
    }
    assert_close(sum, 1, 1e-12);
}

static void combining_one_part_in_place_normalises_it(void **state)
{
    (void)state;
    double part[3] = {-1, -2, -3}, expected[3] = {-1, -2, -3};
    gs_combine(part, NULL, 1, 3, part);
    gs_log_softmax(expected, 3);
    assert_memory_equal(part, expected, sizeof part);
}

static void the_impossible_stays_impossible(void **state)
{
    (void)state;
    double parts[6] = {-INFINITY, -1, -2, -1, -INFINITY, -1}, weights[2] = {1, -1}, result[3];
    gs_combine(parts, weights, 2, 3, result);
    assert_true(result[0] == -INFINITY && result[1] == -INFINITY);
    assert_close(result[2], 0, 1e-15);
    double nothing[2] = {-INFINITY, -INFINITY};
    gs_log_softmax(nothing, 2);
    assert_true(nothing[0] == -INFINITY && nothing[1] == -INFINITY);
    gs_log_softmax(nothing, 0);
    double broken[3] = {NAN, 0, 0};
    gs_log_softmax(broken, 3);
    assert_true(isnan(broken[0]));
    assert_close(broken[1], -log(2), 1e-15);
}

/* The plain way: k times the best of what is left. */
static void plain_top(const double *scores, size_t count, size_t k, uint32_t *top)
{
    char *used = calloc(count, 1);
    for (size_t rank = 0; rank < k; rank++) {
        size_t best = count;
        for (size_t i = 0; i < count; i++) {
            if (used[i])
                continue;
            if (best == count || (isnan(scores[best]) && !isnan(scores[i])) || scores[i] > scores[best])
                best = i;
        }
        used[best] = 1;
        top[rank] = (uint32_t)best;
    }
    free(used);
}

static void top_k_equals_selection_with_ties_and_nan(void **state)
{
    (void)state;
    uint32_t seed = 3, top[200], expected[200];
    double scores[200] = {0};
    for (size_t count = 0; count <= 200; count = count * 2 + 1)
        for (size_t k = 0; k <= count; k += k / 3 + 1) {
            for (size_t i = 0; i < count; i++) {
                uint32_t value = random_next(&seed) % 20; /* many ties */
                scores[i] = value == 19 ? NAN : value == 18 ? -INFINITY : value;
            }
            plain_top(scores, count, k, expected);
            assert_int_equal(gs_rank_top(scores, count, k, top), k);
            assert_memory_equal(top, expected, k * sizeof *top);
        }
}

/* Python's integers and NumPy's f64 gave the bits: a native and a WebAssembly build that both have them agree on every
 * order, ties included. */
static void scores_and_order_are_the_same_on_every_machine(void **state)
{
    (void)state;
    uint32_t seed = SEED + 1, top[CATALOG];
    float *means = malloc(CATALOG * CATALOG_DIM * sizeof *means), query[CATALOG_DIM];
    double scores[CATALOG];
    random_floats(&seed, CATALOG * CATALOG_DIM, means);
    for (size_t i = 0; i < CATALOG / 2; i += 10)
        memcpy(means + (CATALOG / 2 + i) * CATALOG_DIM, means + i * CATALOG_DIM, sizeof query);
    random_floats(&seed, CATALOG_DIM, query);
    gs_score_first_moment(means, CATALOG, CATALOG_DIM, query, scores);
    assert_true(checksum(CHECKSUM_START, scores, sizeof scores) == golden_catalog_scores[GS_F32]);
    assert_int_equal(gs_rank_top(scores, CATALOG, CATALOG, top), CATALOG);
    assert_memory_equal(top, golden_catalog_order, sizeof top);
    assert_int_equal(gs_rank_top(scores, CATALOG, 10, top), 10);
    assert_memory_equal(top, golden_catalog_order, 10 * sizeof *top);
    free(means);
}

static void equal_scores_rank_by_index(void **state)
{
    (void)state;
    double scores[5] = {1, 2, 1, 2, 1};
    uint32_t top[5], expected[5] = {1, 3, 0, 2, 4};
    assert_int_equal(gs_rank_top(scores, 5, 99, top), 5);
    assert_memory_equal(top, expected, sizeof top);
    assert_int_equal(gs_rank_top(scores, 5, 3, top), 3);
    assert_memory_equal(top, expected, 3 * sizeof *top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_moment_equals_numpy),
        cmocka_unit_test(first_moment_of_a_zero_mean_is_zero),
        cmocka_unit_test(first_and_second_moment_equal_numpy),
        cmocka_unit_test(gaussian_density_equals_scipy),
        cmocka_unit_test(wide_singular_gaussians_equal_a_plain_solution),
        cmocka_unit_test(what_is_no_covariance_has_no_density),
        cmocka_unit_test(a_model_of_identical_samples_has_a_density),
        cmocka_unit_test(lowrank_density_equals_scipy_of_the_dense_matrix),
        cmocka_unit_test(monte_carlo_equals_scipy),
        cmocka_unit_test(monte_carlo_does_not_overflow),
        cmocka_unit_test(methods_are_known_by_name),
        cmocka_unit_test(log_softmax_equals_scipy),
        cmocka_unit_test(products_of_experts_equal_scipy),
        cmocka_unit_test(combining_one_part_in_place_normalises_it),
        cmocka_unit_test(the_impossible_stays_impossible),
        cmocka_unit_test(top_k_equals_selection_with_ties_and_nan),
        cmocka_unit_test(equal_scores_rank_by_index),
        cmocka_unit_test(scores_and_order_are_the_same_on_every_machine),
    };
    return cmocka_run_group_tests(tests, make_catalog, free_catalog);
}

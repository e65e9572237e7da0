/* query.h: kinds, candidates, and the product of parts. What it should give is computed plainly here, or by SciPy (golden/scores_golden.h). */
#include "core_test.h"

#include "core/combine.h"
#include "core/query.h"
#include "core/rank.h"
#include "scores_golden.h"

#define TAU 100.0

static gs_error err;

static void kinds_are_known_by_name_and_have_a_method(void **state)
{
    (void)state;
    for (int i = 0; i < GS_PART_KIND_COUNT; i++) {
        gs_part_kind kind;
        assert_int_equal(gs_part_kind_parse(gs_part_kind_name((gs_part_kind)i), &kind, &err), GS_OK);
        assert_int_equal(kind, i);
    }
    gs_part_kind kind;
    assert_int_equal(gs_part_kind_parse("sound", &kind, &err), GS_EARGS);
    assert_error(err, "text, image, sketch or model");
    assert_int_equal(gs_part_default_method(GS_PART_TEXT), GS_FIRST_MOMENT);
    assert_int_equal(gs_part_default_method(GS_PART_SKETCH), GS_GAUSSIAN_DENSITY);
}

/* The three parts of the golden file, as scores before they are scaled and normalised. */
static void the_product_of_weighted_parts_equals_scipy(void **state)
{
    (void)state;
    double scores[3 * MODELS], result[MODELS];
    gs_query_part parts[] = {{GS_PART_IMAGE, GS_GAUSSIAN_DENSITY, 1, NULL},
                             {GS_PART_TEXT, GS_FIRST_MOMENT, 1, NULL},
                             {GS_PART_TEXT, GS_MONTE_CARLO, 1, NULL}};
    memcpy(scores, golden_gaussian_density, sizeof golden_gaussian_density);
    memcpy(scores + MODELS, golden_first_moment, sizeof golden_first_moment);
    memcpy(scores + 2 * MODELS, golden_monte_carlo, sizeof golden_monte_carlo);
    assert_int_equal(gs_query_rank(parts, 3, scores, MODELS, TAU, result, &err), GS_OK);
    for (size_t i = 0; i < MODELS; i++)
        assert_close(result[i], golden_product[i], 1e-12);
    for (size_t p = 0; p < 3; p++)
        parts[p].weight = golden_weights[p];
    assert_int_equal(gs_query_rank(parts, 3, scores, MODELS, TAU, result, &err), GS_OK);
    for (size_t i = 0; i < MODELS; i++)
        assert_close(result[i], golden_weighted[i], 1e-12);
}

static void a_model_that_was_not_scored_leaves_the_others_as_if_it_were_not_there(void **state)
{
    (void)state;
    const gs_query_part parts[] = {{GS_PART_TEXT, GS_MONTE_CARLO, 1, NULL}, {GS_PART_TEXT, GS_MONTE_CARLO, -0.5, NULL}};
    const double all[] = {3, 7, 1, 2, 9, 4, 5, 6}, few[] = {3, 1, 2, 9, 5, 6};
    double with[4], without[3], scores[8];
    memcpy(scores, all, sizeof all);
    scores[1] = NAN; /* of the first part alone */
    assert_int_equal(gs_query_rank(parts, 2, scores, 4, TAU, with, &err), GS_OK);
    assert_int_equal(gs_query_rank(parts, 2, few, 3, TAU, without, &err), GS_OK);
    assert_true(isnan(with[1]));
    assert_close(with[0], without[0], 1e-14);
    assert_close(with[2], without[1], 1e-14);
    assert_close(with[3], without[2], 1e-14);
}

static void a_weight_of_nothing_is_refused(void **state)
{
    (void)state;
    const double scores[2] = {1, 2}, bad[] = {0, NAN, INFINITY};
    double result[2];
    for (size_t i = 0; i < COUNT(bad); i++) {
        gs_query_part part = {GS_PART_TEXT, GS_FIRST_MOMENT, bad[i], NULL};
        assert_int_equal(gs_query_rank(&part, 1, scores, 2, TAU, result, &err), GS_EARGS);
        assert_error(err, "part 1 has the weight");
    }
}

static void candidates_lead_by_the_weighted_sum_of_cosines(void **state)
{
    (void)state;
    const gs_query_part parts[] = {{GS_PART_IMAGE, GS_GAUSSIAN_DENSITY, 1, NULL},
                                   {GS_PART_TEXT, GS_FIRST_MOMENT, -2, NULL}};
    double cosines[] = {0.5, 0.9, NAN, 0.4, 0.1, 0.4, 0, 0.0};
    uint32_t found[4];
    /* 0.5 - 0.2, 0.9 - 0.8, left out, 0.4 - 0 */
    assert_int_equal(gs_query_candidates(parts, 2, cosines, 4, TAU, found, 4), 3);
    assert_int_equal(found[0], 3);
    assert_int_equal(found[1], 0);
    assert_int_equal(found[2], 1);
}

static void a_score_without_its_data_is_refused(void **state)
{
    (void)state;
    float feature[2] = {1, 0}, mean[2] = {0.6F, 0};
    gs_scored_model model = {.dim = 2, .mean = mean};
    double score, work[2];
    for (int method = 0; method < GS_METHOD_COUNT; method++) {
        gs_query_part part = {GS_PART_IMAGE, (gs_method)method, 1, feature};
        gs_status expected = method == GS_FIRST_MOMENT ? GS_OK : GS_EARGS;
        assert_int_equal(gs_query_score(&part, &model, TAU, work, &score, &err), expected);
    }
    gs_query_part part = {GS_PART_IMAGE, GS_MONTE_CARLO, 1, feature};
    assert_int_equal(gs_query_score(&part, &model, TAU, work, &score, &err), GS_EARGS);
    assert_error(err, "--keep-features");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_known_by_name_and_have_a_method),
        cmocka_unit_test(the_product_of_weighted_parts_equals_scipy),
        cmocka_unit_test(a_model_that_was_not_scored_leaves_the_others_as_if_it_were_not_there),
        cmocka_unit_test(a_weight_of_nothing_is_refused),
        cmocka_unit_test(candidates_lead_by_the_weighted_sum_of_cosines),
        cmocka_unit_test(a_score_without_its_data_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

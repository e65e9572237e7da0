/* query.h: kinds, candidates, and the product of parts. What it should give is computed plainly here, or by SciPy (golden/query_golden.h). */
#include "core_test.h"

#include "core/background.h"
#include "core/combine.h"
#include "core/query.h"
#include "core/rank.h"
#include "query_golden.h"

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
    assert_int_equal(gs_part_default_method(GS_PART_TEXT), GS_CENTRED_MOMENT);
    assert_int_equal(gs_part_default_method(GS_PART_SKETCH), GS_GAUSSIAN_DENSITY);
}

static void rank_as_golden(const double *scores, const double *expected, bool in_conflict)
{
    const gs_query_part parts[] = {{.kind = GS_PART_IMAGE, .method = GS_GAUSSIAN_DENSITY, .weight = query_weights[0]},
                                   {.kind = GS_PART_TEXT, .method = GS_FIRST_MOMENT, .weight = query_weights[1]},
                                   {.kind = GS_PART_TEXT, .method = GS_MONTE_CARLO, .weight = query_weights[2]}};
    double result[RANKED];
    bool conflict;
    assert_int_equal(gs_query_rank(parts, 3, scores, RANKED, TAU, result, &conflict, &err), GS_OK);
    assert_int_equal(conflict, in_conflict);
    for (size_t i = 0; i < RANKED; i++)
        assert_close(result[i], expected[i], 1e-12);
}

static void parts_that_agree_are_a_product_of_equal_spreads_as_in_scipy(void **state)
{
    (void)state;
    rank_as_golden(agreeing_scores, agreeing_ranked, false);
}

static void parts_in_conflict_are_a_mixture_as_in_scipy(void **state)
{
    (void)state;
    rank_as_golden(conflicting_scores, conflicting_ranked, true);
}

static void one_part_keeps_its_own_probabilities(void **state)
{
    (void)state;
    const gs_query_part part = {.kind = GS_PART_TEXT, .method = GS_FIRST_MOMENT, .weight = 1};
    const double scores[] = {0.3, 0.1, 0.2};
    double result[3], expected[3] = {0.3 * TAU, 0.1 * TAU, 0.2 * TAU};
    bool conflict;
    gs_log_softmax(expected, 3);
    assert_int_equal(gs_query_rank(&part, 1, scores, 3, TAU, result, &conflict, &err), GS_OK);
    assert_false(conflict);
    for (size_t i = 0; i < 3; i++)
        assert_close(result[i], expected[i], 1e-12);
}

static void a_part_that_tells_no_model_from_another_changes_nothing(void **state)
{
    (void)state;
    const gs_query_part parts[] = {{.kind = GS_PART_IMAGE, .method = GS_MONTE_CARLO, .weight = 1},
                                   {.kind = GS_PART_TEXT, .method = GS_MONTE_CARLO, .weight = 1}};
    const double scores[] = {1, 2, 3, 5, 5, 5};
    double with[3], without[3];
    bool conflict;
    assert_int_equal(gs_query_rank(parts, 2, scores, 3, TAU, with, &conflict, &err), GS_OK);
    assert_int_equal(gs_query_rank(parts, 1, scores, 3, TAU, without, NULL, &err), GS_OK);
    assert_false(conflict);
    for (size_t i = 0; i < 3; i++)
        assert_close(with[i], without[i], 1e-14);
}

static void a_model_that_was_not_scored_leaves_the_others_as_if_it_were_not_there(void **state)
{
    (void)state;
    const gs_query_part parts[] = {{.kind = GS_PART_TEXT, .method = GS_MONTE_CARLO, .weight = 1},
                                   {.kind = GS_PART_TEXT, .method = GS_MONTE_CARLO, .weight = -0.5}};
    const double all[] = {3, 7, 1, 2, 9, 4, 5, 6}, few[] = {3, 1, 2, 9, 5, 6};
    double with[4], without[3], scores[8];
    memcpy(scores, all, sizeof all);
    scores[1] = NAN; /* of the first part alone */
    assert_int_equal(gs_query_rank(parts, 2, scores, 4, TAU, with, NULL, &err), GS_OK);
    assert_int_equal(gs_query_rank(parts, 2, few, 3, TAU, without, NULL, &err), GS_OK);
    assert_true(isnan(with[1]));
    assert_close(with[0], without[0], 1e-14);
    assert_close(with[2], without[1], 1e-14);
    assert_close(with[3], without[2], 1e-14);
}

static void a_weight_of_nothing_is_refused(void **state)
{
    (void)state;
    double nothing[2];
    assert_int_equal(gs_query_rank(NULL, 0, NULL, 2, TAU, nothing, NULL, &err), GS_EARGS);
    assert_error(err, "without parts");
    const double scores[2] = {1, 2}, bad[] = {0, NAN, INFINITY};
    double result[2];
    for (size_t i = 0; i < COUNT(bad); i++) {
        gs_query_part part = {.kind = GS_PART_TEXT, .method = GS_FIRST_MOMENT, .weight = bad[i]};
        assert_int_equal(gs_query_rank(&part, 1, scores, 2, TAU, result, NULL, &err), GS_EARGS);
        assert_error(err, "part 1 has the weight");
    }
}

static void candidates_lead_by_the_weighted_sum_of_cosines(void **state)
{
    (void)state;
    const gs_query_part parts[] = {{.kind = GS_PART_IMAGE, .method = GS_GAUSSIAN_DENSITY, .weight = 1},
                                   {.kind = GS_PART_TEXT, .method = GS_FIRST_MOMENT, .weight = -2}};
    double cosines[] = {0.5, 0.9, NAN, 0.4, 0.1, 0.4, 0, 0.0};
    uint32_t found[4];
    /* 0.5 - 0.2, 0.9 - 0.8, left out, 0.4 - 0 */
    assert_int_equal(gs_query_candidates(parts, 2, cosines, 4, TAU, found, 4), 3);
    assert_int_equal(found[0], 3);
    assert_int_equal(found[1], 0);
    assert_int_equal(found[2], 1);
}

static void the_centred_moment_is_the_first_less_the_models_mean_over_the_background(void **state)
{
    (void)state;
    const double means[] = {0.3, 0.25};
    const gs_background background = {means, GS_NO_CUTOFFS};
    float feature[2] = {1, 0}, mean[2] = {0.3F, 0.4F};
    double score, work[2], cosines[] = {0.6, 0.5};
    gs_query_part part = {
        .kind = GS_PART_TEXT, .method = GS_CENTRED_MOMENT, .weight = 1, .feature = feature, .background = &background};
    gs_scored_model model = {.index = 1, .dim = 2, .mean = mean};
    assert_int_equal(gs_query_score(&part, &model, TAU, work, &score, &err), GS_OK);
    assert_close(score, 0.6 - 0.25 / 2, 1e-7);
    part.background = NULL;
    assert_int_equal(gs_query_score(&part, &model, TAU, work, &score, &err), GS_OK);
    assert_close(score, 0.6, 1e-7);

    uint32_t found[2];
    const double strong[] = {0.5, 0.1};
    part.background = &(gs_background){strong, GS_NO_CUTOFFS}; /* 0.6 - 0.5 / 2, 0.5 - 0.1 / 2 */
    assert_int_equal(gs_query_candidates(&part, 1, cosines, 2, TAU, found, 2), 2);
    assert_int_equal(found[0], 1);
}

static void a_lead_is_that_of_numpy(void **state)
{
    (void)state;
    for (size_t q = 0; q < COUNT(lead_expected); q++) {
        const gs_background background = {lead_means, GS_NO_CUTOFFS};
        double lead;
        const double *cosines = lead_cosines + q * LEAD_MODELS;
        assert_int_equal(gs_background_lead(&background, cosines, NULL, LEAD_MODELS, &lead, &err), GS_OK);
        assert_close(lead, lead_expected[q], 1e-14);
        assert_int_equal(gs_background_lead(&background, cosines, lead_ranked, LEAD_MODELS, &lead, &err), GS_OK);
        assert_close(lead, lead_expected_ranked[q], 1e-14);
    }
    double values[COUNT(lead_means)];
    memcpy(values, lead_means, sizeof values);
    assert_close(gs_quantile(values, COUNT(lead_means), 0.8), lead_means_quantile, 1e-14);
    assert_close(gs_quantile(values, 1, 0.8), values[0], 0);
}

static void what_no_model_makes_is_not_matched(void **state)
{
    (void)state;
    const double means[] = {0.2, 0.1, 0.1}, ranked[] = {-1, -1, NAN};
    const gs_background background = {means, {.lead = 0.15, .density = 7, .lowrank = -INFINITY}};
    const gs_query_part parts[] = {
        {.kind = GS_PART_TEXT, .method = GS_CENTRED_MOMENT, .weight = 1, .background = &background},
        {.kind = GS_PART_IMAGE, .method = GS_GAUSSIAN_LOWRANK, .weight = 1, .background = &background},
        {.kind = GS_PART_TEXT, .method = GS_FIRST_MOMENT, .weight = -1, .background = &background},
        {.kind = GS_PART_SKETCH, .method = GS_GAUSSIAN_DENSITY, .weight = 1, .background = &background},
        {.kind = GS_PART_TEXT, .method = GS_FIRST_MOMENT, .weight = 1}};
    /* Centred: 0.1 0.1 0.2; -0.1 0.3 0.1; and then three that do not matter. The third model is not ranked. */
    const double cosines[] = {0.3, 0.2, 0.3, 0.1, 0.4, 0.2, 0, 0, 0, 0, 0, 0, 0, 0, 0}, scores[15] = {0};
    bool matched[5], makes[3];
    assert_int_equal(gs_query_matched(parts, 5, cosines, scores, ranked, 3, matched, makes, &err), GS_OK);
    const bool expected[] = {false, true, true, true, true};
    for (size_t p = 0; p < 5; p++)
        assert_int_equal(matched[p], expected[p]);
    assert_false(makes[0]);
    assert_true(makes[1]); /* 0.3 is 0.2 above the median of the second part */
    assert_false(makes[2]);
    assert_true(gs_query_has_cutoff(parts, 2));
    assert_false(gs_query_has_cutoff(parts + 2, 3));
    assert_true(gs_query_any_matched(parts, 2, matched));
    assert_false(gs_query_any_matched(parts, 1, matched));
    assert_true(gs_query_any_matched(parts + 2, 1, matched + 2));
    const bool neither[] = {false, false, true};
    assert_false(gs_query_any_matched(parts, 3, neither));
}

static void a_picture_is_matched_by_its_best_density_where_that_has_a_cutoff(void **state)
{
    (void)state;
    const double means[3] = {0}, cosines[] = {0.9, 0, 0}, ranked[] = {-1, -1, NAN};
    const gs_background background = {means, {.lead = 0.5, .density = 7, .lowrank = 9}};
    const struct {
        gs_method method;
        double scores[3];
        bool matched;
    } cases[] = {
        {GS_GAUSSIAN_DENSITY, {6, 7, NAN}, true},  {GS_GAUSSIAN_DENSITY, {6, 6.9, NAN}, false},
        {GS_GAUSSIAN_DENSITY, {6, 6.9, 8}, false}, /* the third is not ranked */
        {GS_GAUSSIAN_LOWRANK, {8, 7, NAN}, false}, {GS_GAUSSIAN_LOWRANK, {9, 7, NAN}, true},
        {GS_FIRST_MOMENT, {0.9, 0, 0}, true},
    };
    for (size_t c = 0; c < COUNT(cases); c++) {
        gs_query_part part = {.kind = GS_PART_IMAGE, .method = cases[c].method, .weight = 1, .background = &background};
        bool matched;
        assert_int_equal(gs_query_matched(&part, 1, cosines, cases[c].scores, ranked, 3, &matched, NULL, &err), GS_OK);
        assert_int_equal(matched, cases[c].matched);
    }
}

static void a_score_without_its_data_is_refused(void **state)
{
    (void)state;
    float feature[2] = {1, 0}, mean[2] = {0.6F, 0};
    gs_scored_model model = {.dim = 2, .mean = mean};
    double score, *work = malloc(2 * sizeof *work);
    for (int method = 0; method < GS_METHOD_COUNT; method++) {
        gs_query_part part = {.kind = GS_PART_IMAGE, .method = (gs_method)method, .weight = 1, .feature = feature};
        gs_status expected = gs_method_needs((gs_method)method) == GS_NEEDS_MEAN ? GS_OK : GS_EARGS;
        assert_int_equal(gs_query_score(&part, &model, TAU, work, &score, &err), expected);
    }
    gs_query_part part = {.kind = GS_PART_IMAGE, .method = GS_MONTE_CARLO, .weight = 1, .feature = feature};
    assert_int_equal(gs_query_score(&part, &model, TAU, work, &score, &err), GS_EARGS);
    assert_error(err, "--keep-features");
    free(work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_known_by_name_and_have_a_method),
        cmocka_unit_test(parts_that_agree_are_a_product_of_equal_spreads_as_in_scipy),
        cmocka_unit_test(parts_in_conflict_are_a_mixture_as_in_scipy),
        cmocka_unit_test(one_part_keeps_its_own_probabilities),
        cmocka_unit_test(a_part_that_tells_no_model_from_another_changes_nothing),
        cmocka_unit_test(a_model_that_was_not_scored_leaves_the_others_as_if_it_were_not_there),
        cmocka_unit_test(a_weight_of_nothing_is_refused),
        cmocka_unit_test(candidates_lead_by_the_weighted_sum_of_cosines),
        cmocka_unit_test(the_centred_moment_is_the_first_less_the_models_mean_over_the_background),
        cmocka_unit_test(a_lead_is_that_of_numpy),
        cmocka_unit_test(what_no_model_makes_is_not_matched),
        cmocka_unit_test(a_picture_is_matched_by_its_best_density_where_that_has_a_cutoff),
        cmocka_unit_test(a_score_without_its_data_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

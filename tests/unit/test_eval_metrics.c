/* metrics.h beside scikit-learn and SciPy: golden/metrics_golden.h, made by golden/make_metrics.py. */
#include "indexer/eval/metrics.h"

#include "core/background.h" /* gs_quantile */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/golden/metrics_golden.h"

static const size_t cuts[] = {1, 5, 10};

static size_t relevant_of(const bool *ranking)
{
    size_t total = 0;
    for (size_t i = 0; i < COUNT; i++)
        total += ranking[i];
    return total;
}

static void top_k_is_that_of_scikit_learn(void **state)
{
    (void)state;
    for (size_t r = 0; r < RANKINGS; r++)
        for (size_t c = 0; c < 3; c++)
            assert_true(gs_metric_top(rankings + r * COUNT, COUNT, cuts[c]) == tops[r * 3 + c]);
}

static void average_precision_is_that_of_scikit_learn(void **state)
{
    (void)state;
    for (size_t r = 0; r < RANKINGS; r++) {
        const bool *ranking = rankings + r * COUNT;
        size_t total = relevant_of(ranking);
        for (size_t c = 0; c < 3; c++)
            assert_float_equal(gs_metric_average_precision(ranking, COUNT, total, cuts[c]), cut_precisions[r * 3 + c],
                               1e-12);
        assert_float_equal(gs_metric_average_precision(ranking, COUNT, total, SIZE_MAX), precisions[r], 1e-12);
    }
}

static void relevant_models_that_are_not_ranked_lower_the_precision(void **state)
{
    (void)state;
    const bool ranking[] = {true, false, true};
    assert_float_equal(gs_metric_average_precision(ranking, 3, 4, SIZE_MAX), (1 + 2. / 3) / 4, 1e-15);
}

static void quantiles_are_those_of_numpy(void **state)
{
    (void)state;
    static const double at[] = {0, 0.25, 0.3, 1};
    double sorted[VALUES];
    memcpy(sorted, values, sizeof sorted);
    for (size_t i = 0; i < 4; i++)
        assert_float_equal(gs_quantile(sorted, VALUES, at[i]), quantiles[i], 1e-12);
}

static void an_interval_is_that_of_scipys_bootstrap(void **state)
{
    (void)state;
    gs_interval found = gs_metric_mean(values, VALUES), again = gs_metric_mean(values, VALUES);
    double width = mean_and_interval[2] - mean_and_interval[1];
    assert_float_equal(found.mean, mean_and_interval[0], 1e-12);
    assert_float_equal(found.low, mean_and_interval[1], width * 0.06); /* of 1,000 resamples, not 200,000 */
    assert_float_equal(found.high, mean_and_interval[2], width * 0.06);
    assert_true(found.low == again.low && found.high == again.high);
}

static void the_interval_of_equal_values_is_a_point(void **state)
{
    (void)state;
    const double equal[] = {0.5, 0.5, 0.5};
    gs_interval found = gs_metric_mean(equal, 3);
    assert_true(found.mean == 0.5 && found.low == 0.5 && found.high == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(top_k_is_that_of_scikit_learn),
        cmocka_unit_test(average_precision_is_that_of_scikit_learn),
        cmocka_unit_test(relevant_models_that_are_not_ranked_lower_the_precision),
        cmocka_unit_test(quantiles_are_those_of_numpy),
        cmocka_unit_test(an_interval_is_that_of_scipys_bootstrap),
        cmocka_unit_test(the_interval_of_equal_values_is_a_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* filter.h: what is a condition and what is words, and which models pass. The expectations are written by hand. */
#include "core_test.h"

#include "core/filter.h"

static gs_error err;

static gs_filter parsed(const char *text)
{
    gs_filter filter;
    assert_int_equal(gs_filter_parse(&filter, text, strlen(text), &err), GS_OK);
    return filter;
}

static void expect_words(const char *text, const char *words, size_t conditions)
{
    gs_filter filter = parsed(text);
    if (strcmp(filter.words, words) != 0)
        printf("'%s': the words are '%s', expected '%s'\n", text, filter.words, words);
    assert_string_equal(filter.words, words);
    assert_int_equal(filter.count, conditions);
    gs_filter_free(&filter);
}

static void words_and_conditions_are_told_apart(void **state)
{
    (void)state;
    expect_words("a red car", "a red car", 0);
    expect_words("  a\tred \n car ", "a red car", 0);
    expect_words("a red tag:vehicle car", "a red car", 1);
    expect_words("title:\"old cars\" author:'x' type:GAN family:StyleGAN license:MIT tag:car", "", 6);
    expect_words("-anime cat -tag:dog", "cat", 2);
    expect_words("\"a red\" car", "a red car", 0);
    expect_words("", "", 0);
}

static void what_only_looks_like_a_condition_is_words(void **state)
{
    (void)state;
    expect_words("see http://example.org at 10:30", "see http://example.org at 10:30", 0);
    expect_words("black-and-white - photo", "black-and-white - photo", 0);
    expect_words("tags:cat Tag:cat", "tags:cat Tag:cat", 0);
}

static void a_condition_that_is_still_being_typed_is_none(void **state)
{
    (void)state;
    expect_words("cat tag:", "cat", 0);
    expect_words("cat tag:\"", "cat", 0);
    expect_words("cat -tag:", "cat", 0);
    expect_words("tag:\"two words", "", 1);
}

static const char *const cats[GS_FIELD_COUNT] = {
    [GS_FIELD_TITLE] = "Playful Cats",       [GS_FIELD_AUTHOR] = "Jane Doe\nErika Mustermann",
    [GS_FIELD_TAG] = "cat\nblack and white", [GS_FIELD_TYPE] = "GAN",
    [GS_FIELD_FAMILY] = "StyleGAN2",         [GS_FIELD_LICENSE] = "CC-BY-4.0",
    [GS_FIELD_RESOLUTION] = "64x64"};

static void expect_passes(const char *text, bool expected)
{
    gs_filter filter = parsed(text);
    bool passes = !expected;
    assert_int_equal(gs_filter_passes(&filter, cats, &passes, &err), GS_OK);
    if (passes != expected)
        printf("'%s' %s\n", text, passes ? "passes" : "does not pass");
    assert_int_equal(passes, expected);
    gs_filter_free(&filter);
}

static void a_field_contains_or_equals_its_value(void **state)
{
    (void)state;
    expect_passes("whatever words", true);
    expect_passes("title:cats", true);
    expect_passes("title:\"ful cat\"", true);
    expect_passes("title:dogs", false);
    expect_passes("author:mustermann", true);
    expect_passes("tag:CAT", true);
    expect_passes("tag:ca", false);
    expect_passes("tag:\"black and white\"", true);
    expect_passes("tag:black", false);
    expect_passes("type:gan", true);
    expect_passes("type:GANs", false);
    expect_passes("family:stylegan", true);
    expect_passes("license:cc-by", true);
    expect_passes("resolution:64x64", true);
    expect_passes("resolution:64", false);
    expect_passes("-64x64", true);
    expect_passes("-resolution:64x64", false);
}

static void one_field_is_alternatives_and_fields_must_all_hold(void **state)
{
    (void)state;
    expect_passes("tag:dog tag:cat", true);
    expect_passes("tag:cat type:VAE", false);
    expect_passes("tag:cat type:VAE type:GAN", true);
    expect_passes("tag:dog tag:bird", false);
}

static void excluded_words_are_whole_words_of_any_field(void **state)
{
    (void)state;
    expect_passes("-cat", false);
    expect_passes("-play", true); /* of "Playful" */
    expect_passes("-doe", false);
    expect_passes("-dog", true);
    expect_passes("-type:GAN", false);
    expect_passes("-type:VAE -tag:dog", true);
    expect_passes("tag:cat -\"black and white\"", false);
}

static void case_is_ignored_beyond_ascii(void **state)
{
    (void)state;
    const char *const model[GS_FIELD_COUNT] = {
        [GS_FIELD_TITLE] = "\xc3\x84pfel", [GS_FIELD_TAG] = "\xd0\x9a\xd0\xbe\xd1\x82"};
    gs_filter filter = parsed("title:\xc3\xa4pfel tag:\xd0\xba\xd0\xbe\xd1\x82");
    bool passes = false;
    assert_int_equal(gs_filter_passes(&filter, model, &passes, &err), GS_OK);
    assert_true(passes);
    gs_filter_free(&filter);
    filter = parsed("title:a\xcc\x88pfel"); /* the same letter, composed of two points */
    assert_int_equal(gs_filter_passes(&filter, model, &passes, &err), GS_OK);
    assert_true(passes);
    gs_filter_free(&filter);
}

static void a_model_without_the_field_does_not_pass(void **state)
{
    (void)state;
    const char *const bare[GS_FIELD_COUNT] = {[GS_FIELD_TITLE] = "x"};
    gs_filter filter = {0};
    bool passes = true;
    assert_int_equal(gs_filter_add(&filter, GS_FIELD_LICENSE, "MIT", 3, &err), GS_OK);
    assert_int_equal(gs_filter_passes(&filter, bare, &passes, &err), GS_OK);
    assert_false(passes);
    gs_filter_free(&filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_conditions_are_told_apart),
        cmocka_unit_test(what_only_looks_like_a_condition_is_words),
        cmocka_unit_test(a_condition_that_is_still_being_typed_is_none),
        cmocka_unit_test(a_field_contains_or_equals_its_value),
        cmocka_unit_test(one_field_is_alternatives_and_fields_must_all_hold),
        cmocka_unit_test(excluded_words_are_whole_words_of_any_field),
        cmocka_unit_test(case_is_ignored_beyond_ascii),
        cmocka_unit_test(a_model_without_the_field_does_not_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* golden/clip_tiny/make.py: transformers 5.23.0, torch 2.13.0, seed 11. Tokens and features of four tiny models. */
#include "encoder_test.h"

static const char *const variants[] = {"clip_tiny/quick_gelu_f32", "clip_tiny/gelu_f16", "clip_tiny/legacy_bf16",
                                       "clip_tiny/laion_shards_f16"};

static void check_backend(const gs_encoder_options *options)
{
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        opened o = open_golden(variants[v], options);
        check_texts(&o);
        check_images(&o);
        close_golden(&o);
    }
}

static void features_equal_those_of_transformers(void **state)
{
    (void)state;
    check_backend(NULL);
}

static void features_of_the_reference_backend_equal_those_of_transformers(void **state)
{
    (void)state;
    check_backend(&(gs_encoder_options){.backend = "blas"});
}

static void features_of_onednn_and_panels_equal_those_of_transformers(void **state)
{
    (void)state;
    check_backend(&(gs_encoder_options){.backend = "onednn"});
    if (gs_backend_panels())
        check_backend(&(gs_encoder_options){.backend = "panels"});
}

static void bf16_features_are_near_those_of_transformers(void **state)
{
    (void)state;
    const gs_backend *backend;
    if (gs_backend_pick(&backend, NULL, GS_PRECISION_BF16, 1000, NULL) != GS_OK)
        skip(); /* no such instructions */
    check_backend(&(gs_encoder_options){.precision = GS_PRECISION_BF16});
}

static void int8_features_are_near_those_of_transformers(void **state)
{
    (void)state;
    check_backend(&(gs_encoder_options){.precision = GS_PRECISION_INT8});
}

static void backends_that_are_not_there_are_refused(void **state)
{
    (void)state;
    const gs_backend *backend;
    gs_error err;
    assert_int_equal(gs_backend_pick(&backend, "mkl", GS_PRECISION_F32, 1000, &err), GS_EARGS);
    assert_string_equal(err.message, "no backend is called 'mkl': expected blas, onednn or panels");
    assert_int_equal(gs_backend_pick(&backend, "blas", GS_PRECISION_BF16, 1000, &err), GS_EARGS);
    assert_string_equal(err.message, "the backends blas and panels multiply f32 only");
}

static void features_do_not_depend_on_batch_and_threads(void **state)
{
    (void)state;
    static const gs_encoder_options options[] = {{.threads = 1, .batch = 1}, {.threads = 1, .batch = 4},
                                                 {.threads = 3, .batch = 1}, {.threads = 3, .batch = 100},
                                                 {.threads = 8, .batch = 2}, {.threads = 16, .batch = 32}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        opened o = open_golden("clip_tiny/quick_gelu_f32", &options[i]);
        check_texts(&o);
        check_images(&o);
        close_golden(&o);
    }
}

static void tokens_equal_those_of_transformers(void **state)
{
    (void)state;
    opened o = open_golden("clip_tiny/gelu_f16", NULL);
    check_tokens(&o);
    close_golden(&o);
}

static void info_says_what_the_files_say(void **state)
{
    (void)state;
    opened o = open_golden("clip_tiny/legacy_bf16", NULL), other = open_golden("clip_tiny/gelu_f16", NULL);
    const gs_encoder_info *info = gs_encoder_get_info(o.encoder);
    assert_string_equal(info->name, "legacy_bf16");
    assert_int_equal(info->dim, 20);
    assert_int_equal(info->image_size, 32);
    assert_true(info->has_text);
    double tau = cJSON_GetObjectItemCaseSensitive(o.expected.root, "tau")->valuedouble;
    assert_true(fabs(info->tau - tau) < 1e-5 * tau);
    assert_int_equal(strlen(info->fingerprint), 64);
    assert_string_not_equal(info->fingerprint, gs_encoder_get_info(other.encoder)->fingerprint);
    close_golden(&o);
    close_golden(&other);
}

/* Databases hold these: an encoder that was indexed with must be known again by every later version. */
static void fingerprints_are_those_of_the_first_version(void **state)
{
    (void)state;
    static const char *const known[] = {"a48baa4c4150356539721cf8a9320cba18ce0d34729f1573b840b320499523cf",
                                        "f7f6e24a8544bc6a2008a2762263f04f758a9e1cfdf6586057bd5003ba74b8d0",
                                        "0a4b2fdee72e6da4e84cfa87e6f286ec1a087e1d32356c57249b16e4024a54c7"};
    for (size_t v = 0; v < 3; v++) {
        opened o = open_golden(variants[v], v ? NULL : &(gs_encoder_options){.threads = 1, .batch = 1});
        assert_string_equal(gs_encoder_get_info(o.encoder)->fingerprint, known[v]);
        close_golden(&o);
    }
}

static void nothing_to_encode_is_fine(void **state)
{
    (void)state;
    opened o = open_golden("clip_tiny/gelu_f16", NULL);
    assert_int_equal(gs_encoder_texts(o.encoder, NULL, 0, NULL, NULL), GS_OK);
    assert_int_equal(gs_encoder_images(o.encoder, NULL, 0, NULL, NULL), GS_OK);
    close_golden(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_equal_those_of_transformers),
        cmocka_unit_test(features_of_the_reference_backend_equal_those_of_transformers),
        cmocka_unit_test(features_of_onednn_and_panels_equal_those_of_transformers),
        cmocka_unit_test(bf16_features_are_near_those_of_transformers),
        cmocka_unit_test(int8_features_are_near_those_of_transformers),
        cmocka_unit_test(backends_that_are_not_there_are_refused),
        cmocka_unit_test(features_do_not_depend_on_batch_and_threads),
        cmocka_unit_test(tokens_equal_those_of_transformers),
        cmocka_unit_test(info_says_what_the_files_say),
        cmocka_unit_test(fingerprints_are_those_of_the_first_version),
        cmocka_unit_test(nothing_to_encode_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

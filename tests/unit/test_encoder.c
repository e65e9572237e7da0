/* golden/clip_tiny/make.py: transformers 5.23.0, torch 2.13.0, seed 11. Tokens and features of three tiny models. */
#include "encoder/encoder.h"
#include "encoder/json.h"
#include "util/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE        1e-4 /* largest absolute difference of f32 features */
#define COSINE_TOLERANCE 2e-4 /* of bf16 features */
#define MAX_INPUTS       16

static const char *const variants[] = {"quick_gelu_f32", "gelu_f16", "legacy_bf16"};

typedef struct {
    gs_encoder *encoder;
    gs_json expected;
    const char *name;
} opened;

static opened open_variant(const char *name, const gs_encoder_options *options)
{
    char directory[512], path[600];
    static char kept[3][600];
    static int next;
    gs_error err;
    opened o = {.name = name};
    snprintf(directory, sizeof directory, "%s/clip_tiny/%s", GS_GOLDEN, name);
    snprintf(path, sizeof path, "%s/expected.json", directory);
    memcpy(kept[next % 3], path, sizeof path);
    if (gs_encoder_open(&o.encoder, directory, options, &err) != GS_OK)
        fail_msg("%s", err.message);
    if (gs_json_open(&o.expected, kept[next++ % 3], 1 << 20, &err) != GS_OK)
        fail_msg("%s", err.message);
    return o;
}

static void close_variant(opened *o)
{
    gs_encoder_close(o->encoder);
    gs_json_close(&o->expected);
}

static const cJSON *expected_list(const opened *o, const char *field)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o->expected.root, field);
    assert_true(cJSON_GetArraySize(list) > 0);
    return list;
}

/* Fails unless feature [dim] is within tolerance of item's: component for component, or for bf16 by the cosine. */
static void compare_feature(const opened *o, const cJSON *item, size_t i, const float *feature)
{
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(item, "feature"), *value;
    const gs_encoder_info *info = gs_encoder_get_info(o->encoder);
    bool rounded = strcmp(info->backend, "onednn-bf16") == 0;
    double cosine = 0;
    size_t k = 0;
    assert_int_equal(cJSON_GetArraySize(want), info->dim);
    cJSON_ArrayForEach(value, want)
    {
        cosine += value->valuedouble * (double)feature[k];
        if (!rounded && !(fabs(value->valuedouble - (double)feature[k]) <= TOLERANCE))
            fail_msg("%s, %s: input %zu, component %zu is %.7f, transformers has %.7f", o->name, info->backend, i, k,
                     (double)feature[k], value->valuedouble);
        k++;
    }
    if (!(cosine >= 1 - COSINE_TOLERANCE))
        fail_msg("%s, %s: input %zu has a cosine of %.6f with transformers' feature", o->name, info->backend, i,
                 cosine);
}

static void check_texts(const opened *o)
{
    const cJSON *list = expected_list(o, "texts"), *item;
    const char *texts[MAX_INPUTS];
    size_t n = 0, dim = gs_encoder_get_info(o->encoder)->dim, i = 0;
    cJSON_ArrayForEach(item, list) texts[n++] = cJSON_GetObjectItemCaseSensitive(item, "text")->valuestring;
    float *features = calloc(n * dim, sizeof *features);
    gs_error err;
    if (gs_encoder_texts(o->encoder, texts, n, features, &err) != GS_OK)
        fail_msg("%s", err.message);
    cJSON_ArrayForEach(item, list)
    {
        compare_feature(o, item, i, features + i * dim);
        i++;
    }
    free(features);
}

/* pixel(x, y, channel) of make.py */
static void paint(gs_image *image, int width, int height)
{
    gs_error err;
    if (gs_image_alloc(image, width, height, &err) != GS_OK)
        fail_msg("%s", err.message);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int channel = 0; channel < 3; channel++)
                image->rgb[(y * width + x) * 3 + channel] =
                    (uint8_t)(x * 7 + y * 13 + channel * 29 + (x * y) % 31 * 5 + (x / 3) * (y / 5) * 11);
}

static void check_images(const opened *o)
{
    const cJSON *list = expected_list(o, "images"), *item;
    gs_image images[MAX_INPUTS];
    size_t n = 0, dim = gs_encoder_get_info(o->encoder)->dim, i = 0;
    cJSON_ArrayForEach(item, list) paint(&images[n++], cJSON_GetObjectItemCaseSensitive(item, "width")->valueint,
                                         cJSON_GetObjectItemCaseSensitive(item, "height")->valueint);
    float *features = calloc(n * dim, sizeof *features);
    gs_error err;
    if (gs_encoder_images(o->encoder, images, n, features, &err) != GS_OK)
        fail_msg("%s", err.message);
    cJSON_ArrayForEach(item, list)
    {
        compare_feature(o, item, i, features + i * dim);
        gs_image_free(&images[i++]);
    }
    free(features);
}

static void check_backend(const gs_encoder_options *options)
{
    for (size_t v = 0; v < 3; v++) {
        opened o = open_variant(variants[v], options);
        check_texts(&o);
        check_images(&o);
        close_variant(&o);
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

static void bf16_features_are_near_those_of_transformers(void **state)
{
    (void)state;
    const gs_backend *backend;
    if (gs_backend_pick(&backend, NULL, GS_PRECISION_BF16, NULL) != GS_OK)
        skip(); /* no such instructions */
    check_backend(&(gs_encoder_options){.precision = GS_PRECISION_BF16});
}

static void backends_that_are_not_there_are_refused(void **state)
{
    (void)state;
    const gs_backend *backend;
    gs_error err;
    assert_int_equal(gs_backend_pick(&backend, "mkl", GS_PRECISION_F32, &err), GS_EARGS);
    assert_string_equal(err.message, "no backend is called 'mkl': expected blas or onednn");
    assert_int_equal(gs_backend_pick(&backend, "blas", GS_PRECISION_BF16, &err), GS_EARGS);
    assert_string_equal(err.message, "the backend blas multiplies f32 only");
}

static void features_do_not_depend_on_batch_and_threads(void **state)
{
    (void)state;
    static const gs_encoder_options options[] = {{.threads = 1, .batch = 1}, {.threads = 1, .batch = 4},
                                                 {.threads = 3, .batch = 1}, {.threads = 3, .batch = 100},
                                                 {.threads = 8, .batch = 2}, {.threads = 16, .batch = 32}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        opened o = open_variant("quick_gelu_f32", &options[i]);
        check_texts(&o);
        check_images(&o);
        close_variant(&o);
    }
}

static void tokens_equal_those_of_transformers(void **state)
{
    (void)state;
    opened o = open_variant("gelu_f16", NULL);
    const gs_tokenizer *tokenizer = gs_encoder_get_tokenizer(o.encoder);
    const cJSON *list = expected_list(&o, "texts"), *item, *token;
    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetObjectItemCaseSensitive(item, "text")->valuestring;
        const cJSON *want = cJSON_GetObjectItemCaseSensitive(item, "tokens");
        int32_t ids[GS_MAX_TOKENS];
        size_t n = gs_tokenize(tokenizer, text, strlen(text), ids), i = 0;
        assert_int_equal(n, cJSON_GetArraySize(want));
        cJSON_ArrayForEach(token, want) assert_int_equal(ids[i++], token->valueint);
    }
    close_variant(&o);
}

static void info_says_what_the_files_say(void **state)
{
    (void)state;
    opened o = open_variant("legacy_bf16", NULL), other = open_variant("gelu_f16", NULL);
    const gs_encoder_info *info = gs_encoder_get_info(o.encoder);
    assert_string_equal(info->name, "legacy_bf16");
    assert_int_equal(info->dim, 20);
    assert_int_equal(info->image_size, 32);
    double tau = cJSON_GetObjectItemCaseSensitive(o.expected.root, "tau")->valuedouble;
    assert_true(fabs(info->tau - tau) < 1e-5 * tau);
    assert_int_equal(strlen(info->fingerprint), 64);
    assert_string_not_equal(info->fingerprint, gs_encoder_get_info(other.encoder)->fingerprint);
    close_variant(&o);
    close_variant(&other);
}

static void a_fingerprint_stays_the_same(void **state)
{
    (void)state;
    opened first = open_variant("gelu_f16", NULL),
           again = open_variant("gelu_f16", &(gs_encoder_options){.threads = 1, .batch = 1});
    assert_string_equal(gs_encoder_get_info(first.encoder)->fingerprint,
                        gs_encoder_get_info(again.encoder)->fingerprint);
    close_variant(&first);
    close_variant(&again);
}

static void nothing_to_encode_is_fine(void **state)
{
    (void)state;
    opened o = open_variant("gelu_f16", NULL);
    assert_int_equal(gs_encoder_texts(o.encoder, NULL, 0, NULL, NULL), GS_OK);
    assert_int_equal(gs_encoder_images(o.encoder, NULL, 0, NULL, NULL), GS_OK);
    close_variant(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_equal_those_of_transformers),
        cmocka_unit_test(features_of_the_reference_backend_equal_those_of_transformers),
        cmocka_unit_test(bf16_features_are_near_those_of_transformers),
        cmocka_unit_test(backends_that_are_not_there_are_refused),
        cmocka_unit_test(features_do_not_depend_on_batch_and_threads),
        cmocka_unit_test(tokens_equal_those_of_transformers),
        cmocka_unit_test(info_says_what_the_files_say),
        cmocka_unit_test(a_fingerprint_stays_the_same),
        cmocka_unit_test(nothing_to_encode_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

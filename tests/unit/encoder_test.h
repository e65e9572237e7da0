/* encoder_test.h - what the tests of encoders share: golden directories opened, and their features compared.
 *
 *     opened o = open_golden("clip_tiny/gelu_f16", NULL);
 *     check_images(&o);
 *     close_golden(&o);
 *
 * Each directory has an expected.json, from the make.py beside it.
 */
#ifndef ENCODER_TEST_H
#define ENCODER_TEST_H

#include "indexer/encoder/encoder.h"
#include "indexer/hf/json.h"
#include "indexer/util/file.h"

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
#define INT8_TOLERANCE   5e-3 /* of the cosine of int8 features */
#define MAX_INPUTS       32

typedef struct {
    gs_encoder *encoder;
    gs_json expected;
    const char *name;
    char *path; /* expected.json's  owned */
} opened;

static inline opened open_golden(const char *name, const gs_encoder_options *options)
{
    char folder[512];
    gs_error err;
    opened o = {.name = name};
    snprintf(folder, sizeof folder, "%s/%s", GS_GOLDEN, name);
    o.path = gs_path_join(folder, "expected.json");
    if (gs_encoder_open(&o.encoder, folder, options, &err) != GS_OK)
        fail_msg("%s", err.message);
    if (gs_json_open(&o.expected, o.path, 1 << 20, &err) != GS_OK)
        fail_msg("%s", err.message);
    return o;
}

static inline void close_golden(opened *o)
{
    gs_encoder_close(o->encoder);
    gs_json_close(&o->expected);
    free(o->path);
}

static inline const cJSON *expected_list(const opened *o, const char *field)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o->expected.root, field);
    assert_true(cJSON_GetArraySize(list) > 0);
    return list;
}

/* Fails unless feature [dim] is within tolerance of item's: component for component, or for bf16 and int8 by the cosine. */
static inline void compare_feature(const opened *o, const cJSON *item, size_t i, const float *feature)
{
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(item, "feature"), *value;
    const gs_encoder_info *info = gs_encoder_get_info(o->encoder);
    bool rounded = info->precision != GS_PRECISION_F32;
    double tolerance = info->precision == GS_PRECISION_INT8 ? INT8_TOLERANCE : COSINE_TOLERANCE;
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
    if (!(cosine >= 1 - tolerance))
        fail_msg("%s, %s: input %zu has a cosine of %.6f with transformers' feature", o->name, info->backend, i,
                 cosine);
}

static inline void check_texts(const opened *o)
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

static inline void check_tokens(const opened *o)
{
    const gs_tokenizer *tokenizer = gs_encoder_get_tokenizer(o->encoder);
    const cJSON *list = expected_list(o, "texts"), *item, *token;
    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetObjectItemCaseSensitive(item, "text")->valuestring;
        const cJSON *want = cJSON_GetObjectItemCaseSensitive(item, "tokens");
        int32_t ids[GS_MAX_TOKENS];
        size_t n = gs_tokenize(tokenizer, text, strlen(text), ids), i = 0;
        if (n != (size_t)cJSON_GetArraySize(want))
            fail_msg("%s: '%s' has %zu tokens, expected %d", o->name, text, n, cJSON_GetArraySize(want));
        cJSON_ArrayForEach(token, want)
        {
            if (ids[i] != token->valueint)
                fail_msg("%s: token %zu of '%s' is %d, expected %d", o->name, i, text, ids[i], token->valueint);
            i++;
        }
    }
}

/* pixel(x, y, channel) of make.py */
static inline void paint(gs_image *image, int width, int height)
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

static inline void check_images(const opened *o)
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

#endif

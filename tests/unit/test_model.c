#include "indexer/model/model.h"
#include "indexer/util/file.h"
#include "indexer/util/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATH     "zoo/x/model.json"
#define REQUIRED "\"slug\":\"a-1\",\"title\":\"A\",\"type\":\"GAN\",\"sampler\":{\"kind\":\"folder\",\"path\":\"p\"}"

static gs_error err;

static void refused(const char *text, const char *message)
{
    gs_model model;
    gs_status st = gs_model_parse(&model, text, PATH, &err);
    if (st != GS_EFORMAT || strcmp(err.message, message) != 0)
        fail_msg("%s\n  status %d: %s\n  expected: %s", text, st, err.message, message);
    assert_null(model.root);
    assert_null(model.path);
}

static void a_complete_file_is_read(void **state)
{
    (void)state;
    gs_model model;
    const char *text =
        "{" REQUIRED ",\"family\":\"StyleGAN\",\"description\":\"caf\xc3\xa9 \\u00e9\",\"authors\":[\"B\"],"
        "\"tags\":[],\"resolution\":[64,32],\"unknown\":{\"kept\":[1,null]}}";
    assert_int_equal(gs_model_parse(&model, text, PATH, &err), GS_OK);
    assert_string_equal(model.slug, "a-1");
    assert_string_equal(model.title, "A");
    assert_string_equal(model.type, "GAN");
    assert_string_equal(model.family, "StyleGAN");
    assert_string_equal(model.description, "caf\xc3\xa9 \xc3\xa9");
    assert_string_equal(model.directory, "zoo/x");
    assert_string_equal(model.path, PATH);
    assert_non_null(strstr(model.json, "\"unknown\":{\"kept\":[1,null]}"));

    char *path;
    assert_int_equal(gs_model_path(&model, "path", &path, &err), GS_OK);
    assert_string_equal(path, "zoo/x/p");
    free(path);
    assert_int_equal(gs_model_path(&model, "kine", &path, &err), GS_EFORMAT);
    assert_string_equal(err.message, PATH ": field 'sampler.kine' is missing, expected a path");
    gs_model_free(&model);
    gs_model_free(&model);
}

static void absent_optional_fields_are_empty(void **state)
{
    (void)state;
    gs_model model;
    assert_int_equal(gs_model_parse(&model, "\xef\xbb\xbf {" REQUIRED "} \n", "model.json", &err), GS_OK);
    assert_string_equal(model.family, "");
    assert_string_equal(model.description, "");
    assert_string_equal(model.directory, ".");
    gs_model_free(&model);
    assert_int_equal(gs_model_parse(&model, "{" REQUIRED "}", "/model.json", &err), GS_OK);
    assert_string_equal(model.directory, "/");
    gs_model_free(&model);
}

static void faults_name_the_file_and_the_field(void **state)
{
    (void)state;
    refused("{\"title\":\"A\"}", PATH ": field 'slug' is missing, expected a string");
    refused("{\"slug\":7}", PATH ": field 'slug' is a number, expected a string");
    refused("{\"slug\":\"\"}", PATH ": field 'slug' is empty");
    refused("{\"slug\":\"A b\"}", PATH ": field 'slug' is 'A b', expected only a-z, 0-9 and '-'");
    refused("{\"Slug\":\"a\"}", PATH ": field 'slug' is missing, expected a string");
    refused("{\"slug\":\"a\"}", PATH ": field 'title' is missing, expected a string");
    refused("{\"slug\":\"a\",\"title\":\"A\\nB\"}", PATH ": field 'title' holds the control character 0x0a");
    refused("{\"slug\":\"a\",\"title\":\"A\",\"type\":\"GAN\",\"family\":\"\\u001b[2J\"}",
            PATH ": field 'family' holds the control character 0x1b");
    refused("{\"slug\":\"a\",\"title\":\"A\",\"type\":\"gan\"}", PATH
            ": field 'type' is 'gan', expected one of GAN, VAE, diffusion, flow, autoregressive, implicit or other");
    refused("{\"slug\":\"a\",\"title\":\"A\",\"type\":\"GAN\"}",
            PATH ": field 'sampler' is missing, expected an object");
    refused("{\"slug\":\"a\",\"title\":\"A\",\"type\":\"GAN\",\"sampler\":{}}",
            PATH ": field 'sampler.kind' is missing, expected a string");
    refused("{" REQUIRED ",\"license\":null}", PATH ": field 'license' is null, expected a string");
    refused("{" REQUIRED ",\"tags\":\"cat\"}", PATH ": field 'tags' is a string, expected an array of strings");
    refused("{" REQUIRED ",\"authors\":[\"a\",{}]}", PATH ": field 'authors' holds an object, expected only strings");
    refused("{" REQUIRED ",\"resolution\":64}", PATH ": field 'resolution' is a number, expected [width, height]");
    refused("{" REQUIRED ",\"resolution\":[64,0]}",
            PATH ": field 'resolution' is not [width, height], two whole numbers from 1 to 65536");
    refused("{" REQUIRED ",\"title\":\"B\"}", PATH ": field 'title' stands there twice");
    refused("{" REQUIRED ",\"x\":[{\"y\":1,\"y\":2}]}", PATH ": field 'y' stands there twice");
    refused("[]", PATH ": is an array, expected an object");
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    refused("", PATH ": not JSON at line 1, column 1");
    refused("{\n  \"slug\": tru }", PATH ": not JSON at line 2, column 11");
    refused("{" REQUIRED "} x", PATH ": not JSON at line 1, column 80");
    refused("{\"slug\":\"\xff\"}", PATH ": not UTF-8 at byte 9");
    refused("{\"slug\":\"\\u0000\"}", PATH ": \\u0000 at byte 9, no text may hold it");
}

static void slugs_of_128_bytes_are_the_longest(void **state)
{
    (void)state;
    char text[512];
    for (int length = 128; length <= 129; length++) {
        snprintf(text, sizeof text, "{\"slug\":\"%0*d\",\"title\":\"A\",\"type\":\"GAN\",\"sampler\":{\"kind\":\"x\"}}",
                 length, 7);
        gs_model model;
        assert_int_equal(gs_model_parse(&model, text, PATH, &err), length == 128 ? GS_OK : GS_EFORMAT);
        gs_model_free(&model);
    }
    assert_string_equal(err.message, PATH ": field 'slug' has 129 bytes, at most 128 are allowed");
}

static void deep_and_wide_files_cost_little(void **state)
{
    (void)state;
    size_t many = 200000, size = many * 16 + 1024;
    char *text = malloc(size);
    size_t used = (size_t)sprintf(text, "{" REQUIRED ",\"x\":");
    memset(text + used, '[', 40);
    memset(text + used + 40, ']', 40);
    strcpy(text + used + 80, "}");
    refused(text, PATH ": nested deeper than 32 levels");
    memset(text, '[', 100000);
    text[100000] = 0;
    gs_model model;
    assert_int_equal(gs_model_parse(&model, text, PATH, &err), GS_EFORMAT); /* cJSON's own limit */

    used = (size_t)sprintf(text, "{" REQUIRED);
    for (size_t i = 0; i < many; i++)
        used += (size_t)sprintf(text + used, ",\"f%zu\":1", i);
    strcpy(text + used, "}");
    assert_int_equal(gs_model_parse(&model, text, PATH, &err), GS_OK);
    gs_model_free(&model);
    free(text);
}

static void files_are_read_from_disk(void **state)
{
    (void)state;
    char path[] = "/tmp/gensearch-model-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    gs_model model;
    char expected[128];
    assert_int_equal(gs_file_write(path, "{" REQUIRED "}", strlen("{" REQUIRED "}"), &err), GS_OK);
    assert_int_equal(gs_model_read(&model, path, &err), GS_OK);
    assert_string_equal(model.directory, "/tmp");
    gs_model_free(&model);
    assert_int_equal(gs_file_write(path, "{\0}", 3, &err), GS_OK);
    assert_int_equal(gs_model_read(&model, path, &err), GS_EFORMAT);
    snprintf(expected, sizeof expected, "%s: holds a NUL byte, expected JSON text", path);
    assert_string_equal(err.message, expected);
    remove(path);
    assert_int_equal(gs_model_read(&model, path, &err), GS_EIO);
}

static void utf8_is_checked_as_rfc_3629_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {
        {"", 0},
        {"abc\x7f", 4},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9},
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10},
        {"a\x80", 1},            /* a continuation byte first */
        {"\xc3", 0},             /* cut short */
        {"\xc0\xaf", 0},         /* overlong */
        {"\xe0\x9f\xbf", 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xf8\x88\x80\x80\x80", 0},
        {"a\xe2\x28\xa1", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(gs_utf8_invalid_at(cases[i].text, strlen(cases[i].text)), cases[i].bad);
}

static void ill_formed_bytes_are_replaced_one_by_one(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a\xc3\xa9", "a\xc3\xa9"},
        {"a\xff/b\xe2\x82", "a\xef\xbf\xbd/b\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80.png", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.png"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *repaired = gs_utf8_repair(cases[i][0]);
        assert_string_equal(repaired, cases[i][1]);
        free(repaired);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_file_is_read),
        cmocka_unit_test(absent_optional_fields_are_empty),
        cmocka_unit_test(faults_name_the_file_and_the_field),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(slugs_of_128_bytes_are_the_longest),
        cmocka_unit_test(deep_and_wide_files_cost_little),
        cmocka_unit_test(files_are_read_from_disk),
        cmocka_unit_test(utf8_is_checked_as_rfc_3629_says),
        cmocka_unit_test(ill_formed_bytes_are_replaced_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

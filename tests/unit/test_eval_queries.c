/* queries.h: what a set of queries may look like, and what is said of one that does not. */
#include "indexer/eval/queries.h"

#include "indexer/util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static gs_error err;
static char folder[] = "/tmp/gensearch-eval-XXXXXX", path[64], picture[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/q.jsonl", folder);
    snprintf(picture, sizeof picture, "%s/cat.png", folder);
    return gs_file_write(picture, "x", 1, &err) == GS_OK ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(picture);
    return rmdir(folder);
}

static gs_status read_set(gs_eval_queries *set, const char *text, size_t size)
{
    assert_int_equal(gs_file_write(path, text, size, &err), GS_OK);
    return gs_eval_queries_read(set, path, &err);
}

static void a_set_is_read(void **state)
{
    (void)state;
    static const char text[] =
        "{\"class\":\"a\",\"parts\":[{\"kind\":\"text\",\"text\":\"a "
        "cat\"},{\"kind\":\"image\",\"file\":\"cat.png\",\"weight\":-0.5}],"
        "\"expect\":{\"models\":[\"cats\"],\"tags\":[\"cat\",\"pet\"]}}\r\n"
        "\n"
        "{\"class\":\"b\",\"parts\":[{\"kind\":\"model\",\"model\":\"cats\"}],\"expect\":{\"each\":[[\"cats\"],[\"x\","
        "\"y\"]]}}\n"
        "{\"class\":\"a\",\"parts\":[{\"kind\":\"text\",\"text\":\"z\"}],\"expect\":{\"nothing\":true}}";
    gs_eval_queries set;
    assert_int_equal(read_set(&set, text, sizeof text - 1), GS_OK);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.n_parts, 4);
    assert_int_equal(set.n_groups, 2);
    assert_string_equal(set.groups[1], "b");
    assert_ptr_equal(set.queries[0].group, set.queries[2].group);
    assert_int_equal(set.queries[1].line, 3);
    assert_int_equal(set.queries[1].first_part, 2);
    assert_int_equal(cJSON_GetArraySize(set.queries[0].tags), 2);
    assert_int_equal(cJSON_GetArraySize(set.queries[1].each), 2);
    assert_true(set.queries[2].nothing);
    assert_string_equal(set.parts[0].input, "a cat");
    assert_true(set.parts[0].weight == 1);
    assert_string_equal(set.parts[1].input, picture);
    assert_true(set.parts[1].weight == -0.5);
    assert_int_equal(set.parts[2].kind, GS_PART_MODEL);
    gs_eval_queries_free(&set);
}

#define TEXT_PART "\"parts\":[{\"kind\":\"text\",\"text\":\"x\"}]"
#define NOTHING   "\"expect\":{\"nothing\":true}"

/* The second line of a file is faulty; the message names the line and what is wrong. */
static void refuse(const char *line, const char *says)
{
    char text[1024], where[128];
    int size = snprintf(text, sizeof text, "{\"class\":\"a\"," TEXT_PART "," NOTHING "}\n%s\n", line);
    gs_eval_queries set;
    assert_int_not_equal(read_set(&set, text, (size_t)size), GS_OK);
    snprintf(where, sizeof where, "%s:2: ", path);
    if (strncmp(err.message, where, strlen(where)) != 0 || !strstr(err.message, says))
        fail_msg("'%s' is not '%s ... %s'", err.message, where, says);
    assert_null(set.queries);
}

static void faulty_lines_are_named(void **state)
{
    (void)state;
    refuse("{", "no JSON object");
    refuse("[1]", "no JSON object");
    refuse("{} {}", "no JSON object");
    refuse("\"\xff\"", "UTF-8");
    refuse("{" TEXT_PART "," NOTHING "}", "'class' is missing");
    refuse("{\"class\":7," TEXT_PART "," NOTHING "}", "'class' is no such string");
    refuse("{\"class\":\"a\"," TEXT_PART "," NOTHING ",\"expects\":1}", "'expects'");
    refuse("{\"class\":\"a\"," NOTHING "}", "'parts' is no list");
    refuse("{\"class\":\"a\",\"parts\":[]," NOTHING "}", "'parts' is no list");
    refuse("{\"class\":\"a\",\"parts\":[7]," NOTHING "}", "part 1: is no object");
    refuse("{\"class\":\"a\",\"parts\":[{\"kind\":\"sound\"}]," NOTHING "}", "text, image, sketch or model");
    refuse("{\"class\":\"a\",\"parts\":[{\"kind\":\"text\",\"file\":\"x\"}]," NOTHING "}", "'file'");
    refuse("{\"class\":\"a\",\"parts\":[{\"kind\":\"text\",\"text\":\" \"}]," NOTHING "}", "'text' is no such string");
    refuse("{\"class\":\"a\",\"parts\":[{\"kind\":\"image\",\"file\":\"dog.png\"}]," NOTHING "}",
           "dog.png: No such file");
    refuse("{\"class\":\"a\",\"parts\":[{\"kind\":\"text\",\"text\":\"x\",\"weight\":0}]," NOTHING "}", "weight");
    refuse("{\"class\":\"a\",\"parts\":[{\"kind\":\"text\",\"text\":\"x\",\"weight\":\"1\"}]," NOTHING "}", "weight");
    refuse("{\"class\":\"a\"," TEXT_PART "}", "'expect' is no object");
    refuse("{\"class\":\"a\"," TEXT_PART ",\"expect\":{}}", "has no models");
    refuse("{\"class\":\"a\"," TEXT_PART ",\"expect\":{\"model\":[\"x\"]}}", "'model'");
    refuse("{\"class\":\"a\"," TEXT_PART ",\"expect\":{\"models\":[]}}", "'expect.models'");
    refuse("{\"class\":\"a\"," TEXT_PART ",\"expect\":{\"tags\":[1]}}", "'expect.tags'");
    refuse("{\"class\":\"a\"," TEXT_PART ",\"expect\":{\"each\":[[]]}}", "'expect.each'");
    refuse("{\"class\":\"a\"," TEXT_PART ",\"expect\":{\"nothing\":false}}", "'expect.nothing'");
    refuse("{\"class\":\"a\"," TEXT_PART ",\"expect\":{\"nothing\":true,\"tags\":[\"x\"]}}", "beside something");
}

static void a_file_without_queries_is_refused(void **state)
{
    (void)state;
    gs_eval_queries set;
    assert_int_equal(read_set(&set, "\n \n", 3), GS_EFORMAT);
    assert_non_null(strstr(err.message, "no queries"));
    assert_int_equal(gs_eval_queries_read(&set, "/nowhere/q.jsonl", &err), GS_EIO);
    gs_eval_queries_free(&set);
}

static void a_nul_among_the_words_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"class\":\"a\"," TEXT_PART "," NOTHING "}\0 more";
    gs_eval_queries set;
    assert_int_equal(read_set(&set, text, sizeof text - 1), GS_EFORMAT);
    assert_non_null(strstr(err.message, ":1: is not UTF-8 text"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_is_read),
        cmocka_unit_test(faulty_lines_are_named),
        cmocka_unit_test(a_file_without_queries_is_refused),
        cmocka_unit_test(a_nul_among_the_words_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

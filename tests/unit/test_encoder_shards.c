/* Weights in several files. golden/clip_tiny/laion_shards_f16 has three; test_encoder.c compares its features. */
#include "encoder_directory.h"
#include "indexer/hf/weights.h"

#define INDEX "model.safetensors.index.json"
#define FIRST "model-00001-of-00003.safetensors"
#define LAST  "model-00003-of-00003.safetensors"

static int set_up(void **state)
{
    (void)state;
    copy_golden("clip_tiny/laion_shards_f16");
    return 0;
}

static void each_shard_is_mapped_once(void **state)
{
    (void)state;
    gs_weights weights;
    gs_error err;
    if (gs_weights_open(&weights, path_of(INDEX), &err) != GS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(weights.n_files, 3);
    assert_true(gs_weights_has(&weights, "logit_scale"));
    assert_false(gs_weights_has(&weights, "text_model.embeddings.position_ids")); /* in a shard, but not in the map */
    gs_weights_close(&weights);
}

static void a_scale_may_be_of_shape_one_and_no_longer(void **state)
{
    (void)state;
    gs_weights weights;
    gs_error err = {{0}};
    float scale, norm;
    if (gs_weights_open(&weights, path_of(INDEX), &err) != GS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(gs_weights_number(&weights, "logit_scale", &scale, &err), GS_OK);
    assert_true(scale == 3.5F);
    assert_int_equal(gs_weights_number(&weights, "vision_model.post_layernorm.bias", &norm, &err), GS_EFORMAT);
    assert_non_null(strstr(err.message, "tensor 'vision_model.post_layernorm.bias' has shape [42], expected [1]"));
    gs_weights_close(&weights);
}

/* As transformers does: here the whole file is no model at all, which is an error, the good shards notwithstanding. */
static void a_whole_file_goes_before_shards(void **state)
{
    (void)state;
    write_file("model.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
    expect(GS_EFORMAT, "model.safetensors: no tensor 'text_projection.weight'");
}

static void a_missing_shard_is_named(void **state)
{
    (void)state;
    char path[512], message[1024];
    snprintf(path, sizeof path, "%s", path_of(FIRST));
    unlink(path);
    spoil(INDEX, "{", "{"); /* the first entry that names it is what the message names */
    snprintf(message, sizeof message, INDEX ": weight_map.logit_scale: %s: No such file or directory", path);
    expect(GS_EIO, message);
}

static void a_map_that_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{}", INDEX ": weight_map is missing, expected an object"},
        {"{\"weight_map\": [1]}", INDEX ": weight_map is [1], expected an object"},
        {"{\"weight_map\": {\"a\": 7}}", INDEX ": weight_map.a is 7, expected the name of a file beside it"},
        {"{\"weight_map\": {\"a\": null}}", INDEX ": weight_map.a is missing, expected the name of a file beside it"},
        {"{\"weight_map\": {\"a\": \"\"}}", INDEX ": weight_map.a is '', expected the name of a file beside it"},
        {"{\"weight_map\": {\"a\": \"..\"}}", INDEX ": weight_map.a is '..', expected the name of a file beside it"},
        {"{\"weight_map\": {\"a\": \"../" FIRST "\"}}",
         INDEX ": weight_map.a is '../" FIRST "', expected the name of a file beside it"},
        {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}",
         INDEX ": weight_map.a is '/etc/passwd', expected the name of a file beside it"},
        {"{\"weight_map\": {}}", INDEX ": weight_map has no tensor 'text_projection.weight'"},
        {"[]", INDEX ": not a JSON object"},
        {"", INDEX ": not JSON: unexpected text at byte 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(INDEX, cases[i].json, strlen(cases[i].json));
        expect(GS_EFORMAT, cases[i].message);
    }
}

static void a_tensor_that_is_not_where_the_map_says_is_named(void **state)
{
    (void)state;
    expect_spoiled(INDEX, "\"visual_projection.weight\": \"" LAST "\"", "\"visual_projection.weight\": \"" FIRST "\"",
                   FIRST ": no tensor 'visual_projection.weight', though the index of the shards says so");
    expect_spoiled(INDEX, "\"visual_projection.weight\"", "\"visual_projection.weights\"",
                   INDEX ": weight_map has no tensor 'visual_projection.weight'");
}

static void a_wrong_tensor_is_named_with_its_shard(void **state)
{
    (void)state;
    expect_spoiled("config.json", "\"intermediate_size\": 50", "\"intermediate_size\": 51",
                   LAST ": tensor 'vision_model.encoder.layers.0.mlp.fc1.weight' has shape "
                        "[50,42], expected [51,42]");
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, remove_copy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(each_shard_is_mapped_once),
        EACH(a_scale_may_be_of_shape_one_and_no_longer),
        EACH(a_whole_file_goes_before_shards),
        EACH(a_missing_shard_is_named),
        EACH(a_map_that_is_none_is_refused),
        EACH(a_tensor_that_is_not_where_the_map_says_is_named),
        EACH(a_wrong_tensor_is_named_with_its_shard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

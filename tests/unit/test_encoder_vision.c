/* golden/vit_tiny/make.py: transformers 5.23.0, torch 2.13.0, seed 12. Vision towers without a text tower. */
#include "encoder_directory.h"
#include "encoder_test.h"
#include "indexer/encoder/towers.h"

static const char *const variants[] = {"vit_tiny/dino_f32", "vit_tiny/vit_classifier_f16", "vit_tiny/dinov2_f32",
                                       "vit_tiny/dinov2_classifier_bf16"};
#define N_VARIANTS (sizeof variants / sizeof *variants)

static void features_equal_those_of_transformers(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        opened o = open_golden(variants[v], NULL);
        check_images(&o);
        close_golden(&o);
    }
}

/* FNV-1a of golden.py. */
static uint64_t checksum(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        value = (value ^ bytes[i]) * 0x100000001b3u;
    return value;
}

static void check_pixels(const opened *o, const cJSON *item)
{
    const gs_preprocess *p = gs_encoder_get_preprocess(o->encoder);
    int side = gs_encoder_get_info(o->encoder)->image_size, width, height;
    gs_error err;
    gs_image image;
    char sum[17];
    paint(&image, cJSON_GetObjectItemCaseSensitive(item, "width")->valueint,
          cJSON_GetObjectItemCaseSensitive(item, "height")->valueint);
    gs_preprocess_output_size(p, image.width, image.height, &width, &height);
    assert_int_equal(width, side);
    assert_int_equal(height, side);
    size_t n = 3 * (size_t)side * (size_t)side;
    void *work = malloc(gs_preprocess_workspace(p, image.width, image.height));
    float *pixels = malloc(n * sizeof *pixels);
    assert_int_equal(gs_preprocess_run(p, image.rgb, image.width, image.height, work, pixels, &err), GS_OK);
    snprintf(sum, sizeof sum, "%016llx", (unsigned long long)checksum(pixels, n * sizeof *pixels));
    if (strcmp(sum, cJSON_GetObjectItemCaseSensitive(item, "pixels")->valuestring) != 0)
        fail_msg("%s: a picture of %dx%d is prepared otherwise than by transformers", o->name, image.width,
                 image.height);
    free(pixels);
    free(work);
    gs_image_free(&image);
}

static void pictures_are_prepared_to_the_bit_as_by_transformers(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        opened o = open_golden(variants[v], NULL);
        const cJSON *list = expected_list(&o, "images"), *item;
        cJSON_ArrayForEach(item, list) check_pixels(&o, item);
        close_golden(&o);
    }
}

static void info_says_that_there_is_no_text_tower(void **state)
{
    (void)state;
    opened o = open_golden("vit_tiny/dinov2_classifier_bf16", NULL);
    const gs_encoder_info *info = gs_encoder_get_info(o.encoder);
    size_t size;
    assert_string_equal(info->name, "dinov2_classifier_bf16");
    assert_int_equal(info->dim, 24);
    assert_int_equal(info->image_size, 18); /* of the preparation; config.json says 12 */
    assert_false(info->has_text);
    assert_true(info->tau == 100.0);
    assert_null(gs_encoder_get_tokenizer(o.encoder));
    assert_null(gs_encoder_get_text(o.encoder));
    gs_encoder_get_vocabulary(o.encoder, &size);
    assert_int_equal(size, 0);
    close_golden(&o);
}

static void texts_are_refused_with_the_reason(void **state)
{
    (void)state;
    opened o = open_golden("vit_tiny/dino_f32", NULL);
    float feature[24];
    gs_error err = {{0}};
    assert_int_equal(gs_encoder_texts(o.encoder, &(const char *){"a"}, 1, feature, &err), GS_EARGS);
    assert_string_equal(err.message, "dino_f32 (vit) encodes pictures only: it has no text tower");
    assert_int_equal(gs_encoder_texts(o.encoder, NULL, 0, NULL, &err), GS_EARGS);
    close_golden(&o);
}

/* ---- spoiled directories ---- */

static int copy_dino(void **state)
{
    (void)state;
    copy_golden("vit_tiny/dino_f32");
    return 0;
}

static int copy_dinov2(void **state)
{
    (void)state;
    copy_golden("vit_tiny/dinov2_f32");
    return 0;
}

static void read_fingerprint(char fingerprint[65])
{
    gs_encoder *encoder;
    gs_error err;
    if (gs_encoder_open(&encoder, directory, NULL, &err) != GS_OK)
        fail_msg("%s", err.message);
    memcpy(fingerprint, gs_encoder_get_info(encoder)->fingerprint, 65);
    gs_encoder_close(encoder);
}

static void a_vit_is_not_prepared_as_another_is(void **state)
{
    (void)state;
    remove_file("preprocessor_config.json");
    expect(GS_EFORMAT, " no preprocessor_config.json: vit models are prepared in several ways: copy it from where the "
                       "weights come from");
}

static void the_fingerprint_knows_what_decides_the_features(void **state)
{
    (void)state;
    static const struct {
        const char *file, *from, *to;
    } changes[] = {
        {"config.json", "\"num_attention_heads\": 3", "\"num_attention_heads\": 4"},
        {"config.json", "\"layer_norm_eps\": 1e-06", "\"layer_norm_eps\": 1e-12"},
        {"config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"quick_gelu\""},
        {"preprocessor_config.json", "\"height\": 16,\n    \"width\": 16", "\"height\": 20,\n    \"width\": 20"},
        {"preprocessor_config.json", "\"resample\": 3", "\"resample\": 2"},
        {"preprocessor_config.json", "0.485", "0.486"},
    };
    char seen[7][65];
    read_fingerprint(seen[0]);
    for (size_t i = 0; i < 6; i++) {
        spoil(changes[i].file, changes[i].from, changes[i].to);
        read_fingerprint(seen[i + 1]);
        for (size_t k = 0; k <= i; k++)
            assert_string_not_equal(seen[k], seen[i + 1]);
        restore(changes[i].file);
    }
    spoil("config.json", "\"initializer_range\": 0.02", "\"initializer_range\": 0.03");
    read_fingerprint(seen[1]);
    assert_string_equal(seen[0], seen[1]);
}

static void an_unknown_activation_of_a_vit_is_named(void **state)
{
    (void)state;
    expect_spoiled("config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"mish\"",
                   "config.json: hidden_act is 'mish', expected quick_gelu, gelu, gelu_new, "
                   "gelu_pytorch_tanh, gelu_fast, silu or relu");
    expect_spoiled("config.json", "\"model_type\": \"vit\"", "\"model_type\": \"vit_mae\"",
                   "config.json: model_type is 'vit_mae', expected clip, clip_vision_model, siglip, "
                   "siglip_vision_model, vit, dinov2 or dinov2_with_registers: take an encoder of one of these");
}

static void a_swiglu_is_refused(void **state)
{
    (void)state;
    expect_spoiled("config.json", "\"use_swiglu_ffn\": false", "\"use_swiglu_ffn\": true",
                   "config.json: use_swiglu_ffn is true, expected false: layers of two matrices");
}

static void a_wrong_tensor_of_a_vit_is_named(void **state)
{
    (void)state;
    expect_spoiled("config.json", "\"image_size\": 16", "\"image_size\": 20",
                   "preprocessor_config.json: size gives pictures of 16x16, config.json's vision tower takes 20x20");
    spoil("preprocessor_config.json", "\"size\": 16", "\"size\": 20");
    expect(GS_EFORMAT, "model.safetensors: tensor 'embeddings.position_embeddings' has shape [1,17,24], expected "
                       "[1,26,24]");
    restore("preprocessor_config.json");
    restore("config.json");
    expect_spoiled("model.safetensors", "\"encoder.layer.1.attention.attention.key.bias\"",
                   "\"encoder.layer.1.attention.attention.bey.bias\"",
                   "model.safetensors: no tensor 'encoder.layer.1.attention.attention.key.bias'");
}

static void a_wrong_tensor_of_a_dinov2_is_named(void **state)
{
    (void)state;
    expect_spoiled("config.json", "\"mlp_ratio\": 2", "\"mlp_ratio\": 3",
                   "model.safetensors: tensor 'encoder.layer.0.mlp.fc1.weight' has shape [48,24], expected [72,24]");
    restore("config.json");
    expect_spoiled("model.safetensors", "\"encoder.layer.0.layer_scale2.lambda1\"",
                   "\"encoder.layer.0.layer_scale3.lambda1\"",
                   "model.safetensors: no tensor 'encoder.layer.0.layer_scale2.lambda1'");
}

static void pictures_of_no_single_size_are_refused_for_a_dinov2(void **state)
{
    (void)state;
    static const char name[] = "preprocessor_config.json";
    expect_spoiled(name, "\"do_center_crop\": true", "\"do_center_crop\": false",
                   "preprocessor_config.json: size does not make all pictures squares of one size, of at least "
                   "config.json's patch_size, 4");
    expect_spoiled(name, "\"height\": 16", "\"height\": 15",
                   "preprocessor_config.json: crop_size does not make all pictures squares of one size, of at least "
                   "config.json's patch_size, 4");
}

static void a_crop_of_a_vit_must_say_its_size(void **state)
{
    (void)state;
    expect_spoiled("preprocessor_config.json", "{", "{\"do_center_crop\": true,",
                   "preprocessor_config.json: crop_size is missing, expected N or {\"height\": N, \"width\": N}");
}

static void processor_config_json_goes_before_preprocessor_config_json(void **state)
{
    (void)state;
    static const char nested[] = "{\"image_processor\": {\"resample\": 7}}", other[] = "{\"processor_class\": \"P\"}";
    write_file("processor_config.json", nested, strlen(nested));
    expect(GS_EFORMAT, "processor_config.json: image_processor.resample is 7, expected a whole number from 0 to 5");
    write_file("processor_config.json", other, strlen(other));
    spoil("preprocessor_config.json", "\"resample\": 2", "\"resample\": 7");
    expect(GS_EFORMAT, "preprocessor_config.json: resample is 7, expected a whole number from 0 to 5");
}

#define WITH(copy, test) cmocka_unit_test_setup_teardown(test, copy, remove_copy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_equal_those_of_transformers),
        cmocka_unit_test(pictures_are_prepared_to_the_bit_as_by_transformers),
        cmocka_unit_test(info_says_that_there_is_no_text_tower),
        cmocka_unit_test(texts_are_refused_with_the_reason),
        WITH(copy_dinov2, the_fingerprint_knows_what_decides_the_features),
        WITH(copy_dino, a_vit_is_not_prepared_as_another_is),
        WITH(copy_dino, an_unknown_activation_of_a_vit_is_named),
        WITH(copy_dinov2, a_swiglu_is_refused),
        WITH(copy_dino, a_wrong_tensor_of_a_vit_is_named),
        WITH(copy_dinov2, a_wrong_tensor_of_a_dinov2_is_named),
        WITH(copy_dinov2, pictures_of_no_single_size_are_refused_for_a_dinov2),
        WITH(copy_dino, a_crop_of_a_vit_must_say_its_size),
        WITH(copy_dino, processor_config_json_goes_before_preprocessor_config_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is wrong with an encoder's directory is said in one line that names the file and the field. */
#include "encoder_directory.h"
#include "indexer/hf/safetensors.h"

#include <math.h> /* NAN */

static const char *const files[] = {"config.json", "vocab.json", "merges.txt", "model.safetensors"};
#define N_FILES (sizeof files / sizeof *files)
#define MODELS                                                                                                         \
    "expected clip, clip_vision_model, siglip, siglip_vision_model, vit, dinov2 or dinov2_with_registers: take an "    \
    "encoder of one of these"

static int set_up(void **state)
{
    (void)state;
    copy_golden("clip_tiny/quick_gelu_f32");
    return 0;
}

static void the_copied_directory_is_good(void **state)
{
    (void)state;
    gs_encoder *encoder;
    gs_error err;
    if (gs_encoder_open(&encoder, directory, NULL, &err) != GS_OK)
        fail_msg("%s", err.message);
    gs_encoder_close(encoder);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FILES; i++) {
        char message[256];
        bool tokenizer = strcmp(files[i], "vocab.json") == 0 || strcmp(files[i], "merges.txt") == 0;
        gs_bytes bytes = read_golden(files[i]);
        unlink(path_of(files[i]));
        snprintf(message, sizeof message, "%s: No such file or directory%s", files[i],
                 tokenizer ? TOKENIZER_ADVICE : "");
        expect(GS_EIO, message);
        write_file(files[i], bytes.data, bytes.size);
        gs_bytes_free(&bytes);
    }
}

static void junk_is_no_json(void **state)
{
    (void)state;
    static const char *const json[] = {"config.json", "preprocessor_config.json", "vocab.json"};
    for (size_t i = 0; i < 3; i++) {
        char message[128];
        write_file(json[i], "hello", 5);
        snprintf(message, sizeof message, "%s: not JSON: unexpected text at byte 0", json[i]);
        expect(GS_EFORMAT, message);
        write_file(json[i], "[1, 2]", 6);
        snprintf(message, sizeof message, "%s: not a JSON object", json[i]);
        expect(GS_EFORMAT, message);
        restore(json[i]);
    }
    expect_spoiled("config.json", "{", "{} {", "config.json: not JSON: unexpected text at byte 2");
}

static void an_unknown_activation_or_architecture_is_named(void **state)
{
    (void)state;
    expect_spoiled("config.json", "\"hidden_act\": \"quick_gelu\"", "\"hidden_act\": \"relu6\"",
                   "config.json: text_config.hidden_act is 'relu6', expected quick_gelu, gelu, gelu_new, "
                   "gelu_pytorch_tanh, gelu_fast, silu or relu");
    expect_spoiled("config.json", "\"model_type\": \"clip\"", "\"model_type\": \"blip\"",
                   "config.json: model_type is 'blip', " MODELS);
    expect_spoiled("config.json", "\"model_type\": \"clip\",", "", "config.json: model_type is missing, " MODELS);
}

static void a_wrong_field_of_the_config_is_named(void **state)
{
    (void)state;
    expect_spoiled("config.json", "\"hidden_size\": 16", "\"hidden_size\": \"16\"",
                   "config.json: text_config.hidden_size is '16', expected a whole number from 1 to 65536");
    expect_spoiled("config.json", "\"num_attention_heads\": 3", "\"num_attention_heads\": 5",
                   "config.json: vision_config.hidden_size is 24, expected a multiple of num_attention_heads, 5");
    expect_spoiled("config.json", "\"text_config\": {", "\"text_config\": 7, \"other\": {",
                   "config.json: text_config is 7, expected an object");
    expect_spoiled("config.json", "\"max_position_embeddings\": 16", "\"max_position_embeddings\": 513",
                   "config.json: text_config.max_position_embeddings is 513, expected a whole number from 2 to 512");
    expect_spoiled("config.json", "\"patch_size\": 8", "\"patch_size\": 64",
                   "config.json: vision_config.patch_size is 64, expected at most image_size, 32");
}

static void a_wrong_preparation_is_named(void **state)
{
    (void)state;
    static const char name[] = "preprocessor_config.json";
    expect_spoiled(name, "\"resample\": 3", "\"resample\": 9",
                   "preprocessor_config.json: resample is 9, expected a whole number from 0 to 5");
    expect_spoiled(
        name, "\"shortest_edge\": 32", "\"longest_edge\": 32",
        "preprocessor_config.json: size is {\"longest_edge\":32}, expected N, [N, N], {\"shortest_edge\": N}, "
        "{\"shortest_edge\": N, \"longest_edge\": N}, {\"height\": N, \"width\": N} or {\"max_height\": N, "
        "\"max_width\": N}");
    expect_spoiled(
        name, "\"resample\": 3", "\"resample\": \"cubic\"",
        "preprocessor_config.json: resample is 'cubic', expected nearest, lanczos, bilinear, bicubic, box or "
        "hamming");
    expect_spoiled(name, "CLIPImageProcessor", "BlipImageProcessor",
                   "preprocessor_config.json: image_processor_type is 'BlipImageProcessor', expected "
                   "CLIPImageProcessor, BitImageProcessor, ViTImageProcessor or SiglipImageProcessor");
    expect_spoiled(name, "{", "{\"rescale_factor\": 0,",
                   "preprocessor_config.json: rescale_factor is 0, expected a number above 0");
    expect_spoiled(
        name, "{", "{\"do_pad\": true, \"pad_size\": {\"height\": 64, \"width\": 64},",
        "preprocessor_config.json: pad_size is {\"height\":64,\"width\":64}, expected none with do_pad: a picture is "
        "not padded");
    expect_spoiled(name, "{", "{\"use_square_size\": true,",
                   "preprocessor_config.json: use_square_size is true, expected false");
    expect_spoiled(name, "\"height\": 32", "\"height\": 33",
                   "preprocessor_config.json: crop_size gives pictures of 32x33, config.json's vision tower takes "
                   "32x32");
    expect_spoiled(name, "0.26862954", "0",
                   "preprocessor_config.json: image_std is [0,0.26130258,0.27577711], expected 3 positive numbers");
    expect_spoiled(name, "\"do_resize\": true", "\"do_resize\": 1",
                   "preprocessor_config.json: do_resize is 1, expected true or false");
}

static void a_filter_s_name_is_pillow_s_number(void **state)
{
    (void)state;
    static const char *const names[] = {"nearest",           "LANCZOS", "bilinear",
                                        "PIL.Image.BICUBIC", "box",     "Resampling.HAMMING"};
    for (int i = 0; i < 6; i++) {
        char field[64];
        gs_encoder *encoder;
        gs_error err;
        snprintf(field, sizeof field, "\"resample\": \"%s\"", names[i]);
        spoil("preprocessor_config.json", "\"resample\": 3", field);
        if (gs_encoder_open(&encoder, directory, NULL, &err) != GS_OK)
            fail_msg("%s", err.message);
        assert_int_equal(gs_encoder_get_preprocess(encoder)->resample, i);
        gs_encoder_close(encoder);
        restore("preprocessor_config.json");
    }
}

static void a_wrong_vocabulary_is_named(void **state)
{
    (void)state;
    expect_spoiled("vocab.json", "\"<|endoftext|>\"", "\"<|end|>\"",
                   "vocab.json: no token '<|endoftext|>' (the tokenizer's eos_token)");
    expect_spoiled("vocab.json", "552", "553",
                   "vocab.json: token '<|endoftext|>' is no whole number below vocab_size, "
                   "553");
    restore("vocab.json");
    expect_spoiled("merges.txt", "c a\n", "c a b\n",
                   "merges.txt: line 2 is 'c a b', expected two tokens and a space between them");
    expect_spoiled("merges.txt", "c a\n", "c c\n",
                   "merges.txt: merge 1, 'c c', has a token that the vocabulary lacks: 'cc'");
}

/* Replaces the vocabulary by a tokenizer.json of the same. */
static void write_tokenizer_json(const char *merges)
{
    gs_bytes vocab = read_golden("vocab.json");
    char *json = malloc(vocab.size + 4096);
    int size =
        sprintf(json, "{\"model\": {\"type\": \"BPE\", \"vocab\": %s, \"merges\": %s}}", (char *)vocab.data, merges);
    write_file("tokenizer.json", json, (size_t)size);
    free(json);
    gs_bytes_free(&vocab);
    unlink(path_of("vocab.json"));
    unlink(path_of("merges.txt"));
}

static void tokenizer_json_stands_in_for_vocab_json(void **state)
{
    (void)state;
    static const char *const forms[] = {"[\"c a\", \"ca t</w>\"]", "[[\"c\", \"a\"], [\"ca\", \"t</w>\"]]"};
    for (size_t i = 0; i < 2; i++) {
        gs_encoder *encoder;
        gs_error err;
        int32_t ids[GS_MAX_TOKENS];
        write_tokenizer_json(forms[i]);
        if (gs_encoder_open(&encoder, directory, NULL, &err) != GS_OK)
            fail_msg("%s", err.message);
        assert_int_equal(gs_tokenize(gs_encoder_get_tokenizer(encoder), "cat", 3, ids), 3);
        assert_int_equal(ids[1], 513); /* "cat</w>" as in vocab.json */
        gs_encoder_close(encoder);
    }
    write_tokenizer_json("[\"c\"]");
    expect(GS_EFORMAT, "tokenizer.json: model.merges[0] is not a pair of tokens");
}

static void tokenizer_config_json_names_the_special_tokens(void **state)
{
    (void)state;
    static const char config[] = "{\"eos_token\": {\"content\": \"<stop>\"}}";
    write_file("tokenizer_config.json", config, strlen(config));
    expect(GS_EFORMAT, "vocab.json: no token '<stop>' (the tokenizer's eos_token)");
}

static void a_cut_safetensors_file_is_refused(void **state)
{
    (void)state;
    gs_bytes bytes = read_golden("model.safetensors");
    write_file("model.safetensors", bytes.data, bytes.size - 1);
    expect(GS_EFORMAT, "model.safetensors: tensor 'visual_projection.weight' ends at byte 122308 of the data, the file "
                       "holds 122307: cut short?");
    write_file("model.safetensors", bytes.data, 4000);
    expect(GS_EFORMAT, "model.safetensors: a header of 8432 bytes in a file of 4000: cut short, or not safetensors");
    write_file("model.safetensors", bytes.data, 3);
    expect(GS_EFORMAT, "model.safetensors: 3 bytes are too few for a safetensors file");
    gs_bytes_free(&bytes);
}

static void a_wrong_tensor_is_named(void **state)
{
    (void)state;
    static const char name[] = "model.safetensors";
    expect_spoiled(name, "\"text_projection.weight\"", "\"next_projection.weight\"",
                   "model.safetensors: no tensor 'text_projection.weight'");
    expect_spoiled(
        name, "\"text_model.final_layer_norm.bias\":{\"dtype\":\"F32\"",
        "\"text_model.final_layer_norm.bias\":{\"dtype\":\"I32\"",
        "model.safetensors: tensor 'text_model.final_layer_norm.bias' is I32, expected F32, F16, BF16 or F64");
    restore(name);
    expect_spoiled("config.json", "\"intermediate_size\": 40", "\"intermediate_size\": 41",
                   "model.safetensors: tensor 'text_model.encoder.layers.0.mlp.fc1.weight' has shape [40,16], expected "
                   "[41,16]");
    expect_spoiled("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1",
                   "model.safetensors: has a tensor 'text_model.encoder.layers.1.layer_norm1.weight', but config.json "
                   "says 1 layers");
    expect_spoiled("config.json", "\"projection_dim\": 20", "\"projection_dim\": 21",
                   "model.safetensors: text_projection.weight has 20 rows, config.json's projection_dim is 21");
}

/* A safetensors file of this header and so many bytes of data. */
static void write_safetensors(const char *header, size_t data)
{
    size_t length = strlen(header);
    unsigned char *bytes = calloc(1, 8 + length + data);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    write_file("model.safetensors", bytes, 8 + length + data);
    free(bytes);
}

#define ENTRY(name, dtype, shape, offsets)                                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void a_lying_safetensors_header_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *message;
    } cases[] = {
        {"hello", "the header is not a JSON object"},
        {"{" ENTRY("a", "F12", "[2]", "[0,8]") "}", "tensor 'a' has a missing or unknown dtype"},
        {"{\"a\":7}", "tensor 'a' has a missing or unknown dtype"},
        {"{" ENTRY("a", "F32", "[-2]", "[0,8]") "}", "tensor 'a' has a missing or impossible shape"},
        {"{" ENTRY("a", "F32", "[1.5]", "[0,8]") "}", "tensor 'a' has a missing or impossible shape"},
        {"{" ENTRY("a", "F32", "[4294967296,4294967296]", "[0,8]") "}", "tensor 'a' has a missing or impossible shape"},
        {"{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,8]") "}", "tensor 'a' has a missing or impossible shape"},
        {"{" ENTRY("a", "F32", "[2]", "[8,0]") "}", "tensor 'a' has missing or impossible data_offsets"},
        {"{" ENTRY("a", "F32", "[2]", "[0]") "}", "tensor 'a' has missing or impossible data_offsets"},
        {"{" ENTRY("a", "F32", "[3]", "[0,8]") "}", "tensor 'a' has 8 bytes, its shape and dtype need 12"},
        {"{" ENTRY("a", "F32", "[4]", "[0,16]") "}",
         "tensor 'a' ends at byte 16 of the data, the file holds 8: cut short?"},
        {"{" ENTRY("a", "F32", "[1]", "[0,4]") "}", "4 bytes after the last tensor"},
        {"{" ENTRY("a", "F32", "[1]", "[4,8]") "}", "tensor 'a' comes after bytes that no tensor owns"},
        {"{" ENTRY("a", "F32", "[2]", "[0,8]") "," ENTRY("b", "F32", "[1]", "[4,8]") "}",
         "tensor 'b' overlaps another"},
        {"{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("a", "F32", "[1]", "[4,8]") "}", "two tensors are named 'a'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gs_safetensors file;
        gs_error err = {{0}};
        char message[1024];
        write_safetensors(cases[i].header, 8);
        assert_int_equal(gs_safetensors_open(&file, path_of("model.safetensors"), &err), GS_EFORMAT);
        snprintf(message, sizeof message, "%s: %s", path_of("model.safetensors"), cases[i].message);
        assert_string_equal(err.message, message);
    }
}

static void empty_tensors_and_metadata_are_fine(void **state)
{
    (void)state;
    gs_safetensors file;
    gs_error err;
    write_safetensors("{\"__metadata__\":{\"format\":\"pt\"}," ENTRY("b", "F16", "[2,2]", "[0,8]") "," //
                      ENTRY("empty", "F32", "[0,3]", "[8,8]") "," ENTRY("a", "I64", "[0]", "[0,0]") "}  ",
                      8);
    if (gs_safetensors_open(&file, path_of("model.safetensors"), &err) != GS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(file.count, 3);
    const gs_tensor *tensor = gs_safetensors_find(&file, "b");
    assert_non_null(tensor);
    assert_int_equal(tensor->type, GS_DTYPE_F16);
    assert_int_equal(tensor->rank, 2);
    assert_int_equal(tensor->size, 8);
    assert_null(gs_safetensors_find(&file, "c"));
    gs_safetensors_close(&file);
}

static void a_picture_of_another_size_is_refused_when_nothing_is_cropped(void **state)
{
    (void)state;
    gs_encoder *encoder;
    gs_error err = {{0}};
    gs_image image;
    float feature[20];
    spoil("preprocessor_config.json", "\"do_center_crop\": true", "\"do_center_crop\": false");
    assert_int_equal(gs_encoder_open(&encoder, directory, NULL, &err), GS_OK);
    assert_int_equal(gs_image_alloc(&image, 64, 48, &err), GS_OK);
    memset(image.rgb, 0, 64 * 48 * 3);
    assert_int_equal(gs_encoder_images(encoder, &image, 1, feature, &err), GS_EARGS);
    assert_string_equal(err.message, "a picture of 64x48 becomes 42x32, the encoder takes 32x32 "
                                     "(preprocessor_config.json)");
    gs_image_free(&image);
    gs_encoder_close(encoder);
}

static void sizes_may_be_numbers_or_objects(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        int shortest_edge, resize_width, resize_height;
    } cases[] = {
        {"{\n    \"shortest_edge\": 32\n  }", "40", 40, 0, 0},
        {"{\n    \"shortest_edge\": 32\n  }", "{\"width\": 33, \"height\": 34}", 0, 33, 34},
        {"{\n    \"height\": 32,\n    \"width\": 32\n  }", "32", 32, 0, 0}, /* of crop_size */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gs_encoder *encoder;
        gs_error err;
        spoil("preprocessor_config.json", cases[i].from, cases[i].to);
        if (gs_encoder_open(&encoder, directory, NULL, &err) != GS_OK)
            fail_msg("%s", err.message);
        const gs_preprocess *p = gs_encoder_get_preprocess(encoder);
        assert_int_equal(p->shortest_edge, cases[i].shortest_edge);
        assert_int_equal(p->resize_width, cases[i].resize_width);
        assert_int_equal(p->resize_height, cases[i].resize_height);
        assert_int_equal(p->crop_width, 32);
        assert_int_equal(p->crop_height, 32);
        gs_encoder_close(encoder);
    }
}

/* As in the first published configurations; transformers lets the _dict decide. */
static void text_config_dict_goes_before_text_config(void **state)
{
    (void)state;
    gs_encoder *encoder;
    gs_error err;
    spoil("config.json", "\"text_config\": {", "\"text_config\": {\"hidden_size\": 99}, \"text_config_dict\": {");
    if (gs_encoder_open(&encoder, directory, NULL, &err) != GS_OK)
        fail_msg("%s", err.message);
    gs_encoder_close(encoder);
}

/* The last bytes of the file belong to visual_projection.weight. */
static void weights_that_give_no_numbers_are_refused_when_they_are_used(void **state)
{
    (void)state;
    gs_encoder *encoder;
    gs_error err;
    float feature[1024], nan = NAN;
    uint8_t rgb[3] = {0};
    gs_image image = {.width = 1, .height = 1, .rgb = rgb};
    gs_bytes bytes = read_golden("model.safetensors");
    memcpy(bytes.data + bytes.size - sizeof nan, &nan, sizeof nan);
    write_file("model.safetensors", bytes.data, bytes.size);
    gs_bytes_free(&bytes);
    assert_int_equal(gs_encoder_open(&encoder, directory, NULL, &err), GS_OK);
    assert_true(gs_encoder_get_info(encoder)->dim <= sizeof feature / sizeof *feature);
    assert_int_equal(gs_encoder_images(encoder, &image, 1, feature, &err), GS_EFORMAT);
    assert_non_null(strstr(err.message, "model.safetensors: gives features that are not finite"));
    assert_int_equal(gs_encoder_texts(encoder, &(const char *){"a"}, 1, feature, &err), GS_OK);
    gs_encoder_close(encoder);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, remove_copy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(the_copied_directory_is_good),
        EACH(a_missing_file_is_named),
        EACH(junk_is_no_json),
        EACH(an_unknown_activation_or_architecture_is_named),
        EACH(a_wrong_field_of_the_config_is_named),
        EACH(a_wrong_preparation_is_named),
        EACH(a_filter_s_name_is_pillow_s_number),
        EACH(a_wrong_vocabulary_is_named),
        EACH(tokenizer_json_stands_in_for_vocab_json),
        EACH(tokenizer_config_json_names_the_special_tokens),
        EACH(a_cut_safetensors_file_is_refused),
        EACH(a_wrong_tensor_is_named),
        EACH(a_lying_safetensors_header_is_refused),
        EACH(empty_tensors_and_metadata_are_fine),
        EACH(sizes_may_be_numbers_or_objects),
        EACH(text_config_dict_goes_before_text_config),
        EACH(a_picture_of_another_size_is_refused_when_nothing_is_cropped),
        EACH(weights_that_give_no_numbers_are_refused_when_they_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

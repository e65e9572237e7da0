/* golden/layouts/make.py: torch 2.13.0, transformers 5.23.0, open_clip_torch 3.3.0, seed 13. Encoders as people have
 * them; and what is said about folders that are none. */
#include "encoder_directory.h"
#include "encoder_test.h"

#include <sys/stat.h>

static const char *const with_texts[] = {
    "layouts/open_clip",         "layouts/open_clip_custom",     "layouts/long_clip_f64",
    "layouts/added_tokens_json", "layouts/added_tokens_decoder", "layouts/added_tokens_tokenizer"};
static const char *const pictures_only[] = {"layouts/clip_vision", "layouts/clip_vision_projection",
                                            "layouts/dinov2_registers"};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void check_all(const gs_encoder_options *options)
{
    for (size_t v = 0; v < COUNT(with_texts); v++) {
        opened o = open_golden(with_texts[v], options);
        check_tokens(&o);
        check_texts(&o);
        check_images(&o);
        double tau = cJSON_GetObjectItemCaseSensitive(o.expected.root, "tau")->valuedouble;
        assert_true(fabs(gs_encoder_get_info(o.encoder)->tau - tau) < 1e-5 * tau);
        close_golden(&o);
    }
    for (size_t v = 0; v < COUNT(pictures_only); v++) {
        opened o = open_golden(pictures_only[v], options);
        check_images(&o);
        close_golden(&o);
    }
}

static void features_equal_those_of_open_clip_and_transformers(void **state)
{
    (void)state;
    check_all(NULL);
}

static void features_of_the_reference_backend_do_too(void **state)
{
    (void)state;
    check_all(&(gs_encoder_options){.backend = "blas"});
}

/* ---- folders ---- */

static int copy_clip(void **state)
{
    (void)state;
    copy_golden("clip_tiny/quick_gelu_f32");
    return 0;
}

static int copy_open_clip(void **state)
{
    (void)state;
    copy_golden("layouts/open_clip");
    return 0;
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static void rename_file(const char *from, const char *to)
{
    char old[512];
    snprintf(old, sizeof old, "%s", path_of(from));
    assert_int_equal(rename(old, path_of(to)), 0);
}

/* The notes of the encoder in the copy, which must open. */
static const char *notes_of_copy(void)
{
    static gs_notes notes;
    gs_encoder *encoder;
    gs_error err;
    if (gs_encoder_open(&encoder, directory, NULL, &err) != GS_OK)
        fail_msg("%s", err.message);
    notes = gs_encoder_get_info(encoder)->notes;
    gs_encoder_close(encoder);
    return notes.text;
}

/* Moves the copy below a new folder, as below/, and opens what that folder is; name is what it must be called. */
static void open_from_above(const char *below, const char *named, const char *name)
{
    char top[] = "/tmp/gs-above-XXXXXX", command[1024], path[512];
    gs_encoder *encoder;
    gs_error err;
    assert_non_null(mkdtemp(top));
    snprintf(command, sizeof command, "mkdir -p %s/%s && cp %s/* %s/%s", top, below, directory, top, below);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/%s", top, named);
    if (gs_encoder_open(&encoder, path, NULL, &err) != GS_OK)
        fail_msg("%s", err.message);
    assert_string_equal(gs_encoder_get_info(encoder)->name, name);
    gs_encoder_close(encoder);
    snprintf(command, sizeof command, "rm -r %s", top);
    assert_int_equal(system(command), 0);
}

static void a_folder_above_is_understood_and_named(void **state)
{
    (void)state;
    open_from_above("clip-ViT-B-32/0_CLIPModel", "clip-ViT-B-32", "clip-ViT-B-32");
    open_from_above("clip-ViT-B-32/0_CLIPModel", "clip-ViT-B-32/0_CLIPModel", "clip-ViT-B-32");
    open_from_above("models--openai--clip-vit/snapshots/3d74acf9", "models--openai--clip-vit", "openai/clip-vit");
    open_from_above("models--openai--clip-vit/snapshots/3d74acf9", "models--openai--clip-vit/snapshots/3d74acf9",
                    "openai/clip-vit");
    open_from_above("models--sbert--clip/snapshots/1/0_CLIPModel", "models--sbert--clip", "sbert/clip");
    open_from_above("models--gpt/snapshots/3d74acf9", "models--gpt", "gpt");
}

static void the_repository_names_a_snapshot_whatever_its_config_says(void **state)
{
    (void)state;
    spoil("config.json", "{", "{\"_name_or_path\": \"/tmp/checkpoint-300\",");
    open_from_above("models--openai--clip-vit/snapshots/3d74acf9", "models--openai--clip-vit", "openai/clip-vit");
    open_from_above("clip", "clip", "/tmp/checkpoint-300");
}

static void refs_main_decides_between_snapshots(void **state)
{
    (void)state;
    char hub[512], command[2048];
    gs_error err = {{0}};
    gs_encoder *encoder;
    snprintf(hub, sizeof hub, "%s/hub", directory);
    snprintf(command, sizeof command, "mkdir -p %s/snapshots/a %s/snapshots/b && cp %s/*.* %s/snapshots/b", hub, hub,
             directory, hub);
    assert_int_equal(system(command), 0);
    assert_int_equal(gs_encoder_open(&encoder, hub, NULL, &err), GS_EFORMAT);
    assert_non_null(strstr(err.message, "hub/snapshots: holds 2 snapshots and no refs/main: name one of the folders"));
    snprintf(command, sizeof command, "mkdir %s/refs && echo b > %s/refs/main", hub, hub);
    assert_int_equal(system(command), 0);
    assert_int_equal(gs_encoder_open(&encoder, hub, NULL, &err), GS_OK);
    gs_encoder_close(encoder);
    snprintf(command, sizeof command, "rm -r %s", hub);
    assert_int_equal(system(command), 0);
}

static void a_variant_is_taken_where_it_is_the_only_one(void **state)
{
    (void)state;
    rename_file("model.safetensors", "model.fp16.safetensors");
    assert_non_null(strstr(notes_of_copy(), "model.fp16.safetensors: the only weights there\n"));
    write_text("model.bf16.safetensors", "");
    write_text("adapter_model.safetensors", "");
    expect(GS_EFORMAT,
           " no model.safetensors, but 2 others, model.bf16.safetensors among them: give the one to use that "
           "name");
}

static void a_variant_of_open_clips_is_taken_too(void **state)
{
    (void)state;
    rename_file("open_clip_model.safetensors", "open_clip_model.fp16.safetensors");
    assert_non_null(strstr(notes_of_copy(), "open_clip_model.fp16.safetensors: the only weights there\n"));
}

static void hugging_faces_weights_go_before_open_clips(void **state)
{
    (void)state;
    write_text("open_clip_config.json", "{}");
    assert_string_equal(notes_of_copy(), "");
    unlink(path_of("model.safetensors"));
    expect(GS_EFORMAT, "open_clip_config.json: model_cfg.embed_dim is missing, expected the width of a feature");
}

static void what_is_assumed_is_said(void **state)
{
    (void)state;
    unlink(path_of("preprocessor_config.json"));
    spoil("model.safetensors", "\"logit_scale\"", "\"logit_skale\"");
    const char *notes = notes_of_copy();
    assert_non_null(strstr(notes, ": no preprocessor_config.json: pictures are prepared as CLIP's are, to 32x32\n"));
    assert_non_null(
        strstr(notes, "model.safetensors: no logit_scale: similarities are scaled by 100, as CLIP's are\n"));
}

static void added_tokens_must_have_rows_and_no_gaps(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"<toy>\": 553}",
         "added_tokens.json: added token '<toy>' is 553, but the text tower's embedding has 553 rows (vocab_size)"},
        {"{\"<toy>\": 560}", "added_tokens.json: added token '<toy>' is 560, but the next number is 553: transformers "
                             "would give it that; number the added tokens without gaps"},
        {"{\"cat</w>\": 553}", "added_tokens.json: added token 'cat</w>' is 553, but 513 in the vocabulary"},
        {"{\"<toy>\": \"a\"}", "added_tokens.json: added token '<toy>' has no number"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_text("added_tokens.json", cases[i].json);
        expect(GS_EFORMAT, cases[i].message);
    }
}

static void an_end_token_that_is_not_the_tokenizers_is_told(void **state)
{
    (void)state;
    spoil("config.json", "\"eos_token_id\": 552", "\"eos_token_id\": 49407");
    assert_non_null(strstr(notes_of_copy(), "text_config.eos_token_id is 49407, the tokenizer's end of text 552: as in "
                                            "transformers, a text without token 49407 has the feature of its first "
                                            "token, the same for all\n"));
}

/* ---- refusals ---- */

static void folders_of_other_things_are_refused_with_advice(void **state)
{
    (void)state;
    static const struct {
        const char *file, *message;
    } cases[] = {
        {"model_index.json", " is a diffusers pipeline, a generator: index it as a model; an encoder is a CLIP"},
        {"adapter_config.json", " is an adapter: merge it into its base model and name that"},
    };
    unlink(path_of("config.json"));
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_text(cases[i].file, "{}");
        expect(GS_EFORMAT, cases[i].message);
        unlink(path_of("vocab.json")); /* an export lacks more than its weights: they are what to tell of */
        expect(GS_EFORMAT, cases[i].message);
        restore("vocab.json");
        unlink(path_of(cases[i].file));
    }
    expect(GS_EIO, "config.json: No such file or directory");
}

static void a_file_in_place_of_a_folder_is_refused_with_advice(void **state)
{
    (void)state;
    gs_encoder *encoder;
    gs_error err = {{0}};
    assert_int_equal(gs_encoder_open(&encoder, path_of("model.safetensors"), NULL, &err), GS_EFORMAT);
    assert_non_null(
        strstr(err.message, "model.safetensors: is a file: name the folder that holds it and its config.json"));
}

static void weights_of_other_kinds_are_refused_with_advice(void **state)
{
    (void)state;
    static const struct {
        const char *file, *message;
    } cases[] = {
        {"pytorch_model.bin",
         " its weights are only in pytorch_model.bin, a pickle of PyTorch: make safetensors of it with "
         "`tools/convert_encoder FOLDER NEW_FOLDER`"},
        {"pytorch_model.bin.index.json",
         " its weights are only in pytorch_model.bin.index.json, a pickle of PyTorch: make "
         "safetensors of it with `tools/convert_encoder FOLDER NEW_FOLDER`"},
        {"model.onnx", " its weights are only in model.onnx, an ONNX export: name a folder with config.json and "
                       "model.safetensors, such as the repository that it was exported from"},
        {"onnx", " its weights are only in onnx, an ONNX export: name a folder with config.json and model.safetensors, "
                 "such as the repository that it was exported from"},
        {"flax_model.msgpack",
         " its weights are only in flax_model.msgpack, weights of another framework: load them with "
         "transformers and save them with save_pretrained(), which writes model.safetensors"},
    };
    unlink(path_of("model.safetensors"));
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_text(cases[i].file, "{}");
        expect(GS_EFORMAT, cases[i].message);
        unlink(path_of(cases[i].file));
    }
}

static void what_lies_in_place_of_a_file_is_named(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "preprocessor_config.json", "vocab.json", "merges.txt",
                                        "model.safetensors"};
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 605157884\n",
         "is a Git LFS pointer, not the file: fetch it with `git lfs pull`"},
        {"\n<!DOCTYPE html>\n<html lang=\"en\">", "is a web page, not the file: download it again"},
        {"<html><head><title>403</title>", "is a web page, not the file: download it again"},
        {"Invalid username or password.",
         "is an error message, not the file: 'Invalid username or password.': download it again"},
        {"{\"error\":\"Repository is not found\"}\n",
         "is an error message, not the file: '{\"error\":\"Repository is not found\"}': download it again"},
    };
    for (size_t f = 0; f < COUNT(files); f++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            char message[512];
            write_text(files[f], cases[i].text);
            snprintf(message, sizeof message, "%s: %s", files[f], cases[i].message);
            expect(GS_EFORMAT, message);
        }
        restore(files[f]);
    }
    static const char pickles[][13] = {"PK\3\4\0\0\0\0\0\0\0\0", "\x80\2\x8a\nlXXXXXXX", "\x80\4\x95\0\0\0\0\0\0\0\0",
                                       "\x80\5\x95\0\0\0\0\0\0\0\0"};
    for (size_t i = 0; i < COUNT(pickles); i++) {
        write_file("model.safetensors", pickles[i], 12);
        expect(GS_EFORMAT,
               "model.safetensors: is a pickle of PyTorch: make safetensors of it with tools/convert_encoder");
    }
}

/* 66176 bytes of header: the length begins as a pickle of protocol 2 does. */
static void a_header_s_length_makes_no_pickle_of_it(void **state)
{
    (void)state;
    enum { LENGTH = 66176 };
    gs_bytes bytes = read_golden("model.safetensors");
    uint64_t length = 0;
    memcpy(&length, bytes.data, sizeof length);
    assert_true(length < LENGTH);
    size_t size = bytes.size + LENGTH - length;
    char *padded = malloc(size);
    memset(padded, ' ', size);
    memcpy(padded, (const uint64_t[]){LENGTH}, sizeof length);
    memcpy(padded + 8, bytes.data + 8, length);
    memcpy(padded + 8 + LENGTH, bytes.data + 8 + length, bytes.size - 8 - length);
    write_file("model.safetensors", padded, size);
    gs_encoder *encoder;
    gs_error err;
    if (gs_encoder_open(&encoder, directory, NULL, &err) != GS_OK)
        fail_msg("%s", err.message);
    gs_encoder_close(encoder);
    free(padded);
    gs_bytes_free(&bytes);
}

#define PLAIN "expected a plain vision transformer or CLIP's text tower, without it: take an encoder such as ViT-B-32"

static void what_open_clip_has_beside_plain_towers_is_refused_by_name(void **state)
{
    (void)state;
    static const char name[] = "open_clip_config.json";
    expect_spoiled(
        name, "\"image_size\": 32", "\"timm_model_name\": \"fastvit_mci0\"",
        "open_clip_config.json: model_cfg.vision_cfg.timm_model_name is 'fastvit_mci0', expected a plain vision "
        "transformer: towers of timm, such as MobileCLIP's, are not read: take an encoder such as ViT-B-32");
    expect_spoiled(
        name, "\"embed_dim\": 20", "\"embed_dim\": 20, \"init_logit_bias\": -10",
        "open_clip_config.json: model_cfg.init_logit_bias is -10, expected none: it is SigLIP's, which is read "
        "in Hugging Face's layout: take the repository's config.json and model.safetensors, or one such as "
        "google/siglip-base-patch16-224");
    expect_spoiled(name, "\"image_size\": 32", "\"attentional_pool\": true",
                   "open_clip_config.json: model_cfg.vision_cfg.attentional_pool is true, " PLAIN);
    expect_spoiled(name, "\"patch_size\": 8", "\"pool_type\": \"avg\"",
                   "open_clip_config.json: model_cfg.vision_cfg.pool_type is 'avg', expected tok");
    expect_spoiled(name, "\"layers\": 2", "\"layers\": [3, 4, 6, 3]",
                   "open_clip_config.json: model_cfg.vision_cfg.layers is [3,4,6,3], expected one number: a ResNet "
                   "cannot be read, take a vision transformer");
    expect_spoiled(name, "\"heads\": 2", "\"no_causal_mask\": true",
                   "open_clip_config.json: model_cfg.text_cfg.no_causal_mask is true, " PLAIN);
    expect_spoiled(name, "\"heads\": 2", "\"hf_model_name\": \"roberta-base\"",
                   "open_clip_config.json: model_cfg.text_cfg.hf_model_name is 'roberta-base', " PLAIN);
    expect_spoiled(name, "\"embed_dim\": 20", "\"embed_dim\": 20, \"multimodal_cfg\": {\"width\": 512}",
                   "open_clip_config.json: model_cfg.multimodal_cfg is {\"width\":512}, " PLAIN);
    expect_spoiled(name, "\"shortest\"", "\"longest\"",
                   "open_clip_config.json: preprocess_cfg.resize_mode is 'longest', expected shortest or squash");
    expect_spoiled(name, "\"embed_dim\": 20", "\"embed_dim\": 21",
                   "open_clip_model.safetensors: tensor 'text_projection' has shape [16,20], expected [16,21]");
}

#define WITH(copy, test) cmocka_unit_test_setup_teardown(test, copy, remove_copy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_equal_those_of_open_clip_and_transformers),
        cmocka_unit_test(features_of_the_reference_backend_do_too),
        WITH(copy_clip, a_folder_above_is_understood_and_named),
        WITH(copy_clip, the_repository_names_a_snapshot_whatever_its_config_says),
        WITH(copy_clip, refs_main_decides_between_snapshots),
        WITH(copy_clip, a_variant_is_taken_where_it_is_the_only_one),
        WITH(copy_clip, hugging_faces_weights_go_before_open_clips),
        WITH(copy_clip, what_is_assumed_is_said),
        WITH(copy_clip, added_tokens_must_have_rows_and_no_gaps),
        WITH(copy_clip, an_end_token_that_is_not_the_tokenizers_is_told),
        WITH(copy_clip, folders_of_other_things_are_refused_with_advice),
        WITH(copy_clip, a_file_in_place_of_a_folder_is_refused_with_advice),
        WITH(copy_clip, weights_of_other_kinds_are_refused_with_advice),
        WITH(copy_clip, what_lies_in_place_of_a_file_is_named),
        WITH(copy_clip, a_header_s_length_makes_no_pickle_of_it),
        WITH(copy_open_clip, a_variant_of_open_clips_is_taken_too),
        WITH(copy_open_clip, what_open_clip_has_beside_plain_towers_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

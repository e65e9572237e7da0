/* golden/siglip_tiny/make.py: torch 2.13.0, transformers 5.23.0, sentencepiece 0.2.3, seed 14. SigLIP and SigLIP 2. */
#include "encoder_directory.h"
#include "encoder_test.h"

static const char *const variants[] = {"siglip_tiny/siglip", "siglip_tiny/siglip2", "siglip_tiny/siglip2_gemma"};

static void check_all(const gs_encoder_options *options)
{
    for (size_t v = 0; v < 3; v++) {
        opened o = open_golden(variants[v], options);
        check_texts(&o);
        check_images(&o);
        close_golden(&o);
    }
    opened o = open_golden("siglip_tiny/siglip_vision", options);
    check_images(&o);
    close_golden(&o);
}

static void tokens_equal_those_of_transformers(void **state)
{
    (void)state;
    for (size_t v = 0; v < 3; v++) {
        opened o = open_golden(variants[v], NULL);
        check_tokens(&o);
        close_golden(&o);
    }
}

static void features_equal_those_of_transformers(void **state)
{
    (void)state;
    check_all(NULL);
}

static void features_of_the_reference_backend_do_too(void **state)
{
    (void)state;
    check_all(&(gs_encoder_options){.backend = "blas"});
}

static void features_do_not_depend_on_batch_and_threads(void **state)
{
    (void)state;
    check_all(&(gs_encoder_options){.threads = 3, .batch = 7});
    check_all(&(gs_encoder_options){.threads = 1, .batch = 1});
}

static void bf16_features_are_near(void **state)
{
    (void)state;
    const gs_backend *backend;
    if (gs_backend_pick(&backend, NULL, GS_PRECISION_BF16, 1000, NULL) != GS_OK)
        skip(); /* no such instructions */
    check_all(&(gs_encoder_options){.precision = GS_PRECISION_BF16});
}

/* The bias is the same for all models: it changes no posterior (core/METHOD.md). */
static void the_temperature_is_the_scale_and_not_the_bias(void **state)
{
    (void)state;
    opened o = open_golden("siglip_tiny/siglip", NULL);
    double tau = cJSON_GetObjectItemCaseSensitive(o.expected.root, "tau")->valuedouble;
    assert_true(fabs(gs_encoder_get_info(o.encoder)->tau - tau) < 1e-5 * tau);
    close_golden(&o);
}

/* ---- spoiled directories ---- */

static int copy_siglip(void **state)
{
    (void)state;
    copy_golden("siglip_tiny/siglip");
    return 0;
}

static int copy_siglip2(void **state)
{
    (void)state;
    copy_golden("siglip_tiny/siglip2");
    return 0;
}

static void a_damaged_model_of_pieces_is_refused(void **state)
{
    (void)state;
    gs_bytes bytes = read_golden("spiece.model");
    for (size_t size = 0; size < bytes.size; size += 7) {
        gs_encoder *encoder;
        gs_error err = {{0}};
        write_file("spiece.model", bytes.data, size);
        assert_int_equal(gs_encoder_open(&encoder, directory, NULL, &err), GS_EFORMAT);
        assert_non_null(strstr(err.message, "spiece.model: "));
    }
    gs_bytes_free(&bytes);
    unlink(path_of("spiece.model"));
    expect(GS_EIO, "spiece.model: No such file or directory" TOKENIZER_ADVICE);
}

static void what_a_siglip_cannot_be_is_named(void **state)
{
    (void)state;
    expect_spoiled(
        "tokenizer_config.json", "SiglipTokenizer", "T5Tokenizer",
        "tokenizer_config.json: tokenizer_class is 'T5Tokenizer', expected SiglipTokenizer, Siglip2Tokenizer or "
        "GemmaTokenizer");
    expect_spoiled("tokenizer_config.json", "\"eos_token\": \"</s>\"", "\"eos_token\": \"</t>\"",
                   "spiece.model: no piece '</t>' (the tokenizer's eos_token)");
    expect_spoiled(
        "tokenizer_config.json", "\"single_word\": false", "\"single_word\": true",
        " added token '</s>' has single_word, expected none that has: SigLIP's tokenizer finds such in a way of "
        "its own; save it without");
    restore("tokenizer_config.json");
    expect_spoiled("config.json", "\"vision_use_head\": true", "\"vision_use_head\": false",
                   "config.json: vision_config.vision_use_head is false, expected true");
    expect_spoiled(
        "config.json", "\"model_type\": \"siglip\"", "\"model_type\": \"siglip2\"",
        "config.json: model_type is 'siglip2', expected clip, clip_vision_model, siglip, siglip_vision_model, "
        "vit, dinov2 or dinov2_with_registers: take an encoder of one of these");
    expect_spoiled("config.json", "SiglipModel", "SiglipForImageClassification",
                   "config.json: architectures is SiglipForImageClassification, a classifier of pictures without a "
                   "text tower: take the encoder that it was made from");
    expect_spoiled("config.json", "\"vocab_size\": ", "\"vocab_size\": 7, \"other\": ",
                   "spiece.model: 209 pieces, the text tower's embedding has 7 rows (vocab_size)");
}

static void without_a_preprocessor_pictures_are_prepared_as_siglips_are(void **state)
{
    (void)state;
    opened o = open_golden("siglip_tiny/siglip", NULL);
    gs_error err;
    gs_encoder_close(o.encoder);
    remove_file("preprocessor_config.json");
    if (gs_encoder_open(&o.encoder, directory, NULL, &err) != GS_OK)
        fail_msg("%s", err.message);
    check_images(&o);
    assert_non_null(
        strstr(gs_encoder_get_info(o.encoder)->notes.text, "pictures are prepared as SigLIP's are, to 32x32"));
    close_golden(&o);
    restore("preprocessor_config.json");
}

static void a_gemma_without_a_byte_is_refused(void **state)
{
    (void)state;
    expect_spoiled("tokenizer.json", "\"<0x41>\"", "\"<0xZZ>\"",
                   "tokenizer.json: no token '<0x41>': a byte that the vocabulary cannot say");
    expect_spoiled("tokenizer_config.json", "\"pad_token\": \"<pad>\"", "\"padding_side\": \"top\"",
                   "tokenizer_config.json: padding_side is 'top', expected left or right");
}

#define WITH(copy, test) cmocka_unit_test_setup_teardown(test, copy, remove_copy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_equal_those_of_transformers),
        cmocka_unit_test(features_equal_those_of_transformers),
        cmocka_unit_test(features_of_the_reference_backend_do_too),
        cmocka_unit_test(features_do_not_depend_on_batch_and_threads),
        cmocka_unit_test(bf16_features_are_near),
        cmocka_unit_test(the_temperature_is_the_scale_and_not_the_bias),
        WITH(copy_siglip, a_damaged_model_of_pieces_is_refused),
        WITH(copy_siglip, what_a_siglip_cannot_be_is_named),
        WITH(copy_siglip, without_a_preprocessor_pictures_are_prepared_as_siglips_are),
        WITH(copy_siglip2, a_gemma_without_a_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* cmd_encode.c - `gensearch encode`: features as numbers, for other programs and for tests. */
#include "indexer/cli/cli.h"

#include "indexer/util/json_tree.h"
#include "indexer/util/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    cli_parts parts;
    const char *encoder, *precision, *device;
    uint64_t threads;
    bool tokens, json;
} arguments;

/* Nine digits carry an f32 there and back. */
static void print_feature(const float *feature, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        printf("%s%.9g", i ? " " : "", feature[i]);
    putchar('\n');
}

static gs_status put_tokens(gs_json_tree *tree, const gs_tokenizer *tokenizer, const char *text, gs_error *err)
{
    int32_t ids[GS_MAX_TOKENS];
    size_t n = gs_tokenize(tokenizer, text, strlen(text), ids);
    if (n == 0) /* not the text's length: that was encoded */
        return gs_fail(err, GS_ENOMEM, "no memory to tokenize a text of %zu bytes", strlen(text));
    gs_json_put(tree, tree->root, "tokens", cJSON_CreateIntArray(ids, (int)n));
    return GS_OK;
}

/* {"kind","input","tokens"?,"feature":[...]} */
static gs_status print_json(const cli_part *part, const gs_tokenizer *tokenizer, const float *feature, size_t dim,
                            gs_error *err)
{
    gs_json_tree tree;
    char *text = NULL, *input = gs_utf8_repair(part->input); /* a file's name need not be UTF-8, JSON is */
    gs_json_tree_init(&tree);
    gs_json_put_string(&tree, tree.root, "kind", gs_part_kind_name(part->kind));
    gs_json_put(&tree, tree.root, "input", input ? cJSON_CreateString(input) : NULL);
    free(input);
    gs_status st = GS_OK;
    if (tokenizer && part->kind == GS_PART_TEXT)
        st = put_tokens(&tree, tokenizer, part->input, err);
    if (st == GS_OK) {
        gs_json_put_floats(&tree, tree.root, "feature", feature, dim);
        st = gs_json_tree_print(&tree, &text, err);
    }
    if (st == GS_OK)
        puts(text);
    cJSON_free(text);
    gs_json_tree_free(&tree);
    return st;
}

static gs_status check(void *context, gs_error *err)
{
    const arguments *args = context;
    return args->parts.count > 0 ? GS_OK : gs_fail(err, GS_EARGS, "encode: give a --text or an --image");
}

static gs_status encode(cli_call *call, gs_error *err)
{
    const arguments *args = call->arguments;
    gs_encoder *encoder;
    gs_encoder_options options = {.threads = cli_threads(args->threads), .batch = args->parts.count == 1};
    gs_status st = cli_read_arithmetic(args->precision, args->device, false, &options, err);
    if (st == GS_OK)
        st = cli_open_encoder(&encoder, args->encoder, NULL, &options, err);
    if (st != GS_OK)
        return st;
    float *features;
    size_t dim = gs_encoder_get_info(encoder)->dim;
    st = cli_encode_parts(encoder, &args->parts, dim, &features, err);
    if (st == GS_OK && args->encoder)
        cli_tell_assumptions(encoder);
    for (size_t i = 0; i < args->parts.count && st == GS_OK; i++) {
        if (args->json) {
            const gs_tokenizer *tokenizer = args->tokens ? gs_encoder_get_tokenizer(encoder) : NULL;
            st = print_json(&args->parts.parts[i], tokenizer, features + i * dim, dim, err);
        } else {
            print_feature(features + i * dim, dim);
        }
    }
    free(features);
    gs_encoder_close(encoder);
    return st;
}

int cmd_encode(int argc, char **argv)
{
    arguments args = {0};
    const cli_option options[] = {
        {"text", "T", "words", .parts = &args.parts, .use = CLI_PART_TEXT},
        {"image", "F", "a picture: PNG, JPEG or WebP", .parts = &args.parts, .use = CLI_PART_IMAGE},
        {"encoder", "DIR", "CLIP, ViT or Dinov2 as Hugging Face saves it (the embedded one)", .text = &args.encoder},
        {"tokens", NULL, "the ids of the text's tokens too (with --json)", .flag = &args.tokens},
        {"json", NULL, "JSON Lines: kind, input, tokens, feature; else the bare numbers", .flag = &args.json},
        {"precision", "P", "f32, bf16 or auto, which is bf16 where the processor has it (f32)",
         .text = &args.precision},
        {"device", "D", "what computes: cpu, cuda, or auto, which is a GPU where there is one and bf16 will do (auto)",
         .text = &args.device},
        {"threads", "N", "of the encoder (one per core)", .count = &args.threads, .most = 1024},
    };
    const cli_command command = {
        "encode",
        "",
        "Prints the L2-normalised features of words and pictures, one a line, in the order given.",
        "  gensearch encode --text 'a red car' --image car.png --tokens --json",
        CLI_OPTIONS(options),
        0,
        0,
        CLI_NO_DATABASE,
        check,
        encode};
    int exit_code = cli_run(&command, argc, argv, &args);
    cli_parts_free(&args.parts);
    return exit_code;
}

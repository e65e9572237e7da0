#include "indexer/hf/config.h"

#include "core/tokenize.h" /* GS_MAX_TOKENS */
#include "indexer/hf/json.h"
#include "indexer/util/file.h" /* gs_path_join */

#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)16 << 20)
#define MAX_SIDE 65536 /* of any matrix */

static const char *const architectures[] = {[GS_CLIP] = "clip", [GS_VIT] = "vit", [GS_DINOV2] = "dinov2"};

const char *gs_architecture_name(gs_architecture architecture)
{
    return architectures[architecture];
}

static gs_status read_activation(const gs_json_object *json, gs_activation *activation, gs_error *err)
{
    static const char *const names[] = {[GS_QUICK_GELU] = "quick_gelu", [GS_GELU] = "gelu"};
    const char *name;
    gs_status st = gs_json_string(json, "hidden_act", names[*activation], &name, err);
    if (st != GS_OK)
        return st;
    if (strcmp(name, "quick_gelu") == 0)
        *activation = GS_QUICK_GELU;
    else if (strcmp(name, "gelu") == 0)
        *activation = GS_GELU;
    else
        return gs_json_wrong(json, "hidden_act", "quick_gelu or gelu", err);
    return GS_OK;
}

/* tower holds the defaults of its kind. */
static gs_status read_tower(const gs_json_object *json, gs_tower_config *tower, gs_error *err)
{
    gs_status st;
    double epsilon;
    if ((st = gs_json_size(json, "hidden_size", tower->width, 1, MAX_SIDE, &tower->width, err)) != GS_OK ||
        (st = gs_json_size(json, "intermediate_size", tower->inner, 1, MAX_SIDE, &tower->inner, err)) != GS_OK ||
        (st = gs_json_size(json, "num_hidden_layers", tower->layers, 1, 256, &tower->layers, err)) != GS_OK ||
        (st = gs_json_size(json, "num_attention_heads", tower->heads, 1, 1024, &tower->heads, err)) != GS_OK ||
        (st = gs_json_number(json, "layer_norm_eps", (double)tower->epsilon, &epsilon, err)) != GS_OK ||
        (st = read_activation(json, &tower->activation, err)) != GS_OK)
        return st;
    if (epsilon < 0 || epsilon > 1)
        return gs_json_wrong(json, "layer_norm_eps", "a number from 0 to 1", err);
    tower->epsilon = (float)epsilon;
    if (tower->width % tower->heads != 0)
        return gs_fail(err, GS_EFORMAT, "%s: %shidden_size is %zu, expected a multiple of num_attention_heads, %zu",
                       json->path, json->prefix, tower->width, tower->heads);
    return GS_OK;
}

/* The fields of a tower. The first configurations carried them twice; where "text_config_dict" is an object,
 * transformers takes it, and its defaults, over everything in "text_config". */
static gs_status find_tower(const gs_json *json, const char *const names[4], gs_json_object *out, gs_error *err)
{
    gs_status st = gs_json_child(json, names[0], names[1], out, err);
    return st == GS_OK && !out->node ? gs_json_child(json, names[2], names[3], out, err) : st;
}

static gs_status read_text(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    static const char *const names[] = {"text_config_dict", "text_config_dict.", "text_config", "text_config."};
    gs_json_object text;
    gs_status st;
    config->text =
        (gs_tower_config){.width = 512, .inner = 2048, .layers = 12, .heads = 8, .epsilon = 1e-5F, .qkv_bias = true};
    if ((st = find_tower(json, names, &text, err)) != GS_OK || (st = read_tower(&text, &config->text, err)) != GS_OK ||
        (st = gs_json_size(&text, "vocab_size", 49408, 3, (size_t)1 << 24, &config->vocabulary, err)) != GS_OK ||
        (st = gs_json_size(&text, "max_position_embeddings", 77, 2, GS_MAX_TOKENS, &config->context, err)) != GS_OK ||
        (st = gs_json_size(&text, "eos_token_id", 49407, 0, (size_t)1 << 24, &config->end_token, err)) != GS_OK)
        return st;
    return GS_OK;
}

/* What every vision tower has. config->vision and patch_size hold the defaults of its kind. */
static gs_status read_vision(const gs_json_object *json, gs_clip_config *config, gs_error *err)
{
    size_t channels;
    gs_status st;
    if ((st = read_tower(json, &config->vision, err)) != GS_OK ||
        (st = gs_json_size(json, "num_channels", 3, 3, 3, &channels, err)) != GS_OK ||
        (st = gs_json_size(json, "image_size", 224, 1, 4096, &config->image_size, err)) != GS_OK ||
        (st = gs_json_size(json, "patch_size", config->patch_size, 1, 4096, &config->patch_size, err)) != GS_OK)
        return st;
    if (config->patch_size > config->image_size)
        return gs_fail(err, GS_EFORMAT, "%s: %spatch_size is %zu, expected at most image_size, %zu", json->path,
                       json->prefix, config->patch_size, config->image_size);
    config->position_grid = config->image_size / config->patch_size;
    return GS_OK;
}

static gs_status read_clip(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    static const char *const names[] = {"vision_config_dict", "vision_config_dict.", "vision_config", "vision_config."};
    gs_json_object root = gs_json_root(json), vision;
    gs_status st;
    if ((st = gs_json_size(&root, "projection_dim", 0, 1, MAX_SIDE, &config->projection, err)) != GS_OK ||
        (st = read_text(json, config, err)) != GS_OK || (st = find_tower(json, names, &vision, err)) != GS_OK)
        return st;
    config->vision.epsilon = 1e-5F;
    config->vision.qkv_bias = true;
    config->patch_size = 32;
    return read_vision(&vision, config, err);
}

static gs_status read_vit(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    gs_json_object root = gs_json_root(json);
    config->vision.activation = GS_GELU;
    config->vision.epsilon = 1e-12F;
    config->patch_size = 16;
    gs_status st = gs_json_bool(&root, "qkv_bias", true, &config->vision.qkv_bias, err);
    return st == GS_OK ? read_vision(&root, config, err) : st;
}

static gs_status read_dinov2(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    gs_json_object root = gs_json_root(json);
    size_t ratio;
    bool swiglu;
    gs_status st;
    config->vision.activation = GS_GELU;
    config->vision.epsilon = 1e-6F;
    config->patch_size = 14;
    if ((st = gs_json_bool(&root, "qkv_bias", true, &config->vision.qkv_bias, err)) != GS_OK ||
        (st = gs_json_bool(&root, "use_swiglu_ffn", false, &swiglu, err)) != GS_OK ||
        (st = gs_json_size(&root, "mlp_ratio", 4, 1, 64, &ratio, err)) != GS_OK ||
        (st = read_vision(&root, config, err)) != GS_OK)
        return st;
    if (swiglu)
        return gs_json_wrong(&root, "use_swiglu_ffn", "false: layers of two matrices", err);
    config->vision.inner = config->vision.width * ratio; /* there is no intermediate_size */
    return GS_OK;
}

static gs_status read_model(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    static gs_status (*const readers[])(const gs_json *, gs_clip_config *, gs_error *) = {
        [GS_CLIP] = read_clip, [GS_VIT] = read_vit, [GS_DINOV2] = read_dinov2};
    gs_json_object root = gs_json_root(json);
    const char *type, *name;
    gs_status st;
    if ((st = gs_json_string(&root, "model_type", "", &type, err)) != GS_OK ||
        (st = gs_json_string(&root, "_name_or_path", "", &name, err)) != GS_OK)
        return st;
    snprintf(config->name, sizeof config->name, "%s", name);
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        if (strcmp(type, architectures[i]) != 0)
            continue;
        config->vision = (gs_tower_config){
            .architecture = (gs_architecture)i, .width = 768, .inner = 3072, .layers = 12, .heads = 12};
        return readers[i](json, config, err);
    }
    return gs_json_wrong(&root, "model_type", "clip, vit or dinov2", err);
}

gs_status gs_clip_config_read(gs_clip_config *config, const char *directory, gs_error *err)
{
    *config = (gs_clip_config){0};
    char *path = gs_path_join(directory, "config.json");
    if (!path)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    gs_json json = {0};
    gs_status st = gs_json_open(&json, path, MAX_FILE, err);
    if (st == GS_OK)
        st = read_model(&json, config, err);
    gs_json_close(&json);
    free(path);
    return st;
}

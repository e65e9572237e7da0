#include "indexer/hf/config.h"

#include "core/tokenize.h" /* GS_MAX_TOKENS */
#include "indexer/hf/config_fields.h"

#include <stdio.h> /* snprintf */
#include <string.h>

#define MAX_FILE ((size_t)16 << 20)
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const architectures[] = {
    [GS_CLIP] = "clip",           [GS_VIT] = "vit",
    [GS_DINOV2] = "dinov2",       [GS_DINOV2_REGISTERS] = "dinov2_with_registers",
    [GS_OPEN_CLIP] = "open_clip", [GS_SIGLIP] = "siglip"};

const char *gs_architecture_name(gs_architecture architecture)
{
    return architectures[architecture];
}

/* ---- activations ---- */

/* The first of a kind is its name; the others are transformers' further names of the same function. */
static const struct {
    const char *name;
    gs_activation activation;
} activations[] = {
    {"quick_gelu", GS_QUICK_GELU},
    {"gelu", GS_GELU},
    {"gelu_pytorch_tanh", GS_GELU_TANH},
    {"silu", GS_SILU},
    {"relu", GS_RELU},
    {"gelu_python", GS_GELU},
    {"gelu_new", GS_GELU_TANH},
    {"gelu_fast", GS_GELU_TANH},
    {"gelu_python_tanh", GS_GELU_TANH},
    {"gelu_accurate", GS_GELU_TANH},
    {"swish", GS_SILU},
};

const char *gs_activation_name(gs_activation activation)
{
    return activations[activation].name;
}

static gs_status read_activation(const gs_json_object *json, gs_activation *activation, gs_error *err)
{
    const char *name;
    gs_status st = gs_json_string(json, "hidden_act", gs_activation_name(*activation), &name, err);
    if (st != GS_OK)
        return st;
    for (size_t i = 0; i < COUNT(activations); i++) {
        if (strcmp(name, activations[i].name) != 0)
            continue;
        *activation = activations[i].activation;
        return GS_OK;
    }
    return gs_json_wrong(json, "hidden_act", "quick_gelu, gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, silu or relu",
                         err);
}

/* ---- fields ---- */

gs_status gs_sizes_read(const gs_json_object *json, const gs_size_field *fields, size_t n, void *base, gs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const gs_size_field *f = &fields[i];
        size_t *value = (size_t *)((char *)base + f->offset);
        const cJSON *pair = gs_json_field(json, f->name);
        if (cJSON_IsArray(pair) && cJSON_GetArraySize(pair) == 2 &&
            cJSON_Compare(pair->child, pair->child->next, true)) {
            double side = pair->child->valuedouble;
            if (!cJSON_IsNumber(pair->child) || !(side >= (double)f->least && side <= (double)f->most) ||
                side != (double)(size_t)side)
                return gs_json_wrong(json, f->name, "a whole number, twice", err);
            *value = (size_t)side;
            continue;
        }
        gs_status st = gs_json_size(json, f->name, *value, f->least, f->most, value, err);
        if (st != GS_OK)
            return st;
    }
    return GS_OK;
}

gs_status gs_tower_check(const gs_json_object *json, const gs_tower_config *tower, gs_error *err)
{
    if (tower->width % tower->heads == 0)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: %shidden_size is %zu, expected a multiple of num_attention_heads, %zu",
                   json->path, json->prefix, tower->width, tower->heads);
}

gs_status gs_patches_check(const gs_json_object *json, gs_clip_config *config, gs_error *err)
{
    config->position_grid = config->image_size / config->patch_size;
    if (config->patch_size <= config->image_size)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: %spatch_size is %zu, expected at most image_size, %zu", json->path,
                   json->prefix, config->patch_size, config->image_size);
}

/* tower holds the defaults of its kind. */
static gs_status read_tower(const gs_json_object *json, gs_tower_config *tower, gs_error *err)
{
    static const gs_size_field fields[] = {
        {"hidden_size", offsetof(gs_tower_config, width), 1, GS_MAX_SIDE},
        {"intermediate_size", offsetof(gs_tower_config, inner), 1, GS_MAX_SIDE},
        {"num_hidden_layers", offsetof(gs_tower_config, layers), 1, 256},
        {"num_attention_heads", offsetof(gs_tower_config, heads), 1, 1024},
    };
    gs_status st;
    double epsilon;
    if ((st = gs_sizes_read(json, fields, COUNT(fields), tower, err)) != GS_OK ||
        (st = gs_json_number(json, "layer_norm_eps", (double)tower->epsilon, &epsilon, err)) != GS_OK ||
        (st = read_activation(json, &tower->activation, err)) != GS_OK)
        return st;
    if (epsilon < 0 || epsilon > 1)
        return gs_json_wrong(json, "layer_norm_eps", "a number from 0 to 1", err);
    tower->epsilon = (float)epsilon;
    return gs_tower_check(json, tower, err);
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
    static const gs_size_field fields[] = {
        {"vocab_size", offsetof(gs_clip_config, vocabulary), 3, (size_t)1 << 24},
        {"max_position_embeddings", offsetof(gs_clip_config, context), 2, GS_MAX_TOKENS},
        {"eos_token_id", offsetof(gs_clip_config, end_token), 0, (size_t)1 << 24},
    };
    gs_json_object text;
    gs_status st;
    if ((st = find_tower(json, names, &text, err)) != GS_OK || (st = read_tower(&text, &config->text, err)) != GS_OK)
        return st;
    return gs_sizes_read(&text, fields, COUNT(fields), config, err);
}

static gs_status read_vision(const gs_json_object *json, gs_clip_config *config, gs_error *err)
{
    static const gs_size_field fields[] = {
        {"image_size", offsetof(gs_clip_config, image_size), 1, 4096},
        {"patch_size", offsetof(gs_clip_config, patch_size), 1, 4096},
        {"num_register_tokens", offsetof(gs_clip_config, registers), 0, 1024},
    };
    size_t channels, n = config->vision.architecture == GS_DINOV2_REGISTERS ? 3 : 2;
    gs_status st;
    if ((st = read_tower(json, &config->vision, err)) != GS_OK ||
        (st = gs_json_size(json, "num_channels", 3, 3, 3, &channels, err)) != GS_OK ||
        (st = gs_sizes_read(json, fields, n, config, err)) != GS_OK)
        return st;
    return gs_patches_check(json, config, err);
}

/* ---- models ---- */

/* Fields at the top: a tower alone. */
static gs_status read_one(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    gs_json_object root = gs_json_root(json);
    return read_vision(&root, config, err);
}

/* A classifier of pictures keeps the configuration of both towers, but neither the text tower's weights nor the
 * projection to the space of features. */
static gs_status check_class(const gs_json_object *root, gs_error *err)
{
    static const char ending[] = "ForImageClassification";
    const cJSON *class;
    cJSON_ArrayForEach(class, gs_json_field(root, "architectures"))
    {
        const char *name = cJSON_IsString(class) ? class->valuestring : "";
        size_t length = strlen(name);
        if (length >= sizeof ending - 1 && strcmp(name + length - (sizeof ending - 1), ending) == 0)
            return gs_fail(err, GS_EFORMAT,
                           "%s: architectures is %s, a classifier of pictures without a text tower: take the encoder "
                           "that it was made from",
                           root->path, name);
    }
    return GS_OK;
}

static gs_status read_two(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    static const char *const names[] = {"vision_config_dict", "vision_config_dict.", "vision_config", "vision_config."};
    static const gs_size_field width = {"projection_dim", offsetof(gs_clip_config, projection), 1, GS_MAX_SIDE};
    gs_json_object root = gs_json_root(json), vision;
    gs_status st;
    if ((st = check_class(&root, err)) != GS_OK || (st = gs_sizes_read(&root, &width, 1, config, err)) != GS_OK ||
        (st = read_text(json, config, err)) != GS_OK || (st = find_tower(json, names, &vision, err)) != GS_OK)
        return st;
    return read_vision(&vision, config, err);
}

/* Without its head SigLIP's vision tower gives no feature. */
static gs_status check_head(const gs_json_object *json, gs_error *err)
{
    bool head;
    gs_status st = gs_json_bool(json, "vision_use_head", true, &head, err);
    return st != GS_OK || head ? st : gs_json_wrong(json, "vision_use_head", "true", err);
}

static gs_status read_siglip(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    gs_json_object vision = gs_json_root(json);
    gs_status st = config->has_text ? gs_json_child(json, "vision_config", "vision_config.", &vision, err) : GS_OK;
    if (st == GS_OK)
        st = check_head(&vision, err);
    if (st == GS_OK)
        st = config->has_text ? read_two(json, config, err) : read_one(json, config, err);
    return st;
}

static gs_status read_vit(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    gs_json_object root = gs_json_root(json);
    gs_status st = gs_json_bool(&root, "qkv_bias", true, &config->vision.qkv_bias, err);
    return st == GS_OK ? read_vision(&root, config, err) : st;
}

static gs_status read_dinov2(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    gs_json_object root = gs_json_root(json);
    size_t ratio;
    bool swiglu;
    gs_status st;
    if ((st = gs_json_bool(&root, "use_swiglu_ffn", false, &swiglu, err)) != GS_OK ||
        (st = gs_json_size(&root, "mlp_ratio", 4, 1, 64, &ratio, err)) != GS_OK ||
        (st = read_vit(json, config, err)) != GS_OK)
        return st;
    if (swiglu)
        return gs_json_wrong(&root, "use_swiglu_ffn", "false: layers of two matrices", err);
    config->vision.inner = config->vision.width * ratio; /* there is no intermediate_size */
    config->vision.layer_scale = true;
    return GS_OK;
}

#define TOWER(kind, act, eps)                                                                                          \
    {                                                                                                                  \
        .architecture = (kind), .width = 768, .inner = 3072, .layers = 12, .heads = 12, .activation = (act),           \
        .epsilon = (eps), .qkv_bias = true                                                                             \
    }

/* Every model that is taken, with transformers' defaults. */
static const struct {
    gs_status (*read)(const gs_json *json, gs_clip_config *config, gs_error *err);
    gs_clip_config defaults;
} models[] = {
    {read_two,
     {.model_type = "clip",
      .has_text = true,
      .vision = TOWER(GS_CLIP, GS_QUICK_GELU, 1e-5F),
      .image_size = 224,
      .patch_size = 32,
      .text = {.architecture = GS_CLIP,
               .width = 512,
               .inner = 2048,
               .layers = 12,
               .heads = 8,
               .epsilon = 1e-5F,
               .qkv_bias = true},
      .vocabulary = 49408,
      .context = 77,
      .end_token = 49407}},
    {read_one,
     {.model_type = "clip_vision_model",
      .vision = TOWER(GS_CLIP, GS_QUICK_GELU, 1e-5F),
      .image_size = 224,
      .patch_size = 32}},
    {read_vit, {.model_type = "vit", .vision = TOWER(GS_VIT, GS_GELU, 1e-12F), .image_size = 224, .patch_size = 16}},
    {read_dinov2,
     {.model_type = "dinov2",
      .vision = TOWER(GS_DINOV2, GS_GELU, 1e-6F),
      .image_size = 224,
      .patch_size = 14,
      .any_size = true}},
    {read_dinov2,
     {.model_type = "dinov2_with_registers",
      .vision = TOWER(GS_DINOV2_REGISTERS, GS_GELU, 1e-6F),
      .image_size = 224,
      .patch_size = 16,
      .registers = 4,
      .any_size = true}},
    {read_siglip,
     {.model_type = "siglip",
      .has_text = true,
      .vision = TOWER(GS_SIGLIP, GS_GELU_TANH, 1e-6F),
      .image_size = 224,
      .patch_size = 16,
      .text = TOWER(GS_SIGLIP, GS_GELU_TANH, 1e-6F),
      .vocabulary = 32000,
      .context = 64}},
    {read_siglip,
     {.model_type = "siglip_vision_model",
      .vision = TOWER(GS_SIGLIP, GS_GELU_TANH, 1e-6F),
      .image_size = 224,
      .patch_size = 16}},
};

static gs_status read_model(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    gs_json_object root = gs_json_root(json);
    const char *type, *name;
    gs_status st;
    if ((st = gs_json_string(&root, "model_type", "", &type, err)) != GS_OK ||
        (st = gs_json_string(&root, "_name_or_path", "", &name, err)) != GS_OK)
        return st;
    for (size_t i = 0; i < COUNT(models); i++) {
        if (strcmp(type, models[i].defaults.model_type) != 0)
            continue;
        *config = models[i].defaults;
        snprintf(config->name, sizeof config->name, "%s", name);
        return models[i].read(json, config, err);
    }
    return gs_json_wrong(&root, "model_type",
                         "clip, clip_vision_model, siglip, siglip_vision_model, vit, dinov2 or dinov2_with_registers: "
                         "take an encoder of one of these",
                         err);
}

gs_status gs_clip_config_read(gs_clip_config *config, const gs_directory *directory, gs_error *err)
{
    *config = (gs_clip_config){0};
    gs_json json = {0};
    gs_status st = gs_json_open(&json, directory->config, MAX_FILE, err);
    if (st == GS_OK)
        st = directory->open_clip ? gs_open_clip_read(&json, config, err) : read_model(&json, config, err);
    gs_json_close(&json);
    return st;
}

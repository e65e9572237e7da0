/* config_open_clip.c - open_clip_config.json: the plain vision transformers that OpenCLIP builds itself.
 *
 * Nearly every field changes what is computed, so that one which is not known here, and says more than null, false, 0
 * or "", is refused. */
#include "core/tokenize.h" /* GS_MAX_TOKENS */
#include "indexer/hf/config_fields.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool says_nothing(const cJSON *field)
{
    return cJSON_IsNull(field) || cJSON_IsFalse(field) || (cJSON_IsNumber(field) && field->valuedouble == 0) ||
           (cJSON_IsString(field) && !field->valuestring[0]) || ((cJSON_IsObject(field)) && !field->child);
}

/* What to take instead of a model that has such a field. */
static const char *expected_without(const char *field)
{
    if (strcmp(field, "init_logit_bias") == 0)
        return "none: it is SigLIP's, which is read in Hugging Face's layout: take the repository's config.json and "
               "model.safetensors, or one such as google/siglip-base-patch16-224";
    if (strncmp(field, "timm_", 5) == 0)
        return "a plain vision transformer: towers of timm, such as MobileCLIP's, are not read: take an encoder such "
               "as "
               "ViT-B-32";
    return "a plain vision transformer or CLIP's text tower, without it: take an encoder such as ViT-B-32";
}

/* Refuses every field of json that is neither in known [n] nor says nothing. */
static gs_status check_fields(const gs_json_object *json, const char *const *known, size_t n, gs_error *err)
{
    const cJSON *field;
    cJSON_ArrayForEach(field, json->node)
    {
        size_t i = 0;
        while (i < n && strcmp(known[i], field->string) != 0)
            i++;
        if (i == n && !says_nothing(field))
            return gs_json_wrong(json, field->string, expected_without(field->string), err);
    }
    return GS_OK;
}

/* A string that must be as given, where it is there. */
static gs_status check_string(const gs_json_object *json, const char *name, const char *only, gs_error *err)
{
    const char *value;
    gs_status st = gs_json_string(json, name, only, &value, err);
    return st != GS_OK || strcmp(value, only) == 0 ? st : gs_json_wrong(json, name, only, err);
}

/* "mlp_ratio", and layer scale; the rest of tower is known. */
static gs_status finish_tower(const gs_json_object *json, gs_tower_config *tower, gs_error *err)
{
    double ratio;
    gs_status st = gs_json_number(json, "mlp_ratio", 4, &ratio, err);
    if (st != GS_OK)
        return st;
    if (!(ratio > 0 && ratio <= 64))
        return gs_json_wrong(json, "mlp_ratio", "a number above 0, at most 64", err);
    tower->inner = (size_t)((double)tower->width * ratio);
    tower->layer_scale = gs_json_field(json, "ls_init_value") != NULL;
    return gs_tower_check(json, tower, err);
}

static gs_status read_vision(const gs_json_object *json, gs_clip_config *config, gs_error *err)
{
    static const char *const known[] = {"image_size", "patch_size",        "width",         "layers",
                                        "head_width", "mlp_ratio",         "ls_init_value", "patch_dropout",
                                        "pool_type",  "attn_pooler_heads", "timm_pool",     "attn_pooler_queries",
                                        "timm_proj",  "pos_embed_type",    "output_tokens", "timm_model_pretrained"};
    static const gs_size_field towers[] = {{"width", offsetof(gs_tower_config, width), 1, GS_MAX_SIDE},
                                           {"layers", offsetof(gs_tower_config, layers), 1, 256}};
    static const gs_size_field sizes[] = {{"image_size", offsetof(gs_clip_config, image_size), 1, 4096},
                                          {"patch_size", offsetof(gs_clip_config, patch_size), 1, 4096}};
    gs_tower_config *tower = &config->vision;
    size_t head;
    gs_status st;
    if (cJSON_IsArray(gs_json_field(json, "layers")))
        return gs_json_wrong(json, "layers", "one number: a ResNet cannot be read, take a vision transformer", err);
    if ((st = check_fields(json, known, COUNT(known), err)) != GS_OK ||
        (st = check_string(json, "pool_type", "tok", err)) != GS_OK ||
        (st = check_string(json, "pos_embed_type", "learnable", err)) != GS_OK ||
        (st = gs_sizes_read(json, towers, COUNT(towers), tower, err)) != GS_OK ||
        (st = gs_sizes_read(json, sizes, COUNT(sizes), config, err)) != GS_OK ||
        (st = gs_json_size(json, "head_width", 64, 1, tower->width, &head, err)) != GS_OK)
        return st;
    tower->heads = tower->width / head;
    if ((st = finish_tower(json, tower, err)) != GS_OK)
        return st;
    return gs_patches_check(json, config, err);
}

static gs_status read_text(const gs_json_object *json, gs_clip_config *config, gs_error *err)
{
    static const char *const known[] = {"context_length", "vocab_size",    "width",
                                        "heads",          "layers",        "mlp_ratio",
                                        "ls_init_value",  "pool_type",     "hf_tokenizer_name",
                                        "proj_type",      "output_tokens", "hf_model_pretrained",
                                        "hf_proj_type",   "eos_id",        "hf_pooler_type",
                                        "tokenizer_mode"};
    static const gs_size_field towers[] = {{"width", offsetof(gs_tower_config, width), 1, GS_MAX_SIDE},
                                           {"heads", offsetof(gs_tower_config, heads), 1, 1024},
                                           {"layers", offsetof(gs_tower_config, layers), 1, 256}};
    static const gs_size_field sizes[] = {{"context_length", offsetof(gs_clip_config, context), 2, GS_MAX_TOKENS},
                                          {"vocab_size", offsetof(gs_clip_config, vocabulary), 3, (size_t)1 << 24}};
    gs_status st;
    if ((st = check_fields(json, known, COUNT(known), err)) != GS_OK ||
        (st = check_string(json, "pool_type", "argmax", err)) != GS_OK ||
        (st = check_string(json, "proj_type", "linear", err)) != GS_OK ||
        (st = gs_sizes_read(json, towers, COUNT(towers), &config->text, err)) != GS_OK ||
        (st = gs_sizes_read(json, sizes, COUNT(sizes), config, err)) != GS_OK)
        return st;
    return finish_tower(json, &config->text, err);
}

gs_status gs_open_clip_read(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    static const char *const known[] = {"embed_dim",  "vision_cfg",  "text_cfg",
                                        "quick_gelu", "custom_text", "init_logit_scale"};
    static const gs_size_field dim = {"embed_dim", offsetof(gs_clip_config, projection), 1, GS_MAX_SIDE};
    gs_tower_config tower = {.architecture = GS_OPEN_CLIP, .layers = 12, .epsilon = 1e-5F, .qkv_bias = true};
    gs_json_object model, vision, text;
    bool quick;
    gs_status st = gs_json_child(json, "model_cfg", "model_cfg.", &model, err);
    if (st != GS_OK)
        return st;
    gs_json inner = {.path = json->path, .root = (cJSON *)model.node};
    if ((st = check_fields(&model, known, COUNT(known), err)) != GS_OK ||
        (st = gs_sizes_read(&model, &dim, 1, config, err)) != GS_OK ||
        (st = gs_json_bool(&model, "quick_gelu", false, &quick, err)) != GS_OK ||
        (st = gs_json_child(&inner, "vision_cfg", "model_cfg.vision_cfg.", &vision, err)) != GS_OK ||
        (st = gs_json_child(&inner, "text_cfg", "model_cfg.text_cfg.", &text, err)) != GS_OK)
        return st;
    if (!config->projection)
        return gs_json_wrong(&model, "embed_dim", "the width of a feature", err);
    tower.activation = quick ? GS_QUICK_GELU : GS_GELU;
    config->model_type = "open_clip";
    config->has_text = true;
    config->vision = config->text = tower;
    config->vision.width = 768;
    config->text.width = 512;
    config->text.heads = 8;
    config->image_size = 224;
    config->patch_size = 16;
    config->context = 77;
    config->vocabulary = 49408;
    config->end_token = GS_END_TOKEN_LEGACY;
    st = read_vision(&vision, config, err);
    return st == GS_OK ? read_text(&text, config, err) : st;
}

#include "config.h"

#include "../../core/tokenize.h" /* GS_MAX_TOKENS */
#include "../util/file.h"        /* gs_path_join */
#include "json.h"

#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)16 << 20)
#define MAX_SIDE 65536 /* of any matrix */

static gs_status read_activation(const gs_json_object *json, gs_activation *activation, gs_error *err)
{
    const char *name;
    gs_status st = gs_json_string(json, "hidden_act", "quick_gelu", &name, err);
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

/* fallback holds the defaults of this kind of tower. */
static gs_status read_tower(const gs_json_object *json, const gs_tower_config *fallback, gs_tower_config *tower,
                            gs_error *err)
{
    gs_status st;
    double epsilon;
    if ((st = gs_json_size(json, "hidden_size", fallback->width, 1, MAX_SIDE, &tower->width, err)) != GS_OK ||
        (st = gs_json_size(json, "intermediate_size", fallback->inner, 1, MAX_SIDE, &tower->inner, err)) != GS_OK ||
        (st = gs_json_size(json, "num_hidden_layers", fallback->layers, 1, 256, &tower->layers, err)) != GS_OK ||
        (st = gs_json_size(json, "num_attention_heads", fallback->heads, 1, 1024, &tower->heads, err)) != GS_OK ||
        (st = gs_json_number(json, "layer_norm_eps", 1e-5, &epsilon, err)) != GS_OK ||
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
    static const gs_tower_config fallback = {.width = 512, .inner = 2048, .layers = 12, .heads = 8};
    static const char *const names[] = {"text_config_dict", "text_config_dict.", "text_config", "text_config."};
    gs_json_object text;
    gs_status st;
    if ((st = find_tower(json, names, &text, err)) != GS_OK ||
        (st = read_tower(&text, &fallback, &config->text, err)) != GS_OK ||
        (st = gs_json_size(&text, "vocab_size", 49408, 3, (size_t)1 << 24, &config->vocabulary, err)) != GS_OK ||
        (st = gs_json_size(&text, "max_position_embeddings", 77, 2, GS_MAX_TOKENS, &config->context, err)) != GS_OK ||
        (st = gs_json_size(&text, "eos_token_id", 49407, 0, (size_t)1 << 24, &config->end_token, err)) != GS_OK)
        return st;
    return GS_OK;
}

static gs_status read_vision(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    static const gs_tower_config fallback = {.width = 768, .inner = 3072, .layers = 12, .heads = 12};
    static const char *const names[] = {"vision_config_dict", "vision_config_dict.", "vision_config", "vision_config."};
    gs_json_object vision;
    size_t channels;
    gs_status st;
    if ((st = find_tower(json, names, &vision, err)) != GS_OK ||
        (st = read_tower(&vision, &fallback, &config->vision, err)) != GS_OK ||
        (st = gs_json_size(&vision, "num_channels", 3, 3, 3, &channels, err)) != GS_OK ||
        (st = gs_json_size(&vision, "image_size", 224, 1, 4096, &config->image_size, err)) != GS_OK ||
        (st = gs_json_size(&vision, "patch_size", 32, 1, 4096, &config->patch_size, err)) != GS_OK)
        return st;
    if (config->patch_size > config->image_size)
        return gs_fail(err, GS_EFORMAT, "%s: %spatch_size is %zu, expected at most image_size, %zu", vision.path,
                       vision.prefix, config->patch_size, config->image_size);
    return GS_OK;
}

static gs_status read_clip(const gs_json *json, gs_clip_config *config, gs_error *err)
{
    gs_json_object root = gs_json_root(json);
    const char *type, *name;
    gs_status st;
    if ((st = gs_json_string(&root, "model_type", NULL, &type, err)) != GS_OK)
        return st;
    if (!type || strcmp(type, "clip") != 0)
        return gs_json_wrong(&root, "model_type", "clip", err);
    if ((st = gs_json_string(&root, "_name_or_path", "", &name, err)) != GS_OK ||
        (st = gs_json_size(&root, "projection_dim", 0, 1, MAX_SIDE, &config->projection, err)) != GS_OK ||
        (st = read_text(json, config, err)) != GS_OK)
        return st;
    snprintf(config->name, sizeof config->name, "%s", name);
    return read_vision(json, config, err);
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
        st = read_clip(&json, config, err);
    gs_json_close(&json);
    free(path);
    return st;
}

/* A whole number of a size object, 1 .. 16384; 0 when it is none. */
static int side(const cJSON *number)
{
    double value = cJSON_IsNumber(number) ? number->valuedouble : 0;
    return value >= 1 && value <= 16384 && value == (int)value ? (int)value : 0;
}

static bool read_rectangle(const cJSON *size, int *width, int *height)
{
    *width = side(cJSON_GetObjectItemCaseSensitive(size, "width"));
    *height = side(cJSON_GetObjectItemCaseSensitive(size, "height"));
    return cJSON_GetArraySize(size) == 2 && *width && *height;
}

/* size: 224, {"shortest_edge": 224} or {"height": 224, "width": 224}. */
static gs_status read_size(const gs_json_object *json, gs_preprocess *p, gs_error *err)
{
    const cJSON *size = gs_json_field(json, "size");
    if (!size)
        return GS_OK;
    const cJSON *edge = cJSON_GetObjectItemCaseSensitive(size, "shortest_edge");
    p->shortest_edge = p->resize_width = p->resize_height = 0;
    if (edge && cJSON_GetArraySize(size) == 1)
        p->shortest_edge = side(edge);
    else
        p->shortest_edge = side(size);
    if (p->shortest_edge || read_rectangle(size, &p->resize_width, &p->resize_height))
        return GS_OK;
    return gs_json_wrong(json, "size", "N, {\"shortest_edge\": N} or {\"height\": N, \"width\": N}", err);
}

/* crop_size: 224 or {"height": 224, "width": 224}. */
static gs_status read_crop(const gs_json_object *json, gs_preprocess *p, gs_error *err)
{
    const cJSON *crop = gs_json_field(json, "crop_size");
    if (!crop)
        return GS_OK;
    p->crop_width = p->crop_height = side(crop);
    if (p->crop_width || read_rectangle(crop, &p->crop_width, &p->crop_height))
        return GS_OK;
    return gs_json_wrong(json, "crop_size", "N or {\"height\": N, \"width\": N}", err);
}

static gs_status read_channels(const gs_json_object *json, const char *name, bool positive, float channels[3],
                               gs_error *err)
{
    const cJSON *list = gs_json_field(json, name);
    if (!list)
        return GS_OK;
    bool good = cJSON_IsArray(list) && cJSON_GetArraySize(list) == 3;
    for (int i = 0; good && i < 3; i++) {
        const cJSON *item = cJSON_GetArrayItem(list, i);
        good = cJSON_IsNumber(item) && (!positive || item->valuedouble > 0);
        channels[i] = good ? (float)item->valuedouble : 0;
    }
    return good ? GS_OK : gs_json_wrong(json, name, positive ? "3 positive numbers" : "3 numbers", err);
}

/* Directories older than the name "image processor" say feature extractor. */
static gs_status check_kind(const gs_json_object *json, gs_error *err)
{
    static const char *const fields[] = {"image_processor_type", "feature_extractor_type"};
    static const char *const known[] = {"CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil",
                                        "CLIPFeatureExtractor"};
    for (size_t i = 0; i < 2; i++) {
        const char *kind;
        gs_status st = gs_json_string(json, fields[i], NULL, &kind, err);
        if (st != GS_OK)
            return st;
        bool found = !kind;
        for (size_t k = 0; !found && k < sizeof known / sizeof *known; k++)
            found = strcmp(kind, known[k]) == 0;
        if (!found)
            return gs_json_wrong(json, fields[i], "CLIPImageProcessor", err);
    }
    return GS_OK;
}

static gs_status read_preprocess(const gs_json_object *json, gs_preprocess *p, gs_error *err)
{
    gs_status st;
    size_t resample;
    double factor;
    *p = gs_preprocess_clip(224);
    if ((st = check_kind(json, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_resize", true, &p->do_resize, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_center_crop", true, &p->do_center_crop, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_rescale", true, &p->do_rescale, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_normalize", true, &p->do_normalize, err)) != GS_OK ||
        (st = gs_json_size(json, "resample", GS_BICUBIC, GS_NEAREST, GS_HAMMING, &resample, err)) != GS_OK ||
        (st = gs_json_number(json, "rescale_factor", 1 / 255.0, &factor, err)) != GS_OK ||
        (st = read_size(json, p, err)) != GS_OK || (st = read_crop(json, p, err)) != GS_OK ||
        (st = read_channels(json, "image_mean", false, p->mean, err)) != GS_OK ||
        (st = read_channels(json, "image_std", true, p->std, err)) != GS_OK)
        return st;
    p->resample = (gs_resample)resample;
    p->rescale_factor = factor;
    return GS_OK;
}

/* What can be told before a picture is seen: a crop or a fixed resize that gives another size than the tower takes. */
static gs_status check_size(const gs_json_object *json, const gs_preprocess *p, size_t image_size, gs_error *err)
{
    bool fixed = p->do_center_crop || (p->do_resize && !p->shortest_edge);
    int width = p->do_center_crop ? p->crop_width : p->resize_width;
    int height = p->do_center_crop ? p->crop_height : p->resize_height;
    if (!fixed || ((size_t)width == image_size && (size_t)height == image_size))
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: %s gives pictures of %dx%d, config.json's vision tower takes %zux%zu",
                   json->path, p->do_center_crop ? "crop_size" : "size", width, height, image_size, image_size);
}

gs_status gs_preprocess_config_read(gs_preprocess *preprocess, const char *directory, size_t image_size, gs_error *err)
{
    char *path = gs_path_join(directory, "preprocessor_config.json");
    if (!path)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    gs_json json = {0};
    gs_status st = gs_json_open(&json, path, MAX_FILE, err);
    if (st == GS_OK) {
        gs_json_object root = gs_json_root(&json);
        st = read_preprocess(&root, preprocess, err);
        if (st == GS_OK)
            st = check_size(&root, preprocess, image_size, err);
    }
    gs_json_close(&json);
    free(path);
    return st;
}

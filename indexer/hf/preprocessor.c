#include "indexer/hf/preprocessor.h"

#include "indexer/hf/json.h"
#include "indexer/util/file.h" /* gs_path_join */

#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* access */

#define MAX_FILE ((size_t)16 << 20)
#define MAX_SIDE 16384
#define NESTED   "image_processor"

/* ---- kinds ---- */

/* Image processors of transformers. Their defaults; ViT's are not CLIP's. */
typedef enum { CLIP, BIT, VIT, KINDS } kind;

static const struct {
    const char *name;
    const char *extractor; /* what it was called before; NULL: nothing */
} kinds[KINDS] = {
    [CLIP] = {"CLIPImageProcessor", "CLIPFeatureExtractor"},
    [BIT] = {"BitImageProcessor", NULL},
    [VIT] = {"ViTImageProcessor", "ViTFeatureExtractor"},
};

static gs_preprocess defaults_of(kind which)
{
    gs_preprocess p = gs_preprocess_clip(224);
    if (which != VIT)
        return p;
    p.do_center_crop = false;
    p.resample = GS_BILINEAR;
    p.shortest_edge = 0;
    p.resize_width = p.resize_height = 224;
    p.crop_width = p.crop_height = 0; /* a crop must then say its size */
    for (int i = 0; i < 3; i++)
        p.mean[i] = p.std[i] = 0.5F;
    return p;
}

/* "CLIPImageProcessor", also with Fast or Pil behind it: the same preparation by other libraries. */
static bool is_kind(kind which, const char *name)
{
    size_t length = strlen(kinds[which].name);
    if (kinds[which].extractor && strcmp(name, kinds[which].extractor) == 0)
        return true;
    if (strncmp(name, kinds[which].name, length) != 0)
        return false;
    const char *end = name + length;
    return strcmp(end, "") == 0 || strcmp(end, "Fast") == 0 || strcmp(end, "Pil") == 0;
}

/* Directories older than the name "image processor" say feature extractor; where neither is said the model decides. */
static gs_status read_kind(const gs_json_object *json, gs_architecture architecture, kind *which, gs_error *err)
{
    static const char *const fields[] = {"image_processor_type", "feature_extractor_type"};
    static const kind usual[] = {[GS_CLIP] = CLIP, [GS_VIT] = VIT, [GS_DINOV2] = BIT};
    for (size_t i = 0; i < 2; i++) {
        const char *name;
        gs_status st = gs_json_string(json, fields[i], NULL, &name, err);
        if (st != GS_OK)
            return st;
        if (!name)
            continue;
        for (*which = CLIP; *which < KINDS; (*which)++)
            if (is_kind(*which, name))
                return GS_OK;
        return gs_json_wrong(json, fields[i], "CLIPImageProcessor, BitImageProcessor or ViTImageProcessor", err);
    }
    *which = usual[architecture];
    return GS_OK;
}

/* ---- fields ---- */

/* A whole number of a size object, 1 .. MAX_SIDE; 0 when it is none. */
static int side(const cJSON *number)
{
    double value = cJSON_IsNumber(number) ? number->valuedouble : 0;
    return value >= 1 && value <= MAX_SIDE && value == (int)value ? (int)value : 0;
}

static bool read_rectangle(const cJSON *size, int *width, int *height)
{
    *width = side(cJSON_GetObjectItemCaseSensitive(size, "width"));
    *height = side(cJSON_GetObjectItemCaseSensitive(size, "height"));
    return cJSON_GetArraySize(size) == 2 && *width && *height;
}

/* size: 224, {"shortest_edge": 224} or {"height": 224, "width": 224}. square: what a number alone means. */
static gs_status read_size(const gs_json_object *json, bool square, gs_preprocess *p, gs_error *err)
{
    const cJSON *size = gs_json_field(json, "size");
    if (!size)
        return GS_OK;
    const cJSON *edge = cJSON_GetObjectItemCaseSensitive(size, "shortest_edge");
    p->shortest_edge = p->resize_width = p->resize_height = 0;
    if (edge && cJSON_GetArraySize(size) == 1)
        p->shortest_edge = side(edge);
    else if (square)
        p->resize_width = p->resize_height = side(size);
    else
        p->shortest_edge = side(size);
    if (p->shortest_edge || p->resize_width || read_rectangle(size, &p->resize_width, &p->resize_height))
        return GS_OK;
    return gs_json_wrong(json, "size", "N, {\"shortest_edge\": N} or {\"height\": N, \"width\": N}", err);
}

/* crop_size: 224 or {"height": 224, "width": 224}. */
static gs_status read_crop(const gs_json_object *json, gs_preprocess *p, gs_error *err)
{
    const cJSON *crop = gs_json_field(json, "crop_size");
    if (crop) {
        p->crop_width = p->crop_height = side(crop);
        if (!p->crop_width)
            read_rectangle(crop, &p->crop_width, &p->crop_height);
    }
    if ((p->crop_width && p->crop_height) || (!crop && !p->do_center_crop))
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

/* Steps that transformers has and this preparation lacks. */
static gs_status refuse_others(const gs_json_object *json, gs_error *err)
{
    static const char *const fields[] = {"do_pad", "use_square_size"};
    for (size_t i = 0; i < 2; i++) {
        bool asked;
        gs_status st = gs_json_bool(json, fields[i], false, &asked, err);
        if (st != GS_OK)
            return st;
        if (asked)
            return gs_json_wrong(json, fields[i], "false", err);
    }
    return GS_OK;
}

static gs_status read_fields(const gs_json_object *json, gs_architecture architecture, gs_preprocess *p, gs_error *err)
{
    gs_status st;
    kind which;
    size_t resample;
    bool square;
    if ((st = read_kind(json, architecture, &which, err)) != GS_OK)
        return st;
    *p = defaults_of(which);
    if ((st = gs_json_bool(json, "do_resize", true, &p->do_resize, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_center_crop", p->do_center_crop, &p->do_center_crop, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_rescale", true, &p->do_rescale, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_normalize", true, &p->do_normalize, err)) != GS_OK ||
        (st = gs_json_bool(json, "default_to_square", which == VIT, &square, err)) != GS_OK ||
        (st = gs_json_size(json, "resample", p->resample, GS_NEAREST, GS_HAMMING, &resample, err)) != GS_OK ||
        (st = gs_json_number(json, "rescale_factor", p->rescale_factor, &p->rescale_factor, err)) != GS_OK ||
        (st = read_size(json, square, p, err)) != GS_OK || (st = read_crop(json, p, err)) != GS_OK ||
        (st = read_channels(json, "image_mean", false, p->mean, err)) != GS_OK ||
        (st = read_channels(json, "image_std", true, p->std, err)) != GS_OK)
        return st;
    if (!(p->rescale_factor > 0))
        return gs_json_wrong(json, "rescale_factor", "a number above 0", err);
    p->resample = (gs_resample)resample;
    return refuse_others(json, err);
}

/* ---- the size of the result ---- */

/* What can be told before a picture is seen: a crop or a fixed resize that gives another size than the tower takes. */
static gs_status check_size(const gs_json_object *json, const gs_preprocess *p, gs_clip_config *config, gs_error *err)
{
    bool fixed = p->do_center_crop || (p->do_resize && !p->shortest_edge);
    bool any = config->vision.architecture == GS_DINOV2;
    const char *field = p->do_center_crop ? "crop_size" : "size";
    size_t width = (size_t)(p->do_center_crop ? p->crop_width : p->resize_width);
    size_t height = (size_t)(p->do_center_crop ? p->crop_height : p->resize_height);
    if (any && (!fixed || width != height || width < config->patch_size))
        return gs_fail(err, GS_EFORMAT,
                       "%s: %s%s does not make all pictures squares of one size, of at least config.json's patch_size, "
                       "%zu",
                       json->path, json->prefix, field, config->patch_size);
    if (any)
        config->image_size = width;
    if (!fixed || (width == config->image_size && height == config->image_size))
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: %s%s gives pictures of %zux%zu, config.json's vision tower takes %zux%zu",
                   json->path, json->prefix, field, width, height, config->image_size, config->image_size);
}

/* ---- files ---- */

/* Opens path as json, and *out as the object that describes the preparation; its node stays NULL in a file without. */
static gs_status open_fields(gs_json *json, const char *path, bool nested, gs_json_object *out, gs_error *err)
{
    gs_status st = gs_json_open(json, path, MAX_FILE, err);
    if (st != GS_OK)
        return st;
    if (nested)
        return gs_json_child(json, NESTED, NESTED ".", out, err);
    *out = gs_json_root(json);
    return GS_OK;
}

gs_status gs_preprocessor_read(gs_preprocess *preprocess, const char *directory, gs_clip_config *config, gs_error *err)
{
    gs_json json = {0};
    gs_json_object fields = {0};
    gs_status st = GS_OK;
    char *whole = gs_path_join(directory, "processor_config.json");
    char *path = gs_path_join(directory, "preprocessor_config.json");
    if (!whole || !path)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    else if (access(whole, F_OK) == 0)
        st = open_fields(&json, whole, true, &fields, err);
    if (st == GS_OK && !fields.node) {
        gs_json_close(&json);
        st = open_fields(&json, path, false, &fields, err);
    }
    if (st == GS_OK)
        st = read_fields(&fields, config->vision.architecture, preprocess, err);
    if (st == GS_OK)
        st = check_size(&fields, preprocess, config, err);
    gs_json_close(&json);
    free(whole);
    free(path);
    return st;
}

#include "indexer/hf/preprocessor.h"

#include "indexer/hf/json.h"
#include "indexer/util/file.h" /* gs_path_join */

#include <stdlib.h>
#include <string.h>
#include <strings.h> /* strcasecmp */
#include <unistd.h>  /* access */

#define MAX_FILE ((size_t)16 << 20)
#define MAX_SIDE 16384
#define NESTED   "image_processor"
#define SIZE_FORMS                                                                                                     \
    "N, [N, N], {\"shortest_edge\": N}, {\"shortest_edge\": N, \"longest_edge\": N}, {\"height\": N, \"width\": N} "   \
    "or "                                                                                                              \
    "{\"max_height\": N, \"max_width\": N}"

/* ---- kinds ---- */

/* Image processors of transformers. Their defaults; ViT's are not CLIP's. */
typedef enum { CLIP, BIT, VIT, SIGLIP, KINDS } kind;

static const struct {
    const char *name;
    const char *extractor; /* what it was called before; NULL: nothing */
} kinds[KINDS] = {
    [CLIP] = {"CLIPImageProcessor", "CLIPFeatureExtractor"},
    [BIT] = {"BitImageProcessor", NULL},
    [VIT] = {"ViTImageProcessor", "ViTFeatureExtractor"},
    [SIGLIP] = {"SiglipImageProcessor", NULL},
};

static gs_preprocess defaults_of(kind which)
{
    gs_preprocess p = gs_preprocess_clip(224);
    if (which == CLIP || which == BIT)
        return p;
    p.do_center_crop = false;
    p.resample = which == VIT ? GS_BILINEAR : GS_BICUBIC;
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

static const kind usual[] = {[GS_CLIP] = CLIP,      [GS_VIT] = VIT,      [GS_DINOV2] = BIT, [GS_DINOV2_REGISTERS] = BIT,
                             [GS_OPEN_CLIP] = CLIP, [GS_SIGLIP] = SIGLIP};

/* Directories older than the name "image processor" say feature extractor; where neither is said the model decides. */
static gs_status read_kind(const gs_json_object *json, gs_architecture architecture, kind *which, gs_error *err)
{
    static const char *const fields[] = {"image_processor_type", "feature_extractor_type"};
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
        return gs_json_wrong(json, fields[i],
                             "CLIPImageProcessor, BitImageProcessor, ViTImageProcessor or SiglipImageProcessor", err);
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

/* The sides that an object names, for no others and not fewer: *first and *second. second_name may be NULL. */
static bool read_sides(const cJSON *size, const char *first_name, const char *second_name, int *first, int *second)
{
    *first = side(cJSON_GetObjectItemCaseSensitive(size, first_name));
    *second = second_name ? side(cJSON_GetObjectItemCaseSensitive(size, second_name)) : 0;
    return cJSON_IsObject(size) && cJSON_GetArraySize(size) == (second_name ? 2 : 1) && *first &&
           (*second || !second_name);
}

/* {"height", "width"} or [height, width]. */
static bool read_rectangle(const cJSON *size, int *width, int *height)
{
    if (cJSON_IsArray(size) && cJSON_GetArraySize(size) == 2) {
        *height = side(cJSON_GetArrayItem(size, 0));
        *width = side(cJSON_GetArrayItem(size, 1));
        return *width && *height;
    }
    return read_sides(size, "width", "height", width, height);
}

/* size, in any form that transformers has had. square: what a number alone means. */
static gs_status read_size(const gs_json_object *json, bool square, gs_preprocess *p, gs_error *err)
{
    const cJSON *size = gs_json_field(json, "size");
    int none;
    if (!size)
        return GS_OK;
    p->shortest_edge = p->longest_edge = p->resize_width = p->resize_height = 0;
    if (side(size) && square)
        p->resize_width = p->resize_height = side(size);
    else if (side(size))
        p->shortest_edge = side(size);
    else if (read_sides(size, "max_width", "max_height", &p->resize_width, &p->resize_height))
        p->fit = true;
    else if (!read_sides(size, "shortest_edge", NULL, &p->shortest_edge, &none) &&
             !read_sides(size, "shortest_edge", "longest_edge", &p->shortest_edge, &p->longest_edge) &&
             !read_rectangle(size, &p->resize_width, &p->resize_height))
        return gs_json_wrong(json, "size", SIZE_FORMS, err);
    return GS_OK;
}

/* crop_size: a number, {"shortest_edge"}, or a rectangle. */
static gs_status read_crop(const gs_json_object *json, gs_preprocess *p, gs_error *err)
{
    const cJSON *crop = gs_json_field(json, "crop_size");
    int width = side(crop), height = width, none;
    if (!crop && (p->crop_width || !p->do_center_crop))
        return GS_OK;
    if (!width && read_sides(crop, "shortest_edge", NULL, &width, &none))
        height = width;
    if (!width && !read_rectangle(crop, &width, &height))
        return gs_json_wrong(json, "crop_size", "N or {\"height\": N, \"width\": N}", err);
    p->crop_width = width;
    p->crop_height = height;
    return GS_OK;
}

/* Pillow's number, or its name: "bicubic". transformers takes every name for bilinear, which its writers cannot have meant. */
static gs_status read_resample(const gs_json_object *json, const char *field, gs_resample *resample, gs_error *err)
{
    static const char *const names[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};
    const cJSON *value = gs_json_field(json, field);
    size_t number;
    if (!cJSON_IsString(value)) {
        gs_status st = gs_json_size(json, field, *resample, GS_NEAREST, GS_HAMMING, &number, err);
        *resample = (gs_resample)number;
        return st;
    }
    const char *dot = strrchr(value->valuestring, '.'), *name = dot ? dot + 1 : value->valuestring;
    for (*resample = GS_NEAREST; *resample <= GS_HAMMING; ++*resample)
        if (strcasecmp(name, names[*resample]) == 0)
            return GS_OK;
    return gs_json_wrong(json, field, "nearest, lanczos, bilinear, bicubic, box or hamming", err);
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

/* Steps that transformers has and this preparation lacks. Padding without a size makes the pictures of a batch equal, which they are. */
static gs_status refuse_others(const gs_json_object *json, gs_error *err)
{
    bool square, pads;
    gs_status st = gs_json_bool(json, "use_square_size", false, &square, err);
    if (st == GS_OK && square)
        st = gs_json_wrong(json, "use_square_size", "false", err);
    if (st == GS_OK)
        st = gs_json_bool(json, "do_pad", false, &pads, err);
    if (st == GS_OK && pads && gs_json_field(json, "pad_size"))
        st = gs_json_wrong(json, "pad_size", "none with do_pad: a picture is not padded", err);
    return st;
}

static gs_status read_fields(const gs_json_object *json, gs_architecture architecture, gs_preprocess *p, gs_error *err)
{
    gs_status st;
    kind which;
    bool square;
    if ((st = read_kind(json, architecture, &which, err)) != GS_OK)
        return st;
    *p = defaults_of(which);
    if ((st = gs_json_bool(json, "do_resize", true, &p->do_resize, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_center_crop", p->do_center_crop, &p->do_center_crop, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_rescale", true, &p->do_rescale, err)) != GS_OK ||
        (st = gs_json_bool(json, "do_normalize", true, &p->do_normalize, err)) != GS_OK ||
        (st = gs_json_bool(json, "default_to_square", which == VIT, &square, err)) != GS_OK ||
        (st = read_resample(json, "resample", &p->resample, err)) != GS_OK ||
        (st = gs_json_number(json, "rescale_factor", p->rescale_factor, &p->rescale_factor, err)) != GS_OK ||
        (st = read_size(json, square, p, err)) != GS_OK || (st = read_crop(json, p, err)) != GS_OK ||
        (st = read_channels(json, "image_mean", false, p->mean, err)) != GS_OK ||
        (st = read_channels(json, "image_std", true, p->std, err)) != GS_OK)
        return st;
    if (!(p->rescale_factor > 0))
        return gs_json_wrong(json, "rescale_factor", "a number above 0", err);
    return refuse_others(json, err);
}

/* ---- the size of the result ---- */

/* What can be told before a picture is seen: a crop or a fixed resize that gives another size than the tower takes. */
static gs_status check_size(const gs_json_object *json, const gs_preprocess *p, gs_clip_config *config, gs_error *err)
{
    bool fixed = p->do_center_crop || (p->do_resize && !p->shortest_edge && !p->fit);
    bool any = config->any_size;
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

/* ---- OpenCLIP ---- */

/* "preprocess_cfg", as its image_transform() understands it; the size is the vision tower's. */
static gs_status read_open_clip(const gs_json *json, const gs_clip_config *config, gs_preprocess *p, gs_error *err)
{
    gs_json_object fields;
    const char *mode;
    gs_status st = gs_json_child(json, "preprocess_cfg", "preprocess_cfg.", &fields, err);
    *p = gs_preprocess_clip((int)config->image_size);
    p->even_crop = true;
    if (st != GS_OK || (st = read_resample(&fields, "interpolation", &p->resample, err)) != GS_OK ||
        (st = gs_json_string(&fields, "resize_mode", "shortest", &mode, err)) != GS_OK ||
        (st = read_channels(&fields, "mean", false, p->mean, err)) != GS_OK ||
        (st = read_channels(&fields, "std", true, p->std, err)) != GS_OK)
        return st;
    if (strcmp(mode, "shortest") == 0)
        return GS_OK;
    if (strcmp(mode, "squash") != 0)
        return gs_json_wrong(&fields, "resize_mode", "shortest or squash", err);
    p->shortest_edge = 0;
    p->resize_width = p->resize_height = (int)config->image_size;
    p->do_center_crop = false;
    return GS_OK;
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

/* Looks in processor_config.json, then in preprocessor_config.json; *out has no node where neither says anything. */
static gs_status find_fields(gs_json *json, const char *whole, const char *path, gs_json_object *out, gs_error *err)
{
    gs_status st = access(whole, F_OK) == 0 ? open_fields(json, whole, true, out, err) : GS_OK;
    if (st != GS_OK || out->node)
        return st;
    gs_json_close(json);
    return access(path, F_OK) == 0 ? open_fields(json, path, false, out, err) : GS_OK;
}

/* Without a file: CLIP's preparation and SigLIP's are always the same but for the size. */
static gs_status assume(gs_preprocess *p, const char *directory, const gs_clip_config *config, gs_notes *notes,
                        gs_error *err)
{
    kind which = usual[config->vision.architecture];
    if (which != CLIP && which != SIGLIP)
        return gs_fail(
            err, GS_EFORMAT,
            "%s: no preprocessor_config.json: %s models are prepared in several ways: copy it from where the "
            "weights come from",
            directory, gs_architecture_name(config->vision.architecture));
    *p = defaults_of(which);
    if (which == CLIP)
        *p = gs_preprocess_clip((int)config->image_size);
    else
        p->resize_width = p->resize_height = (int)config->image_size;
    gs_notes_add(notes, "%s: no preprocessor_config.json: pictures are prepared as %s's are, to %zux%zu", directory,
                 which == CLIP ? "CLIP" : "SigLIP", config->image_size, config->image_size);
    return GS_OK;
}

static gs_status read_hugging_face(const gs_directory *directory, gs_clip_config *config, gs_preprocess *p,
                                   gs_notes *notes, gs_error *err)
{
    gs_json json = {0};
    gs_json_object fields = {0};
    gs_status st = GS_OK;
    char *whole = gs_path_join(directory->path, "processor_config.json");
    char *path = gs_path_join(directory->path, "preprocessor_config.json");
    if (!whole || !path)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory", directory->path);
    else
        st = find_fields(&json, whole, path, &fields, err);
    if (st == GS_OK && fields.node) {
        st = read_fields(&fields, config->vision.architecture, p, err);
        if (st == GS_OK)
            st = check_size(&fields, p, config, err);
    } else if (st == GS_OK) {
        st = assume(p, directory->path, config, notes, err);
    }
    gs_json_close(&json);
    free(whole);
    free(path);
    return st;
}

gs_status gs_preprocessor_read(gs_preprocess *preprocess, const gs_directory *directory, gs_clip_config *config,
                               gs_notes *notes, gs_error *err)
{
    if (!directory->open_clip)
        return read_hugging_face(directory, config, preprocess, notes, err);
    gs_json json = {0};
    gs_status st = gs_json_open(&json, directory->config, MAX_FILE, err);
    if (st == GS_OK)
        st = read_open_clip(&json, config, preprocess, err);
    gs_json_close(&json);
    return st;
}

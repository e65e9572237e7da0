#include "indexer/model/model.h"

#include "indexer/util/file.h"
#include "indexer/util/utf8.h"

#include <math.h> /* floor */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE  ((size_t)4 << 20)
#define MAX_DEPTH 32 /* of nested arrays and objects */
#define MAX_SLUG  128
#define MAX_SIDE  65536

static const char *const types[] = {"GAN", "VAE", "diffusion", "flow", "autoregressive", "implicit", "other"};
#define TYPE_LIST "GAN, VAE, diffusion, flow, autoregressive, implicit or other"

static const char *const optional_strings[] = {"family", "description", "license",  "base_model", "paper",
                                               "bibtex", "project",     "download", "created"};
static const char *const string_lists[] = {"authors", "tags"};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* What a JSON value is, for a message: "a number", "missing" ... */
static const char *kind_of(const cJSON *item)
{
    if (!item)
        return "missing";
    switch (item->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return "a boolean";
    case cJSON_NULL:
        return "null";
    case cJSON_Number:
        return "a number";
    case cJSON_String:
        return "a string";
    case cJSON_Array:
        return "an array";
    case cJSON_Object:
        return "an object";
    default:
        return "of no known kind";
    }
}

static gs_status wrong(const char *path, const char *field, const cJSON *is, const char *expected, gs_error *err)
{
    return gs_fail(err, GS_EFORMAT, "%s: field '%s' is %s, expected %s", path, field, kind_of(is), expected);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names are sorted, so that an object of a hundred thousand fields does not take a hundred thousand squared
 * steps. */
static gs_status check_names_differ(const cJSON *object, const char *path, gs_error *err)
{
    size_t count = 0;
    for (const cJSON *child = object->child; child; child = child->next)
        count++;
    if (count < 2)
        return GS_OK;
    const char **names = malloc(count * sizeof *names);
    if (!names)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    size_t i = 0;
    for (const cJSON *child = object->child; child; child = child->next)
        names[i++] = child->string;
    qsort(names, count, sizeof *names, compare_names);
    gs_status st = GS_OK;
    for (i = 1; i < count && st == GS_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            st = gs_fail(err, GS_EFORMAT, "%s: field '%.100s' stands there twice", path, names[i]);
    free(names);
    return st;
}

/* Nothing is nested deeper than MAX_DEPTH, and no object has two fields of one name. */
static gs_status check_tree(const cJSON *item, int depth, const char *path, gs_error *err)
{
    if (depth > MAX_DEPTH)
        return gs_fail(err, GS_EFORMAT, "%s: nested deeper than %d levels", path, MAX_DEPTH);
    gs_status st = cJSON_IsObject(item) ? check_names_differ(item, path, err) : GS_OK;
    for (const cJSON *child = item->child; child && st == GS_OK; child = child->next)
        st = check_tree(child, depth + 1, path, err);
    return st;
}

static gs_status get_string(const cJSON *root, const char *field, const char *path, const char **value, gs_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, field);
    if (!cJSON_IsString(item))
        return wrong(path, field, item, "a string", err);
    if (!item->valuestring[0])
        return gs_fail(err, GS_EFORMAT, "%s: field '%s' is empty", path, field);
    *value = item->valuestring;
    return GS_OK;
}

static gs_status check_slug(const char *slug, const char *path, gs_error *err)
{
    size_t valid = strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (slug[valid])
        return gs_fail(err, GS_EFORMAT, "%s: field 'slug' is '%.140s', expected only a-z, 0-9 and '-'", path, slug);
    if (valid > MAX_SLUG)
        return gs_fail(err, GS_EFORMAT, "%s: field 'slug' has %zu bytes, at most %d are allowed", path, valid,
                       MAX_SLUG);
    return GS_OK;
}

static gs_status check_type(const char *type, const char *path, gs_error *err)
{
    for (size_t i = 0; i < LENGTH(types); i++)
        if (strcmp(type, types[i]) == 0)
            return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: field 'type' is '%.100s', expected one of " TYPE_LIST, path, type);
}

/* For what is shown on one line of a terminal. */
static gs_status check_line(const char *text, const char *field, const char *path, gs_error *err)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return gs_fail(err, GS_EFORMAT, "%s: field '%s' holds the control character 0x%02x", path, field, *c);
    return GS_OK;
}

static gs_status check_string_list(const cJSON *root, const char *field, const char *path, gs_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, field);
    if (!list)
        return GS_OK;
    if (!cJSON_IsArray(list))
        return wrong(path, field, list, "an array of strings", err);
    for (const cJSON *item = list->child; item; item = item->next)
        if (!cJSON_IsString(item))
            return gs_fail(err, GS_EFORMAT, "%s: field '%s' holds %s, expected only strings", path, field,
                           kind_of(item));
    return GS_OK;
}

static bool is_side(const cJSON *item)
{
    double side = cJSON_IsNumber(item) ? item->valuedouble : 0;
    return side >= 1 && side <= MAX_SIDE && side == floor(side);
}

static gs_status check_resolution(const cJSON *root, const char *path, gs_error *err)
{
    const cJSON *pair = cJSON_GetObjectItemCaseSensitive(root, "resolution");
    if (!pair)
        return GS_OK;
    if (!cJSON_IsArray(pair))
        return wrong(path, "resolution", pair, "[width, height]", err);
    if (cJSON_GetArraySize(pair) != 2 || !is_side(pair->child) || !is_side(pair->child->next))
        return gs_fail(err, GS_EFORMAT, "%s: field 'resolution' is not [width, height], two whole numbers from 1 to %d",
                       path, MAX_SIDE);
    return GS_OK;
}

static gs_status check_optional(const cJSON *root, const char *path, gs_error *err)
{
    for (size_t i = 0; i < LENGTH(optional_strings); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, optional_strings[i]);
        if (item && !cJSON_IsString(item))
            return wrong(path, optional_strings[i], item, "a string", err);
    }
    gs_status st = GS_OK;
    for (size_t i = 0; i < LENGTH(string_lists) && st == GS_OK; i++)
        st = check_string_list(root, string_lists[i], path, err);
    return st == GS_OK ? check_resolution(root, path, err) : st;
}

static const char *string_or_empty(const cJSON *root, const char *field)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, field);
    return item ? item->valuestring : "";
}

/* Checks model->root and points the fields into it. */
static gs_status read_fields(gs_model *model, gs_error *err)
{
    const cJSON *root = model->root;
    const char *path = model->path;
    if (!cJSON_IsObject(root))
        return gs_fail(err, GS_EFORMAT, "%s: is %s, expected an object", path, kind_of(root));
    gs_status st;
    if ((st = check_tree(root, 1, path, err)) != GS_OK ||
        (st = get_string(root, "slug", path, &model->slug, err)) != GS_OK ||
        (st = check_slug(model->slug, path, err)) != GS_OK ||
        (st = get_string(root, "title", path, &model->title, err)) != GS_OK ||
        (st = check_line(model->title, "title", path, err)) != GS_OK ||
        (st = get_string(root, "type", path, &model->type, err)) != GS_OK ||
        (st = check_type(model->type, path, err)) != GS_OK || (st = check_optional(root, path, err)) != GS_OK)
        return st;
    model->family = string_or_empty(root, "family");
    model->description = string_or_empty(root, "description");
    if ((st = check_line(model->family, "family", path, err)) != GS_OK)
        return st;

    model->sampler = cJSON_GetObjectItemCaseSensitive(root, "sampler");
    if (!cJSON_IsObject(model->sampler))
        return wrong(path, "sampler", model->sampler, "an object", err);
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(model->sampler, "kind");
    return cJSON_IsString(kind) ? GS_OK : wrong(path, "sampler.kind", kind, "a string", err);
}

/* cJSON passes bytes through unchecked, and would end a string at \u0000 without a word. */
static gs_status check_text(const char *text, size_t size, const char *path, gs_error *err)
{
    size_t bad = gs_utf8_invalid_at(text, size);
    if (bad < size)
        return gs_fail(err, GS_EFORMAT, "%s: not UTF-8 at byte %zu", path, bad);
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] != '\\')
            continue;
        if (strncmp(text + i + 1, "u0000", 5) == 0)
            return gs_fail(err, GS_EFORMAT, "%s: \\u0000 at byte %zu, no text may hold it", path, i);
        i++;
    }
    return GS_OK;
}

static gs_status syntax_error(const char *text, const char *at, const char *path, gs_error *err)
{
    int line = 1;
    const char *line_start = text;
    for (const char *c = text; c < at; c++)
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    return gs_fail(err, GS_EFORMAT, "%s: not JSON at line %d, column %d", path, line, (int)(at - line_start) + 1);
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

gs_status gs_model_parse(gs_model *model, const char *text, const char *path, gs_error *err)
{
    *model = (gs_model){0};
    size_t size = strlen(text);
    gs_status st = check_text(text, size, path, err);
    if (st != GS_OK)
        return st;
    const char *end = text;
    model->root = cJSON_ParseWithLengthOpts(text, size + 1, &end, true);
    if (!model->root)
        return syntax_error(text, end, path, err);
    model->path = strdup(path);
    model->directory = directory_of(path);
    model->json = cJSON_PrintUnformatted(model->root);
    if (model->path && model->directory && model->json)
        st = read_fields(model, err);
    else
        st = gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    if (st != GS_OK)
        gs_model_free(model);
    return st;
}

gs_status gs_model_read(gs_model *model, const char *path, gs_error *err)
{
    *model = (gs_model){0};
    gs_bytes bytes;
    gs_status st = gs_file_read(&bytes, path, MAX_FILE, err);
    if (st != GS_OK)
        return st;
    if (memchr(bytes.data, 0, bytes.size))
        st = gs_fail(err, GS_EFORMAT, "%s: holds a NUL byte, expected JSON text", path);
    else
        st = gs_model_parse(model, (const char *)bytes.data, path, err);
    gs_bytes_free(&bytes);
    return st;
}

gs_status gs_model_path(const gs_model *model, const char *field, char **path, gs_error *err)
{
    *path = NULL;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(model->sampler, field);
    if (!cJSON_IsString(item) || !item->valuestring[0])
        return gs_fail(err, GS_EFORMAT, "%s: field 'sampler.%s' is %s, expected a path", model->path, field,
                       cJSON_IsString(item) ? "empty" : kind_of(item));
    *path = gs_path_join(model->directory, item->valuestring);
    return *path ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
}

void gs_model_free(gs_model *model)
{
    cJSON_Delete(model->root);
    cJSON_free(model->json);
    free(model->path);
    free(model->directory);
    *model = (gs_model){0};
}

#include "indexer/hf/json.h"

#include "indexer/hf/stand_in.h"
#include "indexer/util/file.h" /* gs_file_read */

#include <math.h>
#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>

static bool only_space(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at == end;
}

gs_status gs_json_open(gs_json *json, const char *path, size_t limit, gs_error *err)
{
    *json = (gs_json){.path = path};
    gs_bytes bytes;
    gs_status st = gs_file_read(&bytes, path, limit, err);
    if (st != GS_OK)
        return st;
    st = gs_json_parse(json, path, (const char *)bytes.data, bytes.size, err);
    gs_bytes_free(&bytes);
    return st;
}

gs_status gs_json_parse(gs_json *json, const char *path, const char *text, size_t size, gs_error *err)
{
    *json = (gs_json){.path = path};
    const char *end = text;
    gs_status st = gs_stand_in_check(path, text, size, err);
    if (st == GS_OK)
        json->root = cJSON_ParseWithLengthOpts(text, size, &end, false);
    if (st == GS_OK && (!json->root || !only_space(end, text + size)))
        st = gs_fail(err, GS_EFORMAT, "%s: not JSON: unexpected text at byte %zu", path, (size_t)(end - text));
    else if (st == GS_OK && !cJSON_IsObject(json->root))
        st = gs_fail(err, GS_EFORMAT, "%s: not a JSON object", path);
    if (st != GS_OK)
        gs_json_close(json);
    return st;
}

void gs_json_close(gs_json *json)
{
    cJSON_Delete(json->root);
    *json = (gs_json){0};
}

gs_json_object gs_json_root(const gs_json *json)
{
    return (gs_json_object){.path = json->path, .prefix = "", .node = json->root};
}

gs_status gs_json_child(const gs_json *json, const char *name, const char *prefix, gs_json_object *out, gs_error *err)
{
    gs_json_object root = gs_json_root(json);
    const cJSON *node = gs_json_field(&root, name);
    if (node && !cJSON_IsObject(node))
        return gs_json_wrong(&root, name, "an object", err);
    *out = (gs_json_object){.path = json->path, .prefix = prefix, .node = node};
    return GS_OK;
}

const cJSON *gs_json_field(const gs_json_object *object, const char *name)
{
    const cJSON *field = object->node ? cJSON_GetObjectItemCaseSensitive(object->node, name) : NULL;
    return cJSON_IsNull(field) ? NULL : field;
}

gs_status gs_json_wrong(const gs_json_object *object, const char *name, const char *expected, gs_error *err)
{
    const cJSON *field = gs_json_field(object, name);
    char value[64];
    if (!field)
        snprintf(value, sizeof value, "missing");
    else if (cJSON_IsString(field))
        snprintf(value, sizeof value, "'%s'", field->valuestring);
    else {
        char *printed = cJSON_PrintUnformatted(field);
        snprintf(value, sizeof value, "%s", printed ? printed : "?");
        free(printed);
    }
    return gs_fail(err, GS_EFORMAT, "%s: %s%s is %s, expected %s", object->path, object->prefix, name, value, expected);
}

gs_status gs_json_size(const gs_json_object *object, const char *name, size_t fallback, size_t least, size_t most,
                       size_t *out, gs_error *err)
{
    const cJSON *field = gs_json_field(object, name);
    *out = fallback;
    if (!field)
        return GS_OK;
    double value = cJSON_IsNumber(field) ? field->valuedouble : -1;
    if (!(value >= (double)least && value <= (double)most) || value != floor(value)) {
        char expected[96];
        snprintf(expected, sizeof expected, "a whole number from %zu to %zu", least, most);
        return gs_json_wrong(object, name, expected, err);
    }
    *out = (size_t)value;
    return GS_OK;
}

gs_status gs_json_number(const gs_json_object *object, const char *name, double fallback, double *out, gs_error *err)
{
    const cJSON *field = gs_json_field(object, name);
    *out = field ? field->valuedouble : fallback;
    if (field && (!cJSON_IsNumber(field) || !isfinite(field->valuedouble)))
        return gs_json_wrong(object, name, "a number", err);
    return GS_OK;
}

gs_status gs_json_bool(const gs_json_object *object, const char *name, bool fallback, bool *out, gs_error *err)
{
    const cJSON *field = gs_json_field(object, name);
    *out = field ? cJSON_IsTrue(field) : fallback;
    if (field && !cJSON_IsBool(field))
        return gs_json_wrong(object, name, "true or false", err);
    return GS_OK;
}

gs_status gs_json_string(const gs_json_object *object, const char *name, const char *fallback, const char **out,
                         gs_error *err)
{
    const cJSON *field = gs_json_field(object, name);
    *out = field ? field->valuestring : fallback;
    if (field && !cJSON_IsString(field))
        return gs_json_wrong(object, name, "a string", err);
    return GS_OK;
}

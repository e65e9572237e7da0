/* json.h - fields of a configuration file, with errors that name the file and the field.
 *
 *     gs_json json;
 *     if ((st = gs_json_open(&json, path, 1 << 20, err)) != GS_OK) return st;
 *     gs_json_object text;
 *     st = gs_json_child(&json, "text_config", "text_config.", &text, err);    // absent or null: no fields
 *     st = gs_json_size(&text, "hidden_size", 512, 1, 65536, &width, err);
 *     gs_json_close(&json);
 *
 * An absent or null field takes the default; one of the wrong type or out of range is refused, never bent into shape.
 */
#ifndef GS_ENCODER_JSON_H
#define GS_ENCODER_JSON_H

#include "core/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *path; /* borrowed from who opened it */
    cJSON *root;      /* an object  owned */
} gs_json;

typedef struct {
    const char *path;   /* borrowed: the file, for messages */
    const char *prefix; /* borrowed: "text_config." or "" */
    const cJSON *node;  /* borrowed; NULL: an object without fields */
} gs_json_object;

/* path is borrowed until gs_json_close(). GS_EIO, or GS_EFORMAT for what is no JSON object or larger than limit. */
gs_status gs_json_open(gs_json *json, const char *path, size_t limit, gs_error *err);
/* The same of a file that was read: text [size] is not used afterwards. */
gs_status gs_json_parse(gs_json *json, const char *path, const char *text, size_t size, gs_error *err);
void gs_json_close(gs_json *json); /* safe on a zeroed one */

gs_json_object gs_json_root(const gs_json *json);

/* The object in field name of the root, for messages called prefix ("name."). GS_EFORMAT when it is neither an object,
 * null nor absent. */
gs_status gs_json_child(const gs_json *json, const char *name, const char *prefix, gs_json_object *out, gs_error *err);

/* The field, or NULL when it is absent or null. */
const cJSON *gs_json_field(const gs_json_object *object, const char *name);

gs_status gs_json_size(const gs_json_object *object, const char *name, size_t fallback, size_t least, size_t most,
                       size_t *out, gs_error *err);
gs_status gs_json_number(const gs_json_object *object, const char *name, double fallback, double *out, gs_error *err);
gs_status gs_json_bool(const gs_json_object *object, const char *name, bool fallback, bool *out, gs_error *err);
/* *out is borrowed from the JSON (or is fallback). */
gs_status gs_json_string(const gs_json_object *object, const char *name, const char *fallback, const char **out,
                         gs_error *err);

/* "path: text_config.name is VALUE, expected WHAT": the one message of a field that is not as it should be. */
gs_status gs_json_wrong(const gs_json_object *object, const char *name, const char *expected, gs_error *err);

#endif

/* json_tree.h - JSON under construction: memory running out is remembered, so that nothing is printed that lacks a part.
 *
 *     gs_json_tree tree;
 *     gs_json_tree_init(&tree);                                       // {}
 *     gs_json_put_string(&tree, tree.root, "slug", "cats");
 *     cJSON *tags = gs_json_put_array(&tree, tree.root, "tags");
 *     gs_json_put_string(&tree, tags, NULL, "animal");                // without a name: the next item of an array
 *     st = gs_json_tree_print(&tree, &text, err);                     // GS_ENOMEM when anything above had no memory
 *     cJSON_free(text);
 *     gs_json_tree_free(&tree);
 *
 * Every function takes the NULL that another gave when memory ran out, as parent or as item.
 */
#ifndef GS_JSON_TREE_H
#define GS_JSON_TREE_H

#include "core/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    cJSON *root; /* an object  owned */
    bool failed; /* memory ran out */
} gs_json_tree;

void gs_json_tree_init(gs_json_tree *tree);
void gs_json_tree_free(gs_json_tree *tree); /* safe on a zeroed one */

/* *text is one line, the caller's to free with cJSON_free(). */
gs_status gs_json_tree_print(const gs_json_tree *tree, char **text, gs_error *err);

/* Adds to parent, an object, or an array when name is NULL. Strings are copied; what is returned is parent's. */
cJSON *gs_json_put_object(gs_json_tree *tree, cJSON *parent, const char *name);
cJSON *gs_json_put_array(gs_json_tree *tree, cJSON *parent, const char *name);
void gs_json_put_string(gs_json_tree *tree, cJSON *parent, const char *name, const char *value);
void gs_json_put_number(gs_json_tree *tree, cJSON *parent, const char *name, double value);
void gs_json_put_bool(gs_json_tree *tree, cJSON *parent, const char *name, bool value);

/* An array of values [n], with the nine digits that carry an f32 there and back. */
void gs_json_put_floats(gs_json_tree *tree, cJSON *parent, const char *name, const float *values, size_t n);

/* The same for an item made elsewhere, which becomes parent's; NULL is a failure to make it. */
void gs_json_put(gs_json_tree *tree, cJSON *parent, const char *name, cJSON *item);

#endif

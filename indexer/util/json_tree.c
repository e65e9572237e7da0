#include "indexer/util/json_tree.h"

#include <stdio.h>
#include <stdlib.h>

void gs_json_tree_init(gs_json_tree *tree)
{
    *tree = (gs_json_tree){.root = cJSON_CreateObject()};
    tree->failed = !tree->root;
}

void gs_json_tree_free(gs_json_tree *tree)
{
    cJSON_Delete(tree->root);
    tree->root = NULL;
}

gs_status gs_json_tree_print(const gs_json_tree *tree, char **text, gs_error *err)
{
    *text = tree->failed ? NULL : cJSON_PrintUnformatted(tree->root);
    return *text ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for JSON");
}

void gs_json_put(gs_json_tree *tree, cJSON *parent, const char *name, cJSON *item)
{
    bool done = name ? cJSON_AddItemToObject(parent, name, item) : cJSON_AddItemToArray(parent, item);
    if (done)
        return;
    cJSON_Delete(item);
    tree->failed = true;
}

cJSON *gs_json_put_object(gs_json_tree *tree, cJSON *parent, const char *name)
{
    cJSON *item = cJSON_CreateObject();
    gs_json_put(tree, parent, name, item);
    return tree->failed ? NULL : item;
}

cJSON *gs_json_put_array(gs_json_tree *tree, cJSON *parent, const char *name)
{
    cJSON *item = cJSON_CreateArray();
    gs_json_put(tree, parent, name, item);
    return tree->failed ? NULL : item;
}

void gs_json_put_string(gs_json_tree *tree, cJSON *parent, const char *name, const char *value)
{
    gs_json_put(tree, parent, name, cJSON_CreateString(value));
}

void gs_json_put_number(gs_json_tree *tree, cJSON *parent, const char *name, double value)
{
    gs_json_put(tree, parent, name, cJSON_CreateNumber(value));
}

void gs_json_put_bool(gs_json_tree *tree, cJSON *parent, const char *name, bool value)
{
    gs_json_put(tree, parent, name, cJSON_CreateBool(value));
}

/* As text: cJSON would print an f32 as the f64 that it becomes. */
void gs_json_put_floats(gs_json_tree *tree, cJSON *parent, const char *name, const float *values, size_t n)
{
    enum { LONGEST = 16 }; /* "-1.17549435e-38," */
    size_t size = n * LONGEST + 3, used = 1;
    char *text = malloc(size);
    if (text) {
        text[0] = '[';
        for (size_t i = 0; i < n; i++)
            used += (size_t)snprintf(text + used, size - used, "%s%.9g", i ? "," : "", (double)values[i]);
        snprintf(text + used, size - used, "]");
    }
    gs_json_put(tree, parent, name, text ? cJSON_CreateRaw(text) : NULL);
    free(text);
}

#include "indexer/util/json_tree.h"

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

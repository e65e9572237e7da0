/* cmd_show.c - `gensearch show`: what is in a database. */
#include "indexer/cli/cli.h"

#include "indexer/util/json_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What became of a model: its samples may be complete, and a later run have failed. */
static const char *state_of(const gs_store_model *model)
{
    if (model->error[0])
        return "failed";
    return model->run ? "done" : "partial";
}

/* {"slug","title","type","family","samples","bad_pictures","requested","seed","kept","finished","state","error","added","path","model":{...}}; NULL when
 * memory ran out. */
static cJSON *to_json(const gs_store_model *model)
{
    gs_json_tree tree;
    gs_json_tree_init(&tree);
    gs_json_put_string(&tree, tree.root, "slug", model->slug);
    gs_json_put_string(&tree, tree.root, "title", model->title);
    gs_json_put_string(&tree, tree.root, "type", model->type);
    gs_json_put_string(&tree, tree.root, "family", model->family);
    gs_json_put_number(&tree, tree.root, "samples", (double)model->count);
    gs_json_put_number(&tree, tree.root, "bad_pictures", (double)model->bad);
    gs_json_put_number(&tree, tree.root, "requested", (double)model->requested);
    gs_json_put_number(&tree, tree.root, "seed", (double)model->seed);
    gs_json_put_number(&tree, tree.root, "kept", (double)model->keep);
    gs_json_put_bool(&tree, tree.root, "finished", model->run != 0);
    gs_json_put_string(&tree, tree.root, "state", state_of(model));
    gs_json_put_string(&tree, tree.root, "error", model->error);
    gs_json_put_string(&tree, tree.root, "added", model->added);
    gs_json_put_string(&tree, tree.root, "path", model->path);
    gs_json_put(&tree, tree.root, "model", cJSON_Parse(model->json));
    if (tree.failed)
        gs_json_tree_free(&tree);
    return tree.root;
}

static gs_status print_list(const gs_store_list *list, gs_error *err)
{
    enum { COLUMNS = 6, LENGTH = 48 };
    const char **cells = calloc((list->count + 1) * COLUMNS, sizeof *cells);
    char(*samples)[LENGTH] = calloc(list->count + 1, sizeof *samples);
    if (cells && samples) {
        memcpy(cells, (const char *[]){"slug", "type", "family", "samples", "state", "title"}, COLUMNS * sizeof *cells);
        for (size_t i = 0; i < list->count; i++) {
            const gs_store_model *m = &list->models[i];
            if (m->run)
                snprintf(samples[i], LENGTH, "%" PRIu64, m->count);
            else
                snprintf(samples[i], LENGTH, "%" PRIu64 " of %" PRIu64, m->count, m->requested);
            memcpy(cells + (i + 1) * COLUMNS,
                   (const char *[]){m->slug, m->type, m->family, samples[i], state_of(m), m->title},
                   COLUMNS * sizeof *cells);
        }
        cli_print_table(cells, list->count + 1, COLUMNS);
    }
    gs_status st = cells && samples ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu models", list->count);
    free(cells);
    free(samples);
    return st;
}

static gs_status print_model(const gs_store_model *m, gs_error *err)
{
    cJSON *root = cJSON_Parse(m->json);
    char *text = root ? cJSON_Print(root) : NULL;
    cJSON_Delete(root);
    if (!text)
        return gs_fail(err, GS_EFORMAT, "the model.json of '%s' does not parse", m->slug);
    printf("%s: %s (%s)\n%" PRIu64 " of %" PRIu64 " samples", m->slug, m->title, m->type, m->count, m->requested);
    if (m->bad > 0)
        printf(" and %" PRIu64 " picture%s that cannot be read", m->bad, m->bad == 1 ? "" : "s");
    printf(", seed %" PRIu64 ", %s; added %s\n%s%s%s%s\n", m->seed, m->run ? "finished" : "not finished", m->added,
           m->error[0] ? "its last run failed: " : "", m->error, m->error[0] ? "\n" : "", text);
    cJSON_free(text);
    return GS_OK;
}

static gs_status show_all(cli_call *call, bool json, gs_error *err)
{
    gs_store_list list;
    gs_status st = gs_store_list_all(call->store, &list, err);
    if (st != GS_OK)
        return st;
    if (list.count == 0)
        call->nothing = "no model is indexed yet";
    if (!json && list.count > 0)
        st = print_list(&list, err);
    for (size_t i = 0; i < list.count && json && st == GS_OK; i++)
        st = cli_print_json(to_json(&list.models[i]), err);
    gs_store_list_free(&list);
    return st;
}

static gs_status show_one(cli_call *call, bool json, gs_error *err)
{
    gs_store_model model;
    gs_status st = gs_store_find(call->store, call->operands[1], &model, err);
    if (st != GS_OK)
        return st;
    st = json ? cli_print_json(to_json(&model), err) : print_model(&model, err);
    gs_store_model_free(&model);
    return st;
}

static gs_status show(cli_call *call, gs_error *err)
{
    const bool *json = call->arguments;
    return call->n_operands == 2 ? show_one(call, *json, err) : show_all(call, *json, err);
}

int cmd_show(int argc, char **argv)
{
    bool json = false;
    const cli_option options[] = {{"json", NULL, "JSON Lines", .flag = &json}};
    const cli_command command = {"show",
                                 "DB [SLUG]",
                                 "Lists the models of a database, or shows one with its model.json.",
                                 "  gensearch show zoo.db\n"
                                 "  gensearch show zoo.db cats --json",
                                 CLI_OPTIONS(options),
                                 1,
                                 2,
                                 CLI_READS,
                                 NULL,
                                 show};
    return cli_run(&command, argc, argv, &json);
}

/* cmd_similar.c - `gensearch similar`: the nearest models, as `index` left them in the database. */
#include "indexer/cli/cli.h"

#include "indexer/util/json_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t limit;
    bool json;
} arguments;

static gs_status print_json(const gs_store_model *model, size_t rank, double distance, gs_error *err)
{
    gs_json_tree tree;
    gs_json_tree_init(&tree);
    gs_json_put_number(&tree, tree.root, "rank", (double)rank);
    gs_json_put_string(&tree, tree.root, "slug", model->slug);
    gs_json_put_string(&tree, tree.root, "title", model->title);
    gs_json_put_number(&tree, tree.root, "distance", distance);
    if (tree.failed)
        gs_json_tree_free(&tree);
    return cli_print_json(tree.root, err);
}

static gs_status print_neighbors(const gs_store_list *list, const gs_store_neighbor *neighbors, size_t n,
                                 const arguments *args, gs_error *err)
{
    enum { COLUMNS = 4, NUMBERS = 2, LENGTH = 32 };
    const char *cells[(GS_STORE_NEIGHBORS + 1) * COLUMNS] = {"rank", "distance", "slug", "title"};
    char numbers[GS_STORE_NEIGHBORS][NUMBERS][LENGTH];
    gs_status st = GS_OK;
    for (size_t i = 0; i < n && st == GS_OK; i++) {
        const gs_store_model *model = gs_store_list_find_run(list, neighbors[i].run);
        if (!model)
            return gs_fail(err, GS_EFORMAT, "neighbour %zu is no model", i + 1);
        if (args->json)
            st = print_json(model, i + 1, neighbors[i].distance, err);
        snprintf(numbers[i][0], LENGTH, "%zu", i + 1);
        snprintf(numbers[i][1], LENGTH, "%.6f", neighbors[i].distance);
        memcpy(cells + (i + 1) * COLUMNS, (const char *[]){numbers[i][0], numbers[i][1], model->slug, model->title},
               COLUMNS * sizeof *cells);
    }
    if (st == GS_OK && n > 0 && !args->json)
        cli_print_table(cells, n + 1, COLUMNS);
    return st;
}

static gs_status similar(cli_call *call, gs_error *err)
{
    const arguments *args = call->arguments;
    gs_store_model model = {0};
    gs_store_list list = {0};
    gs_store_neighbor neighbors[GS_STORE_NEIGHBORS];
    size_t count = 0;
    bool stale;
    gs_status st = gs_store_snapshot_begin(call->store, err);
    if (st == GS_OK)
        st = gs_store_find(call->store, call->operands[1], &model, err);
    if (st == GS_OK && !model.run)
        st = gs_fail(err, GS_ENOTFOUND, "%s: the model '%s' is not finished; run index again", call->operands[0],
                     model.slug);
    if (st == GS_OK)
        st = gs_store_read_neighbors(call->store, model.run, neighbors, GS_STORE_NEIGHBORS, &count, &stale, err);
    if (st == GS_OK)
        st = gs_store_list_finished(call->store, &list, err);
    if (st == GS_OK)
        st = cli_report_stale(call->store, call->operands[0], err);
    if (st == GS_OK)
        st = print_neighbors(&list, neighbors, count < args->limit ? count : (size_t)args->limit, args, err);
    if (count == 0)
        call->nothing = "the model is alone, or its neighbours were not found yet";
    gs_store_list_free(&list);
    gs_store_model_free(&model);
    return st;
}

int cmd_similar(int argc, char **argv)
{
    arguments args = {.limit = 10};
    const cli_option options[] = {
        {"limit", "K", "how many results (10); at most 20 are kept", .count = &args.limit, .least = 1},
        {"json", NULL, "JSON Lines", .flag = &args.json},
    };
    const cli_command command = {
        "similar",
        "DB SLUG",
        "Lists the models whose samples are distributed most like those of one model, by Frechet distance.",
        "  gensearch similar zoo.db cats --limit 3",
        CLI_OPTIONS(options),
        2,
        2,
        CLI_READS,
        NULL,
        similar};
    return cli_run(&command, argc, argv, &args);
}

/* cmd_neighbors.c - `gensearch neighbors`: who is near whom, brought up to date apart from `index`. */
#include "indexer/cli/cli.h"

#include "indexer/neighbors/neighbors.h"
#include "indexer/util/json_tree.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    uint64_t threads;
    bool quiet, json;
} arguments;

static gs_status print_result(const gs_neighbors_result *r, const arguments *args, gs_error *err)
{
    if (!args->quiet && !args->json)
        fprintf(stderr, "%" PRIu64 " models: %" PRIu64 " lists made, %" PRIu64 " pairs compared\n", r->models, r->made,
                r->compared);
    if (!args->json)
        return GS_OK;
    gs_json_tree tree;
    gs_json_tree_init(&tree);
    gs_json_put_number(&tree, tree.root, "models", (double)r->models);
    gs_json_put_number(&tree, tree.root, "made", (double)r->made);
    gs_json_put_number(&tree, tree.root, "compared", (double)r->compared);
    gs_json_put_number(&tree, tree.root, "bounded", (double)r->bounded);
    if (tree.failed)
        gs_json_tree_free(&tree);
    return cli_print_json(tree.root, err);
}

static gs_status neighbors(cli_call *call, gs_error *err)
{
    const arguments *args = call->arguments;
    gs_neighbors_result result;
    const gs_stop *stop = cli_stop_on_signal("stopping; what is complete is saved; Ctrl-C again ends at once");
    gs_status st = cli_update_neighbors(call->store, cli_threads(args->threads), args->quiet, stop, &result, err);
    return st == GS_OK ? print_result(&result, args, err) : st;
}

int cmd_neighbors(int argc, char **argv)
{
    arguments args = {0};
    const cli_option options[] = {
        {"threads", "N", "that compare (one per core)", .count = &args.threads, .most = 1024},
        {"json", NULL, "what was done, as a line of JSON", .flag = &args.json},
        {"quiet", NULL, "no progress", .flag = &args.quiet},
    };
    const cli_command command = {
        "neighbors",
        "DB",
        "Brings every model's list of the 20 nearest by Frechet distance up to date, as `index` does at its end.\n"
        "Models that are new, or whose list lost a model, are compared; every list is saved when it is complete.\n"
        "The first Ctrl-C stops (exit code 130), and the next run resumes there.",
        "  gensearch index zoo.db data/zoo/*/model.json --no-neighbors\n"
        "  gensearch neighbors zoo.db --threads 8",
        CLI_OPTIONS(options),
        1,
        1,
        CLI_WRITES,
        NULL,
        neighbors};
    return cli_run(&command, argc, argv, &args);
}

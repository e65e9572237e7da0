/* cmd_neighbors.c - `gensearch neighbors`: who is near whom, brought up to date apart from `index`. */
#include "indexer/cli/cli.h"

#include "indexer/neighbors/neighbors.h"

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
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "models", (double)r->models);
    cJSON_AddNumberToObject(object, "made", (double)r->made);
    cJSON_AddNumberToObject(object, "compared", (double)r->compared);
    cJSON_AddNumberToObject(object, "bounded", (double)r->bounded);
    return cli_print_json(object, err);
}

static gs_status run(const char *database, const arguments *args, gs_error *err)
{
    gs_store *store;
    gs_neighbors_result result;
    int threads = cli_threads(args->threads);
    gs_status st = gs_store_open(&store, database, GS_STORE_WRITE, err);
    if (st != GS_OK)
        return st;
    const gs_stop *stop = cli_stop_on_signal("stopping; what is complete is saved; Ctrl-C again ends at once");
    st = cli_update_neighbors(store, threads, args->quiet, stop, &result, err);
    if (st == GS_OK)
        st = print_result(&result, args, err);
    gs_store_close(store);
    return st;
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
        1};
    int exit_code;
    if (!cli_parse(&command, &argc, &argv, &exit_code))
        return exit_code;
    gs_error err = {""};
    return cli_finish(run(argv[0], &args, &err), &err);
}

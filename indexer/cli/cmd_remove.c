/* cmd_remove.c - `gensearch remove`: forgets a model; the neighbour lists it stood in are filled up again. */
#include "indexer/cli/cli.h"

static gs_status remove_model(cli_call *call, gs_error *err)
{
    gs_status st = gs_store_remove(call->store, call->operands[1], err);
    if (st == GS_OK)
        st = cli_prepare_queries(call->store, NULL, false, NULL, err);
    if (st == GS_OK)
        st = cli_update_neighbors(call->store, cli_threads(0), false, NULL, NULL, err);
    return st;
}

int cmd_remove(int argc, char **argv)
{
    const cli_command command = {"remove",
                                 "DB SLUG",
                                 "Forgets a model and everything computed for it.",
                                 "  gensearch remove zoo.db cats",
                                 NULL,
                                 0,
                                 2,
                                 2,
                                 CLI_WRITES,
                                 NULL,
                                 remove_model};
    return cli_run(&command, argc, argv, NULL);
}

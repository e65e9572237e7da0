/* cmd_remove.c - `gensearch remove`: forgets a model; the neighbour lists it stood in are filled up again. */
#include "indexer/cli/cli.h"

int cmd_remove(int argc, char **argv)
{
    const cli_command command = {"remove",
                                 "DB SLUG",
                                 "Forgets a model and everything computed for it.",
                                 "  gensearch remove zoo.db cats",
                                 NULL,
                                 0,
                                 2,
                                 2};
    int exit_code;
    if (!cli_parse(&command, &argc, &argv, &exit_code))
        return exit_code;
    gs_error err = {""};
    gs_store *store;
    gs_status st = gs_store_open(&store, argv[0], GS_STORE_WRITE, &err);
    if (st == GS_OK)
        st = gs_store_remove(store, argv[1], &err);
    if (st == GS_OK)
        st = cli_prepare_queries(store, NULL, false, NULL, &err);
    if (st == GS_OK)
        st = cli_update_neighbors(store, cli_threads(0), false, NULL, NULL, &err);
    gs_store_close(store);
    return cli_finish(st, &err);
}

/* cli_neighbors.c - bringing neighbours up to date, and saying that they are not. */
#include "indexer/cli/cli.h"

#include "indexer/neighbors/neighbors.h"

#include <inttypes.h>
#include <stdio.h>

gs_status cli_update_neighbors(gs_store *store, int threads, bool quiet, const gs_stop *stop,
                               gs_neighbors_result *result, gs_error *err)
{
    cli_progress progress;
    gs_neighbors_options options = {
        .threads = threads, .stop = stop, .progress = cli_progress_show, .context = &progress};
    cli_progress_start(&progress, "neighbours", quiet);
    gs_status st = gs_neighbors_update(store, &options, result, err);
    cli_progress_end(&progress);
    return st;
}

gs_status cli_report_stale(gs_store *store, const char *database, gs_error *err)
{
    uint64_t stale;
    gs_status st = gs_store_count_stale(store, &stale, err);
    if (st == GS_OK && stale > 0)
        cli_message("the neighbours of %" PRIu64
                    " model%s are missing or out of date: `gensearch neighbors %s` finds them",
                    stale, stale == 1 ? "" : "s", database);
    return st;
}

gs_status cli_report_background(gs_store *store, gs_error *err)
{
    bool stale;
    gs_status st = gs_store_background_is_stale(store, GS_PART_IMAGE, &stale, err);
    if (st == GS_OK && stale)
        cli_message("the models changed since queries were prepared for: until the next `index` it is not told when no "
                    "model makes what is asked for");
    return st;
}

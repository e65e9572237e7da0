/* cli_prepare.c - what queries read of a database, brought up to date. */
#include "indexer/cli/cli.h"

#include "indexer/search/background.h"
#include "indexer/search/prepare.h"

gs_status cli_prepare_queries(gs_store *store, gs_encoder *encoder, bool quiet, const gs_stop *stop, gs_error *err)
{
    cli_progress progress;
    cli_progress_start(&progress, "preparing for queries", quiet);
    gs_status st = gs_prepare_all(store, stop, cli_progress_show, &progress, err);
    cli_progress_end(&progress);
    if (st != GS_OK)
        return st;
    cli_progress_start(&progress, "background of queries", quiet);
    st = gs_background_update(store, encoder, stop, cli_progress_show, &progress, err);
    cli_progress_end(&progress);
    return st;
}

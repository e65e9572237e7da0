/* cli_place.c - where queries are answered from: a database, or a published folder. */
#include "indexer/cli/cli.h"

#include "indexer/publish/published.h"

#include <sys/stat.h>

gs_status cli_place_open(cli_place *place, const char *path, gs_error *err)
{
    struct stat info;
    *place = (cli_place){.path = path};
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return gs_published_open(&place->source, &place->encoder, path, err);
    gs_status st = gs_store_open(&place->store, path, GS_STORE_READ, err);
    if (st == GS_EMISMATCH)
        st = gs_store_open(&place->store, path, GS_STORE_WRITE, err);
    return st == GS_OK ? gs_store_get_encoder(place->store, &place->encoder, err) : st;
}

gs_status cli_place_start_reading(cli_place *place, gs_error *err)
{
    if (!place->store)
        return GS_OK;
    gs_status st = gs_store_snapshot_begin(place->store, err);
    return st == GS_OK ? gs_source_open_database(&place->source, place->store, err) : st;
}

void cli_place_close(cli_place *place)
{
    gs_source_close(place->source);
    if (place->store)
        gs_store_snapshot_end(place->store);
    gs_store_close(place->store);
}

#include "indexer/publish/place.h"

#include "indexer/publish/published.h"

#include <sys/stat.h>

gs_status gs_place_open(gs_place *place, const char *path, gs_error *err)
{
    struct stat info;
    *place = (gs_place){.path = path};
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return gs_published_open(&place->source, &place->encoder, path, err);
    gs_status st = gs_store_open(&place->store, path, GS_STORE_READ, err);
    if (st == GS_EMISMATCH)
        st = gs_store_open(&place->store, path, GS_STORE_WRITE, err);
    return st == GS_OK ? gs_store_get_encoder(place->store, &place->encoder, err) : st;
}

gs_status gs_place_start_reading(gs_place *place, gs_error *err)
{
    if (!place->store)
        return GS_OK;
    gs_status st = gs_store_snapshot_begin(place->store, err);
    return st == GS_OK ? gs_source_open_database(&place->source, place->store, err) : st;
}

void gs_place_close(gs_place *place)
{
    gs_source_close(place->source);
    if (place->store)
        gs_store_snapshot_end(place->store);
    gs_store_close(place->store);
}

gs_method gs_place_default_method(const gs_place *place, gs_part_kind kind)
{
    return place->store ? gs_part_default_method(kind) : gs_part_published_method(kind);
}

size_t gs_place_default_candidates(const gs_place *place)
{
    return place->store ? 0 : GS_QUERY_CANDIDATES;
}

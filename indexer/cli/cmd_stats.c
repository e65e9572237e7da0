/* cmd_stats.c - `gensearch stats`: the moments of a model for NumPy, in the shape that pytorch-fid reads. */
#include "indexer/cli/cli.h"

#include "indexer/stats/npz.h"

#include <stdlib.h>

static gs_status export(gs_store *store, const gs_store_model *model, size_t dim, const char *path, gs_error *err)
{
    float *mean = malloc(dim * sizeof *mean), *covariance = malloc(dim * dim * sizeof *covariance);
    gs_status st = GS_OK;
    if (!mean || !covariance)
        st = gs_fail(err, GS_ENOMEM, "no memory for a covariance of dim %zu", dim);
    if (st == GS_OK)
        st = gs_store_read_mean(store, model, mean, err);
    if (st == GS_OK)
        st = gs_store_read_covariance(store, model, covariance, err);
    if (st == GS_OK)
        st = gs_npz_write(path, mean, covariance, dim, model->count, err);
    free(mean);
    free(covariance);
    return st;
}

static gs_status run(const char *database, const char *slug, const char *path, gs_error *err)
{
    gs_store *store = NULL;
    gs_store_model model = {0};
    gs_store_encoder encoder;
    gs_status st = gs_store_open(&store, database, GS_STORE_READ, err);
    if (st == GS_OK)
        st = gs_store_find(store, slug, &model, err);
    if (st == GS_OK)
        st = gs_store_get_encoder(store, &encoder, err);
    if (st == GS_OK)
        st = export(store, &model, encoder.dim, path, err);
    gs_store_model_free(&model);
    gs_store_close(store);
    return st;
}

int cmd_stats(int argc, char **argv)
{
    const char *path = NULL;
    const cli_option options[] = {{"out", "F.npz", "the file to write", .text = &path}};
    const cli_command command = {
        "stats",
        "DB SLUG --out F.npz",
        "Writes a model's mu [dim], sigma [dim, dim] and n as an .npz file: what pytorch-fid reads.",
        "  gensearch stats zoo.db cats --out cats.npz",
        CLI_OPTIONS(options),
        2,
        2};
    int exit_code;
    if (!cli_parse(&command, &argc, &argv, &exit_code))
        return exit_code;
    gs_error err = {""};
    gs_status st = path ? run(argv[0], argv[1], path, &err) : gs_fail(&err, GS_EARGS, "stats: give --out F.npz");
    return cli_finish(st, &err);
}

/* cmd_stats.c - `gensearch stats`: the moments of a model for NumPy, in the shape that pytorch-fid reads. */
#include "indexer/cli/cli.h"

#include "indexer/stats/npz.h"

#include <stdlib.h>

static gs_status export(gs_store *store, const gs_store_model *model, const gs_store_encoder *encoder, const char *path,
                        gs_error *err)
{
    size_t dim = encoder->dim;
    float *mean = malloc(dim * sizeof *mean), *covariance = malloc(dim * dim * sizeof *covariance);
    gs_status st = GS_OK;
    if (!mean || !covariance)
        st = gs_fail(err, GS_ENOMEM, "no memory for a covariance of dim %zu", dim);
    if (st == GS_OK)
        st = gs_store_read_mean(store, model, mean, err);
    if (st == GS_OK)
        st = gs_store_read_covariance(store, model, covariance, err);
    if (st == GS_OK)
        st = gs_npz_write(path, mean, covariance, dim, model->count, encoder->fingerprint, err);
    free(mean);
    free(covariance);
    return st;
}

static gs_status check(void *arguments, gs_error *err)
{
    const char *const *path = arguments;
    return *path ? GS_OK : gs_fail(err, GS_EARGS, "stats: give --out F.npz");
}

static gs_status stats(cli_call *call, gs_error *err)
{
    const char *const *path = call->arguments;
    gs_store_model model = {0};
    gs_store_encoder encoder;
    gs_status st = gs_store_find(call->store, call->operands[1], &model, err);
    if (st == GS_OK)
        st = gs_store_get_encoder(call->store, &encoder, err);
    if (st == GS_OK)
        st = export(call->store, &model, &encoder, *path, err);
    gs_store_model_free(&model);
    return st;
}

int cmd_stats(int argc, char **argv)
{
    const char *path = NULL;
    const cli_option options[] = {{"out", "F.npz", "the file to write", .text = &path}};
    const cli_command command = {"stats",
                                 "DB SLUG --out F.npz",
                                 "Writes a model's mu [dim], sigma [dim, dim], n and the encoder's fingerprint as an "
                                 ".npz file: what pytorch-fid\n"
                                 "reads, and what a sampler of the kind statistics takes.",
                                 "  gensearch stats zoo.db cats --out cats.npz",
                                 CLI_OPTIONS(options),
                                 2,
                                 2,
                                 CLI_READS,
                                 check,
                                 stats};
    return cli_run(&command, argc, argv, &path);
}

/* cmd_index.c - `gensearch index`: model.json files in, moments in the database. */
#include "indexer/cli/cli.h"

#include "indexer/job/job.h"
#include "indexer/neighbors/neighbors.h"
#include "indexer/sampler/sampler.h"
#include "indexer/util/share.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *encoder, *precision, *device;
    uint64_t samples, seed, batch, threads, keep;
    double checkpoint;
    bool quiet;
} arguments;

/* All files first, so that a mistake in the last one costs no work. */
static gs_status read_models(char **paths, size_t n, gs_model *models, gs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        gs_status st = gs_model_read(&models[i], paths[i], err);
        if (st == GS_OK)
            st = gs_sampler_check(&models[i], err);
        if (st != GS_OK)
            return st;
        for (size_t k = 0; k < i; k++)
            if (strcmp(models[i].slug, models[k].slug) == 0)
                return gs_fail(err, GS_EFORMAT, "%s: slug '%s' is that of %s too", paths[i], models[i].slug, paths[k]);
    }
    return GS_OK;
}

/* The database remembers where the encoder lies, for later searches from any directory. */
static gs_status bind_encoder(gs_store *store, gs_encoder *encoder, const char *directory, gs_error *err)
{
    const gs_encoder_info *info = gs_encoder_get_info(encoder);
    gs_store_encoder bound = {.dim = info->dim, .tau = info->tau, .image_size = info->image_size};
    char *absolute = realpath(directory, NULL);
    if (!absolute)
        return gs_fail(err, GS_EIO, "%s: %s", directory, strerror(errno));
    snprintf(bound.name, sizeof bound.name, "%s", info->name);
    snprintf(bound.directory, sizeof bound.directory, "%s", absolute);
    snprintf(bound.fingerprint, sizeof bound.fingerprint, "%s", info->fingerprint);
    free(absolute);
    return gs_store_bind_encoder(store, &bound, err);
}

/* Other numbers than the database's draw a model anew: that should not come as a surprise. */
static void announce_replacement(gs_store *store, const gs_model *model, const arguments *args)
{
    gs_store_model had = {0};
    if (gs_store_find(store, model->slug, &had, NULL) == GS_OK && had.run != 0 &&
        (had.seed != args->seed || had.requested != args->samples))
        fprintf(stderr, "%s: has %llu samples of seed %llu, which stay until %llu of seed %llu are drawn\n",
                model->slug, (unsigned long long)had.count, (unsigned long long)had.seed,
                (unsigned long long)args->samples, (unsigned long long)args->seed);
    gs_store_model_free(&had);
}

static gs_status index_model(gs_store *store, gs_encoder *encoder, const gs_model *model, const arguments *args,
                             const gs_stop *stop, gs_error *err)
{
    cli_progress progress;
    gs_job_result result;
    gs_job_options options = {.seed = args->seed,
                              .samples = args->samples,
                              .keep = args->keep,
                              .batch = gs_encoder_get_info(encoder)->batch,
                              .threads = (int)args->threads,
                              .checkpoint = args->checkpoint,
                              .stop = stop,
                              .progress = cli_progress_show,
                              .context = &progress};
    if (!args->quiet)
        announce_replacement(store, model, args);
    cli_progress_start(&progress, model->slug, args->quiet);
    gs_status st = gs_job_run(store, encoder, model, &options, &result, err);
    cli_progress_end(&progress);
    if (st != GS_OK || args->quiet)
        return st;
    if (result.skipped)
        fprintf(stderr, "%s: has its %llu samples already\n", model->slug, (unsigned long long)result.count);
    else if (result.resumed)
        fprintf(stderr, "%s: %llu samples, going on from %llu\n", model->slug, (unsigned long long)result.count,
                (unsigned long long)result.resumed);
    else
        fprintf(stderr, "%s: %llu samples\n", model->slug, (unsigned long long)result.count);
    return GS_OK;
}

static gs_status index_models(gs_store *store, gs_encoder *encoder, const gs_model *models, size_t n,
                              const arguments *args, gs_error *err)
{
    const gs_stop *stop = cli_stop_on_signal("stopping when the batch under way is saved; Ctrl-C again ends at once");
    gs_status st = GS_OK;
    for (size_t i = 0; i < n && st == GS_OK; i++)
        st = index_model(store, encoder, &models[i], args, stop, err);
    if (st != GS_OK)
        return st;
    cli_progress progress;
    cli_progress_start(&progress, "neighbours", args->quiet);
    st = gs_neighbors_update(store, stop, cli_progress_show, &progress, err);
    cli_progress_end(&progress);
    return st;
}

static gs_status run(const char *database, char **paths, size_t n, const arguments *args, gs_error *err)
{
    gs_store *store = NULL;
    gs_encoder *encoder = NULL;
    char *embedded = NULL;
    gs_model *models = calloc(n, sizeof *models);
    gs_status st = models ? read_models(paths, n, models, err) : gs_fail(err, GS_ENOMEM, "no memory");
    if (st == GS_OK && !args->encoder)
        st = gs_share_path("data/encoder", &embedded, err);
    const char *directory = args->encoder ? args->encoder : embedded;
    gs_encoder_options options = {.threads = (int)args->threads, .batch = args->batch, .precision = GS_PRECISION_AUTO};
    if (st == GS_OK)
        st = cli_read_arithmetic(args->precision, args->device, &options, err);
    if (st == GS_OK)
        st = gs_encoder_open(&encoder, directory, &options, err);
    if (st == GS_OK && !args->quiet)
        fprintf(stderr, "encoder: %s, on %s\n", gs_encoder_get_info(encoder)->name,
                gs_encoder_get_info(encoder)->backend);
    if (st == GS_OK)
        st = gs_store_open(&store, database, GS_STORE_CREATE, err);
    if (st == GS_OK)
        st = bind_encoder(store, encoder, directory, err);
    if (st == GS_OK)
        st = index_models(store, encoder, models, n, args, err);
    gs_store_close(store);
    gs_encoder_close(encoder);
    free(embedded);
    for (size_t i = 0; models && i < n; i++)
        gs_model_free(&models[i]);
    free(models);
    return st;
}

int cmd_index(int argc, char **argv)
{
    arguments args = {.samples = 50000, .seed = 1, .checkpoint = 5};
    const cli_option options[] = {
        {"encoder", "DIR", "a CLIP model as Hugging Face saves it (the embedded one)", .text = &args.encoder},
        {"samples", "N", "samples of each model (50000)", .count = &args.samples, .least = 2},
        {"seed", "N", "of the samples (1)", .count = &args.seed, .most = (UINT64_C(1) << 53) - 1},
        {"batch", "N", "pictures encoded at once (32 or two per thread, on a GPU 256)", .count = &args.batch,
         .least = 1, .most = 4096},
        {"threads", "N", "of the encoder, and as many that decode pictures (one per core)", .count = &args.threads,
         .most = 1024},
        {"precision", "P", "of the encoder: f32, bf16 or auto, which is bf16 where the processor has it (auto)",
         .text = &args.precision},
        {"device", "D", "what computes: cpu, cuda, or auto, which is a GPU where there is one and bf16 will do (auto)",
         .text = &args.device},
        {"keep-features", "N", "features kept per model, for monte-carlo (0)", .count = &args.keep, .most = 1000000},
        {"checkpoint", "SECONDS", "between two checkpoints (5)", .real = &args.checkpoint},
        {"quiet", NULL, "no progress", .flag = &args.quiet},
    };
    const cli_command command = {
        "index",
        "DB MODEL.json...",
        "Samples the models, encodes the samples and keeps their moments in the database, which is made when\n"
        "missing. What the database has already is skipped; a run that was cut off goes on where it stopped.\n"
        "With another --samples or --seed a model is drawn anew, and its former moments are replaced at the end.\n"
        "A model whose files changed behind the same model.json is sampled anew after `gensearch remove`.",
        "  gensearch index zoo.db data/zoo/*/model.json\n"
        "  gensearch index big.db ffhq/model.json --encoder clip-vit-base-patch32 --samples 10000",
        CLI_OPTIONS(options),
        2,
        -1};
    int exit_code;
    if (!cli_parse(&command, &argc, &argv, &exit_code))
        return exit_code;
    gs_error err = {""};
    return cli_finish(run(argv[0], argv + 1, (size_t)argc - 1, &args, &err), &err);
}

/* cmd_index.c - `gensearch index`: model.json files in, moments in the database. */
#include "indexer/cli/cli.h"

#include "indexer/job/job.h"
#include "indexer/sampler/sampler.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* access */

typedef struct {
    const char *encoder, *precision, *device, *bad_pictures, *shard;
    uint64_t samples, seed, batch, threads, keep;
    size_t shard_at, shards; /* of --shard 2/4: 1 and 4 */
    double checkpoint, bad_percent;
    bool quiet, force, replace, no_neighbors;
} arguments;

/* The database remembers where the encoder lies, for later searches from any directory. */
static gs_status bind_encoder(gs_store *store, gs_encoder *encoder, gs_error *err)
{
    const gs_encoder_info *info = gs_encoder_get_info(encoder);
    gs_store_encoder bound = {.dim = info->dim, .tau = info->tau, .image_size = info->image_size};
    snprintf(bound.name, sizeof bound.name, "%s", info->name);
    snprintf(bound.directory, sizeof bound.directory, "%s", info->directory);
    snprintf(bound.fingerprint, sizeof bound.fingerprint, "%s", info->fingerprint);
    return gs_store_bind_encoder(store, &bound, err);
}

/* What becomes of the models, one after the other. */
typedef struct {
    gs_store *store;
    gs_encoder *encoder;
    const arguments *args;
    const gs_stop *stop;
    int threads;
    cli_progress progress;
    char label[160];  /* of the progress: "cats (3 of 16)" */
    char failed[400]; /* their slugs, as many as fit */
    size_t n_failed;
} indexing;

static void note_failure(indexing *x, const char *name)
{
    size_t used = strlen(x->failed);
    snprintf(x->failed + used, sizeof x->failed - used, "%s%s", x->n_failed ? ", " : "", name);
    x->n_failed++;
}

/* ---- model.json files --------------------------------------------------------------------------------------------------------- */

static gs_status read_model(const char *path, const gs_model *others, size_t n_others, gs_model *model, gs_error *err)
{
    gs_status st = gs_model_read(model, path, err);
    if (st == GS_OK)
        st = gs_sampler_check(model, err);
    for (size_t k = 0; k < n_others && st == GS_OK; k++)
        if (strcmp(model->slug, others[k].slug) == 0)
            st = gs_fail(err, GS_EFORMAT, "%s: slug '%s' is that of %s too", path, model->slug, others[k].path);
    if (st != GS_OK)
        gs_model_free(model);
    return st;
}

/* All files first, so that what is wrong is said before anything is sampled; it is no reason to leave out the others. models [n]: *found are
 * read. GS_EFORMAT or another failure when none of some is. */
static gs_status read_models(indexing *x, char **paths, size_t n, gs_model *models, size_t *found, gs_error *err)
{
    gs_status st = GS_OK;
    *found = 0;
    for (size_t i = 0; i < n; i++) {
        st = read_model(paths[i], models, *found, &models[*found], err);
        if (st == GS_OK) {
            ++*found;
            continue;
        }
        note_failure(x, paths[i]);
        if (n > 1)
            cli_message("%s", err->message);
    }
    if (*found > 0 || n == 0)
        return GS_OK;
    return n > 1 ? gs_fail(err, st, "none of %zu models can be read", n) : st;
}

/* A database that is there already says which encoder is meant where none is named. A new one is made only once the encoder is open. */
static gs_status open_both(indexing *x, const char *database, gs_error *err)
{
    const arguments *args = x->args;
    gs_store_encoder bound;
    gs_encoder_options options = {.threads = x->threads, .batch = args->batch, .precision = GS_PRECISION_AUTO};
    gs_status st = cli_read_arithmetic(args->precision, args->device, true, &options, err);
    if (st == GS_OK && access(database, F_OK) == 0)
        st = gs_store_open(&x->store, database, GS_STORE_CREATE, err);
    bool is_bound = st == GS_OK && x->store && gs_store_get_encoder(x->store, &bound, err) == GS_OK;
    if (st == GS_OK)
        st = cli_open_encoder(&x->encoder, args->encoder, is_bound ? x->store : NULL, &options, err);
    if (st == GS_OK && !is_bound)
        cli_tell_assumptions(x->encoder);
    if (st == GS_OK && !x->store)
        st = gs_store_open(&x->store, database, GS_STORE_CREATE, err);
    return st == GS_OK ? bind_encoder(x->store, x->encoder, err) : st;
}

static void show_progress(void *context, uint64_t done, uint64_t total)
{
    cli_progress_show(&((indexing *)context)->progress, done, total);
}

static void show_message(void *context, const char *line)
{
    indexing *x = context;
    cli_progress_end(&x->progress);
    if (!x->args->quiet)
        fprintf(stderr, "%s\n", line);
}

static void report_done(const indexing *x, const gs_job_result *result)
{
    if (x->args->quiet)
        return;
    if (result->skipped)
        fprintf(stderr, "%s: has its %" PRIu64 " samples already", x->label, result->count);
    else if (result->resumed)
        fprintf(stderr, "%s: %" PRIu64 " samples, resumed at %" PRIu64, x->label, result->count, result->resumed);
    else
        fprintf(stderr, "%s: %" PRIu64 " samples", x->label, result->count);
    if (result->bad)
        fprintf(stderr, ", and %" PRIu64 " picture%s that cannot be read", result->bad, result->bad == 1 ? "" : "s");
    fputc('\n', stderr);
}

/* A model that fails is reported, and is no reason to leave out the others. */
static gs_status index_model(indexing *x, const gs_model *model, bool alone, gs_error *err)
{
    gs_job_result result;
    gs_job_options options = {.seed = x->args->seed,
                              .samples = x->args->samples,
                              .keep = x->args->keep,
                              .batch = gs_encoder_get_info(x->encoder)->batch,
                              .threads = x->threads,
                              .force = x->args->force,
                              .replace = x->args->replace,
                              .bad_percent = x->args->bad_percent,
                              .checkpoint = x->args->checkpoint,
                              .stop = x->stop,
                              .progress = show_progress,
                              .message = show_message,
                              .context = x};
    cli_progress_start(&x->progress, x->label, x->args->quiet);
    gs_status st = gs_job_run(x->store, x->encoder, model, &options, &result, err);
    cli_progress_end(&x->progress);
    if (st == GS_OK)
        report_done(x, &result);
    else if (st != GS_ECANCELED)
        note_failure(x, model->slug);
    if (st == GS_OK || st == GS_ECANCELED || result.fatal || alone)
        return st;
    cli_message("%s", err->message);
    return GS_OK;
}

static gs_status index_models(indexing *x, const gs_model *models, size_t n, gs_error *err)
{
    size_t n_unread = x->n_failed;
    gs_status st = GS_OK;
    for (size_t i = 0; i < n && st == GS_OK; i++) {
        snprintf(x->label, sizeof x->label, n > 1 ? "%s (%zu of %zu)" : "%s", models[i].slug, i + 1, n);
        st = index_model(x, &models[i], n + n_unread == 1, err);
    }
    bool is_shard = x->args->shard != NULL; /* `merge` does it for all */
    if (st == GS_OK && !is_shard)
        st = cli_prepare_queries(x->store, x->encoder, x->args->quiet, x->stop, err);
    if (st == GS_OK && !is_shard && !x->args->no_neighbors)
        st = cli_update_neighbors(x->store, x->threads, x->args->quiet, x->stop, NULL, err);
    if (st == GS_OK && x->n_failed > 0)
        st = gs_fail(err, GS_EARGS, "%zu of %zu models failed: %s", x->n_failed, n + n_unread, x->failed);
    return st;
}

/* "1%": of 100. */
static gs_status read_percent(const char *text, double *percent, gs_error *err)
{
    char *end;
    *percent = strtod(text, &end);
    if (end != text && strcmp(end, "%") == 0 && *percent >= 0 && *percent <= 100)
        return GS_OK;
    return gs_fail(err, GS_EARGS, "--bad-pictures %s: expected a share from 0%% to 100%%, such as 1%%", text);
}

/* "2/4": the second of four. */
static gs_status read_shard(arguments *args, gs_error *err)
{
    unsigned at, of;
    int end = 0;
    bool read = isdigit((unsigned char)args->shard[0]) && sscanf(args->shard, "%6u/%6u%n", &at, &of, &end) == 2;
    if (!read || args->shard[end] || at < 1 || at > of)
        return gs_fail(err, GS_EARGS, "--shard %s: expected I/N with I from 1 to N, such as 2/4", args->shard);
    args->shard_at = at - 1;
    args->shards = of;
    return GS_OK;
}

/* Moves every shards-th path, from shard_at on, to the front; returns how many. By place, so that a file that cannot be read moves no other
 * to another shard. */
static size_t take_shard(const arguments *args, char **paths, size_t n)
{
    size_t taken = 0;
    for (size_t i = args->shard_at; i < n; i += args->shards)
        paths[taken++] = paths[i];
    return taken;
}

static gs_status check(void *context, gs_error *err)
{
    arguments *args = context;
    gs_status st = read_percent(args->bad_pictures, &args->bad_percent, err);
    return st == GS_OK && args->shard ? read_shard(args, err) : st;
}

static gs_status index_all(cli_call *call, gs_error *err)
{
    const arguments *args = call->arguments;
    char **paths = call->operands + 1;
    size_t n = call->n_operands - 1, found = 0;
    if (args->shard)
        n = take_shard(args, paths, n);
    indexing x = {.args = args, .threads = cli_threads(args->threads)};
    gs_model *models = calloc(n + 1, sizeof *models);
    gs_status st = models ? read_models(&x, paths, n, models, &found, err) : gs_fail(err, GS_ENOMEM, "no memory");
    if (st == GS_OK)
        st = open_both(&x, call->operands[0], err);
    if (st == GS_OK) {
        const gs_encoder_info *info = gs_encoder_get_info(x.encoder);
        if (!args->quiet)
            fprintf(stderr, "encoder: %s, on %s\n", info->name, info->backend);
        x.stop = cli_stop_on_signal("stopping when the batch under way is saved; Ctrl-C again ends at once");
        st = index_models(&x, models, found, err);
    }
    gs_store_close(x.store);
    gs_encoder_close(x.encoder);
    for (size_t i = 0; i < found; i++)
        gs_model_free(&models[i]);
    free(models);
    return st;
}

int cmd_index(int argc, char **argv)
{
    arguments args = {.samples = 50000, .seed = 1, .checkpoint = 5, .bad_pictures = "1%"};
    const cli_option options[] = {
        {"encoder", "DIR", "an encoder's folder, such as the README lists (the embedded one)", .text = &args.encoder},
        {"samples", "N", "samples of each model (50000)", .count = &args.samples, .least = 2},
        {"seed", "N", "of the samples (1)", .count = &args.seed, .most = GS_SAMPLER_MAX_SEED},
        {"batch", "N", "pictures encoded at once (32 or two per thread, on a GPU 256)", .count = &args.batch,
         .least = 1, .most = 4096},
        {"threads", "N", "of the encoder, and as many that decode pictures (one per core)", .count = &args.threads,
         .most = 1024},
        {"precision", "P", "of the encoder: f32, bf16, int8, or auto, which is bf16 where the processor has it (auto)",
         .text = &args.precision},
        {"device", "D", "what computes: cpu, cuda, or auto, which is a GPU where there is one and bf16 will do (auto)",
         .text = &args.device},
        {"keep-features", "N", "features kept per model, for monte-carlo (0)", .count = &args.keep, .most = 1000000},
        {"bad-pictures", "P%", "of a model's pictures that may be unreadable before it fails (1%)",
         .text = &args.bad_pictures},
        {"checkpoint", "SECONDS", "between two checkpoints (5)", .real = &args.checkpoint},
        {"force", NULL, "sample every model anew, whatever is there", .flag = &args.force},
        {"replace", NULL, "let a model take the place of another one that has its slug", .flag = &args.replace},
        {"shard", "I/N", "only every N-th model, from the I-th on, for `gensearch merge`, which does the rest",
         .text = &args.shard},
        {"no-neighbors", NULL, "leave the nearest models to `gensearch neighbors`", .flag = &args.no_neighbors},
        {"quiet", NULL, "no progress", .flag = &args.quiet},
    };
    const cli_command command = {
        "index",
        "DB MODEL.json...",
        "Samples the models, encodes the samples and keeps their moments in the database, which is made when\n"
        "missing. What the database has already is skipped, and an interrupted run resumes. A model is sampled\n"
        "anew when its files, its sampler, --samples, --seed or --keep-features changed; its former moments stay "
        "until\n"
        "the new ones are complete. Pictures that cannot be read are left out and counted; above --bad-pictures the\n"
        "model fails. A model that fails, or whose model.json is wrong, does not stop the others: exit code 2, after\n"
        "all were tried.\n"
        "The first Ctrl-C stops when the batch under way is saved (exit code 130), the second at once.",
        "  gensearch index zoo.db data/zoo/*/model.json\n"
        "  gensearch index big.db ffhq/model.json --encoder clip-vit-base-patch32 --samples 10000\n"
        "  gensearch index part-2.db --shard 2/4 data/zoo/*/model.json",
        CLI_OPTIONS(options),
        2,
        -1,
        CLI_NO_DATABASE,
        check,
        index_all};
    return cli_run(&command, argc, argv, &args);
}

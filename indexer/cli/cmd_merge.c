/* cmd_merge.c - `gensearch merge`: what several jobs made, in one database. */
#include "indexer/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const char *encoder;
    bool replace, quiet, no_neighbors;
} arguments;

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* All of them before the first is taken in: they are databases of one encoder, and none is the result. */
static gs_status check_inputs(char **paths, size_t n, const char *out, gs_error *err)
{
    gs_store_encoder first = {0};
    for (size_t i = 0; i < n; i++) {
        gs_store *store;
        gs_store_encoder encoder;
        if (same_file(paths[i], out))
            return gs_fail(err, GS_EARGS, "%s: is the database to merge into", paths[i]);
        gs_status st = gs_store_open(&store, paths[i], GS_STORE_READ, err);
        if (st == GS_OK)
            st = gs_store_get_encoder(store, &encoder, err);
        gs_store_close(store);
        if (st != GS_OK)
            return st;
        if (i == 0)
            first = encoder;
        if (strcmp(encoder.fingerprint, first.fingerprint) != 0)
            return gs_fail(err, GS_EMISMATCH, "%s: holds features of the encoder '%s' (%s), and %s of '%s' (%s)",
                           paths[i], encoder.name, encoder.fingerprint, paths[0], first.name, first.fingerprint);
    }
    return GS_OK;
}

static gs_status take_in(gs_store *store, char **paths, size_t n, const arguments *args, gs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        gs_store_merged merged;
        gs_status st = gs_store_merge(store, paths[i], args->replace, &merged, err);
        if (st != GS_OK)
            return st;
        if (!args->quiet)
            fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " models taken in\n", paths[i], merged.taken, merged.models);
    }
    return GS_OK;
}

/* As `index` leaves a database. */
static gs_status complete(gs_store *store, const arguments *args, gs_error *err)
{
    int threads = cli_threads(0);
    const gs_stop *stop = cli_stop_on_signal("stopping; what is complete is saved; Ctrl-C again ends at once");
    gs_encoder_options options = {.threads = threads, .precision = GS_PRECISION_AUTO};
    gs_encoder *encoder;
    gs_status st = cli_open_encoder(&encoder, args->encoder, store, &options, err);
    if (st != GS_OK)
        return st;
    st = cli_prepare_queries(store, encoder, args->quiet, stop, err);
    gs_encoder_close(encoder);
    if (st == GS_OK && !args->no_neighbors)
        st = cli_update_neighbors(store, threads, args->quiet, stop, NULL, err);
    return st;
}

static gs_status merge(cli_call *call, gs_error *err)
{
    const arguments *args = call->arguments;
    const char *out = call->operands[0];
    char **paths = call->operands + 1;
    size_t n = call->n_operands - 1;
    gs_store *store = NULL;
    gs_status st = check_inputs(paths, n, out, err);
    if (st == GS_OK)
        st = gs_store_open(&store, out, GS_STORE_CREATE, err);
    if (st == GS_OK)
        st = take_in(store, paths, n, args, err);
    if (st == GS_OK)
        st = complete(store, args, err);
    gs_store_close(store);
    return st;
}

int cmd_merge(int argc, char **argv)
{
    arguments args = {0};
    const cli_option options[] = {
        {"encoder", "DIR", "its folder, where it no longer lies where the databases say", .text = &args.encoder},
        {"replace", NULL, "let a model take the place of another one that has its slug", .flag = &args.replace},
        {"no-neighbors", NULL, "leave the nearest models to `gensearch neighbors`", .flag = &args.no_neighbors},
        {"quiet", NULL, "no progress", .flag = &args.quiet},
    };
    const cli_command command = {
        "merge",
        "OUT IN...",
        "Takes the models of other databases of the same encoder into OUT, which is made when missing, with their\n"
        "moments, thumbnails and kept features, bit for bit; then brings up to date what depends on all models. Of a\n"
        "model that is unfinished, what is further stays, and the next `index` resumes it. A model that OUT has\n"
        "finished in another way (model.json, files, precision, seed, numbers) is refused. Every input is taken in\n"
        "whole or not at all, and one that was taken in changes nothing a second time.",
        "  gensearch index part-1.db --shard 1/2 zoo/*/model.json    # and part-2.db --shard 2/2, elsewhere\n"
        "  gensearch merge zoo.db part-1.db part-2.db",
        CLI_OPTIONS(options),
        2,
        -1,
        CLI_NO_DATABASE,
        NULL,
        merge};
    return cli_run(&command, argc, argv, &args);
}

/* cmd_serve.c - `gensearch serve`: a published folder in a browser, and what it cannot compute itself. */
#include "indexer/cli/cli.h"

#include "indexer/publish/place.h"
#include "indexer/serve/serve.h"
#include "indexer/util/file.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOKS_EVERY_MS 2000 /* whether the database has changed */
#define MAX_TOKEN_FILE 4096
#define RATE           20.0

typedef struct {
    const char *listen, *api, *encoder, *precision, *device, *token_file, *models;
    cli_list origins, proxies;
    uint64_t threads, warm, waiting, connections;
    double rate;
    bool quiet;
} arguments;

/* What is open while the server runs. */
typedef struct {
    gs_encoder *encoder;
    gs_api *api;
    gs_api_options options;
    gs_bytes token;
} served_api;

static void close_api(served_api *a)
{
    gs_api_close(a->api);
    gs_encoder_close(a->encoder);
    gs_bytes_free(&a->token);
}

static gs_status read_token(const char *path, gs_bytes *token, gs_error *err)
{
    gs_status st = gs_file_read(token, path, MAX_TOKEN_FILE, err);
    if (st != GS_OK)
        return st;
    token->data[strcspn((const char *)token->data, "\r\n")] = 0;
    return token->data[0] ? GS_OK : gs_fail(err, GS_EFORMAT, "%s: its first line is empty, expected a token", path);
}

static gs_status open_encoder(gs_encoder **encoder, const arguments *args, gs_error *err)
{
    gs_place place = {0};
    gs_encoder_options options = {.threads = cli_threads(args->threads)};
    gs_status st = cli_read_arithmetic(args->precision, args->device, false, &options, err);
    if (st == GS_OK)
        st = gs_place_open(&place, args->api, err);
    if (st == GS_OK)
        st = cli_open_bound_encoder(encoder, args->encoder, args->api, &place.encoder, &options, err);
    gs_place_close(&place);
    return st;
}

static gs_status open_api(served_api *a, const arguments *args, gs_error *err)
{
    gs_status st = args->token_file ? read_token(args->token_file, &a->token, err) : GS_OK;
    if (st == GS_OK)
        st = open_encoder(&a->encoder, args, err);
    if (st != GS_OK)
        return st;
    a->options = (gs_api_options){
        .gate = {.origins = args->origins.items,
                 .n_origins = args->origins.count,
                 .proxies = args->proxies.items,
                 .n_proxies = args->proxies.count,
                 .token = (const char *)a->token.data,
                 .rate = args->rate},
        .models = args->models,
        .warm = (size_t)args->warm,
        .waiting = (size_t)args->waiting,
        .logs = !args->quiet,
    };
    return gs_api_open(&a->api, args->api, a->encoder, &a->options, err);
}

/* Until a signal asks to stop. */
static void wait_and_refresh(gs_api *api, const arguments *args, const gs_stop *stop, int hangup)
{
    struct pollfd asked[] = {{.fd = gs_stop_fd(stop), .events = POLLIN}, {.fd = hangup, .events = POLLIN}};
    while (!gs_stop_requested(stop)) {
        uint64_t count;
        gs_error err;
        bool changed = false;
        poll(asked, 2, api ? LOOKS_EVERY_MS : -1);
        bool always = (asked[1].revents & POLLIN) && read(hangup, &count, sizeof count) > 0;
        if (!api || gs_stop_requested(stop))
            continue;
        if (gs_api_refresh(api, always, &changed, &err) != GS_OK)
            cli_message("%s; the models from before are still served", err.message);
        else if (changed && !args->quiet)
            cli_message("%s: its models are read anew", args->api);
    }
    if (api)
        gs_api_drain(api);
}

static gs_status serve(cli_call *call, gs_error *err)
{
    const arguments *args = call->arguments;
    served_api api = {0};
    gs_server *server = NULL;
    const gs_stop *stop = cli_stop_on_signal(NULL);
    int hangup = args->api ? cli_hangup_fd() : -1;
    gs_status st = args->api ? open_api(&api, args, err) : GS_OK;
    if (st == GS_OK) {
        gs_server_options options = {.directory = call->n_operands ? call->operands[0] : NULL,
                                     .listen = args->listen,
                                     .api = api.api,
                                     .connections_per_address = args->proxies.count ? 0 : (unsigned)args->connections};
        st = gs_server_open(&server, &options, err);
    }
    if (st == GS_OK) {
        printf("http://%s/\n", gs_server_address(server));
        fflush(stdout);
        wait_and_refresh(api.api, args, stop, hangup);
    }
    gs_server_close(server);
    close_api(&api);
    return st;
}

static gs_status check(void *context, gs_error *err)
{
    const arguments *args = context;
    if (!args->api && (args->encoder || args->token_file || args->models || args->origins.count || args->proxies.count))
        return gs_fail(err, GS_EARGS,
                       "serve: without --api there is nothing but files, which need no encoder, token, "
                       "origin or proxy");
    return GS_OK;
}

static gs_status run(cli_call *call, gs_error *err)
{
    const arguments *args = call->arguments;
    if (call->n_operands == 0 && !args->api)
        return gs_fail(err, GS_EARGS, "serve: name a folder, or a database with --api");
    return serve(call, err);
}

int cmd_serve(int argc, char **argv)
{
    arguments args = {.listen = "127.0.0.1:8000", .rate = RATE, .connections = 64};
    const cli_option options[] = {
        {"listen", "HOST:PORT", "where (127.0.0.1:8000); port 0 takes a free one", .text = &args.listen},
        {"api", "DB|FOLDER", "encode and search under /v1, among the models of this database or published folder",
         .text = &args.api},
        {"encoder", "DIR", "where its encoder lies now", .text = &args.encoder},
        {"precision", "P", "f32, bf16 or auto, which is bf16 where the processor has it (f32)",
         .text = &args.precision},
        {"device", "D", "what computes: cpu, cuda, or auto, which is a GPU where there is one and bf16 will do (auto)",
         .text = &args.device},
        {"threads", "N", "of the encoder (one per core)", .count = &args.threads, .most = 1024},
        {"models", "DIR", "sample the models whose DIR/SLUG/model.json is there, by their workers",
         .text = &args.models},
        {"warm", "N", "workers of models that are kept (4)", .count = &args.warm, .least = 1, .most = 1024},
        {"token-file", "F", "only for clients that send the first line of this file as a bearer token",
         .text = &args.token_file},
        {"allow-origin", "ORIGIN", "pages of this origin may ask, such as https://example.org; may be repeated",
         .list = &args.origins},
        {"proxy", "ADDRESS", "believe this proxy's X-Forwarded-For; may be repeated", .list = &args.proxies},
        {"rate", "R", "requests a second that an address may make, after 60 at once (20); 0 for any number",
         .real = &args.rate},
        {"waiting", "N", "requests that wait or compute at once; more are told to ask later (256)",
         .count = &args.waiting, .most = 100000},
        {"connections", "N", "of one address at once (64); 0 for any number; not counted with --proxy",
         .count = &args.connections, .most = 100000},
        {"quiet", NULL, "no line of JSON on standard error for each request", .flag = &args.quiet},
    };
    const cli_command command = {
        "serve",
        "[DIR]",
        "Serves the static files of a folder until interrupted. Any other web server does as well.\n"
        "With --api it also encodes words and pictures, searches, and samples models, for pages and scripts: "
        "README.md.\n"
        "A database or folder that changes, or SIGHUP, has the models read anew; no request fails meanwhile.",
        "  gensearch serve public\n"
        "  gensearch serve public --api public --allow-origin https://example.org\n"
        "  gensearch serve --api zoo.db --listen 127.0.0.1:9000 --token-file token\n"
        "  curl -s http://127.0.0.1:9000/v1/encode --data-binary @cat.jpg",
        CLI_OPTIONS(options),
        0,
        1,
        CLI_NO_DATABASE,
        check,
        run};
    int exit_code = cli_run(&command, argc, argv, &args);
    free(args.origins.items);
    free(args.proxies.items);
    return exit_code;
}

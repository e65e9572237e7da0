/* cmd_serve.c - `gensearch serve`: a published folder in a browser. */
#include "indexer/cli/cli.h"

#include "indexer/serve/serve.h"

#include <poll.h>
#include <stdio.h>

static gs_status serve(cli_call *call, gs_error *err)
{
    const char *const *listen = call->arguments;
    gs_server *server;
    const gs_stop *stop = cli_stop_on_signal(NULL);
    gs_status st = gs_server_open(&server, call->operands[0], *listen, err);
    if (st != GS_OK)
        return st;
    printf("http://%s/\n", gs_server_address(server));
    fflush(stdout);
    struct pollfd asked_to_stop = {.fd = gs_stop_fd(stop), .events = POLLIN};
    while (poll(&asked_to_stop, 1, -1) < 1)
        continue;
    gs_server_close(server);
    return GS_OK;
}

int cmd_serve(int argc, char **argv)
{
    const char *listen = "127.0.0.1:8000";
    const cli_option options[] = {
        {"listen", "HOST:PORT", "where (127.0.0.1:8000); port 0 takes a free one", .text = &listen}};
    const cli_command command = {
        "serve",
        "DIR",
        "Serves the static files of a folder until interrupted. Any other web server does as well.",
        "  gensearch serve public",
        CLI_OPTIONS(options),
        1,
        1,
        CLI_NO_DATABASE,
        NULL,
        serve};
    return cli_run(&command, argc, argv, &listen);
}

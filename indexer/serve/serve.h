/* serve.h - a static folder, and an API, over HTTP (libmicrohttpd).
 *
 *     gs_server *server;
 *     gs_server_options options = {.directory = "public", .listen = "127.0.0.1:8000", .api = api};
 *     if ((st = gs_server_open(&server, &options, err)) != GS_OK) return st;
 *     printf("http://%s/\n", gs_server_address(server));
 *     ... wait for a signal ...
 *     gs_server_close(server);
 *
 * The folder: GET and HEAD, index.html for folders, types by extension (application/wasm, text/javascript ...), ETag and
 * If-None-Match, ranges. Nothing outside the folder is ever served: no "..", no symbolic link that leaves it, no hidden
 * file. The API: api.h.
 *
 * Every connection has a thread, which reads a request, answers it, and waits for what the answer takes: what computes is bounded by the API, what
 * only sends bytes costs little more than a stack. A client that sends nothing for GS_SERVER_IDLE_SECONDS, or takes longer than
 * GS_SERVER_REQUEST_SECONDS for one request, is cut off.
 */
#ifndef GS_SERVE_H
#define GS_SERVE_H

#include "indexer/serve/api.h"

#define GS_SERVER_IDLE_SECONDS    10u
#define GS_SERVER_REQUEST_SECONDS 30u
#define GS_SERVER_DRAIN_SECONDS   10u

typedef struct gs_server gs_server;

typedef struct {
    const char *directory;            /* NULL: only the API  borrowed, as all here */
    const char *listen;               /* "host:port"; port 0: any free one */
    gs_api *api;                      /* NULL: only the folder */
    unsigned connections;             /* at once; 0: 512 */
    unsigned connections_per_address; /* at once; 0: any number of these */
} gs_server_options;

/* Listens. GS_EARGS for an address that is none, GS_EIO when it is taken. */
gs_status gs_server_open(gs_server **server, const gs_server_options *options, gs_error *err);

/* "host:port" with the port that was taken; borrowed. */
const char *gs_server_address(const gs_server *server);

/* Takes no new connection, waits at most GS_SERVER_DRAIN_SECONDS for the requests that are being answered, and ends. NULL is fine. */
void gs_server_close(gs_server *server);

#endif

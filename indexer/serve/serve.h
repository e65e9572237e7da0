/* serve.h - a static folder over HTTP (libmicrohttpd).
 *
 *     gs_server *server;
 *     if ((st = gs_server_open(&server, "site", "127.0.0.1:8000", err)) != GS_OK) return st;
 *     printf("http://%s/\n", gs_server_address(server));
 *     ... wait for a signal ...
 *     gs_server_close(server);
 *
 * GET and HEAD, index.html for folders, types by extension (application/wasm, text/javascript ...), ETag and
 * If-None-Match, ranges. Nothing outside the folder is ever served: no "..", no symbolic link that leaves it, no hidden
 * file.
 */
#ifndef GS_SERVE_H
#define GS_SERVE_H

#include "core/status.h"

typedef struct gs_server gs_server;

/* Listens on "host:port" (port 0: any free one) with threads of its own. GS_EARGS for an address that is none, GS_EIO
 * when it is taken. */
gs_status gs_server_open(gs_server **server, const char *directory, const char *listen, gs_error *err);

/* "host:port" with the port that was taken; borrowed. */
const char *gs_server_address(const gs_server *server);

void gs_server_close(gs_server *server); /* NULL is fine */

#endif

/* stop.h - a request to stop: loops ask for it, and waits poll for it beside what they wait for.
 *
 *     gs_stop stop;
 *     if ((st = gs_stop_init(&stop, err)) != GS_OK) return st;
 *     gs_stop_request(&stop);                                   // from any thread, once and for all
 *     if (gs_stop_requested(&stop)) return gs_fail(err, GS_ECANCELED, "interrupted");
 *     struct pollfd end = {.fd = gs_stop_fd(&stop), .events = POLLIN};
 *     gs_stop_free(&stop);
 */
#ifndef GS_STOP_H
#define GS_STOP_H

#include "core/status.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct {
    atomic_bool requested;
    int fd; /* an eventfd, readable from the request on  owned */
} gs_stop;

/* GS_EIO when the system has no descriptor left. */
gs_status gs_stop_init(gs_stop *stop, gs_error *err);
void gs_stop_free(gs_stop *stop);

void gs_stop_request(gs_stop *stop);

/* False for NULL: nobody can ask to stop. */
bool gs_stop_requested(const gs_stop *stop);

/* Becomes readable with the request and stays so; -1, which poll() ignores, for NULL. */
int gs_stop_fd(const gs_stop *stop);

#endif

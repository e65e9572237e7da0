#include "indexer/util/stop.h"

#include <errno.h>
#include <stdint.h>
#include <string.h> /* strerror */
#include <sys/eventfd.h>
#include <unistd.h> /* write, close */

gs_status gs_stop_init(gs_stop *stop, gs_error *err)
{
    atomic_init(&stop->requested, false);
    stop->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return stop->fd >= 0 ? GS_OK : gs_fail(err, GS_EIO, "eventfd: %s", strerror(errno));
}

void gs_stop_free(gs_stop *stop)
{
    close(stop->fd);
    stop->fd = -1;
}

void gs_stop_request(gs_stop *stop)
{
    atomic_store(&stop->requested, true);
    ssize_t ignored = write(stop->fd, &(uint64_t){1}, sizeof(uint64_t)); /* fails only when it is readable already */
    (void)ignored;
}

bool gs_stop_requested(const gs_stop *stop)
{
    return stop && atomic_load(&stop->requested);
}

int gs_stop_fd(const gs_stop *stop)
{
    return stop ? stop->fd : -1;
}

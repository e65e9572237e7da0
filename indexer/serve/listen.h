/* listen.h - the socket that a server listens on. */
#ifndef GS_LISTEN_H
#define GS_LISTEN_H

#include "core/status.h"

#define GS_ADDRESS_SIZE 1041 /* NI_MAXHOST + 16 */

/* address: "host:port", or "[v6 address]:port"; port 0 takes a free one. *fd listens, the caller's to close; bound [GS_ADDRESS_SIZE] becomes the
 * address with the port that was taken. GS_EARGS for an address that is none, GS_EIO when it is taken. */
gs_status gs_listen(const char *address, int *fd, char *bound, gs_error *err);

#endif

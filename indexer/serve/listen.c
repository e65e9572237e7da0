#include "indexer/serve/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "host:port" or "[v6 address]:port" to host [NI_MAXHOST] and port [8]. */
static gs_status split_address(const char *listen, char *host, char *port, gs_error *err)
{
    const char *colon = strrchr(listen, ':');
    size_t length = colon ? (size_t)(colon - listen) : 0;
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    if (length == 0 || length >= NI_MAXHOST || digits == 0 || digits > 5 || colon[1 + digits] ||
        atoi(colon + 1) > 65535)
        return gs_fail(err, GS_EARGS, "listen address '%.100s': expected host:port, such as 127.0.0.1:8000", listen);
    bool bracketed = length > 2 && listen[0] == '[' && listen[length - 1] == ']';
    snprintf(host, NI_MAXHOST, "%.*s", (int)(bracketed ? length - 2 : length), bracketed ? listen + 1 : listen);
    snprintf(port, 8, "%s", colon + 1);
    return GS_OK;
}

/* "host:port" of the socket, as it is now that the system has chosen a port. */
static void format_address(int fd, char address[GS_ADDRESS_SIZE])
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[NI_MAXHOST] = "?", port[8] = "0";
    getsockname(fd, (struct sockaddr *)&bound, &size);
    getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(address, GS_ADDRESS_SIZE, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static int open_socket(const struct addrinfo *where)
{
    int fd = socket(where->ai_family, where->ai_socktype | SOCK_CLOEXEC, where->ai_protocol);
    int on = 1;
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, 128) == 0)
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

gs_status gs_listen(const char *address, int *fd, char *bound, gs_error *err)
{
    char host[NI_MAXHOST], port[8];
    gs_status st = split_address(address, host, port, err);
    if (st != GS_OK)
        return st;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed)
        return gs_fail(err, GS_EARGS, "listen address '%.100s': %s", address, gai_strerror(failed));
    *fd = open_socket(found);
    if (*fd < 0)
        st = gs_fail(err, GS_EIO, "cannot listen at %.100s: %s", address, strerror(errno));
    else
        format_address(*fd, bound);
    freeaddrinfo(found);
    return st;
}

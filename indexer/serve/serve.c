#include "indexer/serve/serve.h"

#include "indexer/serve/request.h"

#include <errno.h>
#include <limits.h> /* PATH_MAX */
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS      4u
#define CONNECTIONS  512u
#define IDLE_SECONDS 30u

struct gs_server {
    struct MHD_Daemon *daemon;
    char *root;                    /* real path of the folder    owned */
    char address[NI_MAXHOST + 16]; /* "host:port" */
};

/* --- the socket --- */

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
static void format_address(int fd, char address[NI_MAXHOST + 16])
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[NI_MAXHOST] = "?", port[8] = "0";
    getsockname(fd, (struct sockaddr *)&bound, &size);
    getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(address, NI_MAXHOST + 16, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
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

static gs_status listen_at(const char *address, int *fd, gs_error *err)
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
    freeaddrinfo(found);
    return st;
}

/* --- answers --- */

static struct MHD_Response *text_response(const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    return response;
}

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    enum MHD_Result sent = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return sent;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return send_response(connection, status, text_response(text));
}

/* A folder named without its slash: relative links in its index.html need one. The answer is relative too, so that it
 * holds behind any prefix a proxy may strip. */
static enum MHD_Result send_redirect(struct MHD_Connection *connection, const char *url)
{
    const char *last = strrchr(url, '/');
    char location[PATH_MAX];
    int length = snprintf(location, sizeof location, "./%s/", last ? last + 1 : url);
    struct MHD_Response *response = length < (int)sizeof location ? text_response("moved\n") : NULL;
    if (response)
        MHD_add_response_header(response, "Location", location);
    return send_response(connection, MHD_HTTP_MOVED_PERMANENTLY, response);
}

static void add_file_headers(struct MHD_Response *response, const gs_file *file)
{
    MHD_add_response_header(response, "ETag", file->etag);
    MHD_add_response_header(response, "Last-Modified", file->modified);
    MHD_add_response_header(response, "Cache-Control", gs_cache_control(file->path));
    MHD_add_response_header(response, "Accept-Ranges", "bytes");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
}

static enum MHD_Result send_unsatisfiable(struct MHD_Connection *connection, const gs_file *file)
{
    char range[64];
    snprintf(range, sizeof range, "bytes */%llu", (unsigned long long)file->size);
    struct MHD_Response *response = text_response("no such range\n");
    if (response)
        MHD_add_response_header(response, "Content-Range", range);
    return send_response(connection, MHD_HTTP_RANGE_NOT_SATISFIABLE, response);
}

/* Bytes first .. first + count - 1 of the file, whose descriptor the response closes. */
static enum MHD_Result send_bytes(struct MHD_Connection *connection, unsigned status, gs_file *file, uint64_t first,
                                  uint64_t count)
{
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(count, file->fd, first);
    if (!response)
        return MHD_NO;
    file->fd = -1;
    add_file_headers(response, file);
    MHD_add_response_header(response, "Content-Type", gs_content_type(file->path));
    if (status == MHD_HTTP_PARTIAL_CONTENT) {
        char range[96];
        snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)first,
                 (unsigned long long)(first + count - 1), (unsigned long long)file->size);
        MHD_add_response_header(response, "Content-Range", range);
    }
    return send_response(connection, status, response);
}

static enum MHD_Result send_not_modified(struct MHD_Connection *connection, const gs_file *file)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response)
        add_file_headers(response, file);
    return send_response(connection, MHD_HTTP_NOT_MODIFIED, response);
}

static enum MHD_Result send_file(struct MHD_Connection *connection, gs_file *file)
{
    const char *known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
    if (known && gs_etag_matches(known, file->etag))
        return send_not_modified(connection, file);

    const char *range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    const char *condition = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-Range");
    if (condition && strcmp(condition, file->etag) != 0)
        range = NULL;
    uint64_t first = 0, count = file->size;
    switch (gs_range_parse(range, file->size, &first, &count)) {
    case GS_RANGE_NONE:
        return send_bytes(connection, MHD_HTTP_OK, file, 0, file->size);
    case GS_RANGE_PART:
        return send_bytes(connection, MHD_HTTP_PARTIAL_CONTENT, file, first, count);
    default:
        return send_unsatisfiable(connection, file);
    }
}

static enum MHD_Result answer(const gs_server *server, struct MHD_Connection *connection, const char *url)
{
    gs_file file;
    enum MHD_Result sent;
    switch (gs_file_open(&file, server->root, url)) {
    case GS_FOUND:
        sent = send_file(connection, &file);
        break;
    case GS_FOLDER:
        sent = send_redirect(connection, url);
        break;
    case GS_BAD_URL:
        sent = send_text(connection, MHD_HTTP_BAD_REQUEST, "bad request\n");
        break;
    default:
        sent = send_text(connection, MHD_HTTP_NOT_FOUND, "not found\n");
    }
    gs_file_close(&file);
    return sent;
}

/* libmicrohttpd calls once for the header, once for each piece of a body, and once at the end: the answer is given
 * then. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_size, void **state)
{
    (void)version;
    (void)body;
    static char seen;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        struct MHD_Response *response = text_response("only GET and HEAD\n");
        if (response)
            MHD_add_response_header(response, "Allow", "GET, HEAD");
        return send_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
    }
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*body_size) {
        *body_size = 0;
        return MHD_YES;
    }
    return answer(context, connection, url);
}

/* Leaves the URL as it came: gs_file_open() decodes it once, and sees what libmicrohttpd would hide, such as %00. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* A connection that breaks off is the visitor's business, not a message of ours. */
static void ignore_log(void *context, const char *format, va_list args)
{
    (void)context;
    (void)format;
    (void)args;
}

/* --- start and stop --- */

static gs_status check_root(gs_server *server, const char *directory, gs_error *err)
{
    struct stat info;
    server->root = realpath(directory, NULL);
    if (!server->root)
        return gs_fail(err, errno == ENOENT ? GS_ENOTFOUND : GS_EIO, "%s: %s", directory, strerror(errno));
    if (stat(server->root, &info) != 0 || !S_ISDIR(info.st_mode))
        return gs_fail(err, GS_EIO, "%s: is no folder", directory);
    return GS_OK;
}

static gs_status start_daemon(gs_server *server, int fd, gs_error *err)
{
    server->daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                                      on_request, server, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL,
                                      MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
                                      MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                      IDLE_SECONDS, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
    return server->daemon ? GS_OK : gs_fail(err, GS_EIO, "the HTTP server did not start at %s", server->address);
}

gs_status gs_server_open(gs_server **out, const char *directory, const char *listen, gs_error *err)
{
    *out = NULL;
    gs_server *server = calloc(1, sizeof *server);
    if (!server)
        return gs_fail(err, GS_ENOMEM, "no memory for a server");
    int fd = -1;
    gs_status st = check_root(server, directory, err);
    if (st == GS_OK)
        st = listen_at(listen, &fd, err);
    if (st == GS_OK) {
        format_address(fd, server->address);
        st = start_daemon(server, fd, err);
    }
    if (st == GS_OK) {
        *out = server; /* the daemon closes the socket */
        return GS_OK;
    }
    if (fd >= 0)
        close(fd);
    gs_server_close(server);
    return st;
}

const char *gs_server_address(const gs_server *server)
{
    return server->address;
}

void gs_server_close(gs_server *server)
{
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    free(server->root);
    free(server);
}

#include "indexer/serve/serve.h"

#include "indexer/serve/listen.h"
#include "indexer/serve/static.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 512u
#define STACK_BYTES ((size_t)1 << 20)
#define BODY_BYTES  ((size_t)256 << 20) /* of all requests that are being read or answered */

/* A client's connection, for the thread that looks after the slow ones. */
typedef struct connection {
    struct connection *next, **place;
    int fd;
    double since;   /* when its present request may have begun */
    bool answering; /* the server takes its time, not the client */
} connection;

struct gs_server {
    struct MHD_Daemon *daemon;
    gs_api *api;                   /* borrowed; NULL: none */
    char *root;                    /* real path of the folder, or NULL    owned */
    char address[GS_ADDRESS_SIZE]; /* "host:port" */
    atomic_size_t body_bytes;
    atomic_size_t answering; /* requests */
    pthread_t watcher;
    bool has_watcher;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ends;
    connection *connections;
    bool closing;
};

/* libmicrohttpd's state of a request. */
typedef struct {
    gs_exchange exchange;
    gs_server *server;
    size_t capacity; /* of the body */
    bool is_api;
    bool too_large; /* the body; it is read to its end, and forgotten */
    bool no_room;   /* the bodies of all requests take too much memory */
} request;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- connections --- */

static void start_connection(gs_server *server, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection *c = info ? calloc(1, sizeof *c) : NULL;
    *context = c;
    if (!c)
        return; /* without it, only the idle time is limited */
    c->fd = info->connect_fd;
    c->since = now();
    pthread_mutex_lock(&server->lock);
    c->next = server->connections;
    c->place = &server->connections;
    if (c->next)
        c->next->place = &c->next;
    server->connections = c;
    pthread_mutex_unlock(&server->lock);
}

static void end_connection(gs_server *server, connection *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&server->lock);
    *c->place = c->next;
    if (c->next)
        c->next->place = c->place;
    pthread_mutex_unlock(&server->lock);
    free(c);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        start_connection(context, mhd, socket_context);
    else
        end_connection(context, *socket_context);
}

static void set_answering(gs_server *server, struct MHD_Connection *mhd, bool answering)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    connection *c = info ? info->socket_context : NULL;
    if (!c)
        return;
    pthread_mutex_lock(&server->lock);
    c->answering = answering;
    c->since = now();
    pthread_mutex_unlock(&server->lock);
}

/* Cuts off, once a second, whoever takes too long for a request. */
static void *watch_connections(void *context)
{
    gs_server *server = context;
    pthread_mutex_lock(&server->lock);
    while (!server->closing) {
        struct timespec soon;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_sec++;
        pthread_cond_timedwait(&server->ends, &server->lock, &soon);
        double t = now();
        for (connection *c = server->connections; c; c = c->next)
            if (!c->answering && t - c->since > GS_SERVER_REQUEST_SECONDS)
                shutdown(c->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* --- requests --- */

static enum MHD_Result count_length(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    (void)value;
    *(unsigned *)context += strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
    return MHD_YES;
}

/* How long the body is said to be; 0 when that is not told. False where two ways of telling it, or one that is not HTTP's, leave it open where
 * this request ends and the next one begins. */
static bool read_length(const gs_exchange *e, uint64_t *length)
{
    unsigned told = 0;
    const char *size = gs_exchange_header(e, "Content-Length"), *coding = gs_exchange_header(e, "Transfer-Encoding");
    MHD_get_connection_values(e->connection, MHD_HEADER_KIND, count_length, &told);
    *length = 0;
    if (told > 1 || (coding && strcasecmp(coding, "chunked") != 0))
        return false;
    if (!size)
        return true;
    size_t digits = strspn(size, "0123456789");
    if (digits == 0 || digits > 18 || size[digits])
        return false;
    *length = strtoull(size, NULL, 10);
    return true;
}

/* The header is there. What is refused is answered now, and its body not read. */
static enum MHD_Result begin(request *r)
{
    gs_exchange *e = &r->exchange;
    uint64_t size;
    enum MHD_Result result = MHD_YES;
    if (!read_length(e, &size)) {
        e->closes = true;
        return gs_answer_problem(e, MHD_HTTP_BAD_REQUEST, "bad_request",
                                 "expected one Content-Length, or Transfer-Encoding: chunked");
    }
    if (r->is_api)
        gs_api_refuses(r->server->api, e, size, &result);
    return result;
}

/* Room for size bytes and a NUL: in powers of two from 4 KiB on, counted against what all requests may take. */
static bool grow(request *r, size_t size)
{
    size_t capacity = r->capacity ? r->capacity : 4096;
    while (capacity < size + 1)
        capacity *= 2;
    if (capacity == r->capacity)
        return true;
    size_t more = capacity - r->capacity;
    bool has_room = atomic_fetch_add(&r->server->body_bytes, more) + more <= BODY_BYTES;
    uint8_t *grown = has_room ? realloc(r->exchange.body, capacity) : NULL;
    if (!grown) {
        atomic_fetch_sub(&r->server->body_bytes, more);
        return false;
    }
    r->exchange.body = grown;
    r->capacity = capacity;
    return true;
}

static void forget_body(request *r)
{
    free(r->exchange.body);
    atomic_fetch_sub(&r->server->body_bytes, r->capacity);
    r->exchange.body = NULL;
    r->exchange.size = r->capacity = 0;
}

/* A piece of the body. Where it is not wanted it is read nevertheless, so that the client reads the answer; but not for ever. */
static enum MHD_Result take_body(request *r, const char *bytes, size_t size)
{
    gs_exchange *e = &r->exchange;
    size_t most = r->is_api ? GS_API_MAX_BODY : 0;
    if (r->too_large || r->no_room || e->size + size > most) {
        r->too_large = r->too_large || e->size + size > most;
        if (e->body)
            forget_body(r);
        e->size += size; /* from here on only counted */
        return e->size <= 2 * GS_API_MAX_BODY ? MHD_YES : MHD_NO;
    }
    if (!grow(r, e->size + size)) {
        r->no_room = true;
        forget_body(r);
        return MHD_YES;
    }
    memcpy(e->body + e->size, bytes, size);
    e->size += size;
    e->body[e->size] = 0;
    return MHD_YES;
}

static enum MHD_Result answer(request *r)
{
    gs_server *server = r->server;
    gs_exchange *e = &r->exchange;
    if (!r->is_api)
        return server->root ? gs_static_answer(e, server->root)
                            : gs_answer_problem(e, MHD_HTTP_NOT_FOUND, "not_found", "there is nothing but /v1 here");
    if (r->too_large)
        return gs_answer_problem(e, MHD_HTTP_CONTENT_TOO_LARGE, "too_large", "a body of more than %zu bytes",
                                 GS_API_MAX_BODY);
    if (r->no_room)
        return gs_answer_later(e, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", 1);
    return gs_api_answer(server->api, e);
}

/* libmicrohttpd calls once for the header, once for each piece of a body, and once at the end: the answer is given
 * then. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_size, void **state)
{
    (void)version;
    gs_server *server = context;
    request *r = *state;
    if (!r) {
        r = calloc(1, sizeof *r);
        if (!r)
            return MHD_NO;
        *state = r;
        r->exchange = (gs_exchange){.connection = mhd, .method = method, .url = url};
        r->server = server;
        r->is_api = server->api && gs_api_serves(url);
        atomic_fetch_add(&server->answering, 1);
        return begin(r);
    }
    if (*body_size) {
        size_t size = *body_size;
        *body_size = 0;
        return take_body(r, body, size);
    }
    set_answering(server, mhd, true);
    return answer(r);
}

/* Also for one that broke off. */
static void on_completed(void *context, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code)
{
    (void)code;
    gs_server *server = context;
    request *r = *state;
    if (!r)
        return;
    if (r->capacity)
        forget_body(r);
    free(r);
    *state = NULL;
    atomic_fetch_sub(&server->answering, 1);
    set_answering(server, mhd, false);
}

/* Leaves the URL as it came: gs_file_open() decodes it once, and sees what libmicrohttpd would hide, such as %00. */
static size_t keep_escapes(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    (void)mhd;
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

static gs_status start_daemon(gs_server *server, const gs_server_options *options, int fd, gs_error *err)
{
    unsigned connections = options->connections ? options->connections : CONNECTIONS;
    int failed = pthread_create(&server->watcher, NULL, watch_connections, server);
    server->has_watcher = failed == 0;
    if (failed)
        return gs_fail(err, GS_EIO, "no thread for the server: %s", strerror(failed));
    server->daemon = MHD_start_daemon(
        MHD_USE_POLL | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG |
            MHD_USE_ITC,
        0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT,
        GS_SERVER_IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
    return server->daemon ? GS_OK : gs_fail(err, GS_EIO, "the HTTP server did not start at %s", server->address);
}

gs_status gs_server_open(gs_server **out, const gs_server_options *options, gs_error *err)
{
    *out = NULL;
    gs_server *server = calloc(1, sizeof *server);
    if (!server)
        return gs_fail(err, GS_ENOMEM, "no memory for a server");
    server->api = options->api;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->ends, NULL);
    int fd = -1;
    gs_status st = options->directory ? check_root(server, options->directory, err) : GS_OK;
    if (st == GS_OK)
        st = gs_listen(options->listen, &fd, server->address, err);
    if (st == GS_OK)
        st = start_daemon(server, options, fd, err);
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

static void drain(gs_server *server)
{
    static const struct timespec moment = {.tv_nsec = 10000000};
    double until = now() + GS_SERVER_DRAIN_SECONDS;
    int listening = MHD_quiesce_daemon(server->daemon);
    while (atomic_load(&server->answering) > 0 && now() < until)
        nanosleep(&moment, NULL);
    MHD_stop_daemon(server->daemon);
    if (listening >= 0)
        close(listening);
}

void gs_server_close(gs_server *server)
{
    if (!server)
        return;
    if (server->daemon)
        drain(server);
    pthread_mutex_lock(&server->lock);
    server->closing = true;
    pthread_cond_signal(&server->ends);
    pthread_mutex_unlock(&server->lock);
    if (server->has_watcher)
        pthread_join(server->watcher, NULL);
    pthread_cond_destroy(&server->ends);
    pthread_mutex_destroy(&server->lock);
    free(server->root);
    free(server);
}

#include "indexer/serve/gate.h"

#include "indexer/util/mix.h"

#include <arpa/inet.h>
#include <nettle/memops.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS 4096 /* addresses that are remembered at once */
#define WAYS  8    /* places where an address may be remembered: the longest unused one is given away */

/* IPv4 as ::ffff:a.b.c.d. */
typedef struct in6_addr address;

typedef struct {
    uint64_t key; /* 0: nobody's */
    double tokens, at;
} bucket;

struct gs_gate {
    const gs_gate_options *options;
    address *proxies; /* [n_proxies]  owned */
    pthread_mutex_t lock;
    bucket buckets[SLOTS]; /* of a request each, filled at the rate */
};

/* ---- addresses ---- */

/* False for what is no address. text may be "a.b.c.d", "[v6]" or "v6", with a port or without. */
static bool parse_address(const char *text, size_t size, address *out)
{
    char copy[INET6_ADDRSTRLEN + 8];
    struct in_addr four;
    if (size == 0 || size >= sizeof copy)
        return false;
    memcpy(copy, text, size);
    copy[size] = 0;
    char *start = copy, *end = copy[0] == '[' ? strchr(copy, ']') : NULL;
    if (end) {
        *end = 0;
        start++;
    } else if ((end = strchr(copy, ':')) && !strchr(end + 1, ':')) { /* one colon: a port */
        *end = 0;
    }
    if (inet_pton(AF_INET6, start, out) == 1)
        return true;
    if (inet_pton(AF_INET, start, &four) != 1)
        return false;
    memset(out, 0, sizeof *out);
    out->s6_addr[10] = out->s6_addr[11] = 0xff;
    memcpy(out->s6_addr + 12, &four, 4);
    return true;
}

static bool is_proxy(const gs_gate *gate, const address *a)
{
    for (size_t i = 0; i < gate->options->n_proxies; i++)
        if (memcmp(a, &gate->proxies[i], sizeof *a) == 0)
            return true;
    return false;
}

/* The connection's own; unspecified (::) when that is not known. */
static address peer_of(const gs_exchange *e)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(e->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    address out = IN6ADDR_ANY_INIT;
    if (info && info->client_addr && info->client_addr->sa_family == AF_INET6) {
        out = ((const struct sockaddr_in6 *)info->client_addr)->sin6_addr;
    } else if (info && info->client_addr && info->client_addr->sa_family == AF_INET) {
        out.s6_addr[10] = out.s6_addr[11] = 0xff;
        memcpy(out.s6_addr + 12, &((const struct sockaddr_in *)info->client_addr)->sin_addr, 4);
    }
    return out;
}

/* X-Forwarded-For grows at its end: from there on, each proxy that is believed names who asked it. */
static address client_of(const gs_gate *gate, const gs_exchange *e)
{
    address client = peer_of(e);
    const char *list = gs_exchange_header(e, "X-Forwarded-For");
    size_t size = list ? strlen(list) : 0;
    while (size > 0 && is_proxy(gate, &client)) {
        size_t start = size;
        while (start > 0 && list[start - 1] != ',')
            start--;
        size_t from = start + strspn(list + start, " \t"), to = size;
        while (to > from && (list[to - 1] == ' ' || list[to - 1] == '\t'))
            to--;
        if (from >= to || !parse_address(list + from, to - from, &client))
            break;
        size = start > 0 ? start - 1 : 0;
    }
    return client;
}

void gs_gate_client(const gs_gate *gate, const gs_exchange *e, char client[INET6_ADDRSTRLEN])
{
    address a = client_of(gate, e);
    bool four = IN6_IS_ADDR_V4MAPPED(&a);
    if (!inet_ntop(four ? AF_INET : AF_INET6, four ? (const void *)(a.s6_addr + 12) : (const void *)&a, client,
                   INET6_ADDRSTRLEN))
        snprintf(client, INET6_ADDRSTRLEN, "?");
}

/* ---- how often ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of IPv6 the network: a visitor has all of its addresses. Never 0. */
static uint64_t key_of(const address *a)
{
    uint64_t parts[2];
    memcpy(parts, a->s6_addr, sizeof parts);
    return gs_mix64(parts[0] ^ (IN6_IS_ADDR_V4MAPPED(a) ? gs_mix64(parts[1]) : 0)) | 1;
}

static bucket *find_bucket(gs_gate *gate, uint64_t key)
{
    bucket *set = gate->buckets + key / 2 % (SLOTS / WAYS) * WAYS, *oldest = set;
    for (bucket *b = set; b < set + WAYS; b++) {
        if (b->key == key)
            return b;
        if (b->at < oldest->at)
            oldest = b;
    }
    *oldest = (bucket){.key = key, .tokens = GS_GATE_BURST, .at = now()};
    return oldest;
}

static bool take_turn(gs_gate *gate, const gs_exchange *e)
{
    address client = client_of(gate, e);
    pthread_mutex_lock(&gate->lock);
    bucket *b = find_bucket(gate, key_of(&client));
    double t = now(), tokens = b->tokens + (t - b->at) * gate->options->rate;
    b->at = t;
    b->tokens = tokens < GS_GATE_BURST ? tokens : GS_GATE_BURST;
    bool has_turn = b->tokens >= 1;
    if (has_turn)
        b->tokens--;
    pthread_mutex_unlock(&gate->lock);
    return has_turn;
}

/* ---- tokens and origins ---- */

/* In a time that tells nothing but the length of what was sent. */
static bool shows_token(const gs_gate *gate, const gs_exchange *e)
{
    static const char scheme[] = "Bearer ";
    const char *sent = gs_exchange_header(e, "Authorization"), *token = gate->options->token;
    if (!sent || strncasecmp(sent, scheme, sizeof scheme - 1) != 0)
        return false;
    sent += sizeof scheme - 1;
    size_t size = strlen(token);
    return strlen(sent) == size && nettle_memeql_sec(sent, token, size);
}

gs_gate_answer gs_gate_ask(gs_gate *gate, const gs_exchange *e)
{
    if (gate->options->rate > 0 && !take_turn(gate, e))
        return GS_GATE_TOO_MANY;
    return !gate->options->token || shows_token(gate, e) ? GS_GATE_OPEN : GS_GATE_UNAUTHORIZED;
}

const char *gs_gate_origin(const gs_gate *gate, const gs_exchange *e)
{
    const char *origin = gs_exchange_header(e, "Origin");
    for (size_t i = 0; origin && i < gate->options->n_origins; i++) {
        const char *allowed = gate->options->origins[i];
        if (strcmp(allowed, "*") == 0 || strcmp(allowed, origin) == 0)
            return allowed;
    }
    return NULL;
}

/* ---- open and close ---- */

gs_status gs_gate_open(gs_gate **out, const gs_gate_options *options, gs_error *err)
{
    *out = NULL;
    gs_gate *gate = calloc(1, sizeof *gate);
    if (gate)
        gate->proxies = calloc(options->n_proxies + 1, sizeof *gate->proxies);
    if (!gate || !gate->proxies) {
        free(gate);
        return gs_fail(err, GS_ENOMEM, "no memory for a server");
    }
    gate->options = options;
    pthread_mutex_init(&gate->lock, NULL);
    for (size_t i = 0; i < options->n_proxies; i++) {
        if (parse_address(options->proxies[i], strlen(options->proxies[i]), &gate->proxies[i]))
            continue;
        gs_gate_close(gate);
        return gs_fail(err, GS_EARGS, "proxy '%.60s': expected an address, such as 127.0.0.1", options->proxies[i]);
    }
    *out = gate;
    return GS_OK;
}

void gs_gate_close(gs_gate *gate)
{
    if (!gate)
        return;
    pthread_mutex_destroy(&gate->lock);
    free(gate->proxies);
    free(gate);
}

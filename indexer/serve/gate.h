/* gate.h - who may ask what the server computes: tokens, origins, and how often an address may ask.
 *
 *     gs_gate *gate;
 *     if ((st = gs_gate_open(&gate, &options, err)) != GS_OK) return st;
 *     switch (gs_gate_ask(gate, &exchange)) { case GS_GATE_OPEN: ... }
 *     gs_gate_close(gate);
 */
#ifndef GS_GATE_H
#define GS_GATE_H

#include "core/status.h"
#include "indexer/serve/exchange.h"

#include <netinet/in.h> /* INET6_ADDRSTRLEN */

typedef struct {
    const char *const *
        origins; /* [n_origins]  of pages that may read answers, such as "https://example.org"; "*": any  borrowed, as all here */
    size_t n_origins;
    const char *const *proxies; /* [n_proxies]  addresses whose X-Forwarded-For is believed */
    size_t n_proxies;
    const char *token; /* to be shown as "Authorization: Bearer TOKEN"; NULL: anybody may ask */
    double rate;       /* requests a second and address (of IPv6, a /64), after GS_GATE_BURST at once; 0: any number */
} gs_gate_options;

#define GS_GATE_BURST 60.0

typedef struct gs_gate gs_gate;

typedef enum {
    GS_GATE_OPEN,
    GS_GATE_UNAUTHORIZED, /* 401 */
    GS_GATE_TOO_MANY      /* 429 */
} gs_gate_answer;

/* options is borrowed until gs_gate_close(). GS_EARGS for a proxy that is no address. */
gs_status gs_gate_open(gs_gate **gate, const gs_gate_options *options, gs_error *err);
void gs_gate_close(gs_gate *gate); /* NULL is fine */

/* Counts the request. From any thread. */
gs_gate_answer gs_gate_ask(gs_gate *gate, const gs_exchange *e);

/* The request's Origin when its pages may read answers, else NULL; borrowed from the request or the options. */
const char *gs_gate_origin(const gs_gate *gate, const gs_exchange *e);

/* The address that asks, as text: the connection's, or what proxies that are believed say of it. */
void gs_gate_client(const gs_gate *gate, const gs_exchange *e, char client[INET6_ADDRSTRLEN]);

#endif

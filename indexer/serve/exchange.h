/* exchange.h - one request and its answer, between libmicrohttpd and those who answer.
 *
 *     return gs_answer_problem(e, 404, "not_found", "no model '%s'", slug);
 *
 * Every gs_answer_...() queues one answer and returns what libmicrohttpd's handler is to return.
 */
#ifndef GS_EXCHANGE_H
#define GS_EXCHANGE_H

#include "indexer/util/json_tree.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gs_exchange {
    struct MHD_Connection *connection;
    const char *method, *url; /* as they came, escapes included  borrowed, as origin is */
    const char *origin;       /* to be allowed to read the answer; NULL: none is named */
    uint8_t *body;            /* [size], then a NUL that size does not count  owned; NULL: none */
    size_t size;
    unsigned status; /* of the answer; 0: none yet */
    bool closes;     /* the connection ends with the answer */
} gs_exchange;

/* The value of a header, borrowed; NULL when there is none. */
const char *gs_exchange_header(const gs_exchange *e, const char *name);

/* Adds the headers that all answers have, and queues response, which it takes over; NULL: memory ran out, and the connection ends. */
enum MHD_Result gs_answer(gs_exchange *e, unsigned status, struct MHD_Response *response);

/* Plain text, for headers to be added; NULL when memory ran out. text: static. */
struct MHD_Response *gs_text_response(const char *text);
enum MHD_Result gs_answer_text(gs_exchange *e, unsigned status, const char *text);

/* The tree as it is printed; not freed. What had no memory is answered as a problem. */
enum MHD_Result gs_answer_json(gs_exchange *e, unsigned status, const gs_json_tree *tree);

/* RFC 9457's application/problem+json: {"title","status","code","detail"}. code: what a program may go by, stable. */
enum MHD_Result gs_answer_problem(gs_exchange *e, unsigned status, const char *code, const char *format, ...)
    GS_PRINTF(4, 5);

/* 405 with the methods that the path takes. */
enum MHD_Result gs_answer_method(gs_exchange *e, const char *allowed);

/* A problem with a Retry-After of that many seconds. */
enum MHD_Result gs_answer_later(gs_exchange *e, unsigned status, const char *code, unsigned seconds);

#endif

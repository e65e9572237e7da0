/* api.h - what the server computes: features of words and pictures, searches, and samples of models; under /v1, with health and metrics beside it. The protocol is
 * in openapi.json.
 *
 *     gs_api *api;
 *     if ((st = gs_api_open(&api, "zoo.db", encoder, &options, err)) != GS_OK) return st;
 *     if (gs_api_serves(exchange->url)) {
 *         if (gs_api_refuses(api, exchange, size, &result)) return result;         // before the body is read
 *         return gs_api_answer(api, exchange);                                     // with it
 *     }
 *     gs_api_close(api);
 */
#ifndef GS_API_H
#define GS_API_H

#include "indexer/encoder/encoder.h"
#include "indexer/serve/exchange.h"
#include "indexer/serve/gate.h"

#define GS_API_MAX_BODY   ((size_t)10 << 20)
#define GS_API_MAX_PIXELS ((uint64_t)16 << 20)

typedef struct {
    gs_gate_options gate;
    const char
        *models; /* a folder of SLUG/model.json, whose models are sampled by their workers; NULL: none is  borrowed */
    size_t warm; /* workers that are kept; 0: 4 */
    size_t waiting; /* requests that may compute or wait for it at once; the next one is told to ask later. 0: 256 */
    bool logs;      /* a line of JSON on standard error for each request: never what was asked for */
} gs_api_options;

typedef struct gs_api gs_api;

/* path: a database or a published folder. encoder: its encoder, or another of the same fingerprint. Both, and options, are borrowed until
 * gs_api_close(), and nobody else may use the encoder. */
gs_status gs_api_open(gs_api **api, const char *path, gs_encoder *encoder, const gs_api_options *options,
                      gs_error *err);

/* Nobody may ask any more. NULL is fine. */
void gs_api_close(gs_api *api);

/* As gs_zoo_refresh() of zoo.h. */
gs_status gs_api_refresh(gs_api *api, bool always, bool *changed, gs_error *err);

/* From now on /readyz says 503, so that no new client is sent here. */
void gs_api_drain(gs_api *api);

/* Whether a URL is the API's. */
bool gs_api_serves(const char *url);

/* Refuses what can be refused by the header: another method, a body that is far too long (size bytes; 0: that is not told), a client
 * without a token, one that asks too often. True: *result is the handler's. Sets e->origin. */
bool gs_api_refuses(gs_api *api, gs_exchange *e, uint64_t size, enum MHD_Result *result);

/* Answers the exchange, whose body is complete. Blocks while it computes. */
enum MHD_Result gs_api_answer(gs_api *api, gs_exchange *e);

#endif

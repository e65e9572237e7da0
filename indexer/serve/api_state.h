/* api_state.h - what the API's files share. */
#ifndef GS_API_STATE_H
#define GS_API_STATE_H

#include "indexer/encoder/queue.h"
#include "indexer/hf/json.h"
#include "indexer/serve/api.h"
#include "indexer/serve/metrics.h"
#include "indexer/serve/sampling.h"
#include "indexer/serve/zoo.h"

#include <semaphore.h>
#include <stdatomic.h>

struct gs_api {
    const gs_api_options *options;
    const gs_encoder_info *encoder; /* borrowed, as its users are: what never changes of it */
    gs_encode_queue *queue;
    gs_zoo *zoo;
    gs_sampling *sampling; /* NULL: no model is sampled */
    gs_gate *gate;
    gs_metrics metrics;
    sem_t work; /* how many threads may decode pictures and JSON at once: one per core */
    atomic_size_t waiting;
    atomic_bool draining;
};

/* The answer to a failure: the status that says whose fault it is. */
enum MHD_Result gs_api_answer_failure(gs_exchange *e, gs_status status, const gs_error *err);

/* context: the exchange. False once the client has closed its connection: nobody would read the answer. */
bool gs_api_is_connected(void *context);

/* bytes [size] -> feature [dim]. GS_EFORMAT for what is no picture, or too large a one; GS_ECANCELED when the client has gone. */
gs_status gs_api_encode_picture(gs_api *api, const gs_exchange *e, const uint8_t *bytes, size_t size, float *feature,
                                gs_error *err);
gs_status gs_api_encode_text(gs_api *api, const gs_exchange *e, const char *text, float *feature, gs_error *err);

/* The body as JSON, an object. GS_EFORMAT for what is none, or has more values than any request needs. */
gs_status gs_api_read_json(gs_api *api, const gs_exchange *e, gs_json *json, gs_error *err);

/* GS_EFORMAT for a field of object that is none of names [n]: a field that is misspelt would be ignored in silence. */
gs_status gs_api_check_fields(const gs_json_object *object, const char *const *names, size_t n, gs_error *err);

/* POST /v1/encode, /v1/search and /v1/sample. */
enum MHD_Result gs_api_answer_encode(gs_api *api, gs_exchange *e);
enum MHD_Result gs_api_answer_search(gs_api *api, gs_exchange *e);
enum MHD_Result gs_api_answer_sample(gs_api *api, gs_exchange *e);

#endif

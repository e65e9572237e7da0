/* queue.h: what many threads ask of one encoder is transformers' answer (encoder_test.h), each to whom asked; what is at fault fails alone. */
#include "encoder_test.h"
#include "indexer/encoder/queue.h"

#include <pthread.h>

#define THREADS 24
#define ROUNDS  10

typedef struct {
    const opened *golden;
    gs_encode_queue *queue;
    int seed;
    const char *fault; /* what went wrong, if anything */
    gs_error error;
} client;

static bool equals(const cJSON *item, const float *feature)
{
    const cJSON *value;
    size_t k = 0;
    cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(item, "feature"))
    {
        if (!(fabs(value->valuedouble - (double)feature[k++]) <= TOLERANCE))
            return false;
    }
    return true;
}

static const cJSON *item_at(const opened *golden, const char *list, int i)
{
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(golden->expected.root, list);
    return cJSON_GetArrayItem(items, i % cJSON_GetArraySize(items));
}

static void ask_once(client *self, int round, float *feature)
{
    bool is_text = (self->seed + round) % 3 == 0;
    const cJSON *item = item_at(self->golden, is_text ? "texts" : "images", self->seed * 7 + round);
    gs_image image = {0};
    gs_encode_request request = {.feature = feature};
    if (is_text) {
        request.text = cJSON_GetObjectItemCaseSensitive(item, "text")->valuestring;
    } else {
        paint(&image, cJSON_GetObjectItemCaseSensitive(item, "width")->valueint,
              cJSON_GetObjectItemCaseSensitive(item, "height")->valueint);
        request.image = &image;
    }
    gs_encode_queue_add(self->queue, &request);
    if (gs_encode_queue_wait(self->queue, &request, &self->error) != GS_OK)
        self->fault = self->error.message;
    else if (!equals(item, feature))
        self->fault = "another's feature";
    gs_image_free(&image);
}

static void *ask(void *context)
{
    client *self = context;
    float *feature = calloc(gs_encoder_get_info(self->golden->encoder)->dim, sizeof *feature);
    for (int round = 0; round < ROUNDS && !self->fault; round++)
        ask_once(self, round, feature);
    free(feature);
    return NULL;
}

static gs_encode_queue *open_queue(const opened *golden)
{
    gs_encode_queue *queue;
    gs_error err;
    if (gs_encode_queue_open(&queue, golden->encoder, &err) != GS_OK)
        fail_msg("%s", err.message);
    return queue;
}

static void each_thread_gets_what_it_asked_for(void **state)
{
    (void)state;
    opened golden = open_golden("clip_tiny/gelu_f16", &(gs_encoder_options){.threads = 2, .batch = 5});
    gs_encode_queue *queue = open_queue(&golden);
    client clients[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        clients[i] = (client){.golden = &golden, .queue = queue, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &clients[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (clients[i].fault)
            fail_msg("thread %d: %s", i, clients[i].fault);
    }
    gs_encode_queue_stats stats = gs_encode_queue_get_stats(queue);
    assert_int_equal(stats.requests, THREADS * ROUNDS);
    assert_true(stats.batches <= stats.requests && stats.batches * 5 >= stats.requests);
    assert_int_equal(stats.waiting, 0);
    gs_encode_queue_close(queue);
    close_golden(&golden);
}

static bool is_wanted(void *wanted)
{
    return *(bool *)wanted;
}

/* The encoder is kept busy while the others are added, so that they are one batch. */
static void what_is_at_fault_or_unwanted_fails_alone(void **state)
{
    (void)state;
    opened golden = open_golden("clip_tiny/gelu_f16", &(gs_encoder_options){.threads = 1, .batch = 8});
    gs_encode_queue *queue = open_queue(&golden);
    size_t dim = gs_encoder_get_info(golden.encoder)->dim;
    float *features = calloc(4 * dim, sizeof *features);
    char *long_text = malloc((size_t)GS_MAX_TEXT + 2);
    memset(long_text, 'a', (size_t)GS_MAX_TEXT + 1);
    long_text[GS_MAX_TEXT + 1] = 0;
    const cJSON *item = item_at(&golden, "texts", 1);
    const char *text = cJSON_GetObjectItemCaseSensitive(item, "text")->valuestring;
    bool no = false;
    gs_encode_request requests[] = {
        {.text = text}, {.text = long_text}, {.text = text, .is_wanted = is_wanted, .context = &no}, {.text = text}};
    gs_error err;
    for (size_t i = 0; i < 4; i++) {
        requests[i].feature = features + i * dim;
        gs_encode_queue_add(queue, &requests[i]);
    }
    assert_int_equal(gs_encode_queue_wait(queue, &requests[3], &err), GS_OK);
    assert_int_equal(gs_encode_queue_wait(queue, &requests[0], &err), GS_OK);
    assert_true(equals(item, features) && equals(item, features + 3 * dim));
    assert_int_equal(gs_encode_queue_wait(queue, &requests[1], &err), GS_EARGS);
    assert_non_null(strstr(err.message, "a text of "));
    assert_int_equal(gs_encode_queue_wait(queue, &requests[2], &err), GS_ECANCELED);
    assert_int_equal(gs_encode_queue_get_stats(queue).canceled, 1);
    gs_encode_queue_close(queue);
    close_golden(&golden);
    free(features);
    free(long_text);
}

/* Pictures that together exceed the memory for pictures wait for each other, and even one that exceeds it alone is encoded. */
static void pictures_wait_for_memory(void **state)
{
    (void)state;
    opened golden = open_golden("clip_tiny/gelu_f16", &(gs_encoder_options){.threads = 1, .batch = 2});
    gs_encode_queue *queue = open_queue(&golden);
    float feature[2][1024];
    gs_image large[2];
    gs_error err;
    gs_encode_request requests[2];
    assert_true(gs_encoder_get_info(golden.encoder)->dim <= 1024);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gs_image_alloc(&large[i], 8192, 8200, &err), GS_OK);
        memset(large[i].rgb, 90 + i, (size_t)8192 * 8200 * 3);
        requests[i] = (gs_encode_request){.image = &large[i], .feature = feature[i]};
        gs_encode_queue_add(queue, &requests[i]); /* returns once the one before is done */
        assert_true(i == 0 || gs_encode_queue_get_stats(queue).requests == 1);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gs_encode_queue_wait(queue, &requests[i], &err), GS_OK);
        gs_image_free(&large[i]);
    }
    gs_encode_queue_close(queue);
    close_golden(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_gets_what_it_asked_for),
        cmocka_unit_test(what_is_at_fault_or_unwanted_fails_alone),
        cmocka_unit_test(pictures_wait_for_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

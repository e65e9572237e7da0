/* cmd_search.c - `gensearch search`: words and pictures in, ranked models out. */
#include "indexer/cli/cli.h"

#include "core/rank.h"
#include "indexer/search/search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    cli_parts parts;
    const char *method, *encoder;
    uint64_t limit, threads;
    bool json;
} arguments;

/* One result, as `--json` prints it; NULL when memory ran out. */
static cJSON *to_json(const gs_search_result *r, const arguments *args, size_t rank, size_t i, double score)
{
    const gs_store_model *model = &r->list.models[i];
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "rank", (double)rank);
    cJSON_AddStringToObject(object, "slug", model->slug);
    cJSON_AddStringToObject(object, "title", model->title);
    cJSON_AddStringToObject(object, "type", model->type);
    cJSON_AddNumberToObject(object, "score", score);
    cJSON_AddNumberToObject(object, "probability", exp(r->log_probability[i]));
    cJSON *parts = cJSON_AddArrayToObject(object, "parts");
    for (size_t p = 0; p < args->parts.count; p++) {
        cJSON *part = cli_part_to_json(&args->parts.parts[p]);
        cJSON_AddNumberToObject(part, "score", r->scores[p * r->list.count + i]);
        if (!cJSON_AddItemToArray(parts, part)) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

/* The score of a single part speaks for the model; of several only their product does. */
static double score_of(const gs_search_result *r, const arguments *args, size_t i)
{
    return args->parts.count == 1 ? r->scores[i] : r->log_probability[i];
}

static gs_status print_table(const gs_search_result *r, const arguments *args, const uint32_t *top, size_t n,
                             gs_error *err)
{
    enum { COLUMNS = 6, NUMBERS = 3, LENGTH = 32 };
    const char **cells = calloc((n + 1) * COLUMNS, sizeof *cells);
    char(*numbers)[NUMBERS][LENGTH] = calloc(n + 1, sizeof *numbers);
    if (cells && numbers) {
        memcpy(cells, (const char *[]){"rank", "score", "probability", "slug", "type", "title"},
               COLUMNS * sizeof *cells);
        for (size_t k = 0; k < n; k++) {
            const gs_store_model *model = &r->list.models[top[k]];
            snprintf(numbers[k][0], LENGTH, "%zu", k + 1);
            snprintf(numbers[k][1], LENGTH, "%.4f", score_of(r, args, top[k]));
            snprintf(numbers[k][2], LENGTH, "%.4f", exp(r->log_probability[top[k]]));
            memcpy(
                cells + (k + 1) * COLUMNS,
                (const char *[]){numbers[k][0], numbers[k][1], numbers[k][2], model->slug, model->type, model->title},
                COLUMNS * sizeof *cells);
        }
        cli_print_table(cells, n + 1, COLUMNS);
    }
    gs_status st = cells && numbers ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu results", n);
    free(cells);
    free(numbers);
    return st;
}

static gs_status print_results(const gs_search_result *r, const arguments *args, gs_error *err)
{
    size_t limit = args->limit < r->list.count ? (size_t)args->limit : r->list.count;
    uint32_t *top = malloc(limit * sizeof *top);
    if (!top)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu results", limit);
    size_t n = gs_rank_top(r->log_probability, r->list.count, limit, top);
    gs_status st = args->json ? GS_OK : print_table(r, args, top, n, err);
    for (size_t k = 0; k < n && args->json && st == GS_OK; k++)
        st = cli_print_json(to_json(r, args, k + 1, top[k], score_of(r, args, top[k])), err);
    free(top);
    return st;
}

/* METHOD: the first moment ranks for text, the Gaussian density for pictures; --method overrides both. */
static gs_status choose_methods(const arguments *args, gs_query_part *parts, gs_error *err)
{
    gs_method forced = GS_FIRST_MOMENT;
    gs_status st = args->method ? gs_method_parse(args->method, &forced, err) : GS_OK;
    for (size_t p = 0; p < args->parts.count; p++) {
        bool text = strcmp(args->parts.parts[p].kind, "text") == 0;
        parts[p].method = args->method ? forced : text ? GS_FIRST_MOMENT : GS_GAUSSIAN_DENSITY;
    }
    return st;
}

static gs_status search(gs_store *store, const arguments *args, gs_query_part *parts, gs_error *err)
{
    gs_encoder *encoder;
    float *features = NULL;
    gs_search_result result = {0};
    /* For one query, weights in place: to pack them would take longer than to multiply. */
    gs_encoder_options options = {.threads = cli_threads(args->threads), .batch = 1, .backend = "blas"};
    gs_status st = cli_open_encoder(&encoder, args->encoder, store, &options, err);
    if (st != GS_OK)
        return st;
    size_t dim = gs_encoder_get_info(encoder)->dim;
    st = cli_encode_parts(encoder, &args->parts, &features, err);
    for (size_t p = 0; p < args->parts.count && st == GS_OK; p++)
        parts[p].feature = features + p * dim;
    gs_encoder_close(encoder);
    if (st == GS_OK)
        st = gs_search(store, parts, args->parts.count, &result, err);
    if (st == GS_OK)
        st = print_results(&result, args, err);
    gs_search_free(&result);
    free(features);
    return st;
}

static gs_status run(const char *database, const arguments *args, bool *nothing, gs_error *err)
{
    gs_store *store = NULL;
    gs_store_list list = {0};
    gs_query_part *parts = calloc(args->parts.count, sizeof *parts);
    gs_status st = parts ? choose_methods(args, parts, err) : gs_fail(err, GS_ENOMEM, "no memory");
    if (st == GS_OK)
        st = gs_store_open(&store, database, GS_STORE_READ, err);
    if (st == GS_OK)
        st = gs_store_list_finished(store, &list, err);
    *nothing = st == GS_OK && list.count == 0;
    if (st == GS_OK && !*nothing)
        st = search(store, args, parts, err);
    gs_store_list_free(&list);
    gs_store_close(store);
    free(parts);
    return st;
}

int cmd_search(int argc, char **argv)
{
    arguments args = {.limit = 10};
    const cli_option options[] = {
        {"text", "T", "words; with several parts, models must agree with all", .parts = &args.parts},
        {"image", "F", "a picture: PNG, JPEG or WebP", .parts = &args.parts},
        {"limit", "K", "how many results (10)", .count = &args.limit, .least = 1, .most = UINT32_MAX},
        {"method", "M",
         "for all parts; else first-moment for text and gaussian-density for pictures. Also\n"
         "                       first-second-moment, gaussian-lowrank, monte-carlo (needs --keep-features)",
         .text = &args.method},
        {"json", NULL, "JSON Lines", .flag = &args.json},
        {"encoder", "DIR", "where the database's encoder lies now", .text = &args.encoder},
        {"threads", "N", "of the encoder (one per core)", .count = &args.threads, .most = 1024},
    };
    const cli_command command = {
        "search",
        "DB",
        "Ranks the models of the database for a query of words and pictures.\n"
        "The score is that of the method; for a query of several parts, the logarithm of the probability.",
        "  gensearch search zoo.db --text 'a red car'\n"
        "  gensearch search zoo.db --text flower --image rose.jpg --json",
        CLI_OPTIONS(options),
        1,
        1};
    int exit_code;
    gs_error err = {""};
    bool nothing = false;
    if (cli_parse(&command, &argc, &argv, &exit_code)) {
        gs_status st = args.parts.count == 0 ? gs_fail(&err, GS_EARGS, "search: give a --text or an --image")
                                             : run(argv[0], &args, &nothing, &err);
        exit_code = cli_finish(st, &err);
        if (nothing) {
            cli_message("%s: no model is indexed yet", argv[0]);
            exit_code = EXIT_NO_RESULT;
        }
    }
    free(args.parts.parts);
    return exit_code;
}

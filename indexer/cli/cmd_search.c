/* cmd_search.c - `gensearch search`: words, pictures, sketches, models and mixes of them in, ranked models out. */
#include "indexer/cli/cli.h"

#include "indexer/publish/place.h"
#include "indexer/search/prepare.h"
#include "indexer/search/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_GIVEN UINT64_MAX

typedef struct {
    cli_parts parts;
    const char *method, *encoder;
    gs_method forced; /* what method names */
    uint64_t limit, threads, candidates;
    bool json, closest;
} arguments;

/* ---- output ------------------------------------------------------------------------------------------------------------------- */

/* One result a line. */
static gs_status print_json(const gs_results *results, const cli_parts *parts, gs_error *err)
{
    gs_results_part *told = calloc(parts->count + 1, sizeof *told);
    gs_status st = told ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory");
    for (size_t p = 0; told && p < parts->count; p++)
        told[p] = (gs_results_part){parts->parts[p].kind, parts->parts[p].input, parts->parts[p].weight};
    for (size_t k = 0; k < results->count && st == GS_OK; k++) {
        gs_json_tree tree;
        char *text;
        gs_json_tree_init(&tree);
        gs_results_put(results, k, told, &tree, tree.root);
        st = gs_json_tree_print(&tree, &text, err);
        if (st == GS_OK)
            puts(text);
        cJSON_free(text);
        gs_json_tree_free(&tree);
    }
    free(told);
    return st;
}

static gs_status print_table(const gs_results *results, gs_error *err)
{
    enum { COLUMNS = 6, NUMBERS = 3, LENGTH = 32 };
    const char **cells = calloc((results->count + 1) * COLUMNS, sizeof *cells);
    char(*numbers)[NUMBERS][LENGTH] = calloc(results->count + 1, sizeof *numbers);
    if (cells && numbers) {
        memcpy(cells, (const char *[]){"rank", "score", "probability", "slug", "type", "title"},
               COLUMNS * sizeof *cells);
        for (size_t k = 0; k < results->count; k++) {
            const gs_source_model *model = &results->models[k];
            snprintf(numbers[k][0], LENGTH, "%zu", k + 1);
            snprintf(numbers[k][1], LENGTH, "%.4f", gs_results_score(results, k));
            snprintf(numbers[k][2], LENGTH, "%.4f", exp(results->search->log_probability[results->top[k]]));
            memcpy(
                cells + (k + 1) * COLUMNS,
                (const char *[]){numbers[k][0], numbers[k][1], numbers[k][2], model->slug, model->type, model->title},
                COLUMNS * sizeof *cells);
        }
        cli_print_table(cells, results->count + 1, COLUMNS);
    }
    gs_status st = cells && numbers ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu results", results->count);
    free(cells);
    free(numbers);
    return st;
}

/* What of a query that is answered no model makes. */
static void report_unmatched(const gs_search_result *result, const arguments *args)
{
    for (size_t p = 0; p < result->n_parts; p++)
        if (!result->matched[p])
            cli_message("no model here makes %s", args->parts.parts[p].input);
}

static gs_status print_results(gs_source *source, const gs_search_result *result, const arguments *args, gs_error *err)
{
    gs_results results;
    report_unmatched(result, args);
    if (result->conflict && result->found)
        cli_message("no model makes all of this: these make parts of it");
    gs_status st = gs_results_read(&results, source, result, (size_t)args->limit, err);
    if (st == GS_OK)
        st = args->json ? print_json(&results, &args->parts, err) : print_table(&results, err);
    gs_results_free(&results);
    return st;
}

/* ---- the query ---------------------------------------------------------------------------------------------------------------- */

/* The parts as core/query.h takes them. slugs [count]: of model parts. */
static gs_status fill_parts(const gs_place *at, const arguments *args, const float *features, gs_query_part *parts,
                            const char **slugs, gs_error *err)
{
    gs_status st = GS_OK;
    for (size_t p = 0; p < args->parts.count && st == GS_OK; p++) {
        const cli_part *part = &args->parts.parts[p];
        gs_method method = args->method ? args->forced : gs_place_default_method(at, part->kind);
        parts[p] = (gs_query_part){
            .kind = part->kind, .method = method, .weight = part->weight, .feature = features + p * at->encoder.dim};
        slugs[p] = part->kind == GS_PART_MODEL ? part->input : NULL;
        if ((method == GS_FRECHET || method == GS_FRECHET_LOWRANK) && part->kind != GS_PART_MODEL)
            st = gs_fail(err, GS_EARGS, "%s compares models: it is no method for a %s", gs_method_name(method),
                         gs_part_kind_name(part->kind));
    }
    return st;
}

static gs_status encode(const gs_place *at, const arguments *args, float **features, gs_error *err)
{
    gs_encoder *encoder = NULL;
    /* For one query, weights in place: to pack them would take longer than to multiply. */
    gs_encoder_options options = {.threads = cli_threads(args->threads), .batch = 1, .backend = "blas"};
    gs_status st = cli_parts_need_encoder(&args->parts)
                       ? cli_open_bound_encoder(&encoder, args->encoder, at->path, &at->encoder, &options, err)
                       : GS_OK;
    if (st == GS_OK)
        st = cli_encode_parts(encoder, &args->parts, at->encoder.dim, features, err);
    gs_encoder_close(encoder);
    return st;
}

/* A database that an older program wrote is prepared by the first query that needs it, where it may be written to. */
static void prepare(gs_store *store, const gs_query_part *parts, size_t n_parts)
{
    bool needed = false;
    for (size_t p = 0; p < n_parts; p++)
        needed |= gs_method_needs(parts[p].method) == GS_NEEDS_GAUSSIAN ||
                  gs_method_needs(parts[p].method) == GS_NEEDS_LOWRANK;
    cli_progress progress;
    gs_error ignored;
    if (!needed)
        return;
    cli_progress_start(&progress, "preparing models for queries, once", false);
    gs_prepare_all(store, NULL, cli_progress_show, &progress, &ignored);
    cli_progress_end(&progress);
}

/* From here on what is read of a database is of one moment. */
static gs_status start_reading(gs_place *at, const gs_query_part *parts, size_t n_parts, gs_error *err)
{
    if (!at->store)
        return GS_OK;
    prepare(at->store, parts, n_parts);
    gs_status st = gs_place_start_reading(at, err);
    return st == GS_OK ? cli_report_background(at->store, err) : st;
}

/* *nothing: why nothing was found, where that is no failure. */
static gs_status search(gs_place *at, const arguments *args, const char **nothing, gs_error *err)
{
    size_t count = args->parts.count;
    float *features = NULL;
    gs_search_result result = {0};
    gs_query_part *parts = calloc(count, sizeof *parts);
    const char **slugs = calloc(count, sizeof *slugs);
    gs_status st = parts && slugs ? encode(at, args, &features, err) : gs_fail(err, GS_ENOMEM, "no memory");
    if (st == GS_OK)
        st = fill_parts(at, args, features, parts, slugs, err);
    if (st == GS_OK)
        st = start_reading(at, parts, count, err);
    if (st == GS_OK) {
        uint64_t candidates = args->candidates != NOT_GIVEN ? args->candidates : gs_place_default_candidates(at);
        gs_search_query query = {parts, slugs, count, &args->parts.filter, (size_t)candidates, 0};
        st = gs_search(at->source, &query, &result, err);
    }
    bool shows = result.ranked > 0 && (result.found || args->closest);
    if (st == GS_OK && shows)
        st = print_results(at->source, &result, args, err);
    if (st == GS_OK && !shows)
        *nothing = "no model makes what is asked for; --closest shows what comes nearest";
    if (st == GS_OK && result.ranked == 0)
        *nothing = result.count == 0 ? "no model is indexed yet" : "no model passes the filters";
    gs_search_free(&result);
    free(features);
    free(slugs);
    free(parts);
    return st;
}

static gs_status check(void *context, gs_error *err)
{
    arguments *args = context;
    gs_status st = args->method ? gs_method_parse(args->method, &args->forced, err) : GS_OK;
    if (st == GS_OK)
        st = cli_parts_take_filters(&args->parts, err);
    if (st == GS_OK && args->parts.count == 0 && args->parts.filter.count > 0)
        st = gs_fail(err, GS_EARGS, "search: there are only conditions: give words or another part to rank by, too");
    else if (st == GS_OK && args->parts.count == 0)
        st = gs_fail(err, GS_EARGS, "search: give a --text, --image, --sketch, --model or --feature to rank by");
    return st;
}

static gs_status run(cli_call *call, gs_error *err)
{
    gs_place at = {0};
    gs_status st = gs_place_open(&at, call->operands[0], err);
    if (st == GS_ENOTFOUND && at.store) {
        call->nothing = "no model is indexed yet";
        st = GS_OK;
    } else if (st == GS_OK) {
        st = search(&at, call->arguments, &call->nothing, err);
    }
    gs_place_close(&at);
    return st;
}

int cmd_search(int argc, char **argv)
{
    arguments args = {.limit = 10, .candidates = NOT_GIVEN};
    const cli_option options[] = {
        {"text", "T", "words, and conditions among them; each part below may be repeated", .parts = &args.parts,
         .use = CLI_PART_TEXT},
        {"image", "F", "a picture: PNG, JPEG or WebP", .parts = &args.parts, .use = CLI_PART_IMAGE},
        {"sketch", "F", "a drawing", .parts = &args.parts, .use = CLI_PART_SKETCH},
        {"model", "SLUG", "a model of the database: what is like it", .parts = &args.parts, .use = CLI_PART_MODEL},
        {"feature", "F.json", "what `gensearch encode --json` printed", .parts = &args.parts, .use = CLI_PART_FEATURE},
        {"weight", "W", "of the part before it (1); below 0 steers away", .parts = &args.parts, .use = CLI_PART_WEIGHT},
        {"type", "T", "only models of this type; each filter may be repeated", .parts = &args.parts,
         .use = CLI_PART_FILTER, .field = GS_FIELD_TYPE},
        {"tag", "T", "only models with this tag", .parts = &args.parts, .use = CLI_PART_FILTER, .field = GS_FIELD_TAG},
        {"author", "A", "only models of an author whose name has this in it", .parts = &args.parts,
         .use = CLI_PART_FILTER, .field = GS_FIELD_AUTHOR},
        {"family", "F", "only models whose family has this in its name", .parts = &args.parts, .use = CLI_PART_FILTER,
         .field = GS_FIELD_FAMILY},
        {"license", "L", "only models whose licence has this in its name", .parts = &args.parts, .use = CLI_PART_FILTER,
         .field = GS_FIELD_LICENSE},
        {"resolution", "WxH", "only models whose pictures are of this size", .parts = &args.parts,
         .use = CLI_PART_FILTER, .field = GS_FIELD_RESOLUTION},
        {"title", "T", "only models whose title has this in it", .parts = &args.parts, .use = CLI_PART_FILTER,
         .field = GS_FIELD_TITLE},
        {"limit", "K", "how many results (10)", .count = &args.limit, .least = 1, .most = UINT32_MAX},
        {"method", "M",
         "for all parts; else centred-moment for text, gaussian-density for\n"
         "                       pictures and sketches, frechet for models; of a folder the low-rank\n"
         "                       forms. Also first-moment, first-second-moment, gaussian-lowrank,\n"
         "                       frechet-lowrank, monte-carlo (needs --keep-features)",
         .text = &args.method},
        {"candidates", "N",
         "score only the N leading models by methods beyond the first moment; 0 for all\n"
         "                       (all of a database; 48 of a folder, as in a browser)",
         .count = &args.candidates, .most = UINT32_MAX},
        {"closest", NULL, "show the nearest models even when none makes what is asked for", .flag = &args.closest},
        {"json", NULL, "JSON Lines", .flag = &args.json},
        {"encoder", "DIR", "where the database's encoder lies now", .text = &args.encoder},
        {"threads", "N", "of the encoder (one per core)", .count = &args.threads, .most = 1024},
    };
    const cli_command command = {
        "search",
        "DB|FOLDER",
        "Ranks the models of a database, or of a published folder, for a query of words, pictures, sketches and "
        "models. Several parts are\n"
        "a product of experts, or a mixture when no model makes all of them (\"conflict\" in JSON). The score is\n"
        "that of the method; of several parts, the logarithm of the probability, which is among the models that\n"
        "were ranked. When no model makes what the words or the picture ask for, the exit code is 1.\n"
        "Among the words, title:T author:A tag:T type:T family:F license:L resolution:WxH are filters, -WORD leaves "
        "out the\n"
        "models that have the word in a field, and quotes hold words together. Filters change no score.",
        "  gensearch search zoo.db --text 'a red car'\n"
        "  gensearch search zoo.db --text 'flower type:VAE -rose' --json\n"
        "  gensearch search zoo.db --image cat.jpg --text 'at night' --weight 0.5\n"
        "  gensearch search zoo.db --model cats --text drawing --weight -1\n"
        "  gensearch search public --text 'a red car'",
        CLI_OPTIONS(options),
        1,
        1,
        CLI_NO_DATABASE,
        check,
        run};
    int exit_code = cli_run(&command, argc, argv, &args);
    cli_parts_free(&args.parts);
    return exit_code;
}

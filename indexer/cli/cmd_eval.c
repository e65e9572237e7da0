/* cmd_eval.c - `gensearch eval`: how good and how fast the methods are on queries whose answers are known. */
#include "indexer/cli/cli.h"

#include "indexer/eval/report.h"
#include "indexer/eval/svg.h"
#include "indexer/publish/place.h"
#include "indexer/util/file.h"
#include "indexer/util/json_tree.h"

#include <math.h> /* isnan */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENCODED_AT_ONCE 256 /* parts, between two shows of progress */

typedef struct {
    cli_list methods; /* none: all */
    const char *encoder, *svg, *rankings;
    uint64_t threads, rank;
    bool json, quiet;
} arguments;

/* ---- encoding ----------------------------------------------------------------------------------------------------------------- */

/* A part, or a title, as cli_encode_parts() takes it. */
static gs_status encode_all(gs_encoder *encoder, const cli_part *parts, size_t count, size_t dim, bool quiet,
                            float **features, gs_error *err)
{
    cli_progress progress;
    gs_status st = GS_OK;
    *features = malloc((count * dim + 1) * sizeof **features);
    if (!*features)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu features", count);
    cli_progress_start(&progress, "encoding", quiet);
    for (size_t at = 0; at < count && st == GS_OK; at += ENCODED_AT_ONCE) {
        size_t n = count - at < ENCODED_AT_ONCE ? count - at : ENCODED_AT_ONCE;
        const cli_parts some = {.parts = (cli_part *)parts + at, .count = n};
        float *encoded = NULL;
        st = cli_encode_parts(encoder, &some, dim, &encoded, err);
        if (st == GS_OK)
            memcpy(*features + at * dim, encoded, n * dim * sizeof *encoded);
        free(encoded);
        cli_progress_show(&progress, at + n, count);
    }
    cli_progress_end(&progress);
    return st;
}

/* The parts of all queries, then what hubs know of every model. */
static gs_status encode(gs_encoder *encoder, const gs_eval_queries *set, char *const *titles, size_t n_titles,
                        size_t dim, bool quiet, float **features, gs_error *err)
{
    cli_part *parts = calloc(set->n_parts + n_titles + 1, sizeof *parts);
    if (!parts)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu parts", set->n_parts);
    for (size_t p = 0; p < set->n_parts; p++)
        parts[p] = (cli_part){.kind = set->parts[p].kind, .input = set->parts[p].input};
    for (size_t i = 0; i < n_titles; i++)
        parts[set->n_parts + i] = (cli_part){.kind = GS_PART_TEXT, .input = titles[i]};
    gs_status st = encode_all(encoder, parts, set->n_parts + n_titles, dim, quiet, features, err);
    free(parts);
    return st;
}

static gs_status read_titles(gs_store *store, char ***titles, size_t *count, gs_error *err)
{
    gs_store_list list;
    gs_status st = gs_store_list_finished(store, &list, err);
    if (st != GS_OK)
        return st;
    *titles = calloc(list.count + 1, sizeof **titles);
    for (size_t i = 0; *titles && i < list.count && st == GS_OK; i++) {
        cJSON *json = cJSON_Parse(list.models[i].json);
        const char *description = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "description"));
        if (asprintf(&(*titles)[i], "%s. %s", list.models[i].title, description ? description : "") < 0)
            st = gs_fail(err, GS_ENOMEM, "no memory for titles"); /* titles[i] is undefined now */
        else
            *count = i + 1;
        cJSON_Delete(json);
    }
    if (!*titles)
        st = gs_fail(err, GS_ENOMEM, "no memory for %zu titles", list.count);
    gs_store_list_free(&list);
    return st;
}

/* ---- output ------------------------------------------------------------------------------------------------------------------- */

static gs_status print_json(const gs_eval_row *row, gs_error *err)
{
    gs_json_tree tree;
    char *text = NULL;
    gs_json_tree_init(&tree);
    gs_json_put_string(&tree, tree.root, "class", row->group);
    gs_json_put_string(&tree, tree.root, "method", gs_eval_method_name(row->method));
    gs_json_put_number(&tree, tree.root, "queries", (double)row->queries);
    for (int f = 0; f < GS_FIGURE_COUNT; f++) {
        const gs_interval *figure = &row->figures[f];
        if (isnan(figure->mean))
            continue;
        cJSON *object = gs_json_put_object(&tree, tree.root, gs_figure_name((gs_figure)f));
        gs_json_put_number(&tree, object, "mean", figure->mean);
        gs_json_put_number(&tree, object, "low", figure->low);
        gs_json_put_number(&tree, object, "high", figure->high);
    }
    cJSON *time = gs_json_put_object(&tree, tree.root, "milliseconds");
    gs_json_put_number(&tree, time, "median", row->median);
    gs_json_put_number(&tree, time, "p95", row->p95);
    gs_json_put_number(&tree, tree.root, "bytes_per_model", row->bytes);
    gs_status st = gs_json_tree_print(&tree, &text, err);
    if (st == GS_OK)
        puts(text);
    cJSON_free(text);
    gs_json_tree_free(&tree);
    return st;
}

enum { COLUMNS = 6 + GS_FIGURE_COUNT, LENGTH = 40 };

/* The numbers of a row, from the third column on. */
static void format_row(const gs_eval_row *row, char (*cells)[LENGTH])
{
    snprintf(cells[0], LENGTH, "%zu", row->queries);
    for (int f = 0; f < GS_FIGURE_COUNT; f++) {
        const gs_interval *figure = &row->figures[f];
        if (isnan(figure->mean))
            snprintf(cells[1 + f], LENGTH, "-");
        else
            snprintf(cells[1 + f], LENGTH, "%.3f", figure->mean);
    }
    snprintf(cells[1 + GS_FIGURE_COUNT], LENGTH, "%.3g", row->median);
    snprintf(cells[2 + GS_FIGURE_COUNT], LENGTH, "%.3g", row->p95);
    snprintf(cells[3 + GS_FIGURE_COUNT], LENGTH, "%.0f", row->bytes);
}

static gs_status print_table(const gs_eval_row *rows, size_t count, gs_error *err)
{
    const char **cells = calloc((count + 1) * COLUMNS, sizeof *cells);
    char(*numbers)[COLUMNS - 2][LENGTH] = calloc(count + 1, sizeof *numbers);
    if (cells && numbers) {
        cells[0] = "class";
        cells[1] = "method";
        cells[2] = "queries";
        for (int f = 0; f < GS_FIGURE_COUNT; f++)
            cells[3 + f] = gs_figure_title((gs_figure)f);
        cells[COLUMNS - 3] = "ms";
        cells[COLUMNS - 2] = "ms p95";
        cells[COLUMNS - 1] = "bytes/model";
        for (size_t i = 0; i < count; i++) {
            const char **row = cells + (i + 1) * COLUMNS;
            format_row(&rows[i], numbers[i]);
            row[0] = rows[i].group;
            row[1] = gs_eval_method_name(rows[i].method);
            for (size_t c = 0; c < COLUMNS - 2; c++)
                row[2 + c] = numbers[i][c];
        }
        cli_print_table(cells, count + 1, COLUMNS);
    }
    gs_status st = cells && numbers ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu rows", count);
    free(cells);
    free(numbers);
    return st;
}

/* ---- the run ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    const arguments *args;
    gs_eval_queries set;
    gs_place place;
    gs_encoder *encoder;
    gs_evaluation evaluation;
    float *features; /* [parts of the set and titles, dim]  owned */
    gs_eval_method methods[GS_EVAL_METHOD_COUNT];
    size_t n_methods;
    gs_outcome *outcomes; /* [n_methods, set.count]  owned */
    gs_eval_row *rows;    /* [n_rows]  owned */
    size_t n_rows;
} running;

static gs_status choose_methods(running *r, gs_error *err)
{
    const cli_list *names = &r->args->methods;
    gs_status st = GS_OK;
    for (int i = 0; i < GS_EVAL_METHOD_COUNT && names->count == 0; i++)
        r->methods[r->n_methods++] = (gs_eval_method)i;
    for (size_t i = 0; i < names->count && st == GS_OK; i++) {
        gs_eval_method method = GS_EVAL_DEFAULT;
        st = gs_eval_method_parse(names->items[i], &method, err);
        for (size_t k = 0; k < r->n_methods && st == GS_OK; k++)
            if (r->methods[k] == method)
                st = gs_fail(err, GS_EARGS, "--method %s is given twice", names->items[i]);
        if (st == GS_OK)
            r->methods[r->n_methods++] = method;
    }
    return st;
}

static bool wants_titles(const running *r)
{
    for (size_t i = 0; i < r->n_methods; i++)
        if (r->methods[i] == GS_EVAL_TITLES)
            return true;
    return false;
}

static gs_status encode_queries(running *r, gs_error *err)
{
    char **titles = NULL;
    size_t n_titles = 0, dim = r->place.source->dim;
    gs_status st = GS_OK;
    if (wants_titles(r) && r->place.store && gs_encoder_get_info(r->encoder)->has_text)
        st = read_titles(r->place.store, &titles, &n_titles, err);
    if (st == GS_OK)
        st = encode(r->encoder, &r->set, titles, n_titles, dim, r->args->quiet, &r->features, err);
    r->evaluation.rank = (size_t)r->args->rank;
    r->evaluation.published = !r->place.store;
    r->evaluation.features = r->features;
    r->evaluation.titles = n_titles > 0 ? r->features + r->set.n_parts * dim : NULL;
    for (size_t i = 0; i < n_titles; i++)
        free(titles[i]);
    free(titles);
    return st;
}

/* Drops methods that nobody asked for and that rank no query of the set, or, with a message, that this database has nothing for. */
static gs_status load_methods(running *r, gs_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n_methods; i++) {
        gs_status st = gs_evaluation_load(&r->evaluation, r->methods[i], err);
        bool optional = r->args->methods.count == 0;
        if (st == GS_OK)
            r->methods[kept++] = r->methods[i];
        else if (!optional || (st != GS_EARGS && st != GS_ENOTFOUND))
            return st;
        else if (st == GS_EARGS)
            cli_message("left out: %s", err->message);
    }
    r->n_methods = kept;
    return GS_OK;
}

static gs_status evaluate(running *r, gs_error *err)
{
    size_t count = r->set.count;
    r->outcomes = calloc(r->n_methods * count + 1, sizeof *r->outcomes);
    r->rows = calloc(r->n_methods * r->set.n_groups + 1, sizeof *r->rows);
    gs_status st = r->outcomes && r->rows ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu queries", count);
    for (size_t i = 0; i < r->n_methods && st == GS_OK; i++) {
        cli_progress progress;
        cli_progress_start(&progress, gs_eval_method_name(r->methods[i]), r->args->quiet);
        st = gs_evaluate(&r->evaluation, r->methods[i], r->outcomes + i * count, cli_progress_show, &progress, err);
        cli_progress_end(&progress);
    }
    for (size_t k = 0; k < r->set.n_groups * r->n_methods && st == GS_OK; k++) {
        size_t i = k % r->n_methods;
        gs_eval_row *row = &r->rows[r->n_rows];
        st = gs_eval_summarise(&r->set, r->set.groups[k / r->n_methods], r->methods[i], r->outcomes + i * count, row,
                               err);
        r->n_rows += row->queries > 0;
    }
    return st;
}

static gs_status write_rankings(const running *r, gs_error *err)
{
    char *text = NULL;
    size_t size = 0;
    gs_status st = gs_eval_rankings(&r->evaluation, r->methods, r->n_methods, r->outcomes, &text, &size, err);
    if (st == GS_OK)
        st = gs_file_write(r->args->rankings, text, size, err);
    free(text);
    return st;
}

static gs_status write_svg(const running *r, gs_error *err)
{
    char *text = NULL;
    size_t size = 0;
    gs_status st = gs_eval_svg(r->rows, r->n_rows, &text, &size, err);
    if (st == GS_OK)
        st = gs_file_write(r->args->svg, text, size, err);
    free(text);
    return st;
}

static gs_status report(const running *r, gs_error *err)
{
    gs_status st = r->args->rankings ? write_rankings(r, err) : GS_OK;
    if (st == GS_OK && r->args->svg)
        st = write_svg(r, err);
    for (size_t i = 0; i < r->n_rows && r->args->json && st == GS_OK; i++)
        st = print_json(&r->rows[i], err);
    if (st == GS_OK && !r->args->json)
        st = print_table(r->rows, r->n_rows, err);
    return st;
}

/* A database that an older program wrote is prepared, where it may be written to: times are those of a prepared one. */
static gs_status prepare(running *r, gs_error *err)
{
    gs_error refused;
    gs_encoder_options options = {.threads = cli_threads(r->args->threads)};
    gs_place *place = &r->place;
    gs_status st = cli_open_bound_encoder(&r->encoder, r->args->encoder, place->path, &place->encoder, &options, err);
    if (st != GS_OK)
        return st;
    if (place->store && cli_prepare_queries(place->store, r->encoder, r->args->quiet, NULL, &refused) != GS_OK)
        cli_message("the database is not prepared for queries: %s", refused.message);
    return gs_place_start_reading(place, err);
}

static gs_status run(running *r, const char *path, const char *queries, gs_error *err)
{
    gs_status st = choose_methods(r, err);
    if (st == GS_OK)
        st = gs_place_open(&r->place, path, err);
    if (st == GS_OK)
        st = gs_eval_queries_read(&r->set, queries, err);
    if (st == GS_OK)
        st = prepare(r, err);
    if (st == GS_OK)
        st = gs_evaluation_init(&r->evaluation, r->place.source, &r->set, err);
    if (st == GS_OK)
        st = encode_queries(r, err);
    if (st == GS_OK)
        st = load_methods(r, err);
    if (st == GS_OK)
        st = evaluate(r, err);
    return st == GS_OK ? report(r, err) : st;
}

static void free_running(running *r)
{
    free(r->rows);
    free(r->outcomes);
    free(r->features);
    gs_evaluation_free(&r->evaluation);
    gs_place_close(&r->place);
    gs_encoder_close(r->encoder);
    gs_eval_queries_free(&r->set);
}

static gs_status eval(cli_call *call, gs_error *err)
{
    running r = {.args = call->arguments};
    gs_status st = run(&r, call->operands[0], call->operands[1], err);
    free_running(&r);
    return st;
}

int cmd_eval(int argc, char **argv)
{
    arguments args = {0};
    const cli_option options[] = {
        {"method", "M",
         "may be repeated (all): a method of search; default: what search does\n"
         "                       unless told otherwise; plain-product: the same without scaling the experts of\n"
         "                       several parts; titles: the query against title and description, as hubs do",
         .list = &args.methods},
        {"rank", "K", "of low-rank forms, use only K eigenvectors (all that are stored)", .count = &args.rank,
         .least = 1, .most = UINT32_MAX},
        {"json", NULL, "JSON Lines, with 95 % intervals", .flag = &args.json},
        {"svg", "F.svg", "plot accuracy against time and against bytes", .text = &args.svg},
        {"rankings", "F.jsonl", "write the ten leading models of every query and method", .text = &args.rankings},
        {"encoder", "DIR", "where the database's encoder lies now", .text = &args.encoder},
        {"threads", "N", "of the encoder (one per core)", .count = &args.threads, .most = 1024},
        {"quiet", NULL, "no progress", .flag = &args.quiet},
    };
    const cli_command command = {
        "eval",
        "DB|FOLDER QUERIES.jsonl",
        "Ranks the queries of a set, whose answers are known, by every method, over a database, or over a published\n"
        "folder as a browser does. Prints for each class of queries and method: Top-k, the share of queries with a\n"
        "right model among the first k; mAP@k, mean average precision; each@5, the share of mixed queries with a\n"
        "model for each part among the first five; refused, the share that search answers with no match; median\n"
        "and 95 % quantile of the milliseconds that a ranking takes, encoding apart; and the bytes it reads of a "
        "model.\n"
        "QUERIES.jsonl is described in indexer/eval/queries.h.",
        "  gensearch eval zoo.db queries.jsonl\n"
        "  gensearch eval zoo.db queries.jsonl --method first-moment --method titles --json\n"
        "  gensearch eval zoo.db queries.jsonl --svg plot.svg\n"
        "  gensearch eval public queries.jsonl",
        CLI_OPTIONS(options),
        2,
        2,
        CLI_NO_DATABASE,
        NULL,
        eval};
    int exit_code = cli_run(&command, argc, argv, &args);
    free(args.methods.items);
    return exit_code;
}

#include "indexer/cli/cli.h"

#include "indexer/util/cores.h"
#include "indexer/util/utf8.h"

#include <errno.h>
#include <getopt.h>
#include <math.h> /* isfinite */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_message(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char text[4096];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++) /* a file's name may hold what a terminal obeys */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "gensearch: %s\n", text);
}

gs_status cli_print_json(cJSON *object, gs_error *err)
{
    char *text = object ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    if (!text)
        return gs_fail(err, GS_ENOMEM, "no memory");
    puts(text);
    cJSON_free(text);
    return GS_OK;
}

int cli_threads(uint64_t asked)
{
    size_t cores = gs_cores();
    if (asked > cores)
        cli_message("%zu thread%s, not %llu: this process may use that many cores", cores, cores == 1 ? "" : "s",
                    (unsigned long long)asked);
    return asked > 0 && asked < cores ? (int)asked : (int)cores;
}

/* What getopt_long returns for --help, and for the options of a command: beyond every character. */
enum { HELP = 256, FIRST_OPTION };

/* ---- options ------------------------------------------------------------------------------------------------------------------ */

static void print_help(const cli_command *c)
{
    printf("usage: gensearch %s%s%s%s\n\n%s\n", c->name, c->operands[0] ? " " : "", c->operands,
           c->n_options ? " [OPTION]..." : "", c->summary);
    if (c->n_options)
        puts("\noptions:");
    for (size_t i = 0; i < c->n_options; i++) {
        char left[64];
        const cli_option *o = &c->options[i];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %-20s %s\n", left, o->help);
    }
    printf("\nexamples:\n%s\n", c->examples);
}

static bool mistake(const cli_command *c, int *exit_code, const char *format, ...) GS_PRINTF(3, 4);
static bool mistake(const cli_command *c, int *exit_code, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_message("%s: %s (see gensearch %s --help)", c->name, text, c->name);
    *exit_code = EXIT_ERROR;
    return false;
}

static bool store_text(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    *o->text = text;
    return text[0] || mistake(c, exit_code, "--%s is empty", o->name);
}

static bool store_item(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    const char **items = realloc(o->list->items, (o->list->count + 1) * sizeof *items);
    if (!items)
        return mistake(c, exit_code, "no memory");
    items[o->list->count++] = text;
    o->list->items = items;
    return text[0] || mistake(c, exit_code, "--%s is empty", o->name);
}

static bool store_count(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    uint64_t most = o->most ? o->most : INT64_MAX;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value < o->least || value > most)
        return mistake(c, exit_code, "--%s is '%s', expected a number from %llu to %llu", o->name, text,
                       (unsigned long long)o->least, (unsigned long long)most);
    *o->count = value;
    return true;
}

static bool store_real(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0))
        return mistake(c, exit_code, "--%s is '%s', expected a number of at least 0", o->name, text);
    *o->real = value;
    return true;
}

static bool store_weight(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    char *end;
    double weight = strtod(text, &end);
    if (end == text || *end || !isfinite(weight) || weight == 0)
        return mistake(c, exit_code, "--%s is '%s', expected a number other than 0", o->name, text);
    if (o->parts->count == 0)
        return mistake(c, exit_code, "--%s follows the part that it is of, and there is none before it", o->name);
    o->parts->parts[o->parts->count - 1].weight = weight;
    return true;
}

static bool store_part(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    /* Words are printed again as JSON, which is UTF-8 or nothing; a file is called what it is called. */
    if (o->use == CLI_PART_TEXT && gs_utf8_invalid_at(text, strlen(text)) < strlen(text))
        return mistake(c, exit_code, "--text is not UTF-8");
    if (text[strspn(text, " \t\n\r\v\f")] == '\0')
        return mistake(c, exit_code, "--%s is empty", o->name);
    if (o->use == CLI_PART_FILTER)
        return gs_filter_add(&o->parts->filter, o->field, text, strlen(text), NULL) == GS_OK ||
               mistake(c, exit_code, "no memory");
    cli_part *parts = realloc(o->parts->parts, (o->parts->count + 1) * sizeof *parts);
    if (!parts)
        return mistake(c, exit_code, "no memory");
    static const gs_part_kind kinds[] = {[CLI_PART_TEXT] = GS_PART_TEXT,
                                         [CLI_PART_IMAGE] = GS_PART_IMAGE,
                                         [CLI_PART_SKETCH] = GS_PART_SKETCH,
                                         [CLI_PART_MODEL] = GS_PART_MODEL,
                                         [CLI_PART_FEATURE] = GS_PART_IMAGE}; /* until the file says */
    parts[o->parts->count++] =
        (cli_part){.kind = kinds[o->use], .is_feature = o->use == CLI_PART_FEATURE, .input = text, .weight = 1};
    o->parts->parts = parts;
    return true;
}

void cli_parts_free(cli_parts *parts)
{
    for (size_t i = 0; i < parts->n_words; i++)
        free(parts->words[i]);
    free(parts->words);
    free(parts->parts);
    gs_filter_free(&parts->filter);
    *parts = (cli_parts){0};
}

static bool store_option(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    if (o->flag)
        *o->flag = true;
    else if (o->text)
        return store_text(c, o, text, exit_code);
    else if (o->list)
        return store_item(c, o, text, exit_code);
    else if (o->count)
        return store_count(c, o, text, exit_code);
    else if (o->real)
        return store_real(c, o, text, exit_code);
    else
        return o->use == CLI_PART_WEIGHT ? store_weight(c, o, text, exit_code) : store_part(c, o, text, exit_code);
    return true;
}

/* What getopt did not understand, as it was typed. A short option that is none ("-text" begins with one) may stand in the argument before
 * optind, when it was that argument's last letter, or in the one that optind means. */
static const char *find_culprit(int argc, char **argv)
{
    const char *before = argv[optind - 1];
    if (optopt == 0 || optind >= argc || (before[0] == '-' && before[1] == optopt && before[2] == '\0'))
        return before;
    const char *here = argv[optind];
    return here[0] == '-' && here[1] != '-' && strchr(here, optopt) ? here : before;
}

/* "-text" is an option with one dash too few. */
static bool unknown_option(const cli_command *c, const char *culprit, int *exit_code)
{
    for (size_t i = 0; i < c->n_options; i++) {
        size_t length = strlen(c->options[i].name);
        if (strncmp(culprit + 1, c->options[i].name, length) == 0 &&
            (!culprit[1 + length] || culprit[1 + length] == '='))
            return mistake(c, exit_code, "unknown option '%s', did you mean '-%s'?", culprit, culprit);
    }
    return mistake(c, exit_code, "unknown option '%s'", culprit);
}

/* A full disk or a closed pipe shows only when what was printed is written. */
static gs_status flush_output(gs_error *err)
{
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    return written ? GS_OK : gs_fail(err, GS_EIO, "standard output: %s", strerror(errno));
}

int cli_end_output(int exit_code)
{
    gs_error err;
    if (flush_output(&err) == GS_OK)
        return exit_code;
    cli_message("%s", err.message);
    return EXIT_ERROR;
}

static bool parse_options(const cli_command *c, const struct option *table, int argc, char **argv, int *exit_code)
{
    opterr = 0;
    for (int got; (got = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
        if (got == HELP || got == 'h') {
            print_help(c);
            *exit_code = cli_end_output(EXIT_FOUND);
            return false;
        }
        if (got == ':')
            return mistake(c, exit_code, "%s needs a value", argv[optind - 1]);
        if (got == '?' && optopt >= HELP) /* known, and given a value */
            return mistake(c, exit_code, "'%s': --%s takes no value", argv[optind - 1],
                           optopt == HELP ? "help" : c->options[optopt - FIRST_OPTION].name);
        if (got == '?')
            return unknown_option(c, find_culprit(argc, argv), exit_code);
        if (!store_option(c, &c->options[got - FIRST_OPTION], optarg, exit_code))
            return false;
    }
    return true;
}

/* Leaves the operands in *argv [*argc]. False when the program is done: help was printed, or a mistake reported. */
static bool parse(const cli_command *c, int *argc, char ***argv, int *exit_code)
{
    struct option *table = calloc(c->n_options + 2, sizeof *table);
    if (!table)
        return mistake(c, exit_code, "no memory");
    table[0] = (struct option){"help", no_argument, NULL, HELP};
    for (size_t i = 0; i < c->n_options; i++)
        table[i + 1] = (struct option){c->options[i].name, c->options[i].value ? required_argument : no_argument, NULL,
                                       FIRST_OPTION + (int)i};
    bool parsed = parse_options(c, table, *argc, *argv, exit_code);
    free(table);
    if (!parsed)
        return false;
    *argc -= optind;
    *argv += optind;
    if (*argc < c->least)
        return mistake(c, exit_code, "expected %s", c->operands);
    if (c->most >= 0 && *argc > c->most)
        return mistake(c, exit_code, "'%s' is one too many, expected %s", (*argv)[c->most], c->operands);
    return true;
}

static gs_status open_database(const cli_command *c, const char *path, gs_store **store, gs_error *err)
{
    if (c->database == CLI_NO_DATABASE)
        return GS_OK;
    return gs_store_open(store, path, c->database == CLI_WRITES ? GS_STORE_WRITE : GS_STORE_READ, err);
}

int cli_run(const cli_command *command, int argc, char **argv, void *arguments)
{
    int exit_code;
    if (!parse(command, &argc, &argv, &exit_code))
        return exit_code;
    cli_call call = {.arguments = arguments, .operands = argv, .n_operands = (size_t)argc};
    gs_error err = {""};
    gs_status st = command->check ? command->check(arguments, &err) : GS_OK;
    if (st == GS_OK)
        st = open_database(command, argv[0], &call.store, &err);
    if (st == GS_OK)
        st = command->body(&call, &err);
    if (st == GS_OK)
        st = flush_output(&err);
    gs_store_close(call.store);
    if (st == GS_OK && call.nothing)
        cli_message("%s: %s", argv[0], call.nothing);
    if (st == GS_OK)
        return call.nothing ? EXIT_NO_RESULT : EXIT_FOUND;
    fflush(stdout);
    cli_message("%s", err.message);
    return st == GS_ECANCELED ? EXIT_INTERRUPTED : EXIT_ERROR;
}

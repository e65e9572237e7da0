#include "indexer/cli/cli.h"

#include "indexer/util/cores.h"
#include "indexer/util/utf8.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_OPTIONS 16

void cli_message(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("gensearch: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int cli_finish(gs_status st, const gs_error *err)
{
    /* A full disk or a closed pipe shows only now. */
    if (st == GS_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        cli_message("standard output: %s", strerror(errno));
        return EXIT_ERROR;
    }
    if (st == GS_OK)
        return EXIT_FOUND;
    fflush(stdout);
    cli_message("%s", err->message);
    return st == GS_ECANCELED ? EXIT_INTERRUPTED : EXIT_ERROR;
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

cJSON *cli_part_to_json(const cli_part *part)
{
    cJSON *object = cJSON_CreateObject();
    char *input = gs_utf8_repair(part->input);
    bool done =
        input && cJSON_AddStringToObject(object, "kind", part->kind) && cJSON_AddStringToObject(object, "input", input);
    free(input);
    if (done)
        return object;
    cJSON_Delete(object);
    return NULL;
}

int cli_threads(uint64_t asked)
{
    size_t cores = gs_cores();
    if (asked > cores)
        cli_message("%zu thread%s, not %llu: this process may use that many cores", cores, cores == 1 ? "" : "s",
                    (unsigned long long)asked);
    return asked > 0 && asked < cores ? (int)asked : (int)cores;
}

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

static bool store_part(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    /* Words are printed again as JSON, which is UTF-8 or nothing; a file is called what it is called. */
    if (strcmp(o->name, "text") == 0 && gs_utf8_invalid_at(text, strlen(text)) < strlen(text))
        return mistake(c, exit_code, "--text is not UTF-8");
    cli_part *parts = realloc(o->parts->parts, (o->parts->count + 1) * sizeof *parts);
    if (!parts)
        return mistake(c, exit_code, "no memory");
    parts[o->parts->count++] = (cli_part){o->name, text};
    o->parts->parts = parts;
    return true;
}

static bool store_option(const cli_command *c, const cli_option *o, const char *text, int *exit_code)
{
    if (o->flag)
        *o->flag = true;
    else if (o->text)
        *o->text = text;
    else if (o->count)
        return store_count(c, o, text, exit_code);
    else if (o->real)
        return store_real(c, o, text, exit_code);
    else
        return store_part(c, o, text, exit_code);
    return true;
}

bool cli_parse(const cli_command *c, int *argc, char ***argv, int *exit_code)
{
    struct option table[MAX_OPTIONS + 2] = {{"help", no_argument, NULL, MAX_OPTIONS}};
    for (size_t i = 0; i < c->n_options && i < MAX_OPTIONS; i++)
        table[i + 1] =
            (struct option){c->options[i].name, c->options[i].value ? required_argument : no_argument, NULL, (int)i};
    opterr = 0;
    for (int got; (got = getopt_long(*argc, *argv, ":h", table, NULL)) != -1;) {
        const char *culprit = (*argv)[optind - 1];
        if (got == 'h' || got == MAX_OPTIONS) {
            print_help(c);
            *exit_code = EXIT_FOUND;
            return false;
        }
        if (got == ':')
            return mistake(c, exit_code, "%s needs a value", culprit);
        if (got == '?')
            return mistake(c, exit_code, "unknown option '%s'", culprit);
        if (!store_option(c, &c->options[got], optarg, exit_code))
            return false;
    }
    *argc -= optind;
    *argv += optind;
    if (*argc < c->least)
        return mistake(c, exit_code, "expected %s", c->operands);
    if (c->most >= 0 && *argc > c->most)
        return mistake(c, exit_code, "'%s' is one too many, expected %s", (*argv)[c->most], c->operands);
    return true;
}

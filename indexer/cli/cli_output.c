/* cli_output.c - tables and progress. */
#include "indexer/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH     24
#define LINE_SECONDS  10.0 /* between two lines when nobody watches */
#define FRAME_SECONDS 0.1

/* ---- tables ------------------------------------------------------------------------------------------------------------------- */

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void cli_print_table(const char *const *cells, size_t n_rows, size_t n_columns)
{
    size_t widths[CLI_MAX_COLUMNS] = {0};
    for (size_t i = 0; i < n_rows * n_columns; i++) {
        size_t width = width_of(cells[i]);
        if (width > widths[i % n_columns])
            widths[i % n_columns] = width;
    }
    for (size_t i = 0; i < n_rows * n_columns; i++) {
        size_t column = i % n_columns;
        bool last = column + 1 == n_columns;
        printf("%s%*s", cells[i], last ? 0 : (int)(widths[column] - width_of(cells[i]) + 2), "");
        if (last)
            putchar('\n');
    }
}

/* ---- progress ----------------------------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress_start(cli_progress *progress, const char *label, bool quiet)
{
    *progress = (cli_progress){.label = label, .quiet = quiet};
}

static void print_eta(double seconds)
{
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s >= 3600)
        fprintf(stderr, "%luh%02lum", s / 3600, s / 60 % 60);
    else
        fprintf(stderr, "%lum%02lus", s / 60, s % 60);
}

static void print_bar(uint64_t done, uint64_t total)
{
    size_t filled = total ? (size_t)((double)done / (double)total * BAR_WIDTH) : 0;
    fputs(" [", stderr);
    for (size_t i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fputc(']', stderr);
}

void cli_progress_show(void *context, uint64_t done, uint64_t total)
{
    cli_progress *p = context;
    bool terminal = isatty(STDERR_FILENO);
    double t = now();
    if (!p->begun) {
        p->begun = true;
        p->first = done;
        p->started = p->shown = t;
    }
    if (p->quiet || (done < total && t - p->shown < (terminal ? FRAME_SECONDS : LINE_SECONDS)))
        return;
    p->shown = t;
    double elapsed = t - p->started;
    double rate = elapsed > 0 && done > p->first ? (double)(done - p->first) / elapsed : 0;
    fprintf(stderr, "%s%s", terminal ? "\r\033[K" : "", p->label);
    if (terminal)
        print_bar(done, total);
    fprintf(stderr, " %llu/%llu", (unsigned long long)done, (unsigned long long)total);
    if (rate > 0) {
        fprintf(stderr, ", %.*f/s", rate < 10 ? 1 : 0, rate);
        if (done < total) {
            fputs(", ", stderr);
            print_eta((double)(total - done) / rate);
            fputs(" left", stderr);
        }
    }
    if (!terminal)
        fputc('\n', stderr);
    p->open = terminal;
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->open)
        fputc('\n', stderr);
    progress->open = false;
}

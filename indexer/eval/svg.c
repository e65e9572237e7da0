#include "indexer/eval/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In pixels. A panel is a plot with room for its axes around it. */
enum {
    PANEL_WIDTH = 430,
    PANEL_HEIGHT = 240,
    LEFT = 48,
    TOP = 34,
    PLOT_WIDTH = 360,
    PLOT_HEIGHT = 160,
    LINE_HEIGHT = 12,
    LETTER_WIDTH = 6, /* about, at 11 pixels */
    RADIUS = 4,
    GAP = 8, /* between a point and its label */
    MOST_POINTS = GS_EVAL_METHOD_COUNT
};

typedef struct {
    double value, low, high; /* accuracy */
    double cost;
    const char *name;
    double x, y, label_x, label_y; /* in pixels, within the plot; of a label, its left end and middle */
} point;

typedef struct {
    const char *title, *unit, *accuracy;
    point points[MOST_POINTS];
    size_t count;
    double least;                 /* accuracy at the bottom; 1 is at the top */
    double first_cost, last_cost; /* decimal logarithms of the edges */
} panel;

static bool has_figure(const gs_eval_row *row, gs_figure figure)
{
    return !isnan(row->figures[figure].mean);
}

/* What all rows [n] of a class are plotted by: mAP where a row has it, else each@5; GS_FIGURE_COUNT when none has either. */
static gs_figure choose_accuracy(const gs_eval_row *rows, size_t n)
{
    static const gs_figure choices[] = {GS_FIGURE_MAP, GS_FIGURE_EACH5};
    for (size_t c = 0; c < sizeof choices / sizeof *choices; c++)
        for (size_t i = 0; i < n; i++)
            if (has_figure(&rows[i], choices[c]))
                return choices[c];
    return GS_FIGURE_COUNT;
}

static double width_of(const point *p)
{
    return (double)strlen(p->name) * LETTER_WIDTH;
}

static void escape(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        default:
            fputc(*text, out);
        }
}

/* ---- where things stand ------------------------------------------------------------------------------------------------------- */

/* A label's box does not leave the plot, and covers neither a label placed before, point k's and those before it, nor any point. */
static bool is_free(const panel *p, size_t k)
{
    const point *own = &p->points[k];
    if (own->label_x < 0 || own->label_x + width_of(own) > PLOT_WIDTH || own->label_y < 0 || own->label_y > PLOT_HEIGHT)
        return false;
    for (size_t i = 0; i < p->count; i++) {
        const point *other = &p->points[i];
        bool beside = other->x + RADIUS < own->label_x || other->x - RADIUS > own->label_x + width_of(own);
        if (!beside && fabs(other->y - own->label_y) < 0.5 * LINE_HEIGHT + RADIUS)
            return false;
        beside = other->label_x + width_of(other) < own->label_x || other->label_x > own->label_x + width_of(own);
        if (i < k && !beside && fabs(other->label_y - own->label_y) < LINE_HEIGHT)
            return false;
    }
    return true;
}

/* Right or left of the point, as little above or below it as there is room. */
static void place_label(panel *p, size_t k)
{
    point *own = &p->points[k];
    for (int step = 0; step < 4 * PLOT_HEIGHT; step++) {
        double shift = step & ~3; /* four places for each distance, 4 pixels apart */
        own->label_y = own->y + (step & 1 ? -shift : shift);
        own->label_x = step & 2 ? own->x - GAP - width_of(own) : own->x + GAP;
        if (is_free(p, k))
            return;
    }
}

static void place(panel *p)
{
    double least_cost = INFINITY, most_cost = 0;
    p->least = 1;
    for (size_t i = 0; i < p->count; i++) {
        p->least = fmin(p->least, p->points[i].low);
        least_cost = fmin(least_cost, p->points[i].cost);
        most_cost = fmax(most_cost, p->points[i].cost);
    }
    p->least = fmax(0, floor(p->least * 10 - 1e-9) / 10);
    p->first_cost = floor(log10(least_cost));
    p->last_cost = fmax(ceil(log10(most_cost)), p->first_cost + 1);
    for (size_t i = 0; i < p->count; i++) {
        point *q = &p->points[i];
        q->x = PLOT_WIDTH * (log10(q->cost) - p->first_cost) / (p->last_cost - p->first_cost);
        q->y = PLOT_HEIGHT * (1 - q->value) / (1 - p->least);
    }
    for (size_t i = 0; i < p->count; i++)
        place_label(p, i);
}

/* ---- drawing ------------------------------------------------------------------------------------------------------------------ */

/* 0.001, 1, 10k, 1M: a power of ten. */
static void print_power(FILE *out, int power)
{
    if (power < 0)
        fprintf(out, "%.*f", -power, pow(10, power));
    else
        fprintf(out, "%g%s", pow(10, power % 3), power < 3 ? "" : power < 6 ? "k" : power < 9 ? "M" : "G");
}

static void draw_axes(FILE *out, const panel *p)
{
    double step = 1 - p->least > 0.45 ? 0.2 : 0.1;
    for (int i = 0; 1 - i * step >= p->least - 1e-9; i++) {
        double y = PLOT_HEIGHT * i * step / (1 - p->least);
        fprintf(out,
                "<path class=\"grid\" d=\"M0 %.1fH%d\"/><text x=\"-6\" y=\"%.1f\" text-anchor=\"end\">%.1f</text>\n", y,
                PLOT_WIDTH, y + 4, 1 - i * step);
    }
    for (int power = (int)p->first_cost; power <= (int)p->last_cost; power++) {
        double x = PLOT_WIDTH * (power - p->first_cost) / (p->last_cost - p->first_cost);
        fprintf(out, "<path class=\"grid\" d=\"M%.1f 0V%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x,
                PLOT_HEIGHT, x, PLOT_HEIGHT + 15);
        print_power(out, power);
        fputs("</text>\n", out);
    }
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", PLOT_WIDTH / 2, PLOT_HEIGHT + 30,
            p->unit);
    fputs("<text class=\"title\" y=\"-14\">", out);
    escape(out, p->title);
    fprintf(out, ": %s</text>\n", p->accuracy);
}

static void draw_point(FILE *out, const panel *p, const point *q)
{
    double scale = PLOT_HEIGHT / (1 - p->least);
    bool leftward = q->label_x < q->x;
    fprintf(out, "<path class=\"range\" d=\"M%.1f %.1fV%.1f\"/>", q->x, scale * (1 - q->high), scale * (1 - q->low));
    if (fabs(q->label_y - q->y) > 3)
        fprintf(out, "<path class=\"lead\" d=\"M%.1f %.1fL%.1f %.1f\"/>", q->x, q->y,
                leftward ? q->x - GAP : q->label_x, q->label_y);
    fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"><title>%s: %.3f (%.3f to %.3f) at %.3g %s</title></circle>",
            q->x, q->y, RADIUS, q->name, q->value, q->low, q->high, q->cost, p->unit);
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", leftward ? q->x - GAP : q->label_x,
            q->label_y + 4, leftward ? "end" : "start", q->name);
}

static void draw_panel(FILE *out, panel *p, int column, int line)
{
    place(p);
    fprintf(out, "<g transform=\"translate(%d %d)\">\n", column * PANEL_WIDTH + LEFT, line * PANEL_HEIGHT + TOP);
    draw_axes(out, p);
    for (size_t i = 0; i < p->count; i++)
        draw_point(out, p, &p->points[i]);
    fputs("</g>\n", out);
}

/* The rows [n] of one class; those without the figure are left out. */
static void draw_class(FILE *out, const gs_eval_row *rows, size_t n, gs_figure accuracy, int line)
{
    static const char *const units[] = {"milliseconds a query", "bytes a model"};
    for (int column = 0; column < 2; column++) {
        panel p = {.title = rows[0].group, .unit = units[column], .accuracy = gs_figure_title(accuracy)};
        for (size_t i = 0; i < n && p.count < MOST_POINTS; i++) {
            if (!has_figure(&rows[i], accuracy))
                continue;
            const gs_interval *figure = &rows[i].figures[accuracy];
            double cost = column == 0 ? rows[i].median : rows[i].bytes;
            p.points[p.count++] = (point){.value = figure->mean,
                                          .low = figure->low,
                                          .high = figure->high,
                                          .cost = fmax(cost, 1e-6), /* has a logarithm */
                                          .name = gs_eval_method_name(rows[i].method)};
        }
        draw_panel(out, &p, column, line);
    }
}

static const char style[] =
    "<style>\n"
    "text { font: 11px sans-serif; fill: #1f2328; } .title { font-weight: bold; font-size: 13px; }\n"
    ".grid { stroke: #d8dee4; } .range { stroke: #0969da; opacity: 0.45; } .lead { stroke: #8c959f; }\n"
    "circle { fill: #0969da; } .page { fill: #ffffff; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "text { fill: #e6edf3; } .grid { stroke: #30363d; } .range { stroke: #58a6ff; }\n"
    "circle { fill: #58a6ff; } .page { fill: #0d1117; } }\n"
    "</style>\n";

/* How many rows from the first on are of its class. */
static size_t count_class(const gs_eval_row *rows, size_t n_rows)
{
    size_t n = 0;
    while (n < n_rows && rows[n].group == rows[0].group)
        n++;
    return n;
}

static void draw(FILE *out, const gs_eval_row *rows, size_t n_rows, int lines)
{
    int width = 2 * PANEL_WIDTH, height = lines * PANEL_HEIGHT, line = 0;
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width,
            height, width, height);
    fprintf(out, "<title>Accuracy of search methods against time and storage</title>\n%s", style);
    fprintf(out, "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", width, height);
    for (size_t i = 0, n; i < n_rows; i += n) {
        n = count_class(rows + i, n_rows - i);
        gs_figure accuracy = choose_accuracy(rows + i, n);
        if (accuracy != GS_FIGURE_COUNT)
            draw_class(out, rows + i, n, accuracy, line++);
    }
    fputs("</svg>\n", out);
}

gs_status gs_eval_svg(const gs_eval_row *rows, size_t n_rows, char **text, size_t *size, gs_error *err)
{
    int lines = 0;
    *text = NULL;
    for (size_t i = 0, n; i < n_rows; i += n) {
        n = count_class(rows + i, n_rows - i);
        lines += choose_accuracy(rows + i, n) != GS_FIGURE_COUNT;
    }
    if (lines == 0)
        return gs_fail(err, GS_EARGS, "no class of queries expects a model or a tag: there is nothing to plot");
    FILE *out = open_memstream(text, size);
    if (!out)
        return gs_fail(err, GS_ENOMEM, "no memory for a plot");
    draw(out, rows, n_rows, lines);
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return GS_OK;
    free(*text);
    *text = NULL;
    return gs_fail(err, GS_ENOMEM, "no memory for a plot");
}

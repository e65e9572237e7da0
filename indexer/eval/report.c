#include "indexer/eval/report.h"

#include "core/background.h" /* gs_quantile */

#include <math.h> /* NAN, isnan */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *title, *name;
} figures[GS_FIGURE_COUNT] = {
    [GS_FIGURE_TOP1] = {"Top-1", "top1"},    [GS_FIGURE_TOP5] = {"Top-5", "top5"},
    [GS_FIGURE_TOP10] = {"Top-10", "top10"}, [GS_FIGURE_MAP5] = {"mAP@5", "map5"},
    [GS_FIGURE_MAP10] = {"mAP@10", "map10"}, [GS_FIGURE_MAP] = {"mAP", "map"},
    [GS_FIGURE_EACH5] = {"each@5", "each5"}, [GS_FIGURE_REFUSED] = {"refused", "refused"},
};

const char *gs_figure_title(gs_figure figure)
{
    return figures[figure].title;
}

const char *gs_figure_name(gs_figure figure)
{
    return figures[figure].name;
}

gs_status gs_eval_summarise(const gs_eval_queries *set, const char *group, gs_eval_method method,
                            const gs_outcome *outcomes, gs_eval_row *row, gs_error *err)
{
    *row = (gs_eval_row){.group = group, .method = method};
    double *values = malloc((set->count + 1) * sizeof *values);
    size_t *own = malloc((set->count + 1) * sizeof *own), count = 0;
    gs_status st = values && own ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu queries", set->count);
    for (size_t q = 0; st == GS_OK && q < set->count; q++)
        if (outcomes[q].applies && strcmp(set->queries[q].group, group) == 0)
            own[count++] = q;
    row->queries = count;
    for (int f = 0; f < GS_FIGURE_COUNT && count > 0; f++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (!isnan(outcomes[own[i]].figures[f]))
                values[n++] = outcomes[own[i]].figures[f];
        row->figures[f] = n > 0 ? gs_metric_mean(values, n) : (gs_interval){NAN, NAN, NAN};
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = outcomes[own[i]].milliseconds;
        row->bytes += outcomes[own[i]].bytes;
    }
    if (count > 0) {
        row->bytes /= (double)count;
        row->median = gs_quantile(values, count, 0.5);
        row->p95 = gs_quantile(values, count, 0.95);
    }
    free(values);
    free(own);
    return st;
}

static void print_ranking(FILE *out, const gs_evaluation *e, size_t q, gs_eval_method method, const gs_outcome *outcome)
{
    fprintf(out, "{\"line\":%zu,\"method\":\"%s\",\"models\":[", e->set->queries[q].line, gs_eval_method_name(method));
    for (size_t k = 0; k < outcome->n_top; k++)
        fprintf(out, "%s\"%s\"", k ? "," : "", e->models[outcome->top[k]].slug);
    fputs("]}\n", out);
}

gs_status gs_eval_rankings(const gs_evaluation *e, const gs_eval_method *methods, size_t n_methods,
                           const gs_outcome *outcomes, char **text, size_t *size, gs_error *err)
{
    *text = NULL;
    FILE *out = open_memstream(text, size);
    if (!out)
        return gs_fail(err, GS_ENOMEM, "no memory for rankings");
    for (size_t i = 0; i < n_methods; i++)
        for (size_t q = 0; q < e->set->count; q++)
            if (outcomes[i * e->set->count + q].applies)
                print_ranking(out, e, q, methods[i], &outcomes[i * e->set->count + q]);
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return GS_OK;
    free(*text);
    *text = NULL;
    return gs_fail(err, GS_ENOMEM, "no memory for rankings");
}

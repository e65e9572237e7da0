#include "indexer/serve/metrics.h"

static const double bounds[GS_METRICS_BOUNDS] = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30};

const char *gs_route_name(gs_route route)
{
    static const char *const names[GS_ROUTE_COUNT] = {
        [GS_ROUTE_ENCODE] = "encode", [GS_ROUTE_SEARCH] = "search", [GS_ROUTE_SAMPLE] = "sample",
        [GS_ROUTE_MODELS] = "models", [GS_ROUTE_STATE] = "state",   [GS_ROUTE_OTHER] = "other",
    };
    return names[route];
}

void gs_metrics_count(gs_metrics *metrics, gs_route route, unsigned status, double seconds)
{
    size_t bound = 0;
    while (bound < GS_METRICS_BOUNDS && seconds > bounds[bound])
        bound++;
    atomic_fetch_add(&metrics->answers[route][status < 600 ? status / 100 : 0], 1);
    atomic_fetch_add(&metrics->slower[route][bound], 1);
    atomic_fetch_add(&metrics->microseconds[route], (uint_fast64_t)(seconds * 1e6));
}

static void print_histogram(gs_metrics *metrics, const char *name, gs_route route, FILE *out)
{
    uint64_t count = 0;
    for (size_t b = 0; b < GS_METRICS_BOUNDS; b++) {
        count += atomic_load(&metrics->slower[route][b]);
        fprintf(out, "%s_bucket{route=\"%s\",le=\"%g\"} %llu\n", name, gs_route_name(route), bounds[b],
                (unsigned long long)count);
    }
    count += atomic_load(&metrics->slower[route][GS_METRICS_BOUNDS]);
    fprintf(out, "%s_bucket{route=\"%s\",le=\"+Inf\"} %llu\n", name, gs_route_name(route), (unsigned long long)count);
    fprintf(out, "%s_sum{route=\"%s\"} %.6f\n", name, gs_route_name(route),
            (double)atomic_load(&metrics->microseconds[route]) * 1e-6);
    fprintf(out, "%s_count{route=\"%s\"} %llu\n", name, gs_route_name(route), (unsigned long long)count);
}

void gs_metrics_print(gs_metrics *metrics, FILE *out)
{
    fputs("# TYPE gensearch_answers_total counter\n", out);
    for (gs_route route = 0; route < GS_ROUTE_COUNT; route++)
        for (int digit = 1; digit < 6; digit++)
            fprintf(out, "gensearch_answers_total{route=\"%s\",status=\"%dxx\"} %llu\n", gs_route_name(route), digit,
                    (unsigned long long)atomic_load(&metrics->answers[route][digit]));
    fputs("# TYPE gensearch_answer_seconds histogram\n", out);
    for (gs_route route = 0; route < GS_ROUTE_COUNT; route++)
        print_histogram(metrics, "gensearch_answer_seconds", route, out);
}

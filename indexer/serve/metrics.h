/* metrics.h - counts of answers, and how long they took, as Prometheus reads them.
 *
 *     gs_metrics_count(&metrics, GS_ROUTE_ENCODE, 200, seconds);       // from any thread
 *     gs_metrics_print(&metrics, out);
 */
#ifndef GS_METRICS_H
#define GS_METRICS_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
    GS_ROUTE_ENCODE,
    GS_ROUTE_SEARCH,
    GS_ROUTE_SAMPLE,
    GS_ROUTE_MODELS,
    GS_ROUTE_STATE,
    GS_ROUTE_OTHER,
    GS_ROUTE_COUNT
} gs_route;

#define GS_METRICS_BOUNDS 10 /* of the histogram of seconds */

typedef struct {
    atomic_uint_fast64_t answers[GS_ROUTE_COUNT][6];                    /* by the first digit of the status */
    atomic_uint_fast64_t slower[GS_ROUTE_COUNT][GS_METRICS_BOUNDS + 1]; /* the first bound that is not below */
    atomic_uint_fast64_t microseconds[GS_ROUTE_COUNT];
} gs_metrics;

/* Static text. */
const char *gs_route_name(gs_route route);

void gs_metrics_count(gs_metrics *metrics, gs_route route, unsigned status, double seconds);
void gs_metrics_print(gs_metrics *metrics, FILE *out);

#endif

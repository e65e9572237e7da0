/* metrics.h - how good a ranking is, and how sure a mean over queries is.
 *
 *     bool relevant[] = {false, true, true};                    // the models in the order of the ranking
 *     double top1 = gs_metric_top(relevant, 3, 1);              // 0
 *     double ap = gs_metric_average_precision(relevant, 3, 2, 3);
 *     gs_interval mean = gs_metric_mean(values, n);             // of one figure over n queries
 */
#ifndef GS_EVAL_METRICS_H
#define GS_EVAL_METRICS_H

#include <stdbool.h>
#include <stddef.h>

/* 1 when a relevant model is among the first k of relevant [count], else 0. */
double gs_metric_top(const bool *relevant, size_t count, size_t k);

/* Average precision of the first k: the mean, over the min(k, total) best places, of the precision at each relevant model found. total: how many
 * relevant models could be ranked, 1 at least. */
double gs_metric_average_precision(const bool *relevant, size_t count, size_t total, size_t k);

#define GS_RESAMPLES 1000

typedef struct {
    double mean, low, high; /* low, high: the percentile bootstrap's 95 % interval, GS_RESAMPLES resamples */
} gs_interval;

/* Of values [n], n >= 1. The same values give the same interval. */
gs_interval gs_metric_mean(const double *values, size_t n);

#endif

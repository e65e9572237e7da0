#include "indexer/eval/metrics.h"

#include "core/background.h" /* gs_quantile */
#include "indexer/util/mix.h"

double gs_metric_top(const bool *relevant, size_t count, size_t k)
{
    for (size_t i = 0; i < count && i < k; i++)
        if (relevant[i])
            return 1;
    return 0;
}

double gs_metric_average_precision(const bool *relevant, size_t count, size_t total, size_t k)
{
    double found = 0, sum = 0;
    for (size_t i = 0; i < count && i < k; i++)
        if (relevant[i])
            sum += ++found / (double)(i + 1);
    return sum / (double)(total < k ? total : k);
}

gs_interval gs_metric_mean(const double *values, size_t n)
{
    double means[GS_RESAMPLES], sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    for (uint64_t r = 0; r < GS_RESAMPLES; r++) {
        means[r] = 0;
        for (uint64_t i = 0; i < n; i++)
            means[r] += values[gs_mix64(r * n + i) % n];
        means[r] /= (double)n;
    }
    gs_interval interval = {.mean = sum / (double)n};
    interval.low = gs_quantile(means, GS_RESAMPLES, 0.025);
    interval.high = gs_quantile(means, GS_RESAMPLES, 0.975);
    return interval;
}

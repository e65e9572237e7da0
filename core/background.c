#include "core/background.h"

#include <math.h>   /* isnan, INFINITY */
#include <stdlib.h> /* malloc, free, qsort */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double gs_quantile(double *values, size_t n, double q)
{
    qsort(values, n, sizeof *values, compare);
    double at = q * (double)(n - 1);
    size_t below = (size_t)at;
    double part = at - (double)below;
    return part > 0 ? values[below] + part * (values[below + 1] - values[below]) : values[below];
}

gs_status gs_background_median(const gs_background *background, const double *cosines, size_t count, double *median,
                               gs_error *err)
{
    double *centred = malloc((count + 1) * sizeof *centred);
    if (!centred)
        return gs_fail(err, GS_ENOMEM, "no memory to compare %zu models", count);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(cosines[i]))
            centred[n++] = cosines[i] - background->means[i];
    *median = n > 0 ? gs_quantile(centred, n, 0.5) : INFINITY;
    free(centred);
    return GS_OK;
}

gs_status gs_background_lead(const gs_background *background, const double *cosines, const double *ranked, size_t count,
                             double *lead, gs_error *err)
{
    double best = -INFINITY, median = 0;
    gs_status st = gs_background_median(background, cosines, count, &median, err);
    for (size_t i = 0; i < count && st == GS_OK; i++)
        if (!isnan(cosines[i]) && (!ranked || !isnan(ranked[i])))
            best = fmax(best, cosines[i] - background->means[i]);
    *lead = best - median;
    return st;
}

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

gs_status gs_background_lead(const gs_background *background, const double *cosines, const double *ranked, size_t count,
                             double *lead, gs_error *err)
{
    double *centred = malloc((count + 1) * sizeof *centred), best = -INFINITY;
    if (!centred)
        return gs_fail(err, GS_ENOMEM, "no memory to compare %zu models", count);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(cosines[i]))
            continue;
        double value = cosines[i] - background->means[i];
        if ((!ranked || !isnan(ranked[i])) && value > best)
            best = value;
        centred[n++] = value;
    }
    *lead = n > 0 ? best - gs_quantile(centred, n, 0.5) : -INFINITY;
    free(centred);
    return GS_OK;
}

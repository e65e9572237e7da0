#include "core/combine.h"

#include <math.h> /* exp, log, isnan, INFINITY */

void gs_log_softmax(double *values, size_t count)
{
    double highest = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (values[i] > highest)
            highest = values[i];
    if (highest == -INFINITY) /* nothing is possible, or there is nothing: no distribution to normalise to */
        return;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) /* one broken model must not take the ranking of the others with it */
            sum += exp(values[i] - highest);
    double log_z = highest + log(sum);
    for (size_t i = 0; i < count; i++)
        values[i] -= log_z;
}

void gs_combine(const double *parts, const double *weights, size_t n_parts, size_t count, double *result)
{
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t p = 0; p < n_parts; p++) {
            double weight = weights ? weights[p] : 1, value = parts[p * count + i];
            if (weight == 0)
                continue;
            sum += value == -INFINITY ? value : weight * value;
        }
        result[i] = sum;
    }
    gs_log_softmax(result, count);
}

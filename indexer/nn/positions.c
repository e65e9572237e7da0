#include "indexer/nn/positions.h"

#include <math.h>   /* floor, fabs */
#include <string.h> /* memset */

#define TAPS 4

/* The neighbours of one coordinate and how much each counts. */
typedef struct {
    size_t at[TAPS];
    double weight[TAPS];
} taps;

static double keys_cubic(double distance)
{
    const double a = -0.75;
    double x = fabs(distance);
    return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static taps find_taps(size_t i, size_t side, size_t to_side)
{
    taps t;
    double place = ((double)i + 0.5) * (double)side / (double)to_side - 0.5, first = floor(place) - 1;
    for (size_t k = 0; k < TAPS; k++) {
        double at = first + (double)k, last = (double)side - 1;
        t.weight[k] = keys_cubic(place - at);
        t.at[k] = (size_t)(at < 0 ? 0 : at > last ? last : at);
    }
    return t;
}

void gs_positions_resize(const float *from, size_t side, float *to, size_t to_side, size_t width)
{
    for (size_t y = 0; y < to_side; y++) {
        taps down = find_taps(y, side, to_side);
        for (size_t x = 0; x < to_side; x++, to += width) {
            taps across = find_taps(x, side, to_side);
            memset(to, 0, width * sizeof *to);
            for (size_t k = 0; k < TAPS * TAPS; k++) {
                const float *near = from + (down.at[k / TAPS] * side + across.at[k % TAPS]) * width;
                float weight = (float)(down.weight[k / TAPS] * across.weight[k % TAPS]);
                for (size_t i = 0; i < width; i++)
                    to[i] += weight * near[i];
            }
        }
    }
}

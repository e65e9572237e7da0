#include "indexer/nn/positions.h"

#include <math.h>   /* floor, fabs */
#include <string.h> /* memset */

#define TAPS 4

/* The neighbours of one coordinate and how much each counts. */
typedef struct {
    size_t at[TAPS];
    double weight[TAPS];
} taps;

static double keys_cubic(double distance, double a)
{
    double x = fabs(distance);
    return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static taps find_taps(size_t i, size_t side, size_t to_side)
{
    taps t;
    double place = ((double)i + 0.5) * (double)side / (double)to_side - 0.5, first = floor(place) - 1;
    for (size_t k = 0; k < TAPS; k++) {
        double at = first + (double)k, last = (double)side - 1;
        t.weight[k] = keys_cubic(place - at, -0.75);
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

/* The inputs from .. end - 1 that an output is made of. */
typedef struct {
    size_t from, end;
    double centre, scale, sum; /* sum: of their weights before they are divided by it */
} window;

static double window_weight(const window *w, size_t at)
{
    double distance = ((double)at + 0.5 - w->centre) / w->scale;
    return fabs(distance) < 2 ? keys_cubic(distance, -0.5) : 0;
}

static window find_window(size_t i, size_t side, size_t to_side)
{
    double ratio = (double)side / (double)to_side;
    window w = {.centre = ratio * ((double)i + 0.5), .scale = ratio > 1 ? ratio : 1};
    double from = floor(w.centre - 2 * w.scale + 0.5), end = floor(w.centre + 2 * w.scale + 0.5);
    w.from = from > 0 ? (size_t)from : 0;
    w.end = end < (double)side ? (size_t)end : side;
    for (size_t at = w.from; at < w.end; at++)
        w.sum += window_weight(&w, at);
    return w;
}

void gs_positions_resize_smooth(const float *from, size_t side, float *to, size_t to_side, size_t width)
{
    for (size_t y = 0; y < to_side; y++) {
        window down = find_window(y, side, to_side);
        for (size_t x = 0; x < to_side; x++, to += width) {
            window across = find_window(x, side, to_side);
            memset(to, 0, width * sizeof *to);
            for (size_t row = down.from; row < down.end; row++)
                for (size_t column = across.from; column < across.end; column++) {
                    const float *near = from + (row * side + column) * width;
                    float weight =
                        (float)(window_weight(&down, row) / down.sum * window_weight(&across, column) / across.sum);
                    for (size_t i = 0; i < width; i++)
                        to[i] += weight * near[i];
                }
        }
    }
}

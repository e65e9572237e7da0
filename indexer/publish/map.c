#include "indexer/publish/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AXES    2
#define ROUNDS  200
#define SETTLED 1e-16 /* an axis that moves by no more than the root of this */
#define GRAIN   1e-5  /* of coordinates: more digits would be bytes for nothing */

typedef struct {
    size_t count, dim;
    double *centre;      /* [dim] */
    double *axes;        /* [AXES, dim]  of length 1, each other's perpendiculars */
    double *next;        /* [dim] */
    const float *rows;   /* [count, dim]  borrowed */
    const double *norms; /* [count]       borrowed */
} layout;

/* Number d of model i's direction, from the middle of all. */
static double offset(const layout *l, size_t i, size_t d)
{
    return (l->norms[i] > 0 ? l->rows[i * l->dim + d] / l->norms[i] : 0) - l->centre[d];
}

static double coordinate(const layout *l, size_t i, const double *axis)
{
    double sum = 0;
    for (size_t d = 0; d < l->dim; d++)
        sum += offset(l, i, d) * axis[d];
    return sum;
}

static void find_centre(layout *l)
{
    double *centre = l->next;
    memset(centre, 0, l->dim * sizeof *centre);
    for (size_t i = 0; i < l->count; i++)
        for (size_t d = 0; d < l->dim; d++)
            centre[d] += offset(l, i, d) / (double)l->count; /* l->centre is zero as yet */
    memcpy(l->centre, centre, l->dim * sizeof *centre);
}

/* vector := less its parts along the first n axes, scaled to length 1, or zeros when nothing is left. */
static void make_unit(const layout *l, double *vector, size_t n)
{
    double square = 0;
    for (size_t a = 0; a < n; a++) {
        double along = 0;
        for (size_t d = 0; d < l->dim; d++)
            along += vector[d] * l->axes[a * l->dim + d];
        for (size_t d = 0; d < l->dim; d++)
            vector[d] -= along * l->axes[a * l->dim + d];
    }
    for (size_t d = 0; d < l->dim; d++)
        square += vector[d] * vector[d];
    for (size_t d = 0; d < l->dim; d++)
        vector[d] = square > 1e-24 ? vector[d] / sqrt(square) : 0;
}

/* Axis a by power iteration, from a start that is the same always. */
static void find_axis(layout *l, size_t a)
{
    double *axis = &l->axes[a * l->dim];
    for (size_t d = 0; d < l->dim; d++)
        axis[d] = 1 + (double)((d * 7919 + a * 104729) % 251);
    make_unit(l, axis, a);
    for (int round = 0; round < ROUNDS; round++) {
        memset(l->next, 0, l->dim * sizeof *l->next);
        for (size_t i = 0; i < l->count; i++) {
            double c = coordinate(l, i, axis);
            for (size_t d = 0; d < l->dim; d++)
                l->next[d] += c * offset(l, i, d);
        }
        make_unit(l, l->next, a);
        double moved = 0;
        for (size_t d = 0; d < l->dim; d++)
            moved += (l->next[d] - axis[d]) * (l->next[d] - axis[d]);
        memcpy(axis, l->next, l->dim * sizeof *axis);
        if (moved < SETTLED)
            break;
    }
}

static void place(const layout *l, size_t a, double *places)
{
    double farthest = 0;
    for (size_t i = 0; i < l->count; i++) {
        double c = coordinate(l, i, &l->axes[a * l->dim]);
        places[i * AXES + a] = round(c / GRAIN) * GRAIN;
        if (fabs(c) > fabs(farthest) * (1 + 1e-9))
            farthest = c;
    }
    for (size_t i = 0; farthest < 0 && i < l->count; i++)
        places[i * AXES + a] *= -1;
}

gs_status gs_map_place(const gs_source *source, double *places, gs_error *err)
{
    size_t dim = source->dim;
    double *work = calloc((2 + AXES) * dim, sizeof *work);
    if (!work)
        return gs_fail(err, GS_ENOMEM, "no memory to place %zu models on a map", source->count);
    layout l = {.count = source->count,
                .dim = dim,
                .centre = work,
                .next = work + dim,
                .axes = work + 2 * dim,
                .rows = source->means.rows,
                .norms = source->norms};
    find_centre(&l);
    for (size_t a = 0; a < AXES; a++) {
        find_axis(&l, a);
        place(&l, a, places);
    }
    free(work);
    return GS_OK;
}

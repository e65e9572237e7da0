#include "core/table.h"

#include "core/clones.h"
#include "core/dot.h"

#include <math.h>   /* exp, fabs, isfinite, log, lrint, sqrt */
#include <string.h> /* memcpy, strcmp */

size_t gs_element_size(gs_element element)
{
    return element == GS_F32 ? 4 : element == GS_F16 ? 2 : 1;
}

gs_status gs_element_parse(const char *name, gs_element *element, gs_error *err)
{
    static const char *const names[] = {[GS_F32] = "f32", [GS_F16] = "f16", [GS_I8] = "int8"};
    for (int i = GS_F32; i <= GS_I8; i++)
        if (strcmp(name, names[i]) == 0) {
            *element = (gs_element)i;
            return GS_OK;
        }
    return gs_fail(err, GS_EARGS, "no element type '%.64s': choose f32, f16 or int8", name);
}

/* ---- from element to f32 ---- */

/* gs_half_to_float() without a branch, so that loops become vector instructions; infinity and NaN do not survive it:
 * gs_table_norms() refuses them. */
GS_INLINE float half_to_float(uint16_t half)
{
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
    union {
        uint32_t bits;
        float value;
    } normal = {.bits = magnitude + (112u << 23)}, small = {.bits = magnitude + (113u << 23)};
    small.value -= 0x1p-14f; /* a subnormal half: its leading 1 is not written */
    normal.bits = half & 0x7c00 ? normal.bits : small.bits;
    normal.bits |= (uint32_t)(half & 0x8000) << 16;
    return normal.value;
}

/* Elements are widened piece by piece, in a buffer that stays in the cache. */
#define PIECE 64
_Static_assert(PIECE % GS_LANES == 0, "a piece fills the lanes");

/* out [n] := elements from .. from + n of a row. */
GS_INLINE void widen(const gs_table *t, size_t row, size_t from, size_t n, float *out)
{
    const uint16_t *halves = (const uint16_t *)t->rows + row * t->dim + from;
    const int8_t *steps = (const int8_t *)t->rows + row * t->dim + from;
    if (t->element == GS_F32)
        memcpy(out, (const float *)t->rows + row * t->dim + from, n * sizeof *out);
    else if (t->element == GS_F16)
        for (size_t i = 0; i < n; i++)
            out[i] = half_to_float(halves[i]);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = t->center[from + i] + t->spread[from + i] * (t->scales[row] * (float)steps[i]);
}

void gs_table_expand(const gs_table *t, size_t first, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        widen(t, first + i, 0, t->dim, out + i * t->dim);
}

/* ---- int8 ---- */

static gs_status check_row(const float *row, size_t dim, size_t i, gs_error *err)
{
    for (size_t k = 0; k < dim; k++)
        if (!isfinite(row[k]))
            return gs_fail(err, GS_EFORMAT, "row %zu of a table: number %zu is %g, expected a finite one", i, k,
                           (double)row[k]);
    return GS_OK;
}

/* sums [n] := over all rows, of numbers from .. from + n, or where center is given of their squared distance to it. Not
 * column after column, because what lies side by side is read at once. */
static void sum_columns(const float *rows, size_t count, size_t dim, size_t from, size_t n, const float *center,
                        double *sums)
{
    for (size_t k = 0; k < n; k++)
        sums[k] = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < n; k++) {
            double value = rows[i * dim + from + k];
            double offset = center ? value - center[from + k] : 0;
            sums[k] += center ? offset * offset : value;
        }
}

/* center [dim] := the mean of the rows, spread [dim] := the standard deviation of each dimension. */
static void describe(const float *rows, size_t count, size_t dim, float *center, float *spread)
{
    double sums[GS_LANES], divisor = count ? (double)count : 1;
    for (size_t from = 0; from < dim; from += GS_LANES) {
        size_t n = dim - from < GS_LANES ? dim - from : GS_LANES;
        sum_columns(rows, count, dim, from, n, NULL, sums);
        for (size_t k = 0; k < n; k++)
            center[from + k] = (float)(sums[k] / divisor);
        sum_columns(rows, count, dim, from, n, center, sums);
        for (size_t k = 0; k < n; k++)
            spread[from + k] = (float)sqrt(sums[k] / divisor);
    }
}

/* Where number k of a row lies, in standard deviations of its dimension. */
static float deviation(const float *row, const float *center, const float *spread, size_t k)
{
    return spread[k] > 0 ? (row[k] - center[k]) / spread[k] : 0;
}

/* The row's scale; steps [dim] := its deviations / scale, rounded. */
static float quantise_row(const float *row, const float *center, const float *spread, size_t dim, int8_t *steps)
{
    float most = 0;
    for (size_t k = 0; k < dim; k++)
        most = fmaxf(most, fabsf(deviation(row, center, spread, k)));
    float scale = most / 127;
    for (size_t k = 0; k < dim; k++)
        steps[k] = (int8_t)(scale > 0 ? lrintf(deviation(row, center, spread, k) / scale) : 0);
    return scale;
}

gs_status gs_table_quantise(const float *rows, size_t count, size_t dim, float *center, float *spread, float *scales,
                            int8_t *steps, gs_error *err)
{
    if (dim == 0 || dim > GS_TABLE_MOST_DIM)
        return gs_fail(err, GS_EARGS, "an int8 table of dimension %zu, expected 1 to %d", dim, GS_TABLE_MOST_DIM);
    for (size_t i = 0; i < count; i++) {
        gs_status st = check_row(rows + i * dim, dim, i, err);
        if (st != GS_OK)
            return st;
    }
    describe(rows, count, dim, center, spread);
    for (size_t i = 0; i < count; i++)
        scales[i] = quantise_row(rows + i * dim, center, spread, dim, steps + i * dim);
    return GS_OK;
}

/* ---- queries ---- */

/* steps [dim] := spread * feature / step, rounded. Returns the step: no sum of 127 |steps| exceeds 32 bits, with what
 * rounding adds, up to 1/2 a number. */
static double quantise_query(const gs_table *t, const float *feature, int16_t *steps)
{
    double most = 0, sum = 0, room = (double)(INT32_MAX / 127) - (double)t->dim;
    for (size_t k = 0; k < t->dim; k++) {
        double size = fabs((double)feature[k] * t->spread[k]);
        most = fmax(most, size);
        sum += size;
    }
    double step = fmax(most / INT16_MAX, sum / room);
    for (size_t k = 0; k < t->dim; k++)
        steps[k] = (int16_t)(step > 0 ? lrint((double)feature[k] * t->spread[k] / step) : 0);
    return step;
}

gs_status gs_table_query_init(gs_table_query *q, const gs_table *t, const float *feature, int16_t *steps, gs_error *err)
{
    for (size_t k = 0; k < t->dim; k++)
        if (!isfinite(feature[k]))
            return gs_fail(err, GS_EARGS, "number %zu of the query's feature is %g, expected a finite one", k,
                           (double)feature[k]);
    *q = (gs_table_query){.feature = feature};
    if (t->element == GS_I8) {
        q->step = quantise_query(t, feature, steps);
        q->steps = steps;
        q->offset = gs_dot(feature, t->center, t->dim);
    }
    return GS_OK;
}

/* ---- kernels ---- */

GS_CLONES static void dots_f32(const gs_table *t, const float *feature, size_t first, size_t n, double *dots)
{
    const float *rows = (const float *)t->rows + first * t->dim;
    for (size_t i = 0; i < n; i++)
        dots[i] = gs_dot(rows + i * t->dim, feature, t->dim);
}

/* other [dim]: NULL for the row itself. */
GS_INLINE double dot_widened(const gs_table *t, size_t row, const float *other)
{
    double lanes[GS_LANES] = {0};
    float piece[PIECE];
    size_t from = 0;
    for (; from + PIECE <= t->dim; from += PIECE) {
        widen(t, row, from, PIECE, piece);
        gs_dot_add(lanes, piece, other ? other + from : piece, PIECE);
    }
    widen(t, row, from, t->dim - from, piece);
    gs_dot_add(lanes, piece, other ? other + from : piece, t->dim - from);
    return gs_sum_lanes(lanes);
}

GS_CLONES static void dots_f16(const gs_table *t, const float *feature, size_t first, size_t n, double *dots)
{
    gs_table halves = *t;
    halves.element = GS_F16; /* known to the compiler: one loop without a choice of element */
    for (size_t i = 0; i < n; i++)
        dots[i] = dot_widened(&halves, first + i, feature);
}

GS_CLONES static void dots_i8(const gs_table *t, const gs_table_query *q, size_t first, size_t n, double *dots)
{
    const int8_t *row = (const int8_t *)t->rows + first * t->dim;
    for (size_t i = 0; i < n; i++, row += t->dim) {
        int32_t sum = 0;
        for (size_t k = 0; k < t->dim; k++)
            sum += (int32_t)row[k] * q->steps[k];
        dots[i] = q->offset + q->step * t->scales[first + i] * sum;
    }
}

void gs_table_dots(const gs_table *t, const gs_table_query *q, size_t first, size_t n, double *dots)
{
    if (t->element == GS_F32)
        dots_f32(t, q->feature, first, n, dots);
    else if (t->element == GS_F16)
        dots_f16(t, q->feature, first, n, dots);
    else
        dots_i8(t, q, first, n, dots);
}

/* squares [n]: of the lengths of rows first .. first + n. */
GS_CLONES static void square_lengths(const gs_table *t, size_t first, size_t n, double *squares)
{
    for (size_t i = 0; i < n; i++)
        squares[i] = dot_widened(t, first + i, NULL);
}

static int has_endless_half(const gs_table *t, size_t row)
{
    const uint16_t *halves = (const uint16_t *)t->rows + row * t->dim;
    int found = 0;
    for (size_t k = 0; t->element == GS_F16 && k < t->dim; k++)
        found |= (halves[k] & 0x7c00) == 0x7c00;
    return found;
}

gs_status gs_table_norms(const gs_table *t, double *norms, gs_error *err)
{
    square_lengths(t, 0, t->count, norms);
    for (size_t i = 0; i < t->count; i++) {
        if (!isfinite(norms[i]) || has_endless_half(t, i))
            return gs_fail(err, GS_EFORMAT, "row %zu of %zu holds a number that is not finite", i, t->count);
        norms[i] = sqrt(norms[i]);
    }
    return GS_OK;
}

/* ---- scores ---- */

void gs_table_first_moment(const gs_table *t, const double *norms, const gs_table_query *q, size_t first, size_t n,
                           double *scores)
{
    gs_table_dots(t, q, first, n, scores);
    for (size_t i = 0; i < n; i++)
        scores[i] = norms[first + i] > 0 ? scores[i] / norms[first + i] : 0;
}

/* One pass: the sum is kept relative to the highest exponent so far. */
double gs_table_monte_carlo(const gs_table *t, const gs_table_query *q, double tau)
{
    double highest = -INFINITY, sum = 0, dots[PIECE];
    for (size_t first = 0; first < t->count; first += PIECE) {
        size_t n = t->count - first < PIECE ? t->count - first : PIECE;
        gs_table_dots(t, q, first, n, dots);
        for (size_t i = 0; i < n; i++) {
            double exponent = tau * dots[i];
            if (exponent <= highest) {
                sum += exp(exponent - highest);
            } else {
                sum = sum * exp(highest - exponent) + 1;
                highest = exponent;
            }
        }
    }
    return highest + log(sum / (double)t->count);
}

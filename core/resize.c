#include "core/resize.h"

#include "core/weigh.h"

#include <math.h>    /* sin, cos, ceil, fabs */
#include <stdbool.h> /* bool */
#include <string.h>  /* memcpy, memset */

#define PI 3.14159265358979323846

/* Up to here a size of the input is exact in f32, which is what Pillow keeps its borders in. */
#define MAX_INPUT (1 << 24)

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double hamming(double x)
{
    x = fabs(x);
    if (x == 0)
        return 1;
    if (x >= 1)
        return 0;
    x *= PI;
    return sin(x) / x * (0.54f + 0.46f * cos(x)); /* in f32, as Pillow has them: it shows in a pixel of a million */
}

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double sinc(double x)
{
    return x == 0 ? 1 : sin(x * PI) / (x * PI);
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static const struct {
    double (*weight)(double);
    double support; /* the weight is 0 beyond it; 0: a filter without weights */
} filters[] = {
    [GS_NEAREST] = {NULL, 0},  [GS_LANCZOS] = {lanczos, 3}, [GS_BILINEAR] = {triangle, 1},
    [GS_BICUBIC] = {cubic, 2}, [GS_BOX] = {box, 0.5},       [GS_HAMMING] = {hamming, 1},
};

/* One direction of the resize, for the outputs from first on, n of them. */
typedef struct {
    int in, out;
    int first, n;
    int low, span; /* the inputs that they depend on */
    gs_taps taps;  /* counted from low on; of the nearest filter only begin, counted from 0 on */
    double *exact; /* [taps.taps]  one output's weights before they are rounded */
} axis;

static double axis_scale(const axis *a)
{
    return (double)a->in / a->out;
}

/* Upscaling interpolates, downscaling widens the filter to cover all that falls into one output. */
static double axis_widening(const axis *a)
{
    return axis_scale(a) < 1 ? 1 : axis_scale(a);
}

static void weigh_output(axis *a, int index, gs_resample resample)
{
    double widening = axis_widening(a), support = filters[resample].support * widening, narrowing = 1 / widening;
    double centre = (a->first + index + 0.5) * axis_scale(a), sum = 0;
    int begin = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
    if (begin < 0)
        begin = 0;
    if (end > a->in)
        end = a->in;
    for (int i = begin; i < end; i++) {
        double weight = filters[resample].weight((i - centre + 0.5) * narrowing);
        a->exact[i - begin] = weight;
        sum += weight;
    }
    int32_t *weights = a->taps.weights + (size_t)index * (size_t)a->taps.taps;
    for (int i = 0; i < end - begin; i++) {
        double weight = (sum != 0 ? a->exact[i] / sum : a->exact[i]) * (1 << GS_WEIGHT_BITS);
        weights[i] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    a->taps.begin[index] = begin - a->low;
    a->taps.count[index] = end - begin;
}

/* The inputs of the nearest filter. The position is a running sum and not a product, because Pillow's is, and its last
 * bits decide on which side of a pixel's border it falls. */
static void locate_nearest(axis *a)
{
    double position = axis_scale(a) * 0.5;
    for (int i = 0; i < a->first + a->n; i++) {
        if (i >= a->first)
            a->taps.begin[i - a->first] = (int)position;
        position += axis_scale(a);
    }
}

static void axis_prepare(axis *a, gs_resample resample)
{
    if (resample == GS_NEAREST) {
        locate_nearest(a);
        return;
    }
    for (int i = 0; i < a->n; i++)
        weigh_output(a, i, resample);
}

/* Takes pieces of the workspace, or only counts them when there is no base yet. */
typedef struct {
    char *base;
    size_t used;
    bool overflow;
} arena;

static void *take(arena *a, size_t rows, size_t columns, size_t size)
{
    size_t left = SIZE_MAX - 7 - a->used;
    if (a->overflow || (columns != 0 && rows > left / size / columns)) {
        a->overflow = true;
        return NULL;
    }
    size_t at = a->used;
    a->used += (rows * columns * size + 7) / 8 * 8;
    return a->base ? a->base + at : NULL;
}

static void take_axis(axis *a, gs_resample resample, arena *work)
{
    double support = filters[resample].support;
    int taps = support == 0 ? 0 : (int)ceil(support * axis_widening(a)) * 2 + 1;
    /* A few more inputs than the weights reach, so that the weights need not be known yet. */
    double reach = support * axis_widening(a) + 2;
    double low = a->first * axis_scale(a) - reach, high = ((double)a->first + a->n) * axis_scale(a) + reach;
    a->low = low < 0 ? 0 : (int)low;
    a->span = (high > a->in ? a->in : (int)high) - a->low;
    a->exact = take(work, 1, (size_t)taps, sizeof(double));
    a->taps = (gs_taps){.n = a->n, .taps = taps};
    a->taps.weights = take(work, (size_t)a->n, (size_t)taps, sizeof(int32_t));
    a->taps.begin = take(work, 1, (size_t)a->n, sizeof(int));
    a->taps.count = take(work, 1, (size_t)a->n, sizeof(int));
}

/* A resize with everything placed in its workspace. */
typedef struct {
    axis across, down;
    bool down_first;
    uint8_t *middle; /* after one pass: [down.span, across.n, 3]; when down_first, [a few rows, across.span, 3] */
    uint8_t *mixed;  /* scratch of the pass across */
} plan;

/* Which pass comes first shows in the result, because each rounds and clips. Pillow 13 starts with the pass down when
 * that leaves clearly less for the other. */
static bool starts_down(const gs_resize_part *r)
{
    int64_t less_height = (int64_t)r->height - r->out_height, less_width = (int64_t)r->width - r->out_width;
    return less_height > 0 && less_height > 2 * less_width;
}

static int rows_at_once(int rows)
{
    return rows < GS_WEIGH_ROWS ? rows : GS_WEIGH_ROWS;
}

static plan start(const gs_resize_part *r)
{
    return (plan){
        .across = {.in = r->width, .out = r->out_width, .first = r->x, .n = r->part_width},
        .down = {.in = r->height, .out = r->out_height, .first = r->y, .n = r->part_height},
        .down_first = starts_down(r),
    };
}

static plan lay_out(const gs_resize_part *r, arena *work)
{
    plan p = start(r);
    take_axis(&p.across, r->resample, work);
    take_axis(&p.down, r->resample, work);
    if (r->resample == GS_NEAREST)
        return p;
    int rows = p.down_first ? rows_at_once(r->part_height) : p.down.span;
    int columns = p.down_first ? p.across.span : r->part_width;
    p.middle = take(work, (size_t)rows, (size_t)columns, 3);
    p.mixed = take(work, rows < GS_WEIGH_ROWS ? 0 : (size_t)p.across.span, GS_WEIGH_LANES, 1);
    return p;
}

/* Whether the length outputs from first on are a part of the out that the input becomes. */
static bool is_part(int in, int out, int first, int length)
{
    return in >= 1 && in <= MAX_INPUT && length >= 1 && first >= 0 && length <= out && first <= out - length;
}

static bool is_valid(const gs_resize_part *r)
{
    return is_part(r->width, r->out_width, r->x, r->part_width) &&
           is_part(r->height, r->out_height, r->y, r->part_height) && (unsigned)r->resample <= GS_HAMMING;
}

size_t gs_resize_part_workspace(const gs_resize_part *r)
{
    arena work = {0};
    if (!is_valid(r))
        return 0;
    lay_out(r, &work);
    return work.overflow ? 0 : work.used;
}

/* corner: the first input that matters, of rows of in_row bytes. */
static void resize_across_first(const plan *p, const uint8_t *corner, size_t in_row, uint8_t *out)
{
    size_t row = (size_t)p->across.n * 3;
    gs_weigh_across(&p->across.taps, corner, in_row, p->across.span, p->down.span, p->mixed, p->middle);
    for (int y = 0; y < p->down.n; y++)
        gs_weigh_down(&p->down.taps, y, p->middle, row, row, out + (size_t)y * row);
}

static void resize_down_first(const plan *p, const uint8_t *corner, size_t in_row, uint8_t *out)
{
    size_t row = (size_t)p->across.n * 3, middle_row = (size_t)p->across.span * 3;
    int rows = rows_at_once(p->down.n);
    for (int y = 0; y < p->down.n; y += rows) {
        int first = y + rows <= p->down.n ? y : p->down.n - rows; /* the last rows overlap those before, most often */
        for (int i = 0; i < rows; i++)
            gs_weigh_down(&p->down.taps, first + i, corner, in_row, middle_row, p->middle + (size_t)i * middle_row);
        gs_weigh_across(&p->across.taps, p->middle, middle_row, p->across.span, rows, p->mixed,
                        out + (size_t)first * row);
    }
}

static void copy_part(const gs_resize_part *r, const uint8_t *rgb, uint8_t *out)
{
    size_t row = (size_t)r->part_width * 3;
    for (int y = 0; y < r->part_height; y++)
        memcpy(out + (size_t)y * row, rgb + ((size_t)(r->y + y) * (size_t)r->width + (size_t)r->x) * 3, row);
}

static void pick_nearest(const plan *p, const uint8_t *rgb, uint8_t *out)
{
    for (int y = 0; y < p->down.n; y++)
        for (int x = 0; x < p->across.n; x++, out += 3) {
            int from_x = p->across.taps.begin[x], from_y = p->down.taps.begin[y];
            if (from_x >= p->across.in ||
                from_y >= p->down.in) /* the running sum drifted out, Pillow leaves it black */
                memset(out, 0, 3);
            else
                memcpy(out, rgb + ((size_t)from_y * (size_t)p->across.in + (size_t)from_x) * 3, 3);
        }
}

gs_status gs_resize_part_run(const gs_resize_part *r, const uint8_t *rgb, void *work, uint8_t *out, gs_error *err)
{
    if (!is_valid(r))
        return gs_fail(err, GS_EARGS, "resize: cannot make %d x %d at (%d, %d) of %d x %d from %d x %d with filter %d",
                       r->part_width, r->part_height, r->x, r->y, r->out_width, r->out_height, r->width, r->height,
                       (int)r->resample);
    if (r->width == r->out_width && r->height == r->out_height) {
        copy_part(r, rgb, out);
        return GS_OK;
    }
    arena space = {.base = work};
    plan p = lay_out(r, &space);
    if (!work || space.overflow)
        return gs_fail(err, GS_EARGS, "resize: no workspace");
    axis_prepare(&p.across, r->resample);
    axis_prepare(&p.down, r->resample);
    if (r->resample == GS_NEAREST) {
        pick_nearest(&p, rgb, out);
        return GS_OK;
    }
    size_t in_row = (size_t)r->width * 3;
    const uint8_t *corner = rgb + (size_t)p.down.low * in_row + (size_t)p.across.low * 3;
    (p.down_first ? resize_down_first : resize_across_first)(&p, corner, in_row, out);
    return GS_OK;
}

/* The nearest filter as weights. A position that drifted out of the input leaves the output without inputs. */
static void weigh_nearest(axis *a)
{
    locate_nearest(a);
    for (int i = 0; i < a->n; i++) {
        bool inside = a->taps.begin[i] < a->in;
        a->taps.weights[i] = 1 << GS_WEIGHT_BITS;
        a->taps.begin[i] = inside ? a->taps.begin[i] - a->low : 0;
        a->taps.count[i] = inside;
    }
}

/* The input's own size is as good as nearest: each output is its input. */
static gs_resample weighted_filter(const gs_resize_part *r)
{
    return r->width == r->out_width && r->height == r->out_height ? GS_NEAREST : r->resample;
}

static plan lay_out_weights(const gs_resize_part *r, arena *work)
{
    plan p = start(r);
    for (int i = 0; i < 2; i++) {
        axis *a = i ? &p.down : &p.across;
        take_axis(a, weighted_filter(r), work);
        if (a->taps.taps == 0) {
            a->taps.taps = 1;
            a->taps.weights = take(work, (size_t)a->n, 1, sizeof(int32_t));
        }
    }
    return p;
}

size_t gs_resize_plan_workspace(const gs_resize_part *r)
{
    arena work = {0};
    if (!is_valid(r))
        return 0;
    lay_out_weights(r, &work);
    return work.overflow ? 0 : work.used;
}

static gs_resize_axis public_axis(axis *a, gs_resample resample)
{
    if (resample == GS_NEAREST)
        weigh_nearest(a);
    else
        axis_prepare(a, resample);
    gs_taps *t = &a->taps;
    for (int i = 0; i < a->n; i++) {
        t->begin[i] += a->low;
        t->count[i] += t->begin[i]; /* the end */
    }
    return (gs_resize_axis){.n = a->n,
                            .low = a->low,
                            .span = a->span,
                            .taps = t->taps,
                            .begin = t->begin,
                            .end = t->count,
                            .weights = t->weights};
}

gs_status gs_resize_plan_make(gs_resize_plan *out, const gs_resize_part *r, void *work, gs_error *err)
{
    if (!is_valid(r) || !work)
        return gs_fail(err, GS_EARGS, "resize: cannot plan %d x %d at (%d, %d) of %d x %d from %d x %d with filter %d",
                       r->part_width, r->part_height, r->x, r->y, r->out_width, r->out_height, r->width, r->height,
                       (int)r->resample);
    arena space = {.base = work};
    plan p = lay_out_weights(r, &space);
    if (space.overflow)
        return gs_fail(err, GS_EARGS, "resize: no workspace");
    *out = (gs_resize_plan){.across = public_axis(&p.across, weighted_filter(r)),
                            .down = public_axis(&p.down, weighted_filter(r)),
                            .down_first = p.down_first};
    return GS_OK;
}

static gs_resize_part whole(int width, int height, int out_width, int out_height, gs_resample resample)
{
    return (gs_resize_part){.width = width,
                            .height = height,
                            .out_width = out_width,
                            .out_height = out_height,
                            .part_width = out_width,
                            .part_height = out_height,
                            .resample = resample};
}

size_t gs_resize_workspace(int width, int height, int out_width, int out_height)
{
    gs_resize_part r = whole(width, height, out_width, out_height, GS_LANCZOS); /* the widest filter */
    return gs_resize_part_workspace(&r);
}

gs_status gs_resize(const uint8_t *rgb, int width, int height, gs_resample resample, void *work, uint8_t *out,
                    int out_width, int out_height, gs_error *err)
{
    gs_resize_part r = whole(width, height, out_width, out_height, resample);
    return gs_resize_part_run(&r, rgb, work, out, err);
}

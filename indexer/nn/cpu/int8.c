/* int8.c - the backend whose linear layers multiply bytes: activations as f32, each row quantised before a product; the rest is that of OpenBLAS.
 * For jobs on a processor: a product uses one core. */
#include "indexer/nn/cpu/int8.h"

#include "core/clones.h"
#include "indexer/nn/cpu/tile.h"

#include <stdlib.h>

#define BLOCK (512 << 10) /* bytes of quantised rows that stay in a core's cache while all channels meet them */

typedef struct {
    void *rows; /* [capacity rows of the layer met last]  owned */
    float *scale;
    int32_t *zero;
    size_t size, capacity; /* bytes of rows, numbers of scale and zero */
} quantised;               /* the context of a thread */

static gs_status open_context(void **context, gs_error *err)
{
    *context = calloc(1, sizeof(quantised));
    return *context ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for the products of a thread");
}

static void close_context(void *context)
{
    quantised *q = context;
    if (!q)
        return;
    free(q->rows);
    free(q->scale);
    free(q->zero);
    free(q);
}

static gs_status pack(void *context, gs_linear *layer, gs_error *err)
{
    (void)context;
    gs_int8_weight *w = calloc(1, sizeof *w);
    float *expanded = layer->weight ? NULL : malloc(layer->out * layer->in * sizeof *expanded);
    gs_status st = GS_OK;
    if (!w || (!layer->weight && !expanded))
        st = gs_fail(err, GS_ENOMEM, "no memory to pack a weight of %zu x %zu", layer->out, layer->in);
    if (st == GS_OK)
        st = gs_int8_pack(w, gs_int8_kernel_pick(), gs_linear_weight(layer, expanded), layer->out, layer->in, err);
    free(expanded);
    if (st != GS_OK)
        free(w);
    layer->packed = st == GS_OK ? w : NULL;
    return st;
}

static void unpack(gs_linear *layer)
{
    if (layer->packed)
        gs_int8_unpack(layer->packed);
    free(layer->packed);
    layer->packed = NULL;
}

static int set_threads(int threads)
{
    return gs_backend_blas()->set_threads(threads);
}

static int set_own_threads(int threads)
{
    return gs_backend_blas()->set_own_threads(threads);
}

/* Room for n rows of row_size bytes. */
static gs_status make_room(quantised *q, size_t n, size_t row_size, gs_error *err)
{
    if (n > q->capacity) {
        free(q->scale);
        free(q->zero);
        q->scale = malloc(n * sizeof *q->scale);
        q->zero = malloc(n * sizeof *q->zero);
        q->capacity = q->scale && q->zero ? n : 0;
    }
    if (n * row_size > q->size) {
        free(q->rows);
        q->rows = malloc(n * row_size);
        q->size = q->rows ? n * row_size : 0;
    }
    return n <= q->capacity && n * row_size <= q->size ? GS_OK
                                                       : gs_fail(err, GS_ENOMEM, "no memory for %zu quantised rows", n);
}

/* t->y = scale step (sums - zero sum). */
GS_CLONES static void scale_sums(gs_tile *t, const gs_int8_weight *w, const quantised *q, const int32_t *sums)
{
    const float *step = w->step + t->first;
    const int32_t *sum = w->sum + t->first;
    for (size_t r = 0; r < t->rows; r++, sums += t->columns) {
        float scale = q->scale[t->row + r], *y = t->y + r * t->columns;
        int32_t zero = q->zero[t->row + r];
#pragma omp simd
        for (size_t c = 0; c < t->columns; c++)
            y[c] = scale * step[c] * (float)(sums[c] - zero * sum[c]);
    }
}

/* A panel of channels for n quantised rows. */
static void multiply_panel(const gs_linear *layer, const quantised *q, size_t n, size_t panel, gs_epilogue epilogue,
                           float *y)
{
    const gs_int8_weight *w = layer->packed;
    const gs_int8_kernel *kernel = w->kernel;
    size_t size = gs_int8_row_size(kernel, w->in);
    int32_t sums[GS_TILE_ROWS * GS_TILE_COLUMNS];
    gs_tile t = {.first = panel * kernel->columns, .columns = kernel->columns};
    while (gs_tile_next(&t, n, kernel->rows)) {
        kernel->multiply((const char *)q->rows + t.row * size, size, t.rows, gs_int8_panel(w, panel), w->depth, sums);
        scale_sums(&t, w, q, sums);
        gs_tile_finish(&t, layer, epilogue, y);
    }
}

static gs_status linear(void *context, const gs_linear *layer, const void *input, size_t rows, gs_epilogue epilogue,
                        void *output, gs_error *err)
{
    quantised *q = context;
    const gs_int8_weight *w = layer->packed;
    const float *x = input;
    float *y = output;
    size_t size = gs_int8_row_size(w->kernel, w->in), block = BLOCK / size + 1;
    size_t panels = (w->out + w->kernel->columns - 1) / w->kernel->columns;
    gs_status st = make_room(q, block < rows ? block : rows, size, err);
    for (size_t row = 0; row < rows && st == GS_OK; row += block) {
        size_t n = rows - row < block ? rows - row : block;
        for (size_t r = 0; r < n; r++)
            gs_int8_quantise(w->kernel, x + (row + r) * w->in, w->in, (char *)q->rows + r * size, &q->scale[r],
                             &q->zero[r]);
        for (size_t panel = 0; panel < panels; panel++)
            multiply_panel(layer, q, n, panel, epilogue, y + row * w->out);
    }
    return st;
}

static gs_status attention(void *context, const gs_attention *a, gs_error *err)
{
    (void)context;
    return gs_backend_blas()->attention(NULL, a, err);
}

const gs_backend *gs_backend_int8(void)
{
    static const gs_backend backend = {.name = "int8",
                                       .precision = GS_PRECISION_INT8,
                                       .number = GS_NUMBER_F32,
                                       .open = open_context,
                                       .close = close_context,
                                       .pack = pack,
                                       .unpack = unpack,
                                       .set_threads = set_threads,
                                       .set_own_threads = set_own_threads,
                                       .linear = linear,
                                       .attention = attention};
    return &backend;
}

/* f32.c - the backend whose linear layers are own kernels of f32, for rows few or many; attention is that of OpenBLAS. */
#include "indexer/nn/backend.h"
#include "indexer/nn/cpu/crew.h"
#include "indexer/nn/cpu/f32_kernels.h"
#include "indexer/nn/cpu/tile.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h> /* memset */

#define ALIGNMENT 64
#define BLOCK     (384 << 10) /* bytes of rows that stay in a core's cache while all panels meet them */

/* The context of a thread. */
typedef struct {
    gs_crew *crew; /* owned; NULL while one thread is enough */
    int threads;   /* that it was opened for, the caller's included */
} helpers;

static gs_status open_context(void **context, gs_error *err)
{
    *context = calloc(1, sizeof(helpers));
    return *context ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for the products of a thread");
}

static void close_context(void *context)
{
    helpers *h = context;
    if (h)
        gs_crew_close(h->crew);
    free(h);
}

static size_t panels_of(const gs_linear *layer)
{
    size_t columns = gs_f32_kernel_pick()->columns;
    return (layer->out + columns - 1) / columns;
}

/* packed [panels, in, columns] f32: the columns of panel p are channels p * columns and on, those behind the last one 0. */
static gs_status pack(void *context, gs_linear *layer, gs_error *err)
{
    (void)context;
    size_t in = layer->in, columns = gs_f32_kernel_pick()->columns, count = panels_of(layer) * in * columns;
    size_t size = (count * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    float *packed = aligned_alloc(ALIGNMENT, size), *expanded = NULL;
    if (!layer->weight)
        expanded = malloc(layer->out * in * sizeof *expanded);
    if (!packed || (!layer->weight && !expanded)) {
        free(packed);
        free(expanded);
        return gs_fail(err, GS_ENOMEM, "no memory to pack a weight of %zu x %zu", layer->out, in);
    }
    const float *weight = gs_linear_weight(layer, expanded);
    memset(packed, 0, size);
    for (size_t o = 0; o < layer->out; o++) {
        float *channel = packed + o / columns * in * columns + o % columns;
        for (size_t i = 0; i < in; i++)
            channel[i * columns] = weight[o * in + i];
    }
    free(expanded);
    layer->packed = packed;
    return GS_OK;
}

static void unpack(gs_linear *layer)
{
    free(layer->packed);
    layer->packed = NULL;
}

/* The products of attention are OpenBLAS's. */
static int set_threads(int threads)
{
    return gs_backend_blas()->set_threads(threads);
}

static int set_own_threads(int threads)
{
    return gs_backend_onednn()->set_own_threads(threads);
}

/* A block of rows. */
typedef struct {
    const gs_f32_kernel *kernel;
    const gs_linear *layer;
    const float *x; /* [n, in] */
    size_t n;
    gs_epilogue epilogue;
    float *y; /* [n, out] */
} product;

static void multiply_panel(void *context, size_t panel)
{
    const product *p = context;
    const gs_f32_kernel *kernel = p->kernel;
    size_t in = p->layer->in;
    const float *packed = p->layer->packed;
    gs_tile t = {.first = panel * kernel->columns, .columns = kernel->columns};
    while (gs_tile_next(&t, p->n, kernel->rows)) {
        kernel->multiply(p->x + t.row * in, in, t.rows, packed + t.first * in, in, t.y);
        gs_tile_finish(&t, p->layer, p->epilogue, p->y);
    }
}

/* As many helpers as the calling thread may have now. */
static gs_crew *call_crew(helpers *h)
{
    int threads = omp_get_max_threads();
    if (threads != h->threads) {
        gs_crew_close(h->crew);
        h->crew = gs_crew_open((size_t)threads - 1);
        h->threads = threads;
    }
    return h->crew;
}

static gs_status linear(void *context, const gs_linear *layer, const void *input, size_t rows, gs_epilogue epilogue,
                        void *output, gs_error *err)
{
    (void)err;
    product p = {.kernel = gs_f32_kernel_pick(), .layer = layer, .epilogue = epilogue};
    gs_crew *crew = call_crew(context);
    size_t panels = panels_of(layer), block = BLOCK / (layer->in * sizeof(float)) + 1;
    for (size_t row = 0; row < rows; row += block) {
        p.n = rows - row < block ? rows - row : block;
        p.x = (const float *)input + row * layer->in;
        p.y = (float *)output + row * layer->out;
        gs_crew_run(crew, panels, multiply_panel, &p);
    }
    return GS_OK;
}

static gs_status attention(void *context, const gs_attention *a, gs_error *err)
{
    return gs_backend_blas()->attention(context, a, err);
}

const gs_backend *gs_backend_panels(void)
{
    static const gs_backend backend = {.name = "panels",
                                       .precision = GS_PRECISION_F32,
                                       .number = GS_NUMBER_F32,
                                       .open = open_context,
                                       .close = close_context,
                                       .pack = pack,
                                       .unpack = unpack,
                                       .set_threads = set_threads,
                                       .set_own_threads = set_own_threads,
                                       .linear = linear,
                                       .attention = attention};
    return gs_f32_kernel_pick() ? &backend : NULL;
}

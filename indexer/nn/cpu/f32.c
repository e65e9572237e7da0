/* f32.c - the backend whose linear layers are own kernels of f32, for rows few or many; attention is that of OpenBLAS. */
#include "indexer/nn/backend.h"
#include "indexer/nn/cpu/f32_kernels.h"
#include "indexer/nn/cpu/tile.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h> /* memset */

#define ALIGNMENT 64
#define BLOCK     (384 << 10) /* bytes of rows that stay in a core's cache while all panels meet them */

static gs_status open_context(void **context, gs_error *err)
{
    (void)err;
    *context = NULL;
    return GS_OK;
}

static void close_context(void *context)
{
    (void)context;
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

static void multiply_panel(const gs_f32_kernel *kernel, const gs_linear *layer, const float *x, size_t n, size_t panel,
                           gs_epilogue epilogue, float *y)
{
    const float *packed = layer->packed;
    gs_tile t = {.first = panel * kernel->columns, .columns = kernel->columns};
    while (gs_tile_next(&t, n, kernel->rows)) {
        kernel->multiply(x + t.row * layer->in, layer->in, t.rows, packed + t.first * layer->in, layer->in, t.y);
        gs_tile_finish(&t, layer, epilogue, y);
    }
}

static gs_status linear(void *context, const gs_linear *layer, const void *input, size_t rows, gs_epilogue epilogue,
                        void *output, gs_error *err)
{
    (void)context;
    (void)err;
    const gs_f32_kernel *kernel = gs_f32_kernel_pick();
    size_t panels = panels_of(layer), block = BLOCK / (layer->in * sizeof(float)) + 1;
    for (size_t row = 0; row < rows; row += block) {
        size_t n = rows - row < block ? rows - row : block;
        const float *x = (const float *)input + row * layer->in;
        float *y = (float *)output + row * layer->out;
#pragma omp parallel for if (omp_get_max_threads() > 1)
        for (size_t panel = 0; panel < panels; panel++)
            multiply_panel(kernel, layer, x, n, panel, epilogue, y);
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

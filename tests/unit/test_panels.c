#include "indexer/nn/backend.h"
#include "indexer/nn/cpu/crew.h"
#include "indexer/nn/cpu/f32_kernels.h"
#include "indexer/nn/cpu/tile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static gs_error err;

/* n numbers of -1 .. 1; the caller frees them. */
static float *noise(size_t n, uint32_t seed)
{
    float *values = malloc(n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        values[i] = (float)(seed >> 8) / (float)(1 << 23) - 1;
    }
    return values;
}

static void every_kernel_gives_the_product(void **state)
{
    (void)state;
    enum { IN = 331, STRIDE = 340 };
    float *x = noise(GS_TILE_ROWS * STRIDE, 1), *w = noise(IN * GS_TILE_COLUMNS, 2);
    float *panel = aligned_alloc(64, IN * GS_TILE_COLUMNS * sizeof *panel), y[(GS_TILE_ROWS + 1) * GS_TILE_COLUMNS];
    memcpy(panel, w, IN * GS_TILE_COLUMNS * sizeof *panel);
    for (const gs_f32_kernel *const *k = gs_f32_kernels(); *k; k++)
        for (size_t rows = 1, columns = (*k)->columns; rows <= (*k)->rows; rows++) {
            y[rows * columns] = 7; /* behind the tile: nobody's */
            (*k)->multiply(x, STRIDE, rows, panel, IN, y);
            assert_true(y[rows * columns] == 7);
            for (size_t r = 0; r < rows; r++)
                for (size_t c = 0; c < columns; c++) {
                    double exact = 0;
                    for (size_t i = 0; i < IN; i++)
                        exact += (double)x[r * STRIDE + i] * (double)panel[i * columns + c];
                    assert_true(fabs((double)y[r * columns + c] - exact) < 1e-4);
                }
        }
    free(panel);
    free(x);
    free(w);
}

/* Both backends' y of the same layer; the caller frees it. */
static float *run(const gs_backend *backend, gs_linear layer, const float *x, size_t rows, gs_epilogue epilogue)
{
    void *context;
    float *y = noise(rows * layer.out, 5);
    assert_int_equal(backend->open(&context, &err), GS_OK);
    assert_int_equal(backend->pack(context, &layer, &err), GS_OK);
    assert_int_equal(backend->linear(context, &layer, x, rows, epilogue, y, &err), GS_OK);
    backend->unpack(&layer);
    backend->close(context);
    return y;
}

static void layers_equal_the_reference_backend(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{1, 5, 3}, {7, 64, 32}, {50, 96, 33}, {13, 1, 1}, {700, 200, 70}};
    const gs_backend *backend = gs_backend_panels();
    if (!backend)
        skip(); /* no such instructions */
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int epilogue = GS_EPILOGUE_NONE; epilogue <= (int)gs_epilogue_of(GS_RELU); epilogue++) {
            size_t rows = shapes[s][0], in = shapes[s][1], out = shapes[s][2];
            float *x = noise(rows * in, 1), *weight = noise(out * in, 2), *bias = noise(out, 3);
            bool biased = gs_epilogue_activates((gs_epilogue)epilogue) || epilogue % 2 == 0;
            gs_linear layer = {.weight = weight, .bias = biased ? bias : NULL, .in = in, .out = out};
            float *got = run(backend, layer, x, rows, (gs_epilogue)epilogue);
            float *want = run(gs_backend_blas(), layer, x, rows, (gs_epilogue)epilogue);
            for (size_t i = 0; i < rows * out; i++)
                assert_true(fabsf(got[i] - want[i]) < 1e-4f);
            free(got);
            free(want);
            free(x);
            free(weight);
            free(bias);
        }
}

typedef struct {
    _Atomic int times[100]; /* each piece was done */
} pieces;

static void count_piece(void *context, size_t piece)
{
    ((pieces *)context)->times[piece]++;
}

static void a_crew_does_every_piece_once(void **state)
{
    (void)state;
    for (size_t helpers = 0; helpers <= 5; helpers++) {
        gs_crew *crew = gs_crew_open(helpers);
        assert_int_equal(crew != NULL, helpers > 0);
        for (size_t round = 0; round < 2000; round++) {
            pieces p = {0};
            size_t n = round % 101;
            gs_crew_run(crew, n, count_piece, &p);
            for (size_t i = 0; i < 100; i++)
                assert_int_equal(p.times[i], i < n);
        }
        gs_crew_close(crew);
    }
}

static void layers_do_not_depend_on_threads(void **state)
{
    (void)state;
    const gs_backend *backend = gs_backend_panels();
    if (!backend)
        skip(); /* no such instructions */
    enum { ROWS = 50, IN = 96, OUT = 150 };
    float *x = noise(ROWS * IN, 1), *weight = noise(OUT * IN, 2);
    gs_linear layer = {.weight = weight, .in = IN, .out = OUT};
    int before = backend->set_own_threads(1);
    float *alone = run(backend, layer, x, ROWS, GS_EPILOGUE_ADD);
    backend->set_own_threads(4);
    float *together = run(backend, layer, x, ROWS, GS_EPILOGUE_ADD);
    backend->set_own_threads(before);
    assert_memory_equal(alone, together, ROWS * OUT * sizeof *alone);
    free(alone);
    free(together);
    free(x);
    free(weight);
}

static void tiles_cover_every_row_once_and_evenly(void **state)
{
    (void)state;
    for (size_t most = 1; most <= GS_TILE_ROWS; most++)
        for (size_t n = 0; n < 60; n++) {
            gs_tile t = {0};
            size_t next = 0, least = most, largest = 0;
            while (gs_tile_next(&t, n, most)) {
                assert_int_equal(t.row, next);
                next += t.rows;
                least = t.rows < least ? t.rows : least;
                largest = t.rows > largest ? t.rows : largest;
            }
            assert_int_equal(next, n);
            assert_true(largest <= most && (n == 0 || largest - least <= 1));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_gives_the_product),        cmocka_unit_test(layers_equal_the_reference_backend),
        cmocka_unit_test(a_crew_does_every_piece_once),          cmocka_unit_test(layers_do_not_depend_on_threads),
        cmocka_unit_test(tiles_cover_every_row_once_and_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "indexer/nn/cpu/tile.h"

#include "core/clones.h"
#include "indexer/nn/vector.h"

#include <string.h> /* memcpy */

bool gs_tile_next(gs_tile *t, size_t n, size_t most)
{
    t->row += t->rows;
    size_t left = (n - t->row + most - 1) / most;
    t->rows = left ? (n - t->row + left - 1) / left : 0;
    return t->rows > 0;
}

GS_CLONES static void add_bias(gs_tile *t, const float *bias)
{
    for (size_t r = 0; r < t->rows; r++)
#pragma omp simd
        for (size_t c = 0; c < t->columns; c++)
            t->y[r * t->columns + c] += bias[c];
}

void gs_tile_finish(gs_tile *t, const gs_linear *layer, gs_epilogue epilogue, float *y)
{
    static const float nothing[GS_TILE_ROWS * GS_TILE_COLUMNS];
    size_t left = layer->out - t->first, n = left < t->columns ? left : t->columns;
    if (layer->bias) {
        float bias[GS_TILE_COLUMNS] = {0};
        memcpy(bias, layer->bias + t->first, n * sizeof *bias);
        add_bias(t, bias);
    }
    if (gs_epilogue_activates(epilogue)) /* all rows at once: a call costs more than a row of a tile */
        gs_activate(gs_epilogue_activation(epilogue), t->y, t->rows * t->columns, nothing);
    for (size_t r = 0; r < t->rows; r++) {
        float *row = y + (t->row + r) * layer->out + t->first;
        if (epilogue == GS_EPILOGUE_ADD)
            gs_add(row, n, t->y + r * t->columns);
        else
            memcpy(row, t->y + r * t->columns, n * sizeof *row);
    }
}

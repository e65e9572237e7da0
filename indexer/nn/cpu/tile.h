/* tile.h - a tile of a product, from a kernel's sums to its place in y.
 *
 *     gs_tile t = {.first = panel * columns, .columns = columns};
 *     for (; gs_tile_next(&t, n, 6); ) {                     // n rows, at most 6 at a time
 *         multiply(x + t.row * in, in, t.rows, panel, in, t.y);
 *         gs_tile_finish(&t, layer, epilogue, y);            // y [n, layer->out]
 *     }
 */
#ifndef GS_TILE_H
#define GS_TILE_H

#include "indexer/nn/backend.h"

#define GS_TILE_ROWS    12 /* at most */
#define GS_TILE_COLUMNS 32

typedef struct {
    size_t row, rows;                        /* the rows that it covers; rows is 0 before the first one */
    size_t first, columns;                   /* its columns, of which those behind the layer's last are nobody's */
    float y[GS_TILE_ROWS * GS_TILE_COLUMNS]; /* [rows, columns] */
} gs_tile;

/* Moves on to the next rows; false behind the last of n. Tiles are as even as can be: a kernel is slow with few rows. */
bool gs_tile_next(gs_tile *t, size_t n, size_t most);

/* t->y, the bias and the epilogue into y [n, layer->out] f32. */
void gs_tile_finish(gs_tile *t, const gs_linear *layer, gs_epilogue epilogue, float *y);

#endif

/* f32_kernels.h - products of f32, tile by tile, from weights that lie in panels.
 *
 *     const gs_f32_kernel *kernel = gs_f32_kernel_pick();       // NULL: this processor has none that is quick
 *     kernel->multiply(x, in, rows, panel, in, y);              // y [rows, kernel->columns]
 */
#ifndef GS_F32_KERNELS_H
#define GS_F32_KERNELS_H

#include <stddef.h>

typedef struct {
    const char *name;
    size_t rows, columns; /* of a tile, at most those of tile.h */
    size_t best_below;    /* rows of a whole product: with as many and more oneDNN is quicker */

    /* y [rows, columns] = x [rows, in], whose rows are stride apart, times panel [in, columns], which is aligned to 64 bytes. rows is at most
     * the kernel's. */
    void (*multiply)(const float *x, size_t stride, size_t rows, const float *panel, size_t in, float *y);
} gs_f32_kernel;

/* Every kernel that this processor can run, the quickest first, then NULL: "avx512", "avx2", "plain", the reference. */
const gs_f32_kernel *const *gs_f32_kernels(void);

/* The quickest, or the one that the environment's GENSEARCH_F32 names, to compare them; NULL where that is the reference. */
const gs_f32_kernel *gs_f32_kernel_pick(void);

#endif

/* positions.h - learned position embeddings of one grid of patches for another.
 *
 *     gs_positions_resize(learned, 37, resized, 16, width);      // Dinov2: learned at 518 pixels, used at 224
 *
 * As torch's interpolate(mode="bicubic", align_corners=False) makes them, which is what transformers uses: Keys' cubic
 * with a = -0.75 over 4 x 4 neighbours, edges repeated, no antialiasing.
 */
#ifndef GS_POSITIONS_H
#define GS_POSITIONS_H

#include <stddef.h>

/* from [side, side, width] -> to [to_side, to_side, width]. */
void gs_positions_resize(const float *from, size_t side, float *to, size_t to_side, size_t width);

/* The same with antialias=True, as Dinov2 with registers has it: a = -1/2, the cubic widened when the grid shrinks, and
 * weights that sum to 1 at the edges. */
void gs_positions_resize_smooth(const float *from, size_t side, float *to, size_t to_side, size_t width);

#endif

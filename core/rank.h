/* rank.h - the k best of a list of scores, in an order that native and wasm share.
 *
 *     uint32_t best[10];
 *     size_t found = gs_rank_top(scores, count, 10, best);   // best[0] is the index of the highest score
 */
#ifndef GS_RANK_H
#define GS_RANK_H

#include <stddef.h>
#include <stdint.h>

/* Writes the indices of the min(k, count) highest scores [count] to top [k], best first; equal scores by ascending
 * index; NaN ranks last. Returns how many were written. O(count log k), no memory taken. */
size_t gs_rank_top(const double *scores, size_t count, size_t k, uint32_t *top);

#endif

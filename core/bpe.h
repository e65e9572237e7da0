/* bpe.h - byte pair encoding of one word: the merging that CLIP's tokenizer and Gemma's share.
 *
 *     void *work = malloc(n * GS_BPE_WORK);
 *     n = gs_bpe_merge(merges, n_merges, ids, n, work);      // ids: the word's symbols, then its tokens
 */
#ifndef GS_BPE_H
#define GS_BPE_H

#include <stddef.h>
#include <stdint.h>

/* Two neighbours become one token. Of several pairs the one of the lowest rank is merged first. */
typedef struct {
    uint32_t left, right, result, rank;
} gs_merge;

#define GS_BPE_WORK 36 /* bytes of scratch for a symbol, aligned for uint64_t */

/* ids [n] are merged in place; returns how many are left. merges [n_merges], sorted by (left, right). O(n log n). */
size_t gs_bpe_merge(const gs_merge *merges, uint32_t n_merges, uint32_t *ids, size_t n, void *work);

#endif

#include "core/rank.h"

#include <math.h>    /* isnan */
#include <stdbool.h> /* bool */

/* Whether a stands before b in the list: a total order, so that every sort of it gives the same list. */
static bool before(const double *scores, uint32_t a, uint32_t b)
{
    bool a_nan = isnan(scores[a]), b_nan = isnan(scores[b]);
    if (a_nan != b_nan)
        return b_nan;
    if (!a_nan && scores[a] != scores[b])
        return scores[a] > scores[b];
    return a < b;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t held = *a;
    *a = *b;
    *b = held;
}

/* heap [size] keeps the worst of its members at the root. */
static void sift_down(const double *scores, uint32_t *heap, size_t size, size_t at)
{
    for (;;) {
        size_t worst = at, left = 2 * at + 1, right = left + 1;
        if (left < size && before(scores, heap[worst], heap[left]))
            worst = left;
        if (right < size && before(scores, heap[worst], heap[right]))
            worst = right;
        if (worst == at)
            return;
        swap(&heap[at], &heap[worst]);
        at = worst;
    }
}

size_t gs_rank_top(const double *scores, size_t count, size_t k, uint32_t *top)
{
    if (k > count)
        k = count;
    if (k == 0)
        return 0;
    for (size_t i = 0; i < k; i++)
        top[i] = (uint32_t)i;
    for (size_t i = k / 2; i-- > 0;)
        sift_down(scores, top, k, i);
    for (size_t i = k; i < count; i++) {
        if (!before(scores, (uint32_t)i, top[0]))
            continue;
        top[0] = (uint32_t)i;
        sift_down(scores, top, k, 0);
    }
    for (size_t size = k; size > 1; size--) { /* the worst of those left goes to the end */
        swap(&top[0], &top[size - 1]);
        sift_down(scores, top, size - 1, 0);
    }
    return k;
}

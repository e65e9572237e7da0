#include "core/bpe.h"

#define NONE UINT32_MAX

/* A word's symbols, a doubly linked list in an array: merging takes the right one out. */
typedef struct {
    uint32_t id; /* NONE: merged away */
    uint32_t previous, next;
} symbol;

/* Pairs that may be merged, as rank << 32 | position of the left symbol, the lowest at the root. A pair that has
 * changed since it was put in is recognised when it comes out. */
typedef struct {
    uint64_t *items;
    size_t n;
} heap;

static void heap_push(heap *h, uint64_t item)
{
    size_t at = h->n++;
    for (; at > 0 && h->items[(at - 1) / 2] > item; at = (at - 1) / 2)
        h->items[at] = h->items[(at - 1) / 2];
    h->items[at] = item;
}

static uint64_t heap_pop(heap *h)
{
    uint64_t top = h->items[0], item = h->items[--h->n];
    size_t at = 0;
    for (size_t child = 1; child < h->n; child = 2 * at + 1) {
        if (child + 1 < h->n && h->items[child + 1] < h->items[child])
            child++;
        if (item <= h->items[child])
            break;
        h->items[at] = h->items[child];
        at = child;
    }
    h->items[at] = item;
    return top;
}

typedef struct {
    const gs_merge *merges; /* [n] sorted by (left, right) */
    uint32_t n;
} table;

static uint64_t pair_key(uint32_t left, uint32_t right)
{
    return (uint64_t)left << 32 | right;
}

static const gs_merge *find_merge(const table *t, uint32_t left, uint32_t right)
{
    uint64_t key = pair_key(left, right);
    uint32_t low = 0, high = t->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const gs_merge *m = &t->merges[middle];
        uint64_t found = pair_key(m->left, m->right);
        if (found == key)
            return m;
        if (found < key)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The merge of the symbol at position with the next one, if the vocabulary has it. */
static const gs_merge *merge_at(const table *t, const symbol *symbols, uint32_t position)
{
    if (position == NONE || symbols[position].id == NONE || symbols[position].next == NONE)
        return NULL;
    return find_merge(t, symbols[position].id, symbols[symbols[position].next].id);
}

static void offer(const table *t, const symbol *symbols, uint32_t position, heap *pairs)
{
    const gs_merge *m = merge_at(t, symbols, position);
    if (m)
        heap_push(pairs, (uint64_t)m->rank << 32 | position);
}

_Static_assert(3 * sizeof(uint64_t) + sizeof(symbol) == GS_BPE_WORK, "pairs, and symbols behind them");

/* Each pair is put in at first, and two more for every merge: at most three for a symbol. */
size_t gs_bpe_merge(const gs_merge *merges, uint32_t n_merges, uint32_t *ids, size_t n, void *work)
{
    table t = {merges, n_merges};
    heap pairs = {.items = work};
    symbol *symbols = (symbol *)(pairs.items + 3 * n);
    size_t left_over = 0;
    for (uint32_t i = 0; i < n; i++)
        symbols[i] = (symbol){.id = ids[i], .previous = i > 0 ? i - 1 : NONE, .next = i + 1 < n ? i + 1 : NONE};
    for (uint32_t i = 0; i < n; i++)
        offer(&t, symbols, i, &pairs);
    while (pairs.n > 0) {
        uint64_t item = heap_pop(&pairs);
        uint32_t position = (uint32_t)item;
        const gs_merge *m = merge_at(&t, symbols, position);
        if (!m || m->rank != item >> 32)
            continue;
        symbol *left = &symbols[position], *right = &symbols[left->next];
        left->id = m->result;
        right->id = NONE;
        left->next = right->next;
        if (left->next != NONE)
            symbols[left->next].previous = position;
        offer(&t, symbols, left->previous, &pairs);
        offer(&t, symbols, position, &pairs);
    }
    for (uint32_t i = 0; n > 0 && i != NONE; i = symbols[i].next)
        ids[left_over++] = symbols[i].id;
    return left_over;
}

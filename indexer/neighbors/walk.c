#include "indexer/neighbors/walk.h"

#include <stdlib.h>

gs_status gs_walk_init(gs_walk *w, size_t models, size_t dim, gs_error *err)
{
    *w = (gs_walk){.heap = malloc(models * sizeof *w->heap), .covariance = malloc(dim * dim * sizeof *w->covariance)};
    if (w->heap && w->covariance)
        return GS_OK;
    gs_walk_free(w);
    return gs_fail(err, GS_ENOMEM, "no memory to compare %zu models", models);
}

void gs_walk_free(gs_walk *w)
{
    gs_walk_close(w);
    free(w->heap);
    free(w->covariance);
    *w = (gs_walk){0};
}

static bool is_before(const gs_candidate *a, const gs_candidate *b)
{
    return a->bound != b->bound ? a->bound < b->bound : a->other < b->other;
}

void gs_walk_push(gs_walk *w, gs_candidate c)
{
    size_t at = w->n++;
    for (; at > 0 && is_before(&c, &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
        w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = c;
}

gs_candidate gs_walk_pop(gs_walk *w)
{
    gs_candidate top = w->heap[0], last = w->heap[--w->n];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < w->n; at = child) {
        if (child + 1 < w->n && is_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!is_before(&w->heap[child], &last))
            break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return top;
}

void gs_walk_close(gs_walk *w)
{
    gs_root_free(&w->root);
    gs_root_free(&w->block);
    w->state = GS_WALK_CLOSED;
}

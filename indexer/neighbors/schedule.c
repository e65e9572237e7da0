#include "indexer/neighbors/schedule.h"

#include <stdlib.h>

gs_status gs_schedule_init(gs_schedule *s, size_t dim, size_t n_walks, gs_error *err)
{
    size_t n = s->lists.models.count;
    s->dim = dim;
    s->walks = calloc(n_walks, sizeof *s->walks);
    s->begun = calloc(n, sizeof *s->begun);
    s->pending = calloc(n, sizeof *s->pending);
    s->ranks = malloc(n * sizeof *s->ranks);
    if (!s->walks || !s->begun || !s->pending || !s->ranks)
        return gs_fail(err, GS_ENOMEM, "no memory to compare %zu models", n);
    for (size_t i = 0; i < n; i++)
        s->ranks[i] = GS_RANK_UNKNOWN;
    gs_status st = GS_OK;
    for (; s->n_walks < n_walks && st == GS_OK; s->n_walks++)
        st = gs_walk_init(&s->walks[s->n_walks], n, dim, err);
    return st;
}

void gs_schedule_free(gs_schedule *s)
{
    for (size_t i = 0; i < s->n_walks; i++)
        gs_walk_free(&s->walks[i]);
    free(s->walks);
    free(s->begun);
    free(s->pending);
    free(s->ranks);
    gs_bounds_free(&s->bounds);
    gs_lists_free(&s->lists);
    *s = (gs_schedule){0};
}

/* ---- what comes next ---------------------------------------------------------------------------------------------------------- */

/* Whether the pair may belong into a list. Where the other list is to be made too, it asks for itself. */
static bool is_wanted(const gs_schedule *s, size_t i, const gs_candidate *c)
{
    const gs_list *mine = &s->lists.all[i], *theirs = &s->lists.all[c->other];
    if (gs_lists_met(&s->lists, i, c->other))
        return false;
    return c->bound <= gs_lists_reach(&s->lists, i) ||
           (mine->fresh && !theirs->stale && c->bound <= gs_lists_reach(&s->lists, c->other));
}

/* The task stays GS_TASK_NONE when the walk has no candidate left. */
static gs_status take_candidate(gs_schedule *s, gs_walk *w, gs_task *t, gs_error *err)
{
    while (w->n > 0) {
        gs_candidate c = gs_walk_pop(w);
        if (!is_wanted(s, w->model, &c))
            continue;
        *t = (gs_task){
            .kind = c.tight ? GS_TASK_COMPARE : GS_TASK_TIGHTEN, .walk = w, .candidate = c, .rank = s->ranks[c.other]};
        s->pending[w->model]++;
        if (!c.tight)
            return GS_OK;
        s->pending[c.other]++;
        return gs_lists_meet(&s->lists, w->model, c.other, err);
    }
    return GS_OK;
}

/* Whether a pair's distance is taken with the root of i, most likely: then it is at hand in the walk of i. */
static bool goes_first(const gs_schedule *s, size_t i, size_t k)
{
    const gs_store_model *models = s->lists.models.models;
    uint64_t rank_i = models[i].count < s->dim ? models[i].count : s->dim;
    uint64_t rank_k = models[k].count < s->dim ? models[k].count : s->dim;
    return rank_i != rank_k ? rank_i < rank_k : s->bounds.trace[i] < s->bounds.trace[k];
}

static void begin_walk(gs_schedule *s, gs_task *t)
{
    gs_walk *free_one = NULL;
    size_t n = s->lists.models.count, next = n;
    for (size_t i = 0; i < s->n_walks && !free_one; i++)
        free_one = s->walks[i].state == GS_WALK_CLOSED ? &s->walks[i] : NULL;
    for (size_t i = 0; i < n && free_one; i++)
        if (s->lists.all[i].stale && !s->begun[i] && (next == n || goes_first(s, i, next)))
            next = i;
    if (!free_one || next == n)
        return;
    s->begun[next] = true;
    free_one->state = GS_WALK_OPENING;
    free_one->model = next;
    *t = (gs_task){.kind = GS_TASK_BEGIN, .walk = free_one};
}

gs_status gs_schedule_next(gs_schedule *s, gs_task *t, gs_error *err)
{
    size_t n = s->lists.models.count;
    *t = (gs_task){.kind = GS_TASK_NONE};
    if (s->n_begun < n) {
        *t = (gs_task){.kind = GS_TASK_SKETCH, .model = s->n_begun++};
        return GS_OK;
    }
    if (s->n_sketched < n)
        return GS_OK;
    for (size_t i = 0; i < s->n_walks; i++) {
        gs_walk *w = &s->walks[i];
        if (w->state != GS_WALK_OPEN)
            continue;
        gs_status st = take_candidate(s, w, t, err);
        if (st != GS_OK || t->kind != GS_TASK_NONE)
            return st;
        if (s->pending[w->model] == 0) {
            w->state = GS_WALK_CLOSING;
            *t = (gs_task){.kind = GS_TASK_FINISH, .walk = w};
            return GS_OK;
        }
    }
    begin_walk(s, t);
    return GS_OK;
}

/* ---- what follows -------------------------------------------------------------------------------------------------------------- */

void gs_schedule_settle(gs_schedule *s, const gs_task *t)
{
    switch (t->kind) {
    case GS_TASK_SKETCH:
        s->n_sketched++;
        break;
    case GS_TASK_BEGIN:
        t->walk->state = GS_WALK_OPEN;
        break;
    case GS_TASK_TIGHTEN:
        gs_walk_push(t->walk, t->candidate);
        s->pending[t->walk->model]--;
        s->bounded++;
        break;
    case GS_TASK_COMPARE:
        gs_lists_put(&s->lists, t->walk->model, t->candidate.other, t->distance);
        s->ranks[t->candidate.other] = t->rank;
        s->pending[t->walk->model]--;
        s->pending[t->candidate.other]--;
        s->compared++;
        break;
    case GS_TASK_FINISH:
        gs_walk_close(t->walk);
        s->made++;
        break;
    case GS_TASK_NONE:
    default:
        break;
    }
}

/* schedule.h - which piece of an update's work comes next, and what follows from a finished one.
 *
 *     gs_schedule s = {0};
 *     st = gs_lists_read(&s.lists, store, err);
 *     st = gs_schedule_init(&s, dim, n_walks, err);
 *     st = gs_bounds_init(&s.bounds, s.lists.models.count, pooled, dim, err);
 *     while (s.made < s.lists.n_stale) {
 *         gs_task t;
 *         st = gs_schedule_next(&s, &t, err);                     // GS_TASK_NONE: wait until another task is settled
 *         do_it(&t);
 *         gs_schedule_settle(&s, &t);
 *     }
 *     gs_schedule_free(&s);
 *
 * Each stale model has a walk over the others, in a heap by their bounds. The nearest one is taken out: with a loose bound, it goes back
 * with the tight one; with the tight one, the pair is compared. Whoever is beyond the reach of both lists is dropped. Work comes from the first
 * walk that has some, and the next walk begins when none has: so all threads help with one model, and nobody waits for the root of the next.
 *
 * Many threads share a schedule under their own lock. Without it, who does a task touches only what that needs: its place in bounds, for a sketch;
 * its walk, to begin one; the walk's root, block and covariance, and bounds, to read them.
 */
#ifndef GS_SCHEDULE_H
#define GS_SCHEDULE_H

#include "indexer/neighbors/bound.h"
#include "indexer/neighbors/lists.h"
#include "indexer/neighbors/walk.h"

typedef struct {
    enum { GS_TASK_NONE, GS_TASK_SKETCH, GS_TASK_BEGIN, GS_TASK_TIGHTEN, GS_TASK_COMPARE, GS_TASK_FINISH } kind;
    size_t model;           /* of a sketch */
    gs_walk *walk;          /* of all others  borrowed from the schedule */
    gs_candidate candidate; /* to tighten: with the tight bound, when done */
    size_t rank;            /* of the candidate's covariance; GS_RANK_UNKNOWN before the first comparison */
    double distance;        /* the result of a comparison */
} gs_task;

typedef struct {
    gs_lists lists;   /* owned; read by the caller */
    gs_bounds bounds; /* owned; initialised and put by the caller */
    size_t dim, n_walks;
    size_t n_begun, n_sketched;     /* sketches */
    bool *begun;                    /* [models]   owned; whether its walk has */
    gs_walk *walks;                 /* [n_walks]  owned */
    size_t *pending;                /* [models]   owned; tasks under way that its list waits for */
    size_t *ranks;                  /* [models]   owned; of covariances, GS_RANK_UNKNOWN before the first comparison */
    size_t made, compared, bounded; /* lists; pairs */
} gs_schedule;

/* s->lists were read. GS_ENOMEM; gs_schedule_free() frees what there is. */
gs_status gs_schedule_init(gs_schedule *s, size_t dim, size_t n_walks, gs_error *err);
void gs_schedule_free(gs_schedule *s); /* safe on a zeroed one */

/* Some list is still to be made. GS_ENOMEM. */
gs_status gs_schedule_next(gs_schedule *s, gs_task *t, gs_error *err);
void gs_schedule_settle(gs_schedule *s, const gs_task *t);

#endif

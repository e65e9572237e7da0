/* walk.h - one model's way through the others, those first that may be nearest.
 *
 *     gs_walk w = {0};
 *     st = gs_walk_init(&w, n_models, dim, err);
 *     w.model = i;                                                     // and w.covariance, w.root, w.block of it
 *     gs_walk_push(&w, (gs_candidate){.bound = bound, .other = k});    // never more than n_models
 *     while (w.n > 0)
 *         nearest = gs_walk_pop(&w);
 *     gs_walk_close(&w);                                               // ready for another model
 *     gs_walk_free(&w);
 */
#ifndef GS_WALK_H
#define GS_WALK_H

#include "indexer/stats/frechet.h"

#include <stdbool.h>

typedef struct {
    double bound; /* the distance is not below it */
    size_t other;
    bool tight;
} gs_candidate;

typedef struct {
    enum { GS_WALK_CLOSED, GS_WALK_OPENING, GS_WALK_OPEN, GS_WALK_CLOSING } state;
    size_t model;
    size_t n;            /* candidates left */
    gs_candidate *heap;  /* [models]    owned; the least bound first, then by model */
    float *covariance;   /* [dim, dim]  owned */
    gs_root root, block; /* owned; of the covariance, and of its sketch */
} gs_walk;

gs_status gs_walk_init(gs_walk *w, size_t models, size_t dim, gs_error *err);
void gs_walk_free(gs_walk *w); /* safe on a zeroed one */

void gs_walk_push(gs_walk *w, gs_candidate c);
gs_candidate gs_walk_pop(gs_walk *w);

void gs_walk_close(gs_walk *w);

#endif

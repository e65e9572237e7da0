/* drawn.h - features of pictures as the models of a zoo would make them, drawn from the models' own Gaussians.
 *
 *     gs_drawn drawn;
 *     if ((st = gs_drawn_make(store, &zoo, dim, &drawn, err)) != GS_OK) return st;
 *     gs_drawn_choose_leaders(cosines, zoo.count, leaders + i * GS_DRAWN_LEADERS);         // of picture i, its author's cosine NaN
 *     st = gs_drawn_densities(store, &zoo, &drawn, leaders, GS_GAUSSIAN_DENSITY, others, all, err);
 *     gs_drawn_free(&drawn);
 *
 * The models are those of zoo, prepared (prepare.h).
 */
#ifndef GS_DRAWN_H
#define GS_DRAWN_H

#include "core/score.h"
#include "indexer/store/store.h"

#define GS_DRAWN_LEADERS 8
#define GS_DRAWN_NOBODY  UINT32_MAX /* in the place of a leader, where there are fewer models */

typedef struct {
    size_t count, dim;
    float *features; /* [count, dim]  length 1  owned */
    size_t *authors; /* [count]       the model that it was drawn from  owned */
} gs_drawn;

/* About 1,600 in all, at most 100 of a model; the same ones for the same models. None of a model that another process has removed, or sampled
 * anew, meanwhile. GS_EFORMAT, GS_ENOMEM. */
gs_status gs_drawn_make(gs_store *store, const gs_store_means *zoo, size_t dim, gs_drawn *drawn, gs_error *err);
void gs_drawn_free(gs_drawn *drawn); /* safe on a zeroed one */

/* leaders [GS_DRAWN_LEADERS]: the models of the highest cosines [count], none whose cosine is NaN. */
void gs_drawn_choose_leaders(const double *cosines, size_t count, uint32_t *leaders);

/* By a Gaussian method, the highest log density of every picture: others [count] among its leaders [count, GS_DRAWN_LEADERS], all [count] among
 * these and its author. */
gs_status gs_drawn_densities(gs_store *store, const gs_store_means *zoo, const gs_drawn *drawn, const uint32_t *leaders,
                             gs_method method, double *others, double *all, gs_error *err);

#endif

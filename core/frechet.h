/* frechet.h - the Frechet distance of two low-rank Gaussians (core/METHOD.md), in O(rank^2 dim).
 *
 *     double distance;
 *     if ((st = gs_frechet_lowrank(&a, &b, &distance, err)) != GS_OK) return st;       // of files of second/: catalog.h
 */
#ifndef GS_CORE_FRECHET_H
#define GS_CORE_FRECHET_H

#include "core/score.h"

/* *distance >= 0, of the covariances without the 0.001 I that their low-rank forms have. GS_EARGS when the dimensions differ, GS_EFORMAT when
 * a number is not finite, GS_ENOMEM. */
gs_status gs_frechet_lowrank(const gs_lowrank *a, const gs_lowrank *b, double *distance, gs_error *err);

#endif

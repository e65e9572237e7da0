/* map.h - a place in the plane for every model: near each other where their samples are alike; for publish/ only. */
#ifndef GS_MAP_H
#define GS_MAP_H

#include "indexer/search/source.h"

/* places [count, 2] := the first two principal coordinates of the models' mean features scaled to length 1, which keep their distances as well as a
 * plane can; the larger spread first, signs such that the model farthest from the middle has positive coordinates. Zeros for a single model. */
gs_status gs_map_place(const gs_source *source, double *places, gs_error *err);

#endif

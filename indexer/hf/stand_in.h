/* stand_in.h - what often lies where a model's file should: said by name, with what to do about it.
 *
 *     if ((st = gs_stand_in_check(path, bytes, size, err)) != GS_OK) return st;      // then parse
 */
#ifndef GS_STAND_IN_H
#define GS_STAND_IN_H

#include "core/status.h"

#include <stddef.h>

/* bytes: the first of path's, 512 of them or all. GS_EFORMAT for a Git LFS pointer, a web page, an error message that a
 * download saved, and a pickle of PyTorch; GS_OK for whatever else. */
gs_status gs_stand_in_check(const char *path, const void *bytes, size_t size, gs_error *err);

#endif

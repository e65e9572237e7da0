/* npz.h - a distribution as NumPy and pytorch-fid read it.
 *
 *     st = gs_npz_write("cats.npz", mean, covariance, 512, 50000, err);
 *     >>> f = numpy.load("cats.npz"); f["mu"], f["sigma"], int(f["n"])
 */
#ifndef GS_NPZ_H
#define GS_NPZ_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Writes mu [dim] and sigma [dim, dim] as f64, n as a 64-bit integer, in a ZIP without compression; all or nothing.
 * mean [dim], covariance [dim, dim] are borrowed. */
gs_status gs_npz_write(const char *path, const float *mean, const float *covariance, size_t dim, uint64_t count,
                       gs_error *err);

#endif

/* npz.h - a distribution as NumPy and pytorch-fid read it.
 *
 *     st = gs_npz_write("cats.npz", mean, covariance, 512, 50000, fingerprint, err);
 *     >>> f = numpy.load("cats.npz"); f["mu"], f["sigma"], int(f["n"]), bytes(f["encoder"])
 */
#ifndef GS_NPZ_H
#define GS_NPZ_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Writes mu [dim] and sigma [dim, dim] as f64, n as a 64-bit integer, the encoder's fingerprint (64 characters) as bytes, in a ZIP without compression; all or nothing.
 * mean [dim], covariance [dim, dim] are borrowed. */
gs_status gs_npz_write(const char *path, const float *mean, const float *covariance, size_t dim, uint64_t count,
                       const char *encoder, gs_error *err);

#endif

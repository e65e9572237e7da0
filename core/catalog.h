/* catalog.h - the binary files of a published folder, checked before they are used.
 *
 *     gs_means means;
 *     if ((st = gs_means_open(&means, bytes, size, err)) != GS_OK) return st;
 *     st = gs_table_norms(&means.table, norms, err);    // and on as table.h says
 *
 * All files are little-endian and start with a 64-byte header, so that what follows is aligned:
 *
 *     offset  size  means.bin, features/SLUG.bin       second/SLUG.bin        gaussian/SLUG.bin
 *          0     8  "GSMEANS\0", "GSFEATS\0"           "GSLOWRK\0"            "GSGAUSS\0"
 *          8     4  version, 1, in all
 *         12     4  element type: 0 f32, 1 f16, 2 int8 of the vectors: 0, 1   of the factor: 0, 1
 *         16     8  count                              rank                   dim
 *         24     8  dim                                dim                    dim
 *         32     4  -                                  rest, f32              -
 *         36     4  zeros
 *         40     8  -                                  -                      log determinant, f64
 *         48    16  the encoder's fingerprint, its first 16 bytes
 *         64        vectors [count, dim]               mean [dim] f32,        mean [dim] f32,
 *                                                      values [rank] f32,     factor, packed (score.h)
 *                                                      vectors [rank, dim]
 *
 * In front of int8 means and features lie center [dim], spread [dim] and scales [count], all f32 (table.h).
 *
 * A reader checks the layout, and that nothing is divided by zero. Other numbers that are not finite show in the scores, which
 * gs_table_norms() and gs_query_score() refuse then.
 *
 * The same module writes the files, so that the layout lives in one place.
 */
#ifndef GS_CATALOG_H
#define GS_CATALOG_H

#include "core/score.h"
#include "core/status.h"
#include "core/table.h"

#include <stddef.h>
#include <stdint.h>

#define GS_CATALOG_HEADER 64
#define GS_FINGERPRINT    16 /* bytes of the encoder's fingerprint in a file */

typedef struct {
    gs_table table; /* borrowed from the bytes */
    uint8_t fingerprint[GS_FINGERPRINT];
} gs_means;

/* bytes [size], aligned to 4 (borrowed for the life of m). GS_EFORMAT names what is wrong: magic, version, element
 * type, or a size that disagrees with count and dim. */
gs_status gs_means_open(gs_means *m, const void *bytes, size_t size, gs_error *err);

/* The size in bytes of a file of these dimensions; 0 when it does not fit a size_t. */
size_t gs_means_size(size_t count, size_t dim, gs_element element);

/* Writes the whole file to bytes [gs_means_size()]. means [count, dim]. int8 fails where gs_table_quantise() does. */
gs_status gs_means_write(void *bytes, const float *means, size_t count, size_t dim, gs_element element,
                         const uint8_t fingerprint[GS_FINGERPRINT], gs_error *err);

/* A low-rank file, bytes [size] aligned to 4. lowrank borrows its mean and values from bytes, and its vectors from
 * expanded [rank * dim] f32 (the caller's, filled here). Call gs_lowrank_peek first to know how much to take. */
gs_status gs_lowrank_peek(const void *bytes, size_t size, size_t *rank, size_t *dim, gs_error *err);
gs_status gs_lowrank_open(gs_lowrank *lowrank, uint8_t fingerprint[GS_FINGERPRINT], const void *bytes, size_t size,
                          float *expanded, gs_error *err);
size_t gs_lowrank_size(size_t rank, size_t dim, gs_element element);
void gs_lowrank_write(void *bytes, const gs_lowrank *lowrank, gs_element element,
                      const uint8_t fingerprint[GS_FINGERPRINT]);

/* A model's kept features, bytes [size] aligned to 4 (borrowed for the life of table). */
gs_status gs_features_open(gs_table *table, uint8_t fingerprint[GS_FINGERPRINT], const void *bytes, size_t size,
                           gs_error *err);
size_t gs_features_size(size_t count, size_t dim, gs_element element);
gs_status gs_features_write(void *bytes, const float *features, size_t count, size_t dim, gs_element element,
                            const uint8_t fingerprint[GS_FINGERPRINT], gs_error *err);

/* A Gaussian, bytes [size] aligned to 4. gaussian borrows its mean from bytes, and its factor from expanded [gs_packed_count(dim)] f32 (the
 * caller's, filled here). Call gs_gaussian_peek first to know how much to take. */
gs_status gs_gaussian_peek(const void *bytes, size_t size, size_t *dim, gs_error *err);
gs_status gs_gaussian_open(gs_gaussian *gaussian, uint8_t fingerprint[GS_FINGERPRINT], const void *bytes, size_t size,
                           float *expanded, gs_error *err);
size_t gs_gaussian_size(size_t dim, gs_element element);
void gs_gaussian_write(void *bytes, const gs_gaussian *gaussian, gs_element element,
                       const uint8_t fingerprint[GS_FINGERPRINT]);

#endif

/* accumulator.h - the moments of a run, on the processor or, where the encoder computes on a GPU, beside it in the GPU's memory.
 *
 *     gs_accumulator accumulator;
 *     if ((st = gs_accumulator_init(&accumulator, encoder, dim, err)) != GS_OK) return st;
 *     st = gs_encoder_images(encoder, pictures, n, features, err);
 *     st = gs_accumulator_add(&accumulator, features, n, err);          // of the encoder's last call
 *     st = gs_accumulator_read(&accumulator, &moments, err);            // all so far
 *     gs_accumulator_free(&accumulator);
 */
#ifndef GS_ACCUMULATOR_H
#define GS_ACCUMULATOR_H

#include "indexer/encoder/encoder.h"

typedef struct {
    gs_encoder *encoder; /* whose GPU accumulates; NULL: the processor  borrowed */
    gs_moments moments;  /* owned; of a GPU, what was read or set last */
    uint64_t count;      /* features added, those of set included */
    bool failed;         /* the GPU failed: what it holds is not known, and it is not asked again */
} gs_accumulator;

/* Empty. GS_ENOMEM, or what the GPU answers; then there is nothing to free. */
gs_status gs_accumulator_init(gs_accumulator *accumulator, gs_encoder *encoder, size_t dim, gs_error *err);
void gs_accumulator_free(gs_accumulator *accumulator); /* safe on a zeroed one */

/* Where to put the moments of an interrupted run: fill them, then call set. */
gs_status gs_accumulator_set(gs_accumulator *accumulator, gs_error *err);

/* Adds features [n, dim] of the encoder's last call. Fails on a GPU only: GS_EIO, and failed is true from then on. */
gs_status gs_accumulator_add(gs_accumulator *accumulator, const float *features, size_t n, gs_error *err);

/* *moments is borrowed until the next call. */
gs_status gs_accumulator_read(gs_accumulator *accumulator, const gs_moments **moments, gs_error *err);

#endif

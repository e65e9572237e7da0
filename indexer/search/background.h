/* background.h - the background of a zoo (core/background.h, core/METHOD.md): made from its moments and the encoder's own words.
 *
 *     st = gs_background_update(store, encoder, &stop, progress, context, err);      // after sampling and gs_prepare_all()
 *     st = gs_background_update(store, NULL, NULL, NULL, NULL, err);                 // after a removal: the words are encoded already
 */
#ifndef GS_SEARCH_BACKGROUND_H
#define GS_SEARCH_BACKGROUND_H

#include "indexer/encoder/encoder.h"
#include "indexer/store/store.h"
#include "indexer/util/stop.h"

/* A cut-off is the lower of two quantiles: that of what the background's queries reach with models that do not make them, and that of what
 * queries reach that a model does make: its tags, and pictures drawn from its own Gaussian (core/METHOD.md). Chosen on data/zoo
 * (tests/quality/README.md). */
#define GS_BACKGROUND_WORDS_UNMADE    0.8
#define GS_BACKGROUND_WORDS_MADE      0.05
#define GS_BACKGROUND_PICTURES_UNMADE 0.6 /* of leads */
#define GS_BACKGROUND_DENSITY_UNMADE  0.95
#define GS_BACKGROUND_PICTURES_MADE   0.005 /* of leads and densities */

/* Brings the backgrounds of words and of pictures up to date where they are not. encoder: the store's; NULL, or one without a text tower:
 * words that were not encoded before stay without a background. progress (may be NULL) counts queries. stop as in job.h: GS_ECANCELED. */
gs_status gs_background_update(gs_store *store, gs_encoder *encoder, const gs_stop *stop,
                               void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                               gs_error *err);

#endif

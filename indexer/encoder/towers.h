/* towers.h - an encoder's towers, for what writes them elsewhere (publish/) or runs them elsewhere (nn/cuda/). */
#ifndef GS_TOWERS_H
#define GS_TOWERS_H

#include "indexer/encoder/encoder.h"
#include "indexer/nn/clip_text.h"
#include "indexer/nn/clip_vision.h"

const gs_clip_text *gs_encoder_get_text(const gs_encoder *encoder);     /* borrowed; NULL: it has none */
const gs_clip_vision *gs_encoder_get_vision(const gs_encoder *encoder); /* borrowed */

#endif

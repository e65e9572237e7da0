/* towers.h - an encoder's text tower, for what writes it elsewhere (publish/). */
#ifndef GS_TOWERS_H
#define GS_TOWERS_H

#include "clip_text.h"
#include "encoder.h"

const gs_clip_text *gs_encoder_get_text(const gs_encoder *encoder); /* borrowed; NULL: it has none */

#endif

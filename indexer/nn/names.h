/* names.h - what each architecture calls the tensors of its towers and layers.
 *
 *     const gs_vision_names *names = gs_vision_names_of(config.vision.architecture);
 *     snprintf(name, sizeof name, "%s%s.weight", names->prefix, names->patches);
 */
#ifndef GS_NAMES_H
#define GS_NAMES_H

#include "indexer/hf/config.h"

#include <stdbool.h>

/* Of one layer, behind its number. */
typedef struct {
    const char *query, *key, *value; /* NULL: in one, */
    const char *in;                  /* with "_weight" and "_bias" behind it: their rows below each other */
    const char *out, *expand, *contract;
    const char *before_attention, *before_inner;
    const char *scale_attention, *scale_inner; /* layer scale; NULL: none */
} gs_layer_names;

typedef struct {
    const char *prefix; /* of all below but the projection; that of a tower alone may be saved without */
    const char *class_embedding, *registers; /* NULL: none */
    const char *patches, *positions, *layers;
    const char *before, *after; /* norms; before is NULL where there is none */
    const char *projection;     /* NULL: none */
    const char *pool;           /* SigLIP's attention over the patches; NULL: the class token is taken */
    bool patch_bias;            /* of the patch embedding */
    bool framed;                /* class embedding and positions have sides of 1 before */
} gs_vision_names;

typedef struct {
    const char *prefix, *other_prefix; /* of all below; other_prefix: where the first has no tokens */
    const char *tokens, *positions, *layers, *final_norm, *projection;
    bool projection_bias;
} gs_text_names;

const gs_layer_names *gs_layer_names_of(gs_architecture architecture);
const gs_vision_names *gs_vision_names_of(gs_architecture architecture);
const gs_text_names *gs_text_names_of(gs_architecture architecture); /* of one with texts */

/* Whether a projection is stored as [in, out], under a bare name. */
bool gs_projections_are_turned(gs_architecture architecture);

#endif

/* preprocessor.h - how pictures are prepared, as a directory says, with the defaults of transformers' image processors.
 *
 *     gs_preprocess preprocess;
 *     if ((st = gs_preprocessor_read(&preprocess, &directory, &config, &notes, err)) != GS_OK) return st;
 *
 * From the "image_processor" of processor_config.json where that has one, as transformers 5 writes it, else from
 * preprocessor_config.json; in OpenCLIP's layout from the "preprocess_cfg" of its configuration. Where there is no such
 * file pictures are prepared as CLIP's are, at the size that the vision tower takes, and notes says so.
 */
#ifndef GS_PREPROCESSOR_H
#define GS_PREPROCESSOR_H

#include "core/preprocess.h"
#include "indexer/hf/config.h"
#include "indexer/hf/notes.h"

/* A preparation that always gives another size than the vision tower takes is refused. Dinov2 takes any, its position
 * embeddings are interpolated: config->image_size becomes what the preparation gives. */
gs_status gs_preprocessor_read(gs_preprocess *preprocess, const gs_directory *directory, gs_clip_config *config,
                               gs_notes *notes, gs_error *err);

#endif

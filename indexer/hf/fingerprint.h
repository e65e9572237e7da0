/* fingerprint.h - what makes two encoders the same: that they give the same features.
 *
 *     st = gs_fingerprint(info->fingerprint, &config, &preprocess, &vocabulary, weights.manifest, err);
 *
 * The SHA-256 of a text that says everything a feature depends on: lines of the architecture, one of the picture
 * preparation, the digest of tokenizer.bin where there are texts, and NAME TYPE SHAPE SHA-256 of every tensor that is
 * used, in the order of their use, from whichever file. Two directories that give the same features but for rounding
 * (f32 and f16 of one model) have different fingerprints. Databases hold them: what is written for an encoder never
 * changes.
 */
#ifndef GS_FINGERPRINT_H
#define GS_FINGERPRINT_H

#include "core/preprocess.h"
#include "indexer/hf/config.h"
#include "indexer/util/file.h" /* gs_bytes, GS_SHA256_HEX */

/* vocabulary: of tokenizer.bin; unused without a text tower. manifest: of gs_weights. Fails only for want of memory. */
gs_status gs_fingerprint(char hex[GS_SHA256_HEX], const gs_clip_config *config, const gs_preprocess *preprocess,
                         const gs_bytes *vocabulary, const char *manifest, gs_error *err);

#endif

/* phrases.h - the words of a catalog itself, encoded ahead: what a page can rank by before the text tower has arrived; for publish/ only.
 *
 *     gs_phrases phrases = {0};
 *     gs_phrases_collect(&phrases, tags, titles);                                // columns of the catalog
 *     st = gs_phrases_write(&phrases, encoder, fingerprint, &file, err);         // a table of means (core/catalog.h), int8: row i is phrase i
 *     gs_bytes_free(&file);
 */
#ifndef GS_PHRASES_H
#define GS_PHRASES_H

#include "core/catalog.h"
#include "indexer/encoder/encoder.h"
#include "indexer/util/file.h"

#include <cjson/cJSON.h>

#define GS_PHRASES_MOST 512 /* 131 kB of 256 dimensions */

typedef struct {
    const char *texts[GS_PHRASES_MOST]; /* borrowed from the columns */
    size_t count;
} gs_phrases;

/* tags: an array of arrays of strings, titles: an array of strings. Each text once; every tag comes before the first title. */
void gs_phrases_collect(gs_phrases *phrases, const cJSON *tags, const cJSON *titles);

/* out: the file  owned by the caller. GS_ENOMEM, and what gs_encoder_texts() fails with. */
gs_status gs_phrases_write(const gs_phrases *phrases, gs_encoder *encoder, const uint8_t fingerprint[GS_FINGERPRINT],
                           gs_bytes *out, gs_error *err);

#endif

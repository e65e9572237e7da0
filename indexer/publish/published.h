/* published.h - a published folder read again: a source of models for searches, as a browser sees them.
 *
 *     gs_source *source;
 *     gs_store_encoder encoder;                         // whose features the folder holds; directory is ""
 *     if ((st = gs_published_open(&source, &encoder, "public", err)) != GS_OK) return st;
 *     ...                                               // indexer/search/source.h
 *     gs_source_close(source);
 *
 * Files whose content is not what their names' hashes say are refused.
 */
#ifndef GS_PUBLISHED_H
#define GS_PUBLISHED_H

#include "indexer/search/source.h"

/* GS_EIO or GS_EFORMAT where the folder is not what publish.h describes, GS_EMISMATCH for another version of it. */
gs_status gs_published_open(gs_source **source, gs_store_encoder *encoder, const char *directory, gs_error *err);

#endif

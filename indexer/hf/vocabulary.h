/* vocabulary.h - a directory's tokenizer as the bytes of tokenizer.bin (core/tokenize.h says what they are).
 *
 *     gs_bytes bytes;
 *     if ((st = gs_vocabulary_read(&bytes, directory, config.context, config.vocabulary, err)) != GS_OK) return st;
 *     st = gs_tokenizer_open(&tokenizer, bytes.data, bytes.size, err);
 *     gs_bytes_free(&bytes);
 *
 * From vocab.json and merges.txt, or where the first is missing from tokenizer.json, which holds the same. The special
 * tokens are <|startoftext|> and <|endoftext|> unless tokenizer_config.json names others.
 */
#ifndef GS_VOCABULARY_H
#define GS_VOCABULARY_H

#include "core/status.h"
#include "indexer/util/file.h" /* gs_bytes */

/* context: positions of the text tower. vocabulary: rows of its embedding; a token beyond them is refused. */
gs_status gs_vocabulary_read(gs_bytes *bytes, const char *directory, size_t context, size_t vocabulary, gs_error *err);

#endif

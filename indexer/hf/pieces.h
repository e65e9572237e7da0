/* pieces.h - SigLIP's tokenizers as the bytes of tokenizer.bin: sentencepiece's spiece.model, and Gemma's tokenizer.json.
 *
 *     if ((st = gs_pieces_read(&bytes, directory, context, vocabulary, err)) != GS_OK) return st;
 *
 * tokenizer_config.json's tokenizer_class says which, as it does for transformers: SiglipTokenizer (also where nothing is
 * said), Siglip2Tokenizer or GemmaTokenizer. The last leaves capitals as they are.
 */
#ifndef GS_HF_PIECES_H
#define GS_HF_PIECES_H

#include "core/status.h"
#include "indexer/util/file.h" /* gs_bytes */

/* context: positions of the text tower. vocabulary: rows of its embedding; a token beyond them is refused. */
gs_status gs_pieces_read(gs_bytes *bytes, const char *directory, size_t context, size_t vocabulary, gs_error *err);

#endif

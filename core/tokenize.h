/* tokenize.h - CLIP's byte-level BPE, the same in the indexer and in the browser.
 *
 *     gs_tokenizer t;
 *     if ((st = gs_tokenizer_open(&t, bytes, size, err)) != GS_OK) return st;   // tokenizer.bin
 *     int32_t ids[GS_MAX_TOKENS];
 *     size_t n = gs_tokenize(&t, "a red car", strlen("a red car"), ids);        // start a red car end
 *
 * As Hugging Face's CLIPTokenizer: normalisation form C, lower case, then its pattern (contractions, runs of letters,
 * single digits, runs of the rest, white space dropped), bytes, merges; the text is cut to the context keeping
 * end-of-text.
 *
 * tokenizer.bin is vocab.json and merges.txt with the strings resolved (indexer/hf/vocabulary.c makes it), all u32
 * little-endian: "GSTOKEN\0", version 1, context, start, end, pad, n_tokens, n_merges, 0; byte [256] and
 * byte_end [256]: the token of a byte, alone and at a word's end; then n_merges of {left, right, result, rank}, sorted
 * by (left, right). Version 2 has the number of added tokens in place of the 0, and behind the merges as many of {id,
 * flags, offset, length} and their texts; in version 1 "<|startoftext|>" and "<|endoftext|>" are the only ones.
 */
#ifndef GS_TOKENIZE_H
#define GS_TOKENIZE_H

#include "core/bpe.h" /* gs_merge */
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

#define GS_MAX_TOKENS 512        /* CLIP's context is 77, Long-CLIP's 248 */
#define GS_MAX_TEXT   (8u << 20) /* bytes of text that are looked at; scratch for them fits a 32-bit address space */

/* A token that a text's words do not give: it is found in the text. */
typedef struct {
    uint32_t id;
    uint32_t
        flags; /* 1: looked for in small letters; else in the text as it is, and before. 2: only as a word of its own */
    uint32_t offset, length; /* of its UTF-8 text among the texts */
} gs_added_token;

typedef struct {
    uint32_t context; /* 2 .. GS_MAX_TOKENS */
    uint32_t start, end, pad;
    uint32_t n_tokens, n_merges;
    const uint32_t *byte;     /* [256]       borrowed from the bytes */
    const uint32_t *byte_end; /* [256]       borrowed */
    const gs_merge *merges;   /* [n_merges]  borrowed */
    uint32_t n_added;
    const gs_added_token *added; /* [n_added]  borrowed */
    const char *added_texts;     /* borrowed */
} gs_tokenizer;

/* bytes [size], aligned to 4 (borrowed for the life of t). GS_EFORMAT names what is wrong. */
gs_status gs_tokenizer_open(gs_tokenizer *t, const void *bytes, size_t size, gs_error *err);

/* Tokens of text [length] (UTF-8; ill-formed bytes count as U+FFFD) to ids [t->context]: start, the text's, end.
 * Returns how many, without padding: 2 .. t->context; 0 when memory for scratch ran out or length is above
 * GS_MAX_TEXT. Added tokens in the text are themselves, as they are for CLIPTokenizer: the leftmost, of several the
 * longest. */
size_t gs_tokenize(const gs_tokenizer *t, const char *text, size_t length, int32_t *ids);

#endif

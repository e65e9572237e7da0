/* tokenize.h - the tokenizers of CLIP, SigLIP and SigLIP 2, the same in the indexer and in the browser.
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
 *
 * SigLIP's are of version 3, a struct gs_tokenizer_header and behind it byte [256], merges, pieces (pieces.h) and added
 * tokens, all texts, and the units and texts of normalisation. SigLIP cuts a text into the likeliest pieces, SigLIP 2
 * merges characters. Both fill the context with the padding token, which their towers see.
 */
#ifndef GS_TOKENIZE_H
#define GS_TOKENIZE_H

#include "core/bpe.h" /* gs_merge */
#include "core/pieces.h"
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

enum {
    GS_ADDED_NORMALIZED = 1,
    GS_ADDED_SINGLE_WORD = 2,
    GS_ADDED_STRIPS_LEFT = 16, /* white space before it goes with it; of version 3 only, where such gives tokens */
    GS_ADDED_STRIPS_RIGHT = 32
};

typedef enum { GS_TOKENIZER_CLIP, GS_TOKENIZER_UNIGRAM, GS_TOKENIZER_GEMMA } gs_tokenizer_kind;

enum {
    GS_TOKENIZER_LOWER = 1,         /* texts are put into small letters */
    GS_TOKENIZER_PAD = 2,           /* the context is filled */
    GS_TOKENIZER_PAD_LEFT = 4,      /* before the tokens */
    GS_TOKENIZER_START = 8,         /* a text begins with start */
    GS_TOKENIZER_END = 16,          /* and ends with end */
    GS_TOKENIZER_DUMMY_PREFIX = 32, /* of sentencepiece: add_dummy_prefix */
    GS_TOKENIZER_TRIM = 64,         /* of sentencepiece: remove_extra_whitespaces */
};

/* The start of a tokenizer.bin of version 3. */
typedef struct {
    char magic[8];
    uint32_t version, kind, flags, context, start, end, pad, unknown, n_tokens;
    uint32_t n_merges, n_pieces, n_added, n_texts, n_units, n_rules; /* n_texts, n_rules: bytes, multiples of 4 */
    uint32_t zero;
} gs_tokenizer_header;

/* sentencepiece's rules of normalisation: a trie of what is replaced, and by what. */
typedef struct {
    const uint32_t *units; /* [n_units]  borrowed; n_units 0: no rules */
    const char *texts;     /* [n_texts] NUL-terminated  borrowed */
    uint32_t n_units, n_texts;
} gs_charsmap;

typedef struct {
    gs_tokenizer_kind kind;
    uint32_t flags;
    uint32_t context; /* 2 .. GS_MAX_TOKENS */
    uint32_t start, end, pad;
    uint32_t n_tokens, n_merges;
    const uint32_t *byte;     /* [256]       borrowed from the bytes */
    const uint32_t *byte_end; /* [256]       borrowed; NULL but for CLIP */
    const gs_merge *merges;   /* [n_merges]  borrowed */
    uint32_t n_added;
    const gs_added_token *added; /* [n_added]  borrowed */
    const char *added_texts;     /* borrowed */
    uint32_t unknown;            /* this and the rest: of SigLIP's alone */
    gs_pieces pieces;
    float least_score;
    gs_charsmap charsmap;
} gs_tokenizer;

/* bytes [size], aligned to 4 (borrowed for the life of t). GS_EFORMAT names what is wrong. */
gs_status gs_tokenizer_open(gs_tokenizer *t, const void *bytes, size_t size, gs_error *err);

/* Tokens of text [length] (UTF-8; ill-formed bytes count as U+FFFD) to ids [t->context]: start, the text's, end.
 * Returns how many, CLIP's without padding: 2 .. t->context; 0 when memory for scratch ran out or length is above
 * GS_MAX_TEXT. Added tokens in the text are themselves, as they are for CLIPTokenizer: the leftmost, of several the
 * longest. */
size_t gs_tokenize(const gs_tokenizer *t, const char *text, size_t length, int32_t *ids);

#endif

/* tokenize_kinds.h - what turns a text without added tokens into tokens, one function a kind of tokenizer; for
 * tokenize.c alone. */
#ifndef GS_TOKENIZE_KINDS_H
#define GS_TOKENIZE_KINDS_H

#include "core/tokenize.h"
#include "core/unicode.h"

#include <stdbool.h>

/* The tokens written so far; what does not fit is dropped. */
typedef struct {
    int32_t *ids;
    size_t n, room;
} gs_token_list;

static inline void gs_token_emit(gs_token_list *out, uint32_t id)
{
    if (out->n < out->room)
        out->ids[out->n++] = (int32_t)id;
}

/* Whether a letter, a number or "_" stands there. */
static inline bool gs_is_word(uint32_t point)
{
    gs_unicode_kind kind = gs_unicode_kind_of(point);
    return kind == GS_LETTER || kind == GS_NUMBER || point == '_';
}

/* text [length > 0]: false when memory ran out. */
typedef bool gs_encode_function(const gs_tokenizer *t, const char *text, size_t length, gs_token_list *out);

gs_encode_function gs_encode_clip;    /* words of small letters, bytes, merges */
gs_encode_function gs_encode_gemma;   /* characters, bytes of those that are no tokens, merges: SigLIP 2 */
gs_encode_function gs_encode_unigram; /* the likeliest pieces of a canonical text: SigLIP */

#endif

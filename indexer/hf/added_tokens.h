/* added_tokens.h - the tokens that a directory adds to its vocabulary, such as those of a textual inversion.
 *
 *     gs_added_tokens added;
 *     st = gs_added_tokens_read(&added, directory, find, vocabulary, id_end, err);
 *     gs_added_tokens_free(&added);
 *
 * From "added_tokens" of tokenizer.json, "added_tokens_decoder" of tokenizer_config.json, added_tokens.json, and the
 * additional special tokens of tokenizer_config.json and special_tokens_map.json; the first that has a token says how it
 * is found. As transformers does, except that numbers with a gap behind the vocabulary are refused: transformers would
 * close it, and the embeddings would be others.
 */
#ifndef GS_ADDED_TOKENS_H
#define GS_ADDED_TOKENS_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a tokenizer makes of a text before it looks for normalised tokens. */
typedef enum {
    GS_NORMAL_CLIP,  /* normalisation form C, in small letters */
    GS_NORMAL_LOWER, /* small letters */
    GS_NORMAL_AS_IS
} gs_normal;

typedef struct {
    char *text; /* UTF-8; as it is looked for: normalised, or not  owned */
    uint32_t id;
    bool normalized; /* looked for in normalised text */
    bool single_word, strips_left, strips_right;
} gs_new_token;

typedef struct {
    gs_new_token *tokens; /* [count]  owned */
    size_t count;
    gs_normal normal; /* of the tokenizer */
    uint32_t next;    /* the number behind the largest of vocabulary and tokens */
} gs_added_tokens;

/* Whether the vocabulary has a token, and its number. */
typedef bool (*gs_find_token)(const void *vocabulary, const char *text, uint32_t *id);

/* id_end: the number behind the vocabulary's largest. rows: of the embedding, which no token's number may reach. GS_EFORMAT names the file and
 * the token. */
gs_status gs_added_tokens_read(gs_added_tokens *added, const char *directory, gs_find_token find,
                               const void *vocabulary, uint32_t id_end, size_t rows, gs_normal normal, gs_error *err);
void gs_added_tokens_free(gs_added_tokens *added); /* safe on a zeroed one */

/* The token of that text; NULL when it is none. */
const gs_new_token *gs_added_tokens_find(const gs_added_tokens *added, const char *text);

/* Adds a token that is found in the text as it is, unless it is there. */
gs_status gs_added_tokens_add_special(gs_added_tokens *added, const char *text, uint32_t id, gs_error *err);

#endif

/* words.h - the words that an encoder's tokenizer has a token for, as queries that ask for nothing in particular.
 *
 *     char **words;
 *     size_t count;
 *     if ((st = gs_words_list(tokenizer, &words, &count, err)) != GS_OK) return st;
 *     gs_words_free(words, count);
 */
#ifndef GS_WORDS_H
#define GS_WORDS_H

#include "core/status.h"
#include "core/tokenize.h"

#define GS_WORDS_MOST    2500
#define GS_WORDS_LETTERS 7 /* at least: shorter tokens are often parts of words */

/* words [*count], each owned: at most GS_WORDS_MOST whole words of small ASCII letters, chosen by a hash of their tokens where there are more. */
gs_status gs_words_list(const gs_tokenizer *tokenizer, char ***words, size_t *count, gs_error *err);
void gs_words_free(char **words, size_t count);

#endif

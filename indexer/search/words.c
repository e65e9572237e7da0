#include "indexer/search/words.h"

#include "indexer/util/mix.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 40, DEEPEST = 40 };

/* How a token came to be: of a byte, or of two tokens. */
typedef struct {
    const gs_merge *merge; /* NULL: of a byte, or of neither */
    int byte;              /* -1: not of one */
    bool ends;             /* that byte ends a word */
} origin;

static origin *make_origins(const gs_tokenizer *t)
{
    origin *origins = malloc(((size_t)t->n_tokens + 1) * sizeof *origins);
    for (uint32_t i = 0; origins && i < t->n_tokens; i++)
        origins[i] = (origin){.byte = -1};
    for (int b = 0; origins && b < 256; b++) {
        origins[t->byte[b]] = (origin){.byte = b};
        origins[t->byte_end[b]] = (origin){.byte = b, .ends = true};
    }
    for (uint32_t i = 0; origins && i < t->n_merges; i++)
        origins[t->merges[i].result].merge = &t->merges[i];
    return origins;
}

/* Appends what a token stands for, if that is at most LONGEST lower-case letters. *ends: the last of them ends a word. */
static bool spell(const origin *origins, uint32_t token, int depth, char *text, size_t *length, bool *ends)
{
    const origin *o = &origins[token];
    if (o->merge)
        return depth < DEEPEST && spell(origins, o->merge->left, depth + 1, text, length, ends) && !*ends &&
               spell(origins, o->merge->right, depth + 1, text, length, ends);
    if (o->byte < 'a' || o->byte > 'z' || *length == LONGEST)
        return false;
    text[(*length)++] = (char)o->byte;
    text[*length] = 0;
    *ends = o->ends;
    return true;
}

typedef struct {
    uint64_t key;
    uint32_t token;
} candidate;

static int by_key(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_word(const origin *origins, uint32_t token, char text[LONGEST + 1])
{
    size_t length = 0;
    bool ends = false;
    return origins[token].merge && spell(origins, token, 0, text, &length, &ends) && ends && length >= GS_WORDS_LETTERS;
}

static size_t find_candidates(const gs_tokenizer *t, const origin *origins, candidate *candidates)
{
    char text[LONGEST + 1];
    size_t n = 0;
    for (uint32_t token = 0; token < t->n_tokens; token++)
        if (is_word(origins, token, text))
            candidates[n++] = (candidate){gs_mix64(token), token};
    if (n > GS_WORDS_MOST)
        qsort(candidates, n, sizeof *candidates, by_key);
    return n < GS_WORDS_MOST ? n : GS_WORDS_MOST;
}

gs_status gs_words_list(const gs_tokenizer *t, char ***words, size_t *count, gs_error *err)
{
    *words = NULL;
    *count = 0;
    origin *origins = make_origins(t);
    candidate *candidates = malloc(((size_t)t->n_tokens + 1) * sizeof *candidates);
    char **list = calloc(GS_WORDS_MOST, sizeof *list);
    bool done = origins && candidates && list;
    size_t n = done ? find_candidates(t, origins, candidates) : 0;
    for (size_t i = 0; i < n && done; i++) {
        char text[LONGEST + 1];
        is_word(origins, candidates[i].token, text);
        list[i] = strdup(text);
        done = list[i] != NULL;
    }
    free(candidates);
    free(origins);
    if (!done) {
        gs_words_free(list, n);
        return gs_fail(err, GS_ENOMEM, "no memory for the words of a tokenizer");
    }
    qsort(list, n, sizeof *list, by_text);
    *words = list;
    *count = n;
    return GS_OK;
}

void gs_words_free(char **words, size_t count)
{
    for (size_t i = 0; words && i < count; i++)
        free(words[i]);
    free(words);
}

#include "indexer/search/words.h"

#include "indexer/util/mix.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 48, DEEPEST = 48 };

#define SPACE "\xe2\x96\x81" /* how SigLIP's tokenizers write the space before a word */

/* How a token came to be: of two tokens, or as a text. */
typedef struct {
    const gs_merge *merge; /* NULL: as text */
    const char *text;      /* [length]  NULL with length 0: a token that is none of both */
    size_t length;
} origin;

typedef struct {
    const gs_tokenizer *tokenizer;
    origin *origins;      /* [n_tokens]  owned */
    char letters[256][2]; /* a byte, and CLIP's end of a word, which is written as a space here */
} spelling;

static bool begin_spelling(spelling *s, const gs_tokenizer *t)
{
    s->tokenizer = t;
    s->origins = calloc((size_t)t->n_tokens + 1, sizeof *s->origins);
    for (int b = 0; s->origins && t->kind == GS_TOKENIZER_CLIP && b < 256; b++) {
        s->letters[b][0] = (char)b;
        s->letters[b][1] = ' ';
        s->origins[t->byte[b]] = (origin){NULL, s->letters[b], 1};
        s->origins[t->byte_end[b]] = (origin){NULL, s->letters[b], 2};
    }
    for (uint32_t i = 0; s->origins && i < t->pieces.n; i++) {
        const gs_piece *piece = &t->pieces.list[i];
        s->origins[piece->id] = (origin){NULL, t->pieces.texts + piece->offset, piece->length};
    }
    for (uint32_t i = 0; s->origins && i < t->n_merges; i++)
        s->origins[t->merges[i].result].merge = &t->merges[i];
    return s->origins != NULL;
}

/* Appends what a token stands for to text; false when that is nothing, or more than LONGEST bytes. */
static bool spell(const spelling *s, uint32_t token, int depth, char text[LONGEST + 1], size_t *length)
{
    const origin *o = &s->origins[token];
    if (o->merge)
        return depth < DEEPEST && spell(s, o->merge->left, depth + 1, text, length) &&
               spell(s, o->merge->right, depth + 1, text, length);
    if (o->length == 0 || *length + o->length > LONGEST)
        return false;
    memcpy(text + *length, o->text, o->length);
    *length += o->length;
    text[*length] = 0;
    return true;
}

/* Whether a token is a whole word of small letters, which goes to word. */
static bool read_word(const spelling *s, uint32_t token, char word[LONGEST + 1])
{
    size_t length = 0, space = s->tokenizer->kind == GS_TOKENIZER_CLIP ? 0 : strlen(SPACE);
    if (!spell(s, token, 0, word, &length) || strncmp(word, SPACE, space) != 0)
        return false;
    memmove(word, word + space, length + 1 - space);
    size_t letters = strspn(word, "abcdefghijklmnopqrstuvwxyz");
    bool whole = strcmp(word + letters, space ? "" : " ") == 0;
    word[letters] = 0;
    return whole && letters >= GS_WORDS_LETTERS;
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

static size_t find_candidates(const spelling *s, candidate *candidates)
{
    char word[LONGEST + 1];
    size_t n = 0;
    for (uint32_t token = 0; token < s->tokenizer->n_tokens; token++)
        if (read_word(s, token, word))
            candidates[n++] = (candidate){gs_mix64(token), token};
    if (n > GS_WORDS_MOST)
        qsort(candidates, n, sizeof *candidates, by_key);
    return n < GS_WORDS_MOST ? n : GS_WORDS_MOST;
}

gs_status gs_words_list(const gs_tokenizer *t, char ***words, size_t *count, gs_error *err)
{
    *words = NULL;
    *count = 0;
    spelling s = {0};
    candidate *candidates = malloc(((size_t)t->n_tokens + 1) * sizeof *candidates);
    char **list = calloc(GS_WORDS_MOST, sizeof *list);
    bool done = begin_spelling(&s, t) && candidates && list;
    size_t n = done ? find_candidates(&s, candidates) : 0;
    for (size_t i = 0; i < n && done; i++) {
        char word[LONGEST + 1];
        read_word(&s, candidates[i].token, word);
        list[i] = strdup(word);
        done = list[i] != NULL;
    }
    free(candidates);
    free(s.origins);
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

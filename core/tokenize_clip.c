/* tokenize_clip.c - CLIP's words and their byte pair encoding. */
#include "core/tokenize_kinds.h"

#include <stdlib.h> /* malloc, free */
#include <string.h> /* memcmp, strlen */

/* ---- Words ---- */

/* Scratch for a text of that many bytes. */
typedef struct {
    void *merging;  /* [bytes * GS_BPE_WORK] */
    uint32_t *word; /* [bytes] */
} workspace;

static void encode_word(const gs_tokenizer *t, const uint32_t *points, size_t n, const workspace *work,
                        gs_token_list *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t bytes[4];
        size_t size = gs_unicode_encode(points[i], bytes);
        for (size_t k = 0; k < size; k++)
            work->word[count++] = (i + 1 < n || k + 1 < size ? t->byte : t->byte_end)[bytes[k]];
    }
    count = gs_bpe_merge(t->merges, t->n_merges, work->word, count, work->merging);
    for (size_t i = 0; i < count; i++)
        gs_token_emit(out, work->word[i]);
}

/* Whether points [n] begin with ASCII text. */
static bool begins_with(const uint32_t *points, size_t n, const char *ascii)
{
    size_t i = 0;
    for (; ascii[i]; i++)
        if (i >= n || points[i] != (uint32_t)ascii[i])
            return false;
    return true;
}

static size_t run_length(const uint32_t *points, size_t n, gs_unicode_kind kind)
{
    size_t i = 0;
    while (i < n && gs_unicode_kind_of(points[i]) == kind)
        i++;
    return i;
}

/* The length of the word at the start of points [n > 0], in small letters. */
static size_t word_length(const uint32_t *points, size_t n)
{
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; points[0] == '\'' && i < sizeof contractions / sizeof *contractions; i++)
        if (begins_with(points, n, contractions[i]))
            return strlen(contractions[i]);
    gs_unicode_kind kind = gs_unicode_kind_of(points[0]);
    return kind == GS_NUMBER ? 1 : run_length(points, n, kind);
}

/* points [n], in small letters and without added tokens, word by word. */
static void encode_words(const gs_tokenizer *t, const uint32_t *points, size_t n, const workspace *work,
                         gs_token_list *out)
{
    static const char *const ends[] = {"<|startoftext|>", "<|endoftext|>"};
    for (size_t i = 0, used; i < n && out->n < out->room; i += used) {
        if (gs_unicode_kind_of(points[i]) == GS_SPACE) {
            used = 1;
            continue;
        }
        used = 0;
        for (int s = 0; points[i] == '<' && s < 2; s++)
            if (begins_with(points + i, n - i, ends[s]))
                used = strlen(ends[s]);
        if (used) { /* written with capitals, it is no special token, but it still ends what is a word of its own */
            encode_word(t, points + i, 2, work, out);
            encode_word(t, points + i + 2, used - 4, work, out);
            encode_word(t, points + i + used - 2, 2, work, out);
        } else {
            used = word_length(points + i, n - i);
            encode_word(t, points + i, used, work, out);
        }
    }
}

/* ---- Added tokens ---- */

/* How many of points [n] are the text of added, a space for each run of them; 0 when it is not there. */
static size_t match_length(const gs_tokenizer *t, const gs_added_token *added, const uint32_t *points, size_t n)
{
    const char *text = t->added_texts + added->offset;
    size_t used = 0;
    for (uint32_t i = 0; i < added->length;) {
        uint8_t bytes[4];
        if (used == n)
            return 0;
        if (text[i] == ' ') {
            size_t spaces = run_length(points + used, n - used, GS_SPACE);
            if (spaces == 0)
                return 0;
            used += spaces;
            i++;
            continue;
        }
        size_t size = gs_unicode_encode(points[used], bytes);
        if (size > added->length - i || memcmp(bytes, text + i, size) != 0)
            return 0;
        i += (uint32_t)size;
        used++;
    }
    return used;
}

/* The longest added token at points[at], of those that are looked for in small letters. */
static const gs_added_token *longest_at(const gs_tokenizer *t, const uint32_t *points, size_t n, size_t at,
                                        size_t *length)
{
    const gs_added_token *best = NULL;
    *length = 0;
    for (uint32_t i = 0; i < t->n_added; i++) {
        size_t used =
            !(t->added[i].flags & GS_ADDED_NORMALIZED) ? 0 : match_length(t, &t->added[i], points + at, n - at);
        if (used > *length) {
            best = &t->added[i];
            *length = used;
        }
    }
    return best;
}

/* The first added token in points [n]: where it begins, n when there is none. One that must be a word of its own and is
 * none is passed over, with what it covers. */
static size_t find_added(const gs_tokenizer *t, const uint32_t *points, size_t n, const gs_added_token **found,
                         size_t *length)
{
    for (size_t at = 0; at < n;) {
        *found = longest_at(t, points, n, at, length);
        size_t end = at + *length;
        if (!*found)
            at++;
        else if (((*found)->flags & GS_ADDED_SINGLE_WORD) &&
                 ((at > 0 && gs_is_word(points[at - 1])) || (end < n && gs_is_word(points[end]))))
            at = end;
        else
            return at;
    }
    *found = NULL;
    *length = 0;
    return n;
}

/* points [n], in small letters. */
static void encode_lower(const gs_tokenizer *t, const uint32_t *points, size_t n, const workspace *work,
                         gs_token_list *out)
{
    while (n > 0 && out->n < out->room) {
        const gs_added_token *found;
        size_t length, before = find_added(t, points, n, &found, &length);
        encode_words(t, points, before, work, out);
        if (found)
            gs_token_emit(out, found->id);
        points += before + length;
        n -= before + length;
    }
}

bool gs_encode_clip(const gs_tokenizer *t, const char *text, size_t length, gs_token_list *out)
{
    bool done = false;
    workspace work = {0};
    size_t capacity = length * GS_UNICODE_GROWTH;
    uint32_t *points = malloc(2 * capacity * sizeof *points), *lower = points + capacity;
    if (!points)
        goto end;
    size_t n = gs_unicode_lower(points, gs_unicode_nfc(text, length, points, lower), lower);
    size_t bytes = n * 4; /* of UTF-8, at most */
    work.merging = malloc(bytes * (GS_BPE_WORK + sizeof *work.word));
    if (!work.merging)
        goto end;
    work.word = (uint32_t *)((char *)work.merging + bytes * GS_BPE_WORK);
    encode_lower(t, lower, n, &work, out);
    done = true;
end:
    free(work.merging);
    free(points);
    return done;
}

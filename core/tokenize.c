#include "core/tokenize.h"

#include "core/unicode.h"

#include <inttypes.h> /* PRIu32 */
#include <stdbool.h>  /* bool */
#include <stdlib.h>   /* malloc, free */
#include <string.h>   /* memcmp, memcpy */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tokenizer.bin is little-endian and used in place: this machine would need a reader that swaps bytes."
#endif

/* The start of the file as it lies there; the merges follow. */
typedef struct {
    char magic[8];
    uint32_t version, context, start, end, pad, n_tokens, n_merges, n_added;
    uint32_t byte[256], byte_end[256];
} header;

_Static_assert(sizeof(header) == 40 + 2 * 1024 && sizeof(gs_merge) == 16, "no gaps");

#define VERSION       1 /* without added tokens */
#define VERSION_ADDED 2

/* Flags of an added token; the last two are those of version 1 alone. */
enum { NORMALIZED = 1, SINGLE_WORD = 2, IS_START = 4, IS_END = 8 };

/* What version 1 does not say. */
#define START "<|startoftext|>"
#define END   "<|endoftext|>"
static const char usual_texts[] = START END;
static const gs_added_token usual[] = {{0, IS_START, 0, sizeof START - 1},
                                       {0, IS_END, sizeof START - 1, sizeof END - 1}};

static gs_status check_header(const header *h, size_t size, gs_error *err)
{
    if (size < sizeof *h)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: %zu bytes, too short for a header of %zu", size, sizeof *h);
    if (memcmp(h->magic, "GSTOKEN", sizeof h->magic) != 0)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: does not start with 'GSTOKEN'");
    if (h->version != VERSION && h->version != VERSION_ADDED)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: version %" PRIu32 ", expected %d or %d", h->version, VERSION,
                       VERSION_ADDED);
    if (h->context < 2 || h->context > GS_MAX_TOKENS)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: a context of %" PRIu32 " tokens, expected 2 to %d", h->context,
                       GS_MAX_TOKENS);
    if (h->n_tokens > INT32_MAX || h->start >= h->n_tokens || h->end >= h->n_tokens || h->pad >= h->n_tokens)
        return gs_fail(err, GS_EFORMAT,
                       "tokenizer.bin: start %" PRIu32 ", end %" PRIu32 " or pad %" PRIu32 " is not one of the %" PRIu32
                       " tokens",
                       h->start, h->end, h->pad, h->n_tokens);
    for (int i = 0; i < 256; i++)
        if (h->byte[i] >= h->n_tokens || h->byte_end[i] >= h->n_tokens)
            return gs_fail(err, GS_EFORMAT, "tokenizer.bin: byte %d has no token", i);
    uint64_t fixed = (uint64_t)h->n_merges * sizeof(gs_merge), rest = size - sizeof *h;
    if (rest < fixed || (h->version == VERSION && rest != fixed))
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: %zu bytes do not hold %" PRIu32 " merges", size, h->n_merges);
    return GS_OK;
}

static gs_status check_merges(const gs_tokenizer *t, gs_error *err)
{
    for (uint32_t i = 0; i < t->n_merges; i++) {
        const gs_merge *m = &t->merges[i];
        if (m->left >= t->n_tokens || m->right >= t->n_tokens || m->result >= t->n_tokens)
            return gs_fail(err, GS_EFORMAT, "tokenizer.bin: merge %" PRIu32 " names no token", i);
        if (i > 0 && (m[-1].left > m->left || (m[-1].left == m->left && m[-1].right >= m->right)))
            return gs_fail(err, GS_EFORMAT, "tokenizer.bin: merge %" PRIu32 " is not in order", i);
    }
    return GS_OK;
}

/* The records lie before end, and each text too. */
static gs_status check_added(const gs_tokenizer *t, const char *end, gs_error *err)
{
    uint64_t room = (uint64_t)(end - (const char *)t->added), texts;
    if ((uint64_t)t->n_added * sizeof *t->added > room)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: too short for %" PRIu32 " added tokens", t->n_added);
    texts = room - (uint64_t)t->n_added * sizeof *t->added;
    for (uint32_t i = 0; i < t->n_added; i++) {
        const gs_added_token *a = &t->added[i];
        if (a->id >= t->n_tokens || a->flags > (NORMALIZED | SINGLE_WORD) || a->length == 0 || a->offset > texts ||
            a->length > texts - a->offset)
            return gs_fail(err, GS_EFORMAT, "tokenizer.bin: added token %" PRIu32 " is none", i);
    }
    return GS_OK;
}

gs_status gs_tokenizer_open(gs_tokenizer *t, const void *bytes, size_t size, gs_error *err)
{
    const header *h = bytes;
    gs_status st = check_header(h, size, err);
    if (st != GS_OK)
        return st;
    *t = (gs_tokenizer){.context = h->context,
                        .start = h->start,
                        .end = h->end,
                        .pad = h->pad,
                        .n_tokens = h->n_tokens,
                        .n_merges = h->n_merges,
                        .byte = h->byte,
                        .byte_end = h->byte_end,
                        .merges = (const gs_merge *)(h + 1),
                        .added = usual,
                        .added_texts = usual_texts,
                        .n_added = sizeof usual / sizeof *usual};
    st = check_merges(t, err);
    if (st != GS_OK || h->version == VERSION)
        return st;
    t->n_added = h->n_added;
    t->added = (const gs_added_token *)(t->merges + t->n_merges);
    t->added_texts = (const char *)(t->added + t->n_added);
    return check_added(t, (const char *)bytes + size, err);
}

/* The tokens written so far; what does not fit the context is dropped. */
typedef struct {
    int32_t *ids;
    size_t n, room;
} output;

static void emit(output *out, uint32_t id)
{
    if (out->n < out->room)
        out->ids[out->n++] = (int32_t)id;
}

/* ---- Words ---- */

/* Scratch for a text of that many bytes. */
typedef struct {
    void *merging;  /* [bytes * GS_BPE_WORK] */
    uint32_t *word; /* [bytes] */
} workspace;

static void encode_word(const gs_tokenizer *t, const uint32_t *points, size_t n, const workspace *work, output *out)
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
        emit(out, work->word[i]);
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
static void encode_words(const gs_tokenizer *t, const uint32_t *points, size_t n, const workspace *work, output *out)
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

/* Whether a letter, a number or "_" stands there. */
static bool is_word(uint32_t point)
{
    gs_unicode_kind kind = gs_unicode_kind_of(point);
    return kind == GS_LETTER || kind == GS_NUMBER || point == '_';
}

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
        size_t used = !(t->added[i].flags & NORMALIZED) ? 0 : match_length(t, &t->added[i], points + at, n - at);
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
        else if (((*found)->flags & SINGLE_WORD) &&
                 ((at > 0 && is_word(points[at - 1])) || (end < n && is_word(points[end]))))
            at = end;
        else
            return at;
    }
    *found = NULL;
    *length = 0;
    return n;
}

/* points [n], in small letters. */
static void encode_lower(const gs_tokenizer *t, const uint32_t *points, size_t n, const workspace *work, output *out)
{
    while (n > 0 && out->n < out->room) {
        const gs_added_token *found;
        size_t length, before = find_added(t, points, n, &found, &length);
        encode_words(t, points, before, work, out);
        if (found)
            emit(out, found->id);
        points += before + length;
        n -= before + length;
    }
}

/* text [length] without the tokens that are looked for in it as it is. False when memory ran out. */
static bool encode_text(const gs_tokenizer *t, const char *text, size_t length, output *out)
{
    if (length == 0)
        return true;
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

/* The code point at text [length]. */
static uint32_t point_at(const char *text, size_t length)
{
    uint32_t points[GS_UNICODE_GROWTH * 4], scratch[GS_UNICODE_GROWTH * 4];
    return gs_unicode_nfc(text, length < 4 ? length : 4, points, scratch) ? points[0] : 0;
}

/* Whether text[begin] .. text[end - 1] has no letter or number beside it. */
static bool stands_alone(const char *text, size_t length, size_t begin, size_t end)
{
    size_t before = begin;
    while (before > 0 && begin - before < 4 && (before == begin || (text[before] & 0xc0) == 0x80))
        before--;
    return (begin == 0 || !is_word(point_at(text + before, begin - before))) &&
           (end == length || !is_word(point_at(text + end, length - end)));
}

/* The first token in text [length] that is looked for in it as it is: where it begins; length when there is none. */
static size_t find_raw(const gs_tokenizer *t, const char *text, size_t length, const gs_added_token **found)
{
    for (size_t at = 0; at < length; at += *found ? (*found)->length : 1) {
        *found = NULL;
        for (uint32_t i = 0; i < t->n_added; i++) {
            const gs_added_token *a = &t->added[i];
            if (!(a->flags & NORMALIZED) && a->length <= length - at && (!*found || a->length > (*found)->length) &&
                memcmp(text + at, t->added_texts + a->offset, a->length) == 0)
                *found = a;
        }
        if (*found && (!((*found)->flags & SINGLE_WORD) || stands_alone(text, length, at, at + (*found)->length)))
            return at;
    }
    *found = NULL;
    return length;
}

static uint32_t id_of(const gs_tokenizer *t, const gs_added_token *added)
{
    return added->flags & IS_START ? t->start : added->flags & IS_END ? t->end : added->id;
}

size_t gs_tokenize(const gs_tokenizer *t, const char *text, size_t length, int32_t *ids)
{
    if (length > GS_MAX_TEXT)
        return 0;
    output out = {.ids = ids, .room = t->context - 1}; /* the last place is for end-of-text */
    emit(&out, t->start);
    while (length > 0 && out.n < out.room) {
        const gs_added_token *found;
        size_t before = find_raw(t, text, length, &found), used = before + (found ? found->length : 0);
        if (!encode_text(t, text, before, &out))
            return 0;
        if (found)
            emit(&out, id_of(t, found));
        text += used;
        length -= used;
    }
    out.room++;
    emit(&out, t->end);
    return out.n;
}

#include "core/tokenize_kinds.h"

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

_Static_assert(sizeof(header) == 40 + 2 * 1024 && sizeof(gs_merge) == 16 && sizeof(gs_piece) == 16 &&
                   sizeof(gs_tokenizer_header) == 72,
               "no gaps");

#define VERSION        1 /* without added tokens */
#define VERSION_ADDED  2
#define VERSION_PIECES 3

/* More flags of an added token: those of version 1. */
enum { IS_START = 4, IS_END = 8 };

#define MAX_ADDED_FLAGS                                                                                                \
    (GS_ADDED_NORMALIZED | GS_ADDED_SINGLE_WORD | GS_ADDED_STRIPS_LEFT | GS_ADDED_STRIPS_RIGHT | IS_START | IS_END)

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
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: version %" PRIu32 ", expected %d to %d", h->version, VERSION,
                       VERSION_PIECES);
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
        if (a->id >= t->n_tokens || a->flags > (GS_ADDED_NORMALIZED | GS_ADDED_SINGLE_WORD) || a->length == 0 ||
            a->offset > texts || a->length > texts - a->offset)
            return gs_fail(err, GS_EFORMAT, "tokenizer.bin: added token %" PRIu32 " is none", i);
    }
    return GS_OK;
}

static gs_status open_clip(gs_tokenizer *t, const void *bytes, size_t size, gs_error *err)
{
    const header *h = bytes;
    gs_status st = check_header(h, size, err);
    if (st != GS_OK)
        return st;
    *t = (gs_tokenizer){.kind = GS_TOKENIZER_CLIP,
                        .flags = GS_TOKENIZER_START | GS_TOKENIZER_END,
                        .context = h->context,
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

/* ---- version 3 ---- */

static gs_status check_pieces_header(const gs_tokenizer_header *h, size_t size, gs_error *err)
{
    if (size < sizeof *h + 256 * sizeof(uint32_t))
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: %zu bytes, too short for a header", size);
    uint64_t wanted = sizeof *h + 256 * sizeof(uint32_t) + (uint64_t)h->n_merges * sizeof(gs_merge) +
                      (uint64_t)h->n_pieces * sizeof(gs_piece) + (uint64_t)h->n_added * sizeof(gs_added_token) +
                      (uint64_t)h->n_texts + (uint64_t)h->n_units * sizeof(uint32_t) + h->n_rules;
    if (wanted != size || h->n_texts % 4 || h->n_rules % 4)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: %zu bytes, its header needs %" PRIu64, size, wanted);
    if (h->context < 2 || h->context > GS_MAX_TOKENS || h->kind < GS_TOKENIZER_UNIGRAM || h->kind > GS_TOKENIZER_GEMMA)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: kind %" PRIu32 " with a context of %" PRIu32 " tokens", h->kind,
                       h->context);
    if (h->n_tokens > INT32_MAX || h->start >= h->n_tokens || h->end >= h->n_tokens || h->pad >= h->n_tokens ||
        h->unknown >= h->n_tokens)
        return gs_fail(err, GS_EFORMAT,
                       "tokenizer.bin: start, end, pad or unknown is not one of the %" PRIu32 " tokens", h->n_tokens);
    return GS_OK;
}

static gs_status check_pieces(const gs_tokenizer *t, const gs_tokenizer_header *h, gs_error *err)
{
    bool good = gs_pieces_valid(&t->pieces, h->n_texts) && (h->n_rules == 0 || t->charsmap.texts[h->n_rules - 1] == 0);
    for (uint32_t i = 0; good && i < t->pieces.n; i++)
        good = t->pieces.list[i].id < t->n_tokens;
    for (uint32_t i = 0; good && i < t->n_added; i++) {
        const gs_added_token *a = &t->added[i];
        good = a->id < t->n_tokens && a->length > 0 && a->flags <= MAX_ADDED_FLAGS && a->offset <= h->n_texts &&
               a->length <= h->n_texts - a->offset;
    }
    for (int i = 0; good && i < 256; i++)
        good = t->byte[i] < t->n_tokens;
    return good ? GS_OK : gs_fail(err, GS_EFORMAT, "tokenizer.bin: a piece, an added token or a byte is none");
}

static gs_status open_pieces(gs_tokenizer *t, const void *bytes, size_t size, gs_error *err)
{
    const gs_tokenizer_header *h = bytes;
    gs_status st = check_pieces_header(h, size, err);
    if (st != GS_OK)
        return st;
    *t = (gs_tokenizer){.kind = (gs_tokenizer_kind)h->kind,
                        .flags = h->flags,
                        .context = h->context,
                        .start = h->start,
                        .end = h->end,
                        .pad = h->pad,
                        .unknown = h->unknown,
                        .n_tokens = h->n_tokens,
                        .n_merges = h->n_merges,
                        .byte = (const uint32_t *)(h + 1),
                        .n_added = h->n_added};
    t->merges = (const gs_merge *)(t->byte + 256);
    t->pieces = (gs_pieces){.list = (const gs_piece *)(t->merges + h->n_merges), .n = h->n_pieces};
    t->added = (const gs_added_token *)(t->pieces.list + h->n_pieces);
    t->pieces.texts = t->added_texts = (const char *)(t->added + h->n_added);
    t->charsmap.units = (const uint32_t *)(t->added_texts + h->n_texts);
    t->charsmap.n_units = h->n_units;
    t->charsmap.texts = (const char *)(t->charsmap.units + h->n_units);
    t->charsmap.n_texts = h->n_rules;
    for (uint32_t i = 0; i < h->n_pieces; i++)
        t->least_score = t->pieces.list[i].score < t->least_score ? t->pieces.list[i].score : t->least_score;
    st = check_merges(t, err);
    return st == GS_OK ? check_pieces(t, h, err) : st;
}

gs_status gs_tokenizer_open(gs_tokenizer *t, const void *bytes, size_t size, gs_error *err)
{
    const gs_tokenizer_header *h = bytes;
    if (size >= 12 && memcmp(h->magic, "GSTOKEN", sizeof h->magic) == 0 && h->version == VERSION_PIECES)
        return open_pieces(t, bytes, size, err);
    return open_clip(t, bytes, size, err);
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
    return (begin == 0 || !gs_is_word(point_at(text + before, begin - before))) &&
           (end == length || !gs_is_word(point_at(text + end, length - end)));
}

/* The first token in text [length], of those that are looked for in normalised text or of the others: where it begins; length when there is
 * none. */
static size_t find_added(const gs_tokenizer *t, const char *text, size_t length, bool normalized,
                         const gs_added_token **found)
{
    for (size_t at = 0; at < length; at += *found ? (*found)->length : 1) {
        *found = NULL;
        for (uint32_t i = 0; i < t->n_added; i++) {
            const gs_added_token *a = &t->added[i];
            if (normalized == ((a->flags & GS_ADDED_NORMALIZED) != 0) && a->length <= length - at &&
                (!*found || a->length > (*found)->length) &&
                memcmp(text + at, t->added_texts + a->offset, a->length) == 0)
                *found = a;
        }
        if (*found &&
            (!((*found)->flags & GS_ADDED_SINGLE_WORD) || stands_alone(text, length, at, at + (*found)->length)))
            return at;
    }
    *found = NULL;
    return length;
}

static uint32_t id_of(const gs_tokenizer *t, const gs_added_token *added)
{
    return added->flags & IS_START ? t->start : added->flags & IS_END ? t->end : added->id;
}

/* The text in which SigLIP's tokenizer looks for tokens: "\xe2\x96\x81" before it, and spaces for such within. The caller
 * frees it. NULL: no memory. */
static char *with_prefix(const char *text, size_t *length)
{
    static const char prefix[3] = {'\xe2', '\x96', '\x81'};
    char *out = malloc(*length + sizeof prefix);
    size_t size = sizeof prefix;
    if (!out)
        return NULL;
    memcpy(out, prefix, sizeof prefix);
    for (size_t i = 0; i < *length;) {
        bool space = *length - i >= sizeof prefix && memcmp(text + i, prefix, sizeof prefix) == 0;
        out[size++] = space ? ' ' : text[i];
        i += space ? sizeof prefix : 1;
    }
    *length = size;
    return out;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* text [length], the tokens in it that are looked for in normalised text or the others, and what lies between them, by encode. False when memory
 * ran out. */
static bool encode_around(const gs_tokenizer *t, const char *text, size_t length, bool normalized,
                          gs_encode_function *encode, gs_token_list *out)
{
    while (length > 0 && out->n < out->room) {
        const gs_added_token *found;
        size_t before = find_added(t, text, length, normalized, &found), used = before + (found ? found->length : 0);
        while (found && (found->flags & GS_ADDED_STRIPS_LEFT) && before > 0 && is_space(text[before - 1]))
            before--;
        while (found && (found->flags & GS_ADDED_STRIPS_RIGHT) && used < length && is_space(text[used]))
            used++;
        if (before > 0 && !encode(t, text, before, out))
            return false;
        if (found)
            gs_token_emit(out, id_of(t, found));
        text += used;
        length -= used;
    }
    return true;
}

/* text [*length] in small letters, as SigLIP 2 normalises it. The caller frees it. NULL: no memory. */
static char *in_small_letters(const char *text, size_t *length)
{
    size_t capacity = *length * GS_UNICODE_GROWTH, size = 0;
    uint32_t *points = malloc(2 * capacity * sizeof *points), *lower = points + capacity;
    char *small = malloc(capacity * 4 + 1);
    if (points && small) {
        size_t n = gs_unicode_lower(points, gs_unicode_decode(text, *length, points), lower);
        for (size_t i = 0; i < n; i++)
            size += gs_unicode_encode(lower[i], (uint8_t *)small + size);
        *length = size;
    } else {
        free(small);
        small = NULL;
    }
    free(points);
    return small;
}

/* What lies between the tokens that are looked for as they are: Gemma's other tokens, in the normalised text, and what lies between these. */
static bool encode_gemma_normalized(const gs_tokenizer *t, const char *text, size_t length, gs_token_list *out)
{
    bool lower = t->flags & GS_TOKENIZER_LOWER;
    char *small = lower ? in_small_letters(text, &length) : NULL;
    if (lower && !small)
        return false;
    bool done = encode_around(t, small ? small : text, length, true, gs_encode_gemma, out);
    free(small);
    return done;
}

static bool encode_all(const gs_tokenizer *t, const char *text, size_t length, gs_token_list *out)
{
    static gs_encode_function *const encode[] = {gs_encode_clip, gs_encode_unigram, encode_gemma_normalized};
    return encode_around(t, text, length, false, encode[t->kind], out);
}

/* Fills the context. */
static void pad(const gs_tokenizer *t, gs_token_list *out)
{
    size_t missing = t->context - out->n;
    bool left = t->flags & GS_TOKENIZER_PAD_LEFT;
    if (left)
        memmove(out->ids + missing, out->ids, out->n * sizeof *out->ids);
    for (size_t i = 0; i < missing; i++)
        out->ids[left ? i : out->n + i] = (int32_t)t->pad;
    out->n = t->context;
}

size_t gs_tokenize(const gs_tokenizer *t, const char *text, size_t length, int32_t *ids)
{
    size_t ends = t->flags & GS_TOKENIZER_END ? 1 : 0;
    gs_token_list out = {.ids = ids, .room = t->context - ends}; /* the last place is for end-of-text */
    char *prefixed = NULL;
    if (length > GS_MAX_TEXT)
        return 0;
    if (t->kind == GS_TOKENIZER_UNIGRAM && !(text = prefixed = with_prefix(text, &length)))
        return 0;
    if (t->flags & GS_TOKENIZER_START)
        gs_token_emit(&out, t->start);
    bool done = encode_all(t, text, length, &out);
    free(prefixed);
    if (!done)
        return 0;
    out.room += ends;
    /* SigLIP's tokenizer adds no second end. */
    if (ends && !(t->kind == GS_TOKENIZER_UNIGRAM && out.n > 0 && out.ids[out.n - 1] == (int32_t)t->end))
        gs_token_emit(&out, t->end);
    if (t->flags & GS_TOKENIZER_PAD)
        pad(t, &out);
    return out.n;
}

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
    uint32_t version, context, start, end, pad, n_tokens, n_merges, zero;
    uint32_t byte[256], byte_end[256];
} header;

_Static_assert(sizeof(header) == 40 + 2 * 1024 && sizeof(gs_merge) == 16, "no gaps");

#define VERSION 1

static gs_status check_header(const header *h, size_t size, gs_error *err)
{
    if (size < sizeof *h)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: %zu bytes, too short for a header of %zu", size, sizeof *h);
    if (memcmp(h->magic, "GSTOKEN", sizeof h->magic) != 0)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: does not start with 'GSTOKEN'");
    if (h->version != VERSION)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: version %" PRIu32 ", expected %d", h->version, VERSION);
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
    if ((size - sizeof *h) % sizeof(gs_merge) != 0 || (size - sizeof *h) / sizeof(gs_merge) != h->n_merges)
        return gs_fail(err, GS_EFORMAT, "tokenizer.bin: %zu bytes do not hold %" PRIu32 " merges", size, h->n_merges);
    return GS_OK;
}

static uint64_t pair_key(uint32_t left, uint32_t right)
{
    return (uint64_t)left << 32 | right;
}

static gs_status check_merges(const gs_tokenizer *t, gs_error *err)
{
    for (uint32_t i = 0; i < t->n_merges; i++) {
        const gs_merge *m = &t->merges[i];
        if (m->left >= t->n_tokens || m->right >= t->n_tokens || m->result >= t->n_tokens)
            return gs_fail(err, GS_EFORMAT, "tokenizer.bin: merge %" PRIu32 " names no token", i);
        if (i > 0 && pair_key(m[-1].left, m[-1].right) >= pair_key(m->left, m->right))
            return gs_fail(err, GS_EFORMAT, "tokenizer.bin: merge %" PRIu32 " is not in order", i);
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
                        .merges = (const gs_merge *)(h + 1)};
    return check_merges(t, err);
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

/* ---- Byte pair encoding of one word ---- */

#define NONE UINT32_MAX

/* A word's symbols, a doubly linked list in an array: merging takes the right one out. */
typedef struct {
    uint32_t id; /* NONE: merged away */
    uint32_t previous, next;
} symbol;

/* Pairs that may be merged, as rank << 32 | position of the left symbol, the lowest at the root. A pair that has
 * changed since it was put in is recognised when it comes out. */
typedef struct {
    uint64_t *items;
    size_t n;
} heap;

static void heap_push(heap *h, uint64_t item)
{
    size_t at = h->n++;
    for (; at > 0 && h->items[(at - 1) / 2] > item; at = (at - 1) / 2)
        h->items[at] = h->items[(at - 1) / 2];
    h->items[at] = item;
}

static uint64_t heap_pop(heap *h)
{
    uint64_t top = h->items[0], item = h->items[--h->n];
    size_t at = 0;
    for (size_t child = 1; child < h->n; child = 2 * at + 1) {
        if (child + 1 < h->n && h->items[child + 1] < h->items[child])
            child++;
        if (item <= h->items[child])
            break;
        h->items[at] = h->items[child];
        at = child;
    }
    h->items[at] = item;
    return top;
}

static const gs_merge *find_merge(const gs_tokenizer *t, uint32_t left, uint32_t right)
{
    uint64_t key = pair_key(left, right);
    uint32_t low = 0, high = t->n_merges;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const gs_merge *m = &t->merges[middle];
        uint64_t found = pair_key(m->left, m->right);
        if (found == key)
            return m;
        if (found < key)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The merge of the symbol at position with the next one, if the vocabulary has it. */
static const gs_merge *merge_at(const gs_tokenizer *t, const symbol *symbols, uint32_t position)
{
    if (position == NONE || symbols[position].id == NONE || symbols[position].next == NONE)
        return NULL;
    return find_merge(t, symbols[position].id, symbols[symbols[position].next].id);
}

static void offer(const gs_tokenizer *t, const symbol *symbols, uint32_t position, heap *pairs)
{
    const gs_merge *m = merge_at(t, symbols, position);
    if (m)
        heap_push(pairs, (uint64_t)m->rank << 32 | position);
}

/* Scratch for a word of that many bytes. */
typedef struct {
    symbol *symbols; /* [bytes] */
    uint64_t *pairs; /* [3 * bytes]: each pair at first, and two more for every merge */
    uint8_t *word;   /* [bytes] */
} workspace;

/* word [n > 0] bytes. The pair of the lowest rank is merged first, of equal ones the leftmost: O(n log n). */
static void merge_word(const gs_tokenizer *t, size_t n, const workspace *work, output *out)
{
    symbol *symbols = work->symbols;
    heap pairs = {.items = work->pairs};
    for (uint32_t i = 0; i < n; i++)
        symbols[i] = (symbol){.id = (i + 1 < n ? t->byte : t->byte_end)[work->word[i]],
                              .previous = i > 0 ? i - 1 : NONE,
                              .next = i + 1 < n ? i + 1 : NONE};
    for (uint32_t i = 0; i < n; i++)
        offer(t, symbols, i, &pairs);
    while (pairs.n > 0) {
        uint64_t item = heap_pop(&pairs);
        uint32_t position = (uint32_t)item;
        const gs_merge *m = merge_at(t, symbols, position);
        if (!m || m->rank != item >> 32)
            continue;
        symbol *left = &symbols[position], *right = &symbols[left->next];
        left->id = m->result;
        right->id = NONE;
        left->next = right->next;
        if (left->next != NONE)
            symbols[left->next].previous = position;
        offer(t, symbols, left->previous, &pairs);
        offer(t, symbols, position, &pairs);
    }
    for (uint32_t i = 0; i != NONE; i = symbols[i].next)
        emit(out, symbols[i].id);
}

static void encode_word(const gs_tokenizer *t, const uint32_t *points, size_t n, const workspace *work, output *out)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += gs_unicode_encode(points[i], work->word + bytes);
    merge_word(t, bytes, work, out);
}

/* ---- Splitting a text into words ---- */

static const char *const specials[2] = {"<|startoftext|>", "<|endoftext|>"};

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

/* points [n], in small letters, word by word. */
static void encode_points(const gs_tokenizer *t, const uint32_t *points, size_t n, const workspace *work, output *out)
{
    for (size_t i = 0, used; i < n && out->n < out->room; i += used) {
        if (gs_unicode_kind_of(points[i]) == GS_SPACE) {
            used = 1;
            continue;
        }
        used = 0;
        for (int s = 0; points[i] == '<' && s < 2; s++)
            if (begins_with(points + i, n - i, specials[s]))
                used = strlen(specials[s]);
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

/* text [length] without special tokens. False when memory ran out. */
static bool encode_text(const gs_tokenizer *t, const char *text, size_t length, output *out)
{
    if (length == 0)
        return true;
    bool done = false;
    void *pairs = NULL;
    size_t capacity = length * GS_UNICODE_GROWTH;
    uint32_t *points = malloc(2 * capacity * sizeof *points), *lower = points + capacity;
    if (!points)
        goto end;
    size_t n = gs_unicode_lower(points, gs_unicode_nfc(text, length, points, lower), lower);
    size_t bytes = n * 4; /* of UTF-8, at most */
    pairs = malloc(bytes * (3 * sizeof(uint64_t) + sizeof(symbol) + 1));
    if (!pairs)
        goto end;
    workspace work = {.pairs = pairs};
    work.symbols = (symbol *)(work.pairs + 3 * bytes);
    work.word = (uint8_t *)(work.symbols + bytes);
    encode_points(t, lower, n, &work, out);
    done = true;
end:
    free(pairs);
    free(points);
    return done;
}

/* The first special token in text [length]: its index in specials and where it begins; length when there is none. */
static size_t find_special(const char *text, size_t length, int *which)
{
    for (size_t at = 0; at < length; at++)
        for (int s = 0; text[at] == '<' && s < 2; s++) {
            size_t size = strlen(specials[s]);
            if (size <= length - at && memcmp(text + at, specials[s], size) == 0) {
                *which = s;
                return at;
            }
        }
    return length;
}

size_t gs_tokenize(const gs_tokenizer *t, const char *text, size_t length, int32_t *ids)
{
    if (length > GS_MAX_TEXT)
        return 0;
    output out = {.ids = ids, .room = t->context - 1}; /* the last place is for end-of-text */
    emit(&out, t->start);
    while (length > 0 && out.n < out.room) {
        int which = -1;
        size_t before = find_special(text, length, &which), used = before;
        if (!encode_text(t, text, before, &out))
            return 0;
        if (which >= 0) {
            emit(&out, which == 0 ? t->start : t->end);
            used += strlen(specials[which]);
        }
        text += used;
        length -= used;
    }
    out.room++;
    emit(&out, t->end);
    return out.n;
}

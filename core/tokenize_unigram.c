/* tokenize_unigram.c - SigLIP's texts: put into canonical form, normalised by the rules that came with the model, and cut
 * into the pieces whose probabilities have the largest product (Kudo 2018), as sentencepiece does. */
#include "core/tokenize_kinds.h"

#include <float.h>  /* FLT_MAX */
#include <stdlib.h> /* malloc, free */
#include <string.h> /* memcpy, memcmp, strchr, strlen */

#define SPACE         "\xe2\x96\x81" /* what stands for a space */
#define SPACE_SIZE    3
#define UNKNOWN       "<unk>" /* SigLIP's tokenizer puts it before a text, and drops its tokens afterwards */
#define UNKNOWN_BELOW 10.0F   /* the score of an unknown character, below the lowest of all pieces */

/* ---- canonical form ---- */

static bool is_space(uint32_t point)
{
    return gs_unicode_kind_of(point) == GS_SPACE || (point >= 0x1c && point <= 0x1f);
}

static bool is_punctuation(uint32_t point)
{
    return point > 0 && point < 128 && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", (int)point);
}

/* What Unicode's rule of the final sigma looks past: marks, and signs within words. */
static bool is_ignorable(uint32_t point)
{
    return (point >= 0x300 && point < 0x370) || point == 0xad || point == 0xb7 || point == 0x2019 ||
           (point > 0 && point < 128 && strchr("'.:^`", (int)point));
}

/* Whether a letter is at points[from], or behind what is ignorable there; step 1 or -1. */
static bool letter_from(const uint32_t *points, size_t n, size_t from, size_t step)
{
    while (from < n && is_ignorable(points[from]))
        from += step; /* below 0 it is beyond n */
    return from < n && gs_unicode_kind_of(points[from]) == GS_LETTER;
}

/* A capital sigma that ends a word has a small letter of its own in Python. Only the Turkish I becomes two. */
static void end_sigmas(const uint32_t *capitals, size_t n, uint32_t *lower)
{
    for (size_t i = 0; i < n; lower += capitals[i++] == 0x130 ? 2 : 1)
        if (capitals[i] == 0x3a3 && letter_from(capitals, n, i - 1, (size_t)-1) && !letter_from(capitals, n, i + 1, 1))
            *lower = 0x3c2;
}

/* In small letters, without punctuation, a space for each run of white space and none at the ends; in place. */
static size_t canonicalize(const gs_tokenizer *t, uint32_t *points, size_t n, uint32_t *scratch)
{
    size_t count = 0;
    bool gap = false;
    if (t->flags & GS_TOKENIZER_LOWER) {
        size_t small = gs_unicode_lower(points, n, scratch);
        end_sigmas(points, n, scratch);
        n = small;
        memcpy(points, scratch, n * sizeof *points);
    }
    for (size_t i = 0; i < n; i++) {
        if (is_punctuation(points[i]))
            continue;
        if (is_space(points[i])) {
            gap = count > 0;
            continue;
        }
        if (gap)
            scratch[count++] = ' ';
        gap = false;
        scratch[count++] = points[i];
    }
    memcpy(points, scratch, count * sizeof *points);
    return count;
}

/* ---- normalisation ---- */

/* A growing text. */
typedef struct {
    char *bytes; /* owned */
    size_t size, capacity;
    bool failed; /* no memory */
} buffer;

static void append(buffer *b, const char *bytes, size_t size)
{
    if (b->failed || size > b->capacity - b->size) {
        size_t capacity = 2 * b->capacity + size + 64;
        char *grown = b->failed ? NULL : realloc(b->bytes, capacity);
        b->failed = !grown;
        if (!grown)
            return;
        b->bytes = grown;
        b->capacity = capacity;
    }
    memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

/* A unit of a double-array trie (darts-clone). */
static uint32_t unit_offset(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The longest rule at text [length > 0]: how many bytes it replaces, and by what; 0 when there is none. */
static size_t find_rule(const gs_charsmap *map, const char *text, size_t length, const char **by)
{
    size_t longest = 0;
    if (map->n_units == 0)
        return 0;
    uint32_t node = unit_offset(map->units[0]);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        node ^= byte;
        if (node >= map->n_units || (map->units[node] & (1u << 31 | 0xff)) != byte)
            break;
        uint32_t unit = map->units[node];
        node ^= unit_offset(unit);
        if (!(unit >> 8 & 1) || node >= map->n_units)
            continue;
        uint32_t value = map->units[node] & 0x7fffffff;
        if (value < map->n_texts) {
            longest = i + 1;
            *by = map->texts + value;
        }
    }
    return longest;
}

static size_t character_size(const char *text, size_t length)
{
    uint8_t lead = (uint8_t)text[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return size < length ? size : length;
}

/* text [length], well-formed UTF-8, as sentencepiece normalises it, to out. */
static void normalize(const gs_tokenizer *t, const char *text, size_t length, buffer *out)
{
    bool trims = t->flags & GS_TOKENIZER_TRIM, after_space = trims;
    bool first = true;
    for (size_t at = 0, used; at < length; at += used) {
        const char *by = text + at;
        used = find_rule(&t->charsmap, text + at, length - at, &by);
        size_t size = used ? strlen(by) : character_size(text + at, length - at);
        used = used ? used : size;
        while (after_space && size > 0 && *by == ' ') {
            by++;
            size--;
        }
        if (size == 0)
            continue;
        if (first && (t->flags & GS_TOKENIZER_DUMMY_PREFIX))
            append(out, SPACE, SPACE_SIZE);
        first = false;
        for (size_t i = 0; i < size; i++)
            append(out, by[i] == ' ' ? SPACE : by + i, by[i] == ' ' ? SPACE_SIZE : 1);
        after_space = trims && by[size - 1] == ' ';
    }
    while (trims && !out->failed && out->size >= SPACE_SIZE &&
           memcmp(out->bytes + out->size - SPACE_SIZE, SPACE, SPACE_SIZE) == 0)
        out->size -= SPACE_SIZE;
}

/* ---- the likeliest pieces ---- */

/* The best way to a place of the text: its score, where its last piece begins, and which it is. */
typedef struct {
    float score;
    uint32_t from, id;
} step;

static void offer(step *to, float score, size_t from, uint32_t id)
{
    if (score > to->score)
        *to = (step){score, (uint32_t)from, id};
}

/* Every piece that begins at. */
static void extend(const gs_tokenizer *t, const buffer *text, step *best, size_t at)
{
    size_t character = character_size(text->bytes + at, text->size - at);
    gs_piece_range range = gs_pieces_all(&t->pieces);
    bool whole = false;
    for (size_t i = 0; at + i < text->size && gs_pieces_narrow(&t->pieces, &range, i, text->bytes[at + i]); i++) {
        const gs_piece *piece = gs_pieces_whole(&t->pieces, range, i + 1);
        if (!piece)
            continue;
        offer(&best[at + i + 1], best[at].score + piece->score, at, piece->id);
        whole = whole || i + 1 == character;
    }
    if (!whole)
        offer(&best[at + character], best[at].score + t->least_score - UNKNOWN_BELOW, at, t->unknown);
}

/* The pieces of text to ids [text->size]; returns how many, SIZE_MAX when memory ran out. A run of unknown characters is
 * one token. */
static size_t cut(const gs_tokenizer *t, const buffer *text, uint32_t *ids)
{
    size_t n = 0;
    step *best = malloc((text->size + 1) * sizeof *best);
    if (!best)
        return SIZE_MAX;
    for (size_t i = 0; i <= text->size; i++)
        best[i] = (step){.score = i ? -FLT_MAX : 0};
    for (size_t at = 0; at < text->size; at += character_size(text->bytes + at, text->size - at))
        extend(t, text, best, at);
    for (size_t at = text->size; at > 0; at = best[at].from)
        if (best[at].id != t->unknown || n == 0 || ids[n - 1] != t->unknown)
            ids[n++] = best[at].id;
    for (size_t i = 0; i < n / 2; i++) {
        uint32_t swapped = ids[i];
        ids[i] = ids[n - 1 - i];
        ids[n - 1 - i] = swapped;
    }
    free(best);
    return n;
}

/* ids becomes the pieces of raw [size], owned by the caller; returns how many, SIZE_MAX when memory ran out. */
static size_t encode_raw(const gs_tokenizer *t, const char *raw, size_t size, uint32_t **ids)
{
    buffer text = {0};
    size_t n = SIZE_MAX;
    normalize(t, raw, size, &text);
    *ids = text.failed ? NULL : malloc((text.size + 1) * sizeof **ids);
    if (*ids)
        n = cut(t, &text, *ids);
    free(text.bytes);
    return n;
}

bool gs_encode_unigram(const gs_tokenizer *t, const char *text, size_t length, gs_token_list *out)
{
    size_t capacity = length * GS_UNICODE_GROWTH, skipped = SIZE_MAX, n = SIZE_MAX;
    uint32_t *points = malloc(2 * capacity * sizeof *points), *before = NULL, *ids = NULL;
    buffer raw = {0};
    if (!points)
        return false;
    size_t count = canonicalize(t, points, gs_unicode_decode(text, length, points), points + capacity);
    append(&raw, UNKNOWN, strlen(UNKNOWN));
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[4];
        append(&raw, (const char *)bytes, gs_unicode_encode(points[i], bytes));
    }
    free(points);
    if (!raw.failed) {
        skipped = encode_raw(t, UNKNOWN, strlen(UNKNOWN), &before);
        n = encode_raw(t, raw.bytes, raw.size, &ids);
    }
    bool done = skipped != SIZE_MAX && n != SIZE_MAX;
    for (size_t i = skipped; done && i < n; i++)
        gs_token_emit(out, ids[i]);
    free(before);
    free(ids);
    free(raw.bytes);
    return done;
}

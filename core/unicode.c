#include "core/unicode.h"

#include <stdbool.h> /* bool */
#include <string.h>  /* memcpy, memset */

typedef struct {
    uint32_t first, last;
} gs_range;

typedef struct {
    uint32_t first, last, step;
    int32_t delta;
} gs_capitals;

typedef struct {
    uint32_t first, last, klass;
} gs_class;

#include "core/unicode_tables.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define REPLACEMENT  0xfffd

/* Every table is made of rows that start with first and last, ascending: the row that holds point, or NULL. */
static const void *find_row(const void *table, size_t rows, size_t size, uint32_t point)
{
    size_t low = 0, high = rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const gs_range *row = (const gs_range *)((const char *)table + middle * size);
        if (point < row->first)
            high = middle;
        else if (point > row->last)
            low = middle + 1;
        else
            return row;
    }
    return NULL;
}

#define FIND(table, point) find_row(table, COUNT(table), sizeof *(table), point)

gs_unicode_kind gs_unicode_kind_of(uint32_t point)
{
    if (FIND(letters, point))
        return GS_LETTER;
    if (FIND(numbers, point))
        return GS_NUMBER;
    return FIND(spaces, point) ? GS_SPACE : GS_OTHER;
}

size_t gs_unicode_lower(const uint32_t *points, size_t n, uint32_t *lower)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        if (points[i] == 0x130) {
            lower[out++] = 'i';
            lower[out++] = 0x307;
            continue;
        }
        const gs_capitals *run = FIND(capitals, points[i]);
        bool is_capital = run && (points[i] - run->first) % run->step == 0;
        lower[out++] = is_capital ? points[i] + (uint32_t)run->delta : points[i];
    }
    return out;
}

static uint32_t class_of(uint32_t point)
{
    if (point < 0x300) /* the first combining mark */
        return 0;
    const gs_class *run = FIND(classes, point);
    return run ? run->klass : 0;
}

/* The code point at the start of text [length > 0] and its number of bytes; of an ill-formed sequence the longest piece
 * that could have become one. */
static uint32_t decode(const uint8_t *text, size_t length, size_t *used)
{
    uint8_t lead = text[0];
    *used = 1;
    if (lead < 0x80)
        return lead;
    if (lead < 0xc2 || lead > 0xf4)
        return REPLACEMENT;
    size_t more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    uint32_t point = lead & (0x3fu >> more);
    /* The second byte's range keeps out overlong forms, surrogates and what lies beyond U+10FFFF. */
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i <= more; i++) {
        if (i >= length || text[i] < low || text[i] > high)
            return REPLACEMENT;
        point = point << 6 | (text[i] & 0x3f);
        *used = i + 1;
        low = 0x80;
        high = 0xbf;
    }
    return point;
}

/* Hangul syllables are numbered: leading consonant, vowel, and a trailing consonant or none. */
enum { S_BASE = 0xac00, L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11a7, L_COUNT = 19, V_COUNT = 21, T_COUNT = 28 };
#define S_COUNT (L_COUNT * V_COUNT * T_COUNT)

/* Fields of a row of decompositions. */
#define FIELD       0x1fffffu
#define WHOLE(row)  ((uint32_t)((row) >> 42))
#define FIRST(row)  ((uint32_t)((row) >> 21) & FIELD)
#define SECOND(row) ((uint32_t)(row)&FIELD)

/* The row of decompositions for point; 0 when it is not taken apart. */
static uint64_t decomposition_of(uint32_t point)
{
    size_t low = 0, high = COUNT(decompositions);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t whole = WHOLE(decompositions[middle]);
        if (whole == point)
            return decompositions[middle];
        if (whole < point)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

/* Appends point, taken apart completely, to out; returns how many that are. */
static size_t decompose(uint32_t point, uint32_t *out)
{
    if (point < 0xc0) { /* the first one that has parts */
        out[0] = point;
        return 1;
    }
    if (point - S_BASE < S_COUNT) {
        uint32_t index = point - S_BASE, trailing = index % T_COUNT;
        out[0] = L_BASE + index / (V_COUNT * T_COUNT);
        out[1] = V_BASE + index / T_COUNT % V_COUNT;
        out[2] = T_BASE + trailing;
        return trailing ? 3 : 2;
    }
    uint64_t row = decomposition_of(point);
    if (!row) {
        out[0] = point;
        return 1;
    }
    size_t n = decompose(FIRST(row), out);
    return SECOND(row) ? n + decompose(SECOND(row), out + n) : n;
}

/* The code point that a followed by b composes to; 0 when there is none. */
static uint32_t compose_pair(uint32_t a, uint32_t b)
{
    if (a - L_BASE < L_COUNT && b - V_BASE < V_COUNT)
        return S_BASE + ((a - L_BASE) * V_COUNT + (b - V_BASE)) * T_COUNT;
    if (a - S_BASE < S_COUNT && (a - S_BASE) % T_COUNT == 0 && b - T_BASE - 1 < T_COUNT - 1)
        return a + (b - T_BASE);
    uint64_t pair = (uint64_t)a << 21 | b, mask = ((uint64_t)1 << 42) - 1;
    size_t low = 0, high = COUNT(compositions);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t row = decompositions[compositions[middle]];
        if ((row & mask) == pair)
            return WHOLE(row);
        if ((row & mask) < pair)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

/* Puts a run of combining marks, points [n], into the order of their classes, marks of one class as they stood.
 * scratch [n]. In linear time: a text may be nothing but marks. */
static void order_run(uint32_t *points, size_t n, uint32_t *scratch)
{
    size_t start[256] = {0}, total = 0;
    for (size_t i = 0; i < n; i++)
        start[class_of(points[i])]++;
    for (size_t k = 0; k < COUNT(start); k++) {
        size_t members = start[k];
        start[k] = total;
        total += members;
    }
    for (size_t i = 0; i < n; i++)
        scratch[start[class_of(points[i])]++] = points[i];
    memcpy(points, scratch, n * sizeof *points);
}

static void order_marks(uint32_t *points, size_t n, uint32_t *scratch)
{
    for (size_t i = 0; i < n;) {
        size_t end = i;
        uint32_t last = 0, klass;
        bool ordered = true;
        for (; end < n && (klass = class_of(points[end])) != 0; end++) {
            ordered = ordered && last <= klass;
            last = klass;
        }
        if (!ordered)
            order_run(points + i, end - i, scratch);
        i = end == i ? i + 1 : end;
    }
}

/* In place; returns how many are left. */
static size_t compose(uint32_t *points, size_t n)
{
    size_t out = 0, starter = 0;
    bool has_starter = false;
    uint32_t last = 0; /* the class of points[out - 1] */
    for (size_t i = 0; i < n; i++) {
        uint32_t klass = class_of(points[i]);
        bool reaches = has_starter && (out == starter + 1 || last < klass); /* nothing between them blocks */
        uint32_t whole = reaches ? compose_pair(points[starter], points[i]) : 0;
        if (whole) {
            points[starter] = whole;
            continue;
        }
        if (klass == 0) {
            starter = out;
            has_starter = true;
        }
        points[out++] = points[i];
        last = klass;
    }
    return out;
}

size_t gs_unicode_nfc(const char *text, size_t length, uint32_t *points, uint32_t *scratch)
{
    size_t n = 0, used;
    for (size_t i = 0; i < length; i += used)
        n += decompose(decode((const uint8_t *)text + i, length - i, &used), points + n);
    order_marks(points, n, scratch);
    return compose(points, n);
}

size_t gs_unicode_encode(uint32_t point, uint8_t bytes[4])
{
    if (point < 0x80) {
        bytes[0] = (uint8_t)point;
        return 1;
    }
    size_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    bytes[0] = (uint8_t)((0xf0u << (3 - more)) | point >> (6 * more)); /* as many ones as bytes */
    for (size_t i = 1; i <= more; i++)
        bytes[i] = (uint8_t)(0x80 | (point >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

size_t gs_unicode_decode(const char *text, size_t length, uint32_t *points)
{
    size_t n = 0;
    for (size_t i = 0, used; i < length; i += used)
        points[n++] = decode((const uint8_t *)text + i, length - i, &used);
    return n;
}

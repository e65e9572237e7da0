#include "core/filter.h"

#include "core/unicode.h"

#include <stdlib.h> /* malloc, realloc, free */
#include <string.h> /* memcpy, memcmp, strlen */

static const struct {
    const char *name;
    bool whole; /* a value must be equal to the condition's; else contain it */
} fields[GS_FIELD_COUNT] = {
    [GS_FIELD_TITLE] = {"title", false},
    [GS_FIELD_AUTHOR] = {"author", false},
    [GS_FIELD_TAG] = {"tag", true},
    [GS_FIELD_TYPE] = {"type", true},
    [GS_FIELD_FAMILY] = {"family", false},
    [GS_FIELD_LICENSE] = {"license", false},
    [GS_FIELD_RESOLUTION] = {"resolution", true},
};

const char *gs_field_name(gs_field field)
{
    return (size_t)field < GS_FIELD_COUNT ? fields[field].name : "any";
}

/* text [size] in lower case, as code points [*n]: malloc'ed, NULL when memory ran out. */
static uint32_t *fold(const char *text, size_t size, size_t *n)
{
    size_t room = (GS_UNICODE_GROWTH * size + 1) * sizeof(uint32_t);
    uint32_t *points = malloc(room), *lower = malloc(room);
    if (points && lower)
        *n = gs_unicode_lower(points, gs_unicode_nfc(text, size, points, lower), lower);
    else
        free(lower);
    bool done = points && lower;
    free(points);
    return done ? lower : NULL;
}

/* ---- parsing ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A piece of the text up to a space outside quotes, taken apart. Pointers into the text. */
typedef struct {
    bool excludes;
    gs_field field;    /* GS_FIELD_ANY: none is named */
    const char *value; /* [size], quotes and all */
    size_t size;
} piece;

static const char *end_of_piece(const char *at, const char *end)
{
    bool quoted = false;
    for (; at < end && (quoted || !is_space(*at)); at++)
        quoted ^= *at == '"';
    return at;
}

static piece take_apart(const char *at, const char *end)
{
    piece p = {.field = GS_FIELD_ANY, .excludes = end - at > 1 && *at == '-'};
    at += p.excludes;
    for (size_t f = 0; f < GS_FIELD_COUNT; f++) {
        size_t length = strlen(fields[f].name);
        if ((size_t)(end - at) > length && at[length] == ':' && memcmp(at, fields[f].name, length) == 0) {
            p.field = (gs_field)f;
            at += length + 1;
            break;
        }
    }
    p.value = at;
    p.size = (size_t)(end - at);
    return p;
}

/* Copies text [size] to out without its double quotes; returns how many bytes. */
static size_t unquote(const char *text, size_t size, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] != '"')
            out[n++] = text[i];
    return n;
}

static gs_status add(gs_filter *filter, gs_field field, bool excludes, const char *value, size_t size, gs_error *err)
{
    gs_condition *conditions = realloc(filter->conditions, (filter->count + 1) * sizeof *conditions);
    if (conditions)
        filter->conditions = conditions;
    gs_condition condition = {.field = field, .excludes = excludes};
    condition.value = conditions ? fold(value, size, &condition.size) : NULL;
    if (!condition.value)
        return gs_fail(err, GS_ENOMEM, "filter: no memory for a condition of %zu bytes", size);
    conditions[filter->count++] = condition;
    return GS_OK;
}

gs_status gs_filter_add(gs_filter *filter, gs_field field, const char *value, size_t size, gs_error *err)
{
    return add(filter, field, false, value, size, err);
}

gs_status gs_filter_move(gs_filter *filter, gs_filter *from, gs_error *err)
{
    if (from->count == 0)
        return GS_OK;
    size_t count = filter->count + from->count;
    gs_condition *conditions = realloc(filter->conditions, count * sizeof *conditions);
    if (!conditions)
        return gs_fail(err, GS_ENOMEM, "filter: no memory for %zu conditions", count);
    memcpy(conditions + filter->count, from->conditions, from->count * sizeof *conditions);
    filter->conditions = conditions;
    filter->count = count;
    from->count = 0; /* their values are filter's now */
    return GS_OK;
}

gs_status gs_filter_parse(gs_filter *filter, const char *text, size_t size, gs_error *err)
{
    *filter = (gs_filter){.words = malloc(size + 1)};
    char *value = malloc(size + 1);
    gs_status st = filter->words && value ? GS_OK : gs_fail(err, GS_ENOMEM, "filter: no memory for %zu bytes", size);
    const char *end = text + size;
    size_t words = 0;
    for (const char *at = text; st == GS_OK && at < end;) {
        if (is_space(*at)) {
            at++;
            continue;
        }
        const char *next = end_of_piece(at, end);
        piece p = take_apart(at, next);
        at = next;
        size_t length = unquote(p.value, p.size, value);
        if (length == 0)
            continue;
        if (p.excludes || p.field != GS_FIELD_ANY) {
            st = add(filter, p.field, p.excludes, value, length, err);
            continue;
        }
        if (words > 0)
            filter->words[words++] = ' ';
        memcpy(filter->words + words, value, length);
        words += length;
    }
    free(value);
    if (st != GS_OK)
        gs_filter_free(filter);
    else
        filter->words[words] = '\0';
    return st;
}

void gs_filter_free(gs_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++)
        free(filter->conditions[i].value);
    free(filter->conditions);
    free(filter->words);
    *filter = (gs_filter){0};
}

/* ---- matching ---- */

static bool is_word(uint32_t point)
{
    gs_unicode_kind kind = gs_unicode_kind_of(point);
    return kind == GS_LETTER || kind == GS_NUMBER;
}

/* Whether value [size] stands in text [n]: anywhere, or as `words` demands, not within a longer word. */
static bool contains(const uint32_t *text, size_t n, const uint32_t *value, size_t size, bool words)
{
    for (size_t i = 0; size > 0 && i + size <= n; i++) {
        if (memcmp(text + i, value, size * sizeof *value) != 0)
            continue;
        bool cut_before = i > 0 && is_word(text[i - 1]) && is_word(value[0]);
        bool cut_behind = i + size < n && is_word(text[i + size]) && is_word(value[size - 1]);
        if (!words || (!cut_before && !cut_behind))
            return true;
    }
    return false;
}

/* Whether a line of text [n] equals value [size]. */
static bool has_line(const uint32_t *text, size_t n, const uint32_t *value, size_t size)
{
    for (size_t begin = 0, end; begin <= n; begin = end + 1) {
        for (end = begin; end < n && text[end] != '\n';)
            end++;
        if (end - begin == size && memcmp(text + begin, value, size * sizeof *value) == 0)
            return true;
    }
    return false;
}

static gs_status meets(const gs_condition *condition, gs_field field, const char *text, bool *met, gs_error *err)
{
    size_t n = 0;
    uint32_t *folded = fold(text, strlen(text), &n);
    if (!folded)
        return gs_fail(err, GS_ENOMEM, "filter: no memory for a %s of %zu bytes", fields[field].name, strlen(text));
    if (condition->field == GS_FIELD_ANY)
        *met = contains(folded, n, condition->value, condition->size, true);
    else if (fields[field].whole)
        *met = has_line(folded, n, condition->value, condition->size);
    else
        *met = contains(folded, n, condition->value, condition->size, false);
    free(folded);
    return GS_OK;
}

gs_status gs_filter_passes(const gs_filter *filter, const char *const *model, bool *passes, gs_error *err)
{
    enum { NOT_ASKED, ASKED, MET } wanted[GS_FIELD_COUNT + 1] = {NOT_ASKED}; /* the last for GS_FIELD_ANY */
    *passes = true;
    for (size_t i = 0; i < filter->count && *passes; i++) {
        const gs_condition *condition = &filter->conditions[i];
        bool any = condition->field == GS_FIELD_ANY, met = false;
        size_t first = any ? 0 : condition->field, last = any ? GS_FIELD_RESOLUTION - 1 : condition->field;
        for (size_t f = first; f <= last && !met; f++) {
            gs_status st = model[f] ? meets(condition, (gs_field)f, model[f], &met, err) : GS_OK;
            if (st != GS_OK)
                return st;
        }
        if (condition->excludes)
            *passes = !met;
        else if (wanted[condition->field] != MET)
            wanted[condition->field] = met ? MET : ASKED;
    }
    for (size_t f = 0; f <= GS_FIELD_COUNT; f++)
        *passes &= wanted[f] != ASKED;
    return GS_OK;
}

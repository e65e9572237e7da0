#include "indexer/hf/added_tokens.h"

#include "core/unicode.h"
#include "indexer/hf/json.h"
#include "indexer/util/file.h" /* gs_path_join */

#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* access */

#define MAX_FILE  ((size_t)64 << 20)
#define MAX_TOKEN 4096 /* bytes */

/* What the sources have in common. */
typedef struct {
    gs_added_tokens *added;
    const char *path; /* of the file that is read, for messages */
    gs_find_token find;
    const void *vocabulary;
    size_t rows; /* of the embedding */
} reader;

const gs_new_token *gs_added_tokens_find(const gs_added_tokens *added, const char *text)
{
    for (size_t i = 0; i < added->count; i++)
        if (strcmp(added->tokens[i].text, text) == 0)
            return &added->tokens[i];
    return NULL;
}

/* text as a tokenizer normalises it; the caller frees it. NULL: no memory. */
static char *normalize(const char *text, gs_normal normal)
{
    if (normal == GS_NORMAL_AS_IS)
        return strdup(text);
    size_t length = strlen(text), capacity = length * GS_UNICODE_GROWTH, size = 0;
    uint32_t *points = malloc(2 * capacity * sizeof *points), *lower = points + capacity;
    char *small = malloc(capacity * 4 + 1);
    if (points && small) {
        size_t n = normal == GS_NORMAL_CLIP ? gs_unicode_nfc(text, length, points, lower)
                                            : gs_unicode_decode(text, length, points);
        n = gs_unicode_lower(points, n, lower);
        for (size_t i = 0; i < n; i++)
            size += gs_unicode_encode(lower[i], (uint8_t *)small + size);
        small[size] = 0;
    } else {
        free(small);
        small = NULL;
    }
    free(points);
    return small;
}

/* Takes token, whose text is borrowed, unless its number is taken. */
static gs_status take(gs_added_tokens *added, gs_new_token token, gs_error *err)
{
    for (size_t i = 0; i < added->count; i++)
        if (added->tokens[i].id == token.id)
            return GS_OK;
    gs_new_token *tokens = realloc(added->tokens, (added->count + 1) * sizeof *tokens);
    if (tokens)
        added->tokens = tokens;
    token.text = token.normalized ? normalize(token.text, added->normal) : strdup(token.text);
    if (!tokens || !token.text) {
        free(token.text);
        return gs_fail(err, GS_ENOMEM, "no memory for %zu added tokens", added->count + 1);
    }
    tokens[added->count++] = token;
    if (token.id >= added->next)
        added->next = token.id + 1;
    return GS_OK;
}

gs_status gs_added_tokens_add_special(gs_added_tokens *added, const char *text, uint32_t id, gs_error *err)
{
    return take(added, (gs_new_token){.text = (char *)text, .id = id}, err);
}

/* CLIP's own are found as they are, whatever a file says: tokenizer.bin has always meant that. */
static bool is_usual(const char *text)
{
    return strcmp(text, "<|startoftext|>") == 0 || strcmp(text, "<|endoftext|>") == 0;
}

/* Checks a token's number against the vocabulary, and takes it. */
static gs_status add(const reader *r, gs_new_token token, gs_error *err)
{
    uint32_t id;
    if (!token.text[0] || strlen(token.text) > MAX_TOKEN)
        return gs_fail(err, GS_EFORMAT, "%s: an added token of %zu bytes, expected 1 to %d", r->path,
                       strlen(token.text), MAX_TOKEN);
    bool known = r->find(r->vocabulary, token.text, &id);
    if (known && id != token.id)
        return gs_fail(err, GS_EFORMAT, "%s: added token '%.64s' is %u, but %u in the vocabulary", r->path, token.text,
                       token.id, id);
    if (known && !token.text[1]) /* a padding token such as "!" stays a word too */
        return GS_OK;
    if (is_usual(token.text))
        token.normalized = false;
    if (!known && token.id > r->added->next)
        return gs_fail(err, GS_EFORMAT,
                       "%s: added token '%.64s' is %u, but the next number is %u: transformers would give it that; "
                       "number the added tokens without gaps",
                       r->path, token.text, token.id, r->added->next);
    if (token.id >= r->rows)
        return gs_fail(err, GS_EFORMAT,
                       "%s: added token '%.64s' is %u, but the text tower's embedding has %zu rows (vocab_size)",
                       r->path, token.text, token.id, r->rows);
    return take(r->added, token, err);
}

static bool flag(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool read_id(const cJSON *number, uint32_t *id)
{
    double value = cJSON_IsNumber(number) ? number->valuedouble : -1;
    *id = value >= 0 && value < INT32_MAX ? (uint32_t)value : 0;
    return value == (double)*id;
}

/* A key that is a number, as in "added_tokens_decoder". */
static bool read_key(const char *text, uint32_t *id)
{
    size_t digits = strspn(text, "0123456789");
    *id = digits > 0 && digits < 10 ? (uint32_t)strtoul(text, NULL, 10) : 0;
    return digits > 0 && digits < 10 && !text[digits];
}

/* {"content", "normalized", "single_word", "lstrip", "rstrip"} */
static gs_status add_object(const reader *r, const cJSON *object, uint32_t id, gs_error *err)
{
    char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "content"));
    if (!text)
        return gs_fail(err, GS_EFORMAT, "%s: added token %u has no content", r->path, id);
    return add(r,
               (gs_new_token){.text = text,
                              .id = id,
                              .normalized = flag(object, "normalized"),
                              .single_word = flag(object, "single_word"),
                              .strips_left = flag(object, "lstrip"),
                              .strips_right = flag(object, "rstrip")},
               err);
}

/* ---- files ---- */

/* An entry of a map, and its number. */
typedef struct {
    const cJSON *node; /* borrowed */
    double number;
} numbered;

static int by_number(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* tokenizer.json's "added_tokens": [{"id", "content", ...}] */
static gs_status read_list(const reader *r, const cJSON *root, gs_error *err)
{
    const cJSON *item;
    gs_status st = GS_OK;
    uint32_t id;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "added_tokens"))
    {
        if (!read_id(cJSON_GetObjectItemCaseSensitive(item, "id"), &id))
            return gs_fail(err, GS_EFORMAT, "%s: an added token has no number", r->path);
        if ((st = add_object(r, item, id, err)) != GS_OK)
            return st;
    }
    return st;
}

/* Each entry of map, by its number: {"553": {"content", ...}} or {"<toy>": 553}. */
static gs_status read_map(const reader *r, const cJSON *map, gs_error *err)
{
    size_t count = (size_t)cJSON_GetArraySize(map), n = 0;
    numbered *entries = calloc(count + 1, sizeof *entries);
    const cJSON *item;
    if (!entries)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", r->path);
    cJSON_ArrayForEach(item, map) entries[n++] =
        (numbered){item, cJSON_IsNumber(item) ? item->valuedouble : strtod(item->string, NULL)};
    qsort(entries, n, sizeof *entries, by_number);
    gs_status st = GS_OK;
    for (size_t i = 0; st == GS_OK && i < n; i++) {
        const cJSON *node = entries[i].node;
        uint32_t id;
        if (cJSON_IsObject(node) && read_key(node->string, &id))
            st = add_object(r, node, id, err);
        else if (read_id(node, &id))
            st = add(r, (gs_new_token){.text = node->string, .id = id, .normalized = true}, err);
        else
            st = gs_fail(err, GS_EFORMAT, "%s: added token '%.64s' has no number", r->path, node->string);
    }
    free(entries);
    return st;
}

/* ["<|sep|>", {"content"}]: those that are no tokens yet take the next numbers. */
static gs_status read_specials(const reader *r, const cJSON *list, gs_error *err)
{
    const cJSON *item;
    gs_status st = GS_OK;
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *content = cJSON_IsObject(item) ? cJSON_GetObjectItemCaseSensitive(item, "content") : item;
        char *text = cJSON_GetStringValue(content);
        uint32_t id = r->added->next;
        if (!text || !text[0] || gs_added_tokens_find(r->added, text))
            continue;
        r->find(r->vocabulary, text, &id);
        if ((st = gs_added_tokens_add_special(r->added, text, id, err)) != GS_OK)
            return st;
    }
    return st;
}

static gs_status read_root(const reader *r, const cJSON *root, gs_error *err)
{
    return read_map(r, root, err);
}

static gs_status read_decoder(const reader *r, const cJSON *root, gs_error *err)
{
    return read_map(r, cJSON_GetObjectItemCaseSensitive(root, "added_tokens_decoder"), err);
}

static gs_status read_additional(const reader *r, const cJSON *root, gs_error *err)
{
    gs_status st = read_specials(r, cJSON_GetObjectItemCaseSensitive(root, "additional_special_tokens"), err);
    return st == GS_OK ? read_specials(r, cJSON_GetObjectItemCaseSensitive(root, "extra_special_tokens"), err) : st;
}

gs_status gs_added_tokens_read(gs_added_tokens *added, const char *directory, gs_find_token find,
                               const void *vocabulary, uint32_t id_end, size_t rows, gs_normal normal, gs_error *err)
{
    static const struct {
        const char *file;
        gs_status (*read)(const reader *r, const cJSON *root, gs_error *err);
    } sources[] = {
        {"tokenizer.json", read_list},
        {"tokenizer_config.json", read_decoder},
        {"added_tokens.json", read_root},
        {"tokenizer_config.json", read_additional},
        {"special_tokens_map.json", read_additional},
    };
    *added = (gs_added_tokens){.next = id_end, .normal = normal};
    gs_status st = GS_OK;
    for (size_t i = 0; st == GS_OK && i < sizeof sources / sizeof *sources; i++) {
        gs_json json = {0};
        char *path = gs_path_join(directory, sources[i].file);
        reader r = {added, path, find, vocabulary, rows};
        if (!path)
            st = gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
        else if (access(path, F_OK) == 0 && (st = gs_json_open(&json, path, MAX_FILE, err)) == GS_OK)
            st = sources[i].read(&r, json.root, err);
        gs_json_close(&json);
        free(path);
    }
    if (st != GS_OK)
        gs_added_tokens_free(added);
    return st;
}

void gs_added_tokens_free(gs_added_tokens *added)
{
    for (size_t i = 0; i < added->count; i++)
        free(added->tokens[i].text);
    free(added->tokens);
    *added = (gs_added_tokens){0};
}

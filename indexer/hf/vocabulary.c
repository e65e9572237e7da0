#include "indexer/hf/vocabulary.h"

#include "core/tokenize.h" /* gs_merge */
#include "indexer/hf/added_tokens.h"
#include "indexer/hf/json.h"
#include "indexer/hf/stand_in.h"

#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* access */

#define BYTE_TOKENS  512 /* each byte, within a word and at its end */
#define MAX_SPECIALS 64  /* start and end of text, and what others added */
#define MAX_FILE     ((size_t)64 << 20)
#define MAX_TOKEN    1024 /* bytes of a token's text */
#define HEADER_WORDS 10
#define VERSION      1 /* 2 with added tokens */
#define BYTE_TEXT    8 /* two bytes of UTF-8, "</w>", NUL */

typedef struct {
    const char *text; /* borrowed from the JSON */
    uint32_t id;
} token;

typedef struct {
    const char *left, *right; /* borrowed from merges.txt or the JSON */
} pair;

typedef struct {
    char *path;        /* vocab.json or tokenizer.json, for messages  owned */
    char *merges_path; /* merges.txt                                  owned */
    gs_json json;
    gs_bytes merges_text; /* its spaces and line ends become NULs */
    token *tokens;        /* [n_tokens] sorted by text  owned */
    size_t n_tokens;
    uint32_t id_end; /* largest id + 1 */
    pair *pairs;     /* [n_pairs] in order of rank  owned */
    size_t n_pairs;
    gs_added_tokens added;
} source;

static void source_close(source *s)
{
    gs_added_tokens_free(&s->added);
    free(s->pairs);
    free(s->tokens);
    gs_bytes_free(&s->merges_text);
    gs_json_close(&s->json);
    free(s->merges_path);
    free(s->path);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const token *)a)->text, ((const token *)b)->text);
}

static const token *find_token(const source *s, const char *text)
{
    if (!s->tokens)
        return NULL;
    return bsearch(&(token){.text = text}, s->tokens, s->n_tokens, sizeof *s->tokens, by_text);
}

static bool find_id(const void *vocabulary, const char *text, uint32_t *id)
{
    const token *found = find_token(vocabulary, text);
    if (found)
        *id = found->id;
    return found != NULL;
}

/* vocab: {"text": id}. Ids must be below limit. */
static gs_status read_tokens(source *s, const cJSON *vocab, size_t limit, gs_error *err)
{
    const cJSON *item;
    if (!cJSON_IsObject(vocab) || !vocab->child)
        return gs_fail(err, GS_EFORMAT, "%s: no vocabulary: expected an object of tokens and their numbers", s->path);
    s->tokens = calloc((size_t)cJSON_GetArraySize(vocab), sizeof *s->tokens);
    if (!s->tokens)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", s->path);
    cJSON_ArrayForEach(item, vocab)
    {
        double id = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(id >= 0 && id < (double)limit) || id != (uint32_t)id)
            return gs_fail(err, GS_EFORMAT, "%s: token '%.64s' is no whole number below vocab_size, %zu", s->path,
                           item->string, limit);
        s->tokens[s->n_tokens++] = (token){.text = item->string, .id = (uint32_t)id};
        if ((uint32_t)id >= s->id_end)
            s->id_end = (uint32_t)id + 1;
    }
    qsort(s->tokens, s->n_tokens, sizeof *s->tokens, by_text);
    return GS_OK;
}

/* Cuts "left right" at its only space. */
static bool split_pair(char *line, pair *out)
{
    char *space = strchr(line, ' ');
    if (!space || space == line || !space[1] || strchr(space + 1, ' '))
        return false;
    *space = 0;
    *out = (pair){.left = line, .right = space + 1};
    return true;
}

/* Lines "left right" after a first line "#version: ...". */
static gs_status read_merges_text(source *s, gs_error *err)
{
    gs_status st = gs_file_read(&s->merges_text, s->merges_path, MAX_FILE, err);
    if (st == GS_OK)
        st = gs_stand_in_check(s->merges_path, s->merges_text.data, s->merges_text.size, err);
    if (st != GS_OK)
        return st;
    char *text = (char *)s->merges_text.data;
    size_t lines = 1, number = 0, n = 0;
    for (size_t i = 0; i < s->merges_text.size; i++)
        lines += text[i] == '\n';
    s->pairs = calloc(lines, sizeof *s->pairs);
    if (!s->pairs)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", s->merges_path);
    for (char *line = text, *next; line; line = next) {
        number++;
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        size_t length = strlen(line);
        if (length && line[length - 1] == '\r')
            line[--length] = 0;
        if (length == 0 || strncmp(line, "#version", 8) == 0)
            continue;
        if (!split_pair(line, &s->pairs[n++]))
            return gs_fail(err, GS_EFORMAT, "%s: line %zu is '%.64s', expected two tokens and a space between them",
                           s->merges_path, number, line);
    }
    s->n_pairs = n;
    return GS_OK;
}

/* ["left right", ...] or [["left", "right"], ...] */
static gs_status read_merges_json(source *s, const cJSON *merges, gs_error *err)
{
    const cJSON *item;
    size_t n = 0;
    if (!cJSON_IsArray(merges))
        return gs_fail(err, GS_EFORMAT, "%s: model.merges is missing or no array", s->path);
    s->pairs = calloc((size_t)cJSON_GetArraySize(merges) + 1, sizeof *s->pairs);
    if (!s->pairs)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", s->path);
    cJSON_ArrayForEach(item, merges)
    {
        pair *out = &s->pairs[n++];
        bool good = false;
        if (cJSON_IsString(item)) {
            good = split_pair(item->valuestring, out);
        } else if (cJSON_GetArraySize(item) == 2) {
            out->left = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0));
            out->right = cJSON_GetStringValue(cJSON_GetArrayItem(item, 1));
            good = out->left && out->right;
        }
        if (!good)
            return gs_fail(err, GS_EFORMAT, "%s: model.merges[%zu] is not a pair of tokens", s->path, n - 1);
    }
    s->n_pairs = n;
    return GS_OK;
}

static gs_status open_tokenizer_json(source *s, size_t limit, gs_error *err)
{
    gs_json_object model;
    gs_status st;
    if ((st = gs_json_open(&s->json, s->path, MAX_FILE, err)) != GS_OK ||
        (st = gs_json_child(&s->json, "model", "model.", &model, err)) != GS_OK ||
        (st = read_tokens(s, gs_json_field(&model, "vocab"), limit, err)) != GS_OK)
        return st;
    return read_merges_json(s, gs_json_field(&model, "merges"), err);
}

static gs_status open_vocab_json(source *s, size_t limit, gs_error *err)
{
    gs_status st = gs_json_open(&s->json, s->path, MAX_FILE, err);
    if (st == GS_OK)
        st = read_tokens(s, s->json.root, limit, err);
    return st == GS_OK ? read_merges_text(s, err) : st;
}

static gs_status source_open(source *s, const char *directory, size_t limit, gs_error *err)
{
    *s = (source){.path = gs_path_join(directory, "vocab.json"), .merges_path = gs_path_join(directory, "merges.txt")};
    char *whole = gs_path_join(directory, "tokenizer.json");
    gs_status st;
    if (!s->path || !s->merges_path || !whole) {
        st = gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    } else if (access(s->path, F_OK) != 0 && access(whole, F_OK) == 0) {
        char *vocab = s->path;
        s->path = whole;
        whole = vocab;
        st = open_tokenizer_json(s, limit, err);
    } else {
        st = open_vocab_json(s, limit, err);
    }
    free(whole);
    return st;
}

/* The visible character, in UTF-8, that GPT-2's vocabulary writes for a byte, then ending: itself where it is printable
 * in Latin-1, else one of those from U+0100 on, in order. */
static void byte_text(int byte, const char *ending, char text[BYTE_TEXT])
{
    int point = byte;
    bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    if (!printable)
        point = 256 + (byte <= 32 ? byte : byte <= 160 ? byte - 127 + 33 : 33 + 34);
    if (point < 128)
        snprintf(text, BYTE_TEXT, "%c%s", point, ending);
    else
        snprintf(text, BYTE_TEXT, "%c%c%s", 0xc0 | point >> 6, 0x80 | (point & 0x3f), ending);
}

/* byte [256], byte_end [256]. A byte that the vocabulary cannot say becomes unknown, as in transformers. */
static void write_bytes(const source *s, uint32_t unknown, uint32_t *byte, uint32_t *byte_end)
{
    for (int b = 0; b < 256; b++) {
        char text[BYTE_TEXT], text_end[BYTE_TEXT];
        byte_text(b, "", text);
        byte_text(b, "</w>", text_end);
        const token *alone = find_token(s, text), *ending = find_token(s, text_end);
        byte[b] = alone ? alone->id : unknown;
        byte_end[b] = ending ? ending->id : unknown;
    }
}

/* By pair; of two merges of one pair the last comes first. */
static int by_pair(const void *a, const void *b)
{
    const gs_merge *x = a, *y = b;
    if (x->left != y->left)
        return x->left < y->left ? -1 : 1;
    if (x->right != y->right)
        return x->right < y->right ? -1 : 1;
    return (x->rank < y->rank) - (x->rank > y->rank);
}

/* The file that held the merges, for messages. */
static const char *merges_file(const source *s)
{
    return s->merges_text.data ? s->merges_path : s->path;
}

/* merges [s->n_pairs] sorted, *n of them; of two for one pair the later counts, as in transformers. */
static gs_status write_merges(const source *s, gs_merge *merges, uint32_t *n, gs_error *err)
{
    for (size_t i = 0; i < s->n_pairs; i++) {
        char joined[2 * MAX_TOKEN];
        const pair *p = &s->pairs[i];
        if (strlen(p->left) >= MAX_TOKEN || strlen(p->right) >= MAX_TOKEN)
            return gs_fail(err, GS_EFORMAT, "%s: merge %zu is longer than %d bytes", merges_file(s), i + 1, MAX_TOKEN);
        snprintf(joined, sizeof joined, "%s%s", p->left, p->right);
        const token *left = find_token(s, p->left), *right = find_token(s, p->right), *result = find_token(s, joined);
        if (!left || !right || !result)
            return gs_fail(err, GS_EFORMAT,
                           "%s: merge %zu, '%.48s %.48s', has a token that the vocabulary lacks: '%.96s'",
                           merges_file(s), i + 1, p->left, p->right,
                           !left   ? p->left
                           : right ? joined
                                   : p->right);
        merges[i] = (gs_merge){left->id, right->id, result->id, (uint32_t)i};
    }
    qsort(merges, s->n_pairs, sizeof *merges, by_pair);
    *n = 0;
    for (size_t i = 0; i < s->n_pairs; i++)
        if (*n == 0 || merges[*n - 1].left != merges[i].left || merges[*n - 1].right != merges[i].right)
            merges[(*n)++] = merges[i];
    return GS_OK;
}

typedef struct {
    uint32_t start, end, pad, unknown;
} specials;

/* The token called name in tokenizer_config.json ("<|endoftext|>" or {"content": "<|endoftext|>"}), or fallback. */
static gs_status special(source *s, const gs_json_object *json, const char *name, const char *fallback, uint32_t *id,
                         gs_error *err)
{
    const cJSON *field = gs_json_field(json, name);
    if (cJSON_IsObject(field))
        field = cJSON_GetObjectItemCaseSensitive(field, "content");
    const char *text = cJSON_IsString(field) ? field->valuestring : fallback;
    const gs_new_token *added = gs_added_tokens_find(&s->added, text);
    if (!find_id(s, text, id) && !added)
        return gs_fail(err, GS_EFORMAT, "%s: no token '%s' (the tokenizer's %s)", s->path, text, name);
    if (added) {
        *id = added->id;
        return GS_OK;
    }
    /* A padding token that is a word too, such as "!", stays one. */
    return strcmp(name, "pad_token") == 0 ? GS_OK : gs_added_tokens_add_special(&s->added, text, *id, err);
}

static gs_status read_specials(source *s, const char *directory, specials *out, gs_error *err)
{
    char *path = gs_path_join(directory, "tokenizer_config.json");
    if (!path)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    gs_json json = {0};
    gs_status st = access(path, F_OK) == 0 ? gs_json_open(&json, path, MAX_FILE, err) : GS_OK;
    gs_json_object root = gs_json_root(&json);
    if (st == GS_OK && (st = special(s, &root, "bos_token", "<|startoftext|>", &out->start, err)) == GS_OK &&
        (st = special(s, &root, "eos_token", "<|endoftext|>", &out->end, err)) == GS_OK &&
        (st = special(s, &root, "unk_token", "<|endoftext|>", &out->unknown, err)) == GS_OK)
        st = special(s, &root, "pad_token", "<|endoftext|>", &out->pad, err);
    gs_json_close(&json);
    free(path);
    return st;
}

/* Whether the added tokens are those that tokenizer.bin means without saying so. */
static bool only_usual(const gs_added_tokens *added, const specials *ids)
{
    const gs_new_token *start = gs_added_tokens_find(added, "<|startoftext|>");
    const gs_new_token *end = gs_added_tokens_find(added, "<|endoftext|>");
    return added->count == 2 && start && end && start->id == ids->start && end->id == ids->end && !start->normalized &&
           !end->normalized && !start->single_word && !end->single_word;
}

/* The records and texts of added tokens; returns their bytes, a multiple of 4. out: NULL, or zeroed memory for them. */
static size_t write_added(const gs_added_tokens *added, void *out)
{
    gs_added_token *records = out;
    size_t size = 0;
    for (size_t i = 0; i < added->count; i++) {
        const gs_new_token *new = &added->tokens[i];
        uint32_t length = (uint32_t)strlen(new->text), flags = (uint32_t) new->normalized + 2u * new->single_word;
        if (out) {
            records[i] = (gs_added_token){new->id, flags, (uint32_t)size, length};
            memcpy((char *)(records + added->count) + size, new->text, length);
        }
        size += length;
    }
    return added->count * sizeof *records + (size + 3) / 4 * 4;
}

static gs_status write_all(const source *s, const specials *ids, size_t context, gs_bytes *bytes, gs_error *err)
{
    bool usual = only_usual(&s->added, ids);
    size_t fixed = (HEADER_WORDS + 512) * sizeof(uint32_t), added = usual ? 0 : write_added(&s->added, NULL);
    uint32_t *words = calloc(1, fixed + s->n_pairs * sizeof(gs_merge) + added);
    if (!words)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu merges", merges_file(s), s->n_pairs);
    bytes->data = (uint8_t *)words;
    uint32_t n_merges = 0;
    gs_status st = write_merges(s, (gs_merge *)(words + fixed / sizeof *words), &n_merges, err);
    if (st != GS_OK)
        return st;
    write_bytes(s, ids->unknown, words + HEADER_WORDS, words + HEADER_WORDS + 256);
    memcpy(words, "GSTOKEN", 8);
    uint32_t n_added = usual ? 0 : (uint32_t)s->added.count, end = usual ? s->id_end : s->added.next;
    uint32_t header[] = {VERSION + !usual, (uint32_t)context, ids->start, ids->end, ids->pad, end, n_merges, n_added};
    memcpy(words + 2, header, sizeof header);
    bytes->size = fixed + n_merges * sizeof(gs_merge) + added;
    if (!usual)
        write_added(&s->added, (char *)words + fixed + n_merges * sizeof(gs_merge));
    return GS_OK;
}

/* A vocabulary is two tokens for each byte, one for each merge, and some specials: with many more, merges are missing. */
static gs_status check_count(const source *s, gs_error *err)
{
    if (s->n_tokens <= BYTE_TOKENS + s->n_pairs + MAX_SPECIALS)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT,
                   "%s: %zu merges, but the vocabulary has %zu tokens, %zu of them made by merges: cut short?",
                   merges_file(s), s->n_pairs, s->n_tokens, s->n_tokens - BYTE_TOKENS);
}

gs_status gs_vocabulary_read(gs_bytes *bytes, const char *directory, size_t context, size_t vocabulary, gs_error *err)
{
    *bytes = (gs_bytes){0};
    source s;
    specials ids = {0};
    gs_status st = source_open(&s, directory, vocabulary, err);
    if (st == GS_OK)
        st = check_count(&s, err);
    if (st == GS_OK)
        st = gs_added_tokens_read(&s.added, directory, find_id, &s, s.id_end, err);
    if (st == GS_OK)
        st = read_specials(&s, directory, &ids, err);
    if (st == GS_OK && s.added.next > vocabulary)
        st = gs_fail(err, GS_EFORMAT,
                     "%s: the added tokens need %u rows, the text tower's embedding has %zu (vocab_size): resize it",
                     directory, s.added.next, vocabulary);
    if (st == GS_OK)
        st = write_all(&s, &ids, context, bytes, err);
    if (st != GS_OK)
        gs_bytes_free(bytes);
    source_close(&s);
    return st;
}

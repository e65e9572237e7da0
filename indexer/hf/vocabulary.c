#include "indexer/hf/vocabulary.h"

#include "core/tokenize.h" /* gs_merge */
#include "indexer/hf/added_tokens.h"
#include "indexer/hf/json.h"
#include "indexer/hf/stand_in.h"
#include "indexer/hf/token_table.h"

#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* access */

#define BYTE_TOKENS  512 /* each byte, within a word and at its end */
#define MAX_SPECIALS 64  /* start and end of text, and what others added */
#define MAX_FILE     ((size_t)64 << 20)
#define HEADER_WORDS 10
#define VERSION      1 /* 2 with added tokens */
#define BYTE_TEXT    8 /* two bytes of UTF-8, "</w>", NUL */

typedef struct {
    char *path;        /* vocab.json or tokenizer.json, for messages  owned */
    char *merges_path; /* merges.txt                                  owned */
    gs_json json;
    gs_bytes merges_text; /* its spaces and line ends become NULs */
    gs_token_table table;
    gs_added_tokens added;
} source;

static void source_close(source *s)
{
    gs_added_tokens_free(&s->added);
    gs_token_table_free(&s->table);
    gs_bytes_free(&s->merges_text);
    gs_json_close(&s->json);
    free(s->merges_path);
    free(s->path);
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
    s->table.pairs = calloc(lines, sizeof *s->table.pairs);
    if (!s->table.pairs)
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
        if (!gs_token_pair_split(line, &s->table.pairs[n++]))
            return gs_fail(err, GS_EFORMAT, "%s: line %zu is '%.64s', expected two tokens and a space between them",
                           s->merges_path, number, line);
    }
    s->table.n_pairs = n;
    return GS_OK;
}

static gs_status open_tokenizer_json(source *s, size_t limit, gs_error *err)
{
    gs_json_object model;
    gs_status st;
    if ((st = gs_json_open(&s->json, s->path, MAX_FILE, err)) != GS_OK ||
        (st = gs_json_child(&s->json, "model", "model.", &model, err)) != GS_OK ||
        (st = gs_token_table_read(&s->table, gs_json_field(&model, "vocab"), limit, err)) != GS_OK)
        return st;
    return gs_token_table_read_merges(&s->table, gs_json_field(&model, "merges"), err);
}

static gs_status open_vocab_json(source *s, size_t limit, gs_error *err)
{
    gs_status st = gs_json_open(&s->json, s->path, MAX_FILE, err);
    if (st == GS_OK)
        st = gs_token_table_read(&s->table, s->json.root, limit, err);
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
        s->table.path = s->table.merges_path = s->path;
        st = open_tokenizer_json(s, limit, err);
    } else {
        s->table.path = s->path;
        s->table.merges_path = s->merges_path;
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
        byte[b] = byte_end[b] = unknown;
        gs_token_table_find(&s->table, text, &byte[b]);
        gs_token_table_find(&s->table, text_end, &byte_end[b]);
    }
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
    if (!gs_token_table_find(&s->table, text, id) && !added)
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
    uint32_t *words = calloc(1, fixed + s->table.n_pairs * sizeof(gs_merge) + added);
    if (!words)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu merges", s->table.merges_path, s->table.n_pairs);
    bytes->data = (uint8_t *)words;
    uint32_t n_merges = 0;
    gs_status st = gs_token_table_merges(&s->table, (gs_merge *)(words + fixed / sizeof *words), &n_merges, err);
    if (st != GS_OK)
        return st;
    write_bytes(s, ids->unknown, words + HEADER_WORDS, words + HEADER_WORDS + 256);
    memcpy(words, "GSTOKEN", 8);
    uint32_t n_added = usual ? 0 : (uint32_t)s->added.count, end = usual ? s->table.id_end : s->added.next;
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
    if (s->table.n_tokens <= BYTE_TOKENS + s->table.n_pairs + MAX_SPECIALS)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT,
                   "%s: %zu merges, but the vocabulary has %zu tokens, %zu of them made by merges: cut short?",
                   s->table.merges_path, s->table.n_pairs, s->table.n_tokens, s->table.n_tokens - BYTE_TOKENS);
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
        st = gs_added_tokens_read(&s.added, directory, gs_token_table_find, &s.table, s.table.id_end, vocabulary,
                                  GS_NORMAL_CLIP, err);
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

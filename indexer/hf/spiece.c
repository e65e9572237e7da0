/* spiece.c - SigLIP's tokenizer: sentencepiece's spiece.model, a protocol buffer. */
#include "indexer/hf/pieces_source.h"
#include "indexer/hf/stand_in.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)64 << 20)

/* ---- protocol buffers ---- */

/* A message, or what is left of it. */
typedef struct {
    const uint8_t *at, *end;
} message;

/* A field: a number (varint, or the bits of a float), or bytes. */
typedef struct {
    uint32_t number;
    uint64_t value;
    message bytes;
} field;

static bool read_varint(message *m, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && m->at < m->end; shift += 7) {
        uint8_t byte = *m->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool take_bytes(message *m, uint64_t size, message *out)
{
    if (size > (uint64_t)(m->end - m->at))
        return false;
    *out = (message){m->at, m->at + size};
    m->at += size;
    return true;
}

/* The next field; false at the end, and where there is none: m->at then is not m->end. */
static bool next_field(message *m, field *out)
{
    const uint8_t *begin = m->at;
    uint64_t key, size;
    bool good = m->at < m->end && read_varint(m, &key);
    *out = (field){.number = good ? (uint32_t)(key >> 3) : 0};
    if (good && (key & 7) == 0)
        good = read_varint(m, &out->value);
    else if (good && (key & 7) == 2)
        good = read_varint(m, &size) && take_bytes(m, size, &out->bytes);
    else if (good && ((key & 7) == 1 || (key & 7) == 5)) {
        good = take_bytes(m, (key & 7) == 1 ? 8 : 4, &out->bytes);
        if (good && (key & 7) == 5)
            memcpy(&out->value, out->bytes.at, 4);
    } else
        good = false;
    if (!good && begin < m->end)
        m->at = begin;
    return good;
}

/* ---- the model ---- */

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5, BYTE = 6 };

typedef struct {
    const char *path;
    gs_pieces_source *s;
    uint32_t count; /* of all pieces */
    bool has_unknown;
} reader;

static gs_status read_piece(reader *r, message m, gs_error *err)
{
    gs_source_piece piece = {.id = r->count++};
    uint64_t type = NORMAL;
    uint32_t bits;
    field f;
    while (next_field(&m, &f)) {
        if (f.number == 1) {
            piece.text = (const char *)f.bytes.at;
            piece.length = (uint32_t)(f.bytes.end - f.bytes.at);
        } else if (f.number == 2) {
            bits = (uint32_t)f.value;
            memcpy(&piece.score, &bits, sizeof bits);
        } else if (f.number == 3) {
            type = f.value;
        }
    }
    if (m.at != m.end || !piece.length)
        return gs_fail(err, GS_EFORMAT, "%s: piece %u is damaged", r->path, piece.id);
    if (type == USER_DEFINED || type == BYTE)
        return gs_fail(err, GS_EFORMAT, "%s: piece %u, '%.*s', is of type %u, expected normal, unknown or control",
                       r->path, piece.id, (int)piece.length, piece.text, (unsigned)type);
    if (type == UNKNOWN) {
        r->s->unknown = piece.id;
        r->has_unknown = true;
    }
    if (type != NORMAL)
        return GS_OK;
    r->s->pieces[r->s->n_pieces++] = piece;
    return GS_OK;
}

/* trainer_spec: its kind. */
static gs_status check_trainer(const reader *r, message m, gs_error *err)
{
    field f;
    while (next_field(&m, &f))
        if ((f.number == 3 && f.value != 1) || ((f.number == 24 || f.number == 35) && f.value))
            return gs_fail(err, GS_EFORMAT,
                           "%s: trainer_spec's field %u is %u, expected a unigram model, without byte_fallback and "
                           "treat_whitespace_as_suffix",
                           r->path, f.number, (unsigned)f.value);
    return GS_OK;
}

static gs_status read_rules(const reader *r, message rules, gs_error *err)
{
    uint32_t trie;
    size_t size = (size_t)(rules.end - rules.at);
    if (size == 0)
        return GS_OK;
    if (size >= sizeof trie)
        memcpy(&trie, rules.at, sizeof trie);
    if (size < sizeof trie || trie % 4 || trie >= size - sizeof trie || rules.end[-1])
        return gs_fail(err, GS_EFORMAT, "%s: normalizer_spec.precompiled_charsmap is damaged", r->path);
    r->s->rules = rules.at + sizeof trie;
    r->s->rules_size = size - sizeof trie;
    r->s->units = trie / 4;
    return GS_OK;
}

static gs_status read_normalizer(const reader *r, message m, gs_error *err)
{
    bool prefix = true, trims = true;
    gs_status st = GS_OK;
    field f;
    while (st == GS_OK && next_field(&m, &f)) {
        if (f.number == 2)
            st = read_rules(r, f.bytes, err);
        else if (f.number == 3)
            prefix = f.value;
        else if (f.number == 4)
            trims = f.value;
        else if (f.number == 5 && !f.value)
            st = gs_fail(err, GS_EFORMAT, "%s: normalizer_spec.escape_whitespaces is false, expected true", r->path);
    }
    r->s->flags |= (prefix ? GS_TOKENIZER_DUMMY_PREFIX : 0) | (trims ? GS_TOKENIZER_TRIM : 0);
    return st;
}

static gs_status read_model(reader *r, message m, gs_error *err)
{
    bool normalizer = false;
    gs_status st = GS_OK;
    field f;
    while (st == GS_OK && next_field(&m, &f)) {
        if (f.number == 1)
            st = read_piece(r, f.bytes, err);
        else if (f.number == 2)
            st = check_trainer(r, f.bytes, err);
        else if (f.number == 3) {
            st = read_normalizer(r, f.bytes, err);
            normalizer = true;
        }
    }
    if (st == GS_OK && (m.at != m.end || !r->has_unknown || !normalizer))
        return gs_fail(err, GS_EFORMAT,
                       "%s: no sentencepiece model: it is damaged, or has no unknown piece or normalizer", r->path);
    return st;
}

/* ---- special tokens ---- */

static bool find_piece(const void *source, const char *text, uint32_t *id)
{
    const gs_pieces_source *s = source;
    message m = {s->model.data, s->model.data + s->model.size}, piece;
    uint32_t count = 0;
    for (field f, inner; next_field(&m, &f);) {
        if (f.number != 1)
            continue;
        for (piece = f.bytes; next_field(&piece, &inner);)
            if (inner.number == 1 && (size_t)(inner.bytes.end - inner.bytes.at) == strlen(text) &&
                memcmp(inner.bytes.at, text, strlen(text)) == 0) {
                *id = count;
                return true;
            }
        count++;
    }
    return false;
}

static gs_status special(gs_pieces_source *s, const gs_json_object *config, const char *path, const char *name,
                         const char *fallback, uint32_t *id, gs_error *err)
{
    const char *text = gs_special_text(config, name, fallback);
    if (!find_piece(s, text, id))
        return gs_fail(err, GS_EFORMAT, "%s: no piece '%s' (the tokenizer's %s)", path, text, name);
    return gs_added_tokens_add_special(&s->added, text, *id, err);
}

gs_status gs_spiece_read(gs_pieces_source *s, const char *directory, const gs_json_object *config, size_t limit,
                         gs_error *err)
{
    bool lower;
    uint32_t unknown;
    gs_status st;
    char *path = gs_path_join(directory, "spiece.model");
    if (!path)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    reader r = {.path = path, .s = s};
    s->kind = GS_TOKENIZER_UNIGRAM;
    if ((st = gs_file_read(&s->model, path, MAX_FILE, err)) != GS_OK ||
        (st = gs_stand_in_check(path, s->model.data, s->model.size, err)) != GS_OK)
        goto end;
    s->pieces = calloc(s->model.size / 2 + 1, sizeof *s->pieces); /* a field takes two bytes */
    if (!s->pieces)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    else
        st = read_model(&r, (message){s->model.data, s->model.data + s->model.size}, err);
    if (st == GS_OK && r.count > limit)
        st = gs_fail(err, GS_EFORMAT, "%s: %u pieces, the text tower's embedding has %zu rows (vocab_size)", path,
                     r.count, limit);
    if (st == GS_OK &&
        (st = gs_added_tokens_read(&s->added, directory, find_piece, s, r.count, limit, GS_NORMAL_CLIP, err)) ==
            GS_OK &&
        (st = special(s, config, path, "eos_token", "</s>", &s->end, err)) == GS_OK &&
        (st = special(s, config, path, "pad_token", "</s>", &s->pad, err)) == GS_OK &&
        (st = special(s, config, path, "unk_token", "<unk>", &unknown, err)) == GS_OK)
        st = gs_json_bool(config, "do_lower_case", true, &lower, err);
    for (size_t i = 0; st == GS_OK && i < s->added.count; i++)
        if (s->added.tokens[i].single_word)
            st = gs_fail(
                err, GS_EFORMAT,
                "%s: added token '%.64s' has single_word, expected none that has: SigLIP's tokenizer finds such "
                "in a way of its own; save it without",
                directory, s->added.tokens[i].text);
    if (st == GS_OK)
        s->flags |= GS_TOKENIZER_END | (lower ? GS_TOKENIZER_LOWER : 0);
end:
    free(path);
    return st;
}

#include "indexer/hf/pieces.h"

#include "indexer/hf/json.h"
#include "indexer/hf/pieces_source.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* access */

#define MAX_FILE ((size_t)16 << 20)

static void free_source(gs_pieces_source *s)
{
    gs_added_tokens_free(&s->added);
    gs_token_table_free(&s->table);
    gs_json_close(&s->json);
    gs_bytes_free(&s->model);
    free(s->pieces);
    free(s->merges);
}

/* ---- writing ---- */

static int by_bytes(const void *a, const void *b)
{
    const gs_source_piece *x = a, *y = b;
    uint32_t shorter = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, shorter);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* Text goes behind the *used bytes of texts; returns where it begins. */
static uint32_t put_text(char *texts, size_t *used, const char *text, size_t length)
{
    size_t at = *used;
    memcpy(texts + at, text, length);
    *used += length;
    return (uint32_t)at;
}

static size_t text_size(const gs_pieces_source *s)
{
    size_t size = 0;
    for (size_t i = 0; i < s->n_pieces; i++)
        size += s->pieces[i].length;
    for (size_t i = 0; i < s->added.count; i++)
        size += strlen(s->added.tokens[i].text);
    return (size + 3) / 4 * 4;
}

/* SigLIP's tokenizer looks for all of its tokens in one way. */
static uint32_t added_flags(const gs_pieces_source *s, const gs_new_token *new)
{
    if (s->kind == GS_TOKENIZER_UNIGRAM)
        return 0;
    return (new->normalized ? GS_ADDED_NORMALIZED : 0) | (new->single_word ? GS_ADDED_SINGLE_WORD : 0) |
           (new->strips_left ? GS_ADDED_STRIPS_LEFT : 0) | (new->strips_right ? GS_ADDED_STRIPS_RIGHT : 0);
}

static void write_body(const gs_pieces_source *s, const gs_tokenizer_header *h, gs_tokenizer_header *out)
{
    uint32_t *byte = (uint32_t *)(out + 1);
    gs_merge *merges = (gs_merge *)(byte + 256);
    gs_piece *pieces = (gs_piece *)(merges + h->n_merges);
    gs_added_token *added = (gs_added_token *)(pieces + h->n_pieces);
    char *texts = (char *)(added + h->n_added);
    size_t used = 0;
    *out = *h;
    memcpy(byte, s->byte, sizeof s->byte);
    if (s->n_merges)
        memcpy(merges, s->merges, s->n_merges * sizeof *merges);
    for (size_t i = 0; i < s->n_pieces; i++) {
        const gs_source_piece *p = &s->pieces[i];
        pieces[i] = (gs_piece){put_text(texts, &used, p->text, p->length), p->length, p->id, p->score};
    }
    for (size_t i = 0; i < s->added.count; i++) {
        const gs_new_token *new = &s->added.tokens[i];
        uint32_t length = (uint32_t)strlen(new->text);
        added[i] = (gs_added_token){new->id, added_flags(s, new), put_text(texts, &used, new->text, length), length};
    }
    if (s->rules_size)
        memcpy(texts + h->n_texts, s->rules, s->rules_size);
}

static gs_status write_all(const gs_pieces_source *s, const char *directory, size_t context, gs_bytes *bytes,
                           gs_error *err)
{
    size_t texts = text_size(s), rules = (s->rules_size - s->units * sizeof(uint32_t) + 3) / 4 * 4;
    gs_tokenizer_header h = {.magic = "GSTOKEN",
                             .version = 3,
                             .kind = s->kind,
                             .flags = s->flags,
                             .context = (uint32_t)context,
                             .start = s->start,
                             .end = s->end,
                             .pad = s->pad,
                             .unknown = s->unknown,
                             .n_tokens = s->added.next,
                             .n_merges = s->n_merges,
                             .n_pieces = (uint32_t)s->n_pieces,
                             .n_added = (uint32_t)s->added.count,
                             .n_texts = (uint32_t)texts,
                             .n_units = (uint32_t)s->units,
                             .n_rules = (uint32_t)rules};
    size_t size = sizeof h + 256 * sizeof(uint32_t) + s->n_merges * sizeof(gs_merge) + s->n_pieces * sizeof(gs_piece) +
                  s->added.count * sizeof(gs_added_token) + texts + s->units * sizeof(uint32_t) + rules;
    bytes->data = calloc(1, size);
    if (!bytes->data)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu pieces", directory, s->n_pieces);
    bytes->size = size;
    if (s->n_pieces)
        qsort(s->pieces, s->n_pieces, sizeof *s->pieces, by_bytes);
    for (size_t i = 1; i < s->n_pieces; i++)
        if (by_bytes(&s->pieces[i - 1], &s->pieces[i]) == 0)
            return gs_fail(err, GS_EFORMAT, "%s: the tokenizer has the piece '%.*s' twice", directory,
                           (int)s->pieces[i].length, s->pieces[i].text);
    write_body(s, &h, (gs_tokenizer_header *)bytes->data);
    return GS_OK;
}

/* ---- which tokenizer ---- */

static bool is_class(const char *name, const char *class)
{
    size_t length = strlen(class);
    return strncmp(name, class, length) == 0 && (!name[length] || strcmp(name + length, "Fast") == 0);
}

/* The fields of tokenizer_config.json that all have. side: the class's own. */
static gs_status read_common(const gs_json_object *config, const char *side, gs_pieces_source *s, gs_error *err)
{
    const char *padding;
    gs_status st = gs_json_string(config, "padding_side", side, &padding, err);
    if (st != GS_OK)
        return st;
    if (strcmp(padding, "left") != 0 && strcmp(padding, "right") != 0)
        return gs_json_wrong(config, "padding_side", "left or right", err);
    s->flags |= GS_TOKENIZER_PAD | (strcmp(padding, "left") == 0 ? GS_TOKENIZER_PAD_LEFT : 0);
    return GS_OK;
}

static gs_status read_source(gs_pieces_source *s, const char *directory, const gs_json_object *config, size_t limit,
                             gs_error *err)
{
    const char *class;
    gs_status st = gs_json_string(config, "tokenizer_class", "SiglipTokenizer", &class, err);
    if (st != GS_OK)
        return st;
    bool siglip = is_class(class, "SiglipTokenizer"), siglip2 = is_class(class, "Siglip2Tokenizer");
    if (!siglip && !siglip2 && !is_class(class, "GemmaTokenizer"))
        return gs_json_wrong(config, "tokenizer_class", "SiglipTokenizer, Siglip2Tokenizer or GemmaTokenizer", err);
    if ((st = read_common(config, siglip ? "right" : "left", s, err)) != GS_OK)
        return st;
    return siglip ? gs_spiece_read(s, directory, config, limit, err)
                  : gs_gemma_read(s, directory, config, siglip2, limit, err);
}

gs_status gs_pieces_read(gs_bytes *bytes, const char *directory, size_t context, size_t vocabulary, gs_error *err)
{
    *bytes = (gs_bytes){0};
    gs_pieces_source s = {0};
    gs_json json = {0};
    char *path = gs_path_join(directory, "tokenizer_config.json");
    gs_status st = path ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    gs_json_object config = {.path = path, .prefix = ""};
    if (st == GS_OK && access(path, F_OK) == 0 && (st = gs_json_open(&json, path, MAX_FILE, err)) == GS_OK)
        config = gs_json_root(&json);
    if (st == GS_OK)
        st = read_source(&s, directory, &config, vocabulary, err);
    if (st == GS_OK && s.added.next > vocabulary)
        st =
            gs_fail(err, GS_EFORMAT, "%s: the tokenizer needs %u rows, the text tower's embedding has %zu (vocab_size)",
                    directory, s.added.next, vocabulary);
    if (st == GS_OK)
        st = write_all(&s, directory, context, bytes, err);
    if (st != GS_OK)
        gs_bytes_free(bytes);
    gs_json_close(&json);
    free(path);
    free_source(&s);
    return st;
}

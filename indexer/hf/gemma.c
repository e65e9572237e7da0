/* gemma.c - SigLIP 2's tokenizer: Gemma's tokenizer.json. */
#include "indexer/hf/pieces_source.h"

#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)128 << 20)

/* Bytes of the first character of text, by its first byte. */
static size_t character_size(const char *text)
{
    unsigned char lead = (unsigned char)text[0];
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Characters that are tokens, and the tokens of bytes. */
static gs_status read_symbols(gs_pieces_source *s, gs_error *err)
{
    s->pieces = calloc(s->table.n_tokens + 1, sizeof *s->pieces);
    if (!s->pieces)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", s->table.path);
    for (size_t i = 0; i < s->table.n_tokens; i++) {
        const gs_token *t = &s->table.tokens[i];
        size_t length = strlen(t->text);
        if (length > 0 && length == character_size(t->text))
            s->pieces[s->n_pieces++] = (gs_source_piece){t->text, (uint32_t)length, t->id, 0};
    }
    for (unsigned b = 0; b < 256; b++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", b);
        if (!gs_token_table_find(&s->table, text, &s->byte[b]))
            return gs_fail(err, GS_EFORMAT, "%s: no token '%s': a byte that the vocabulary cannot say", s->table.path,
                           text);
    }
    return GS_OK;
}

static gs_status special(gs_pieces_source *s, const gs_json_object *config, const char *name, const char *fallback,
                         uint32_t *id, gs_error *err)
{
    const char *text = gs_special_text(config, name, fallback);
    if (!gs_token_table_find(&s->table, text, id))
        return gs_fail(err, GS_EFORMAT, "%s: no token '%s' (the tokenizer's %s)", s->table.path, text, name);
    return gs_added_tokens_add_special(&s->added, text, *id, err);
}

/* Whether a text begins and ends with a special token: as tokenizer_config.json says, else as the template of
 * tokenizer.json's post_processor. */
static gs_status read_template(gs_pieces_source *s, const gs_json_object *config, gs_error *err)
{
    const cJSON *processor = cJSON_GetObjectItemCaseSensitive(s->json.root, "post_processor"), *item;
    bool start = false, end = false, behind = false,
         said = gs_json_field(config, "add_bos_token") || gs_json_field(config, "add_eos_token");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(processor, "single"))
    {
        bool token = cJSON_HasObjectItem(item, "SpecialToken");
        start = start || (token && !behind);
        end = end || (token && behind);
        behind = behind || !token;
    }
    gs_status st = gs_json_bool(config, "add_bos_token", said ? false : start, &start, err);
    if (st == GS_OK)
        st = gs_json_bool(config, "add_eos_token", said ? false : end, &end, err);
    s->flags |= (start ? GS_TOKENIZER_START : 0) | (end ? GS_TOKENIZER_END : 0);
    return st;
}

gs_status gs_gemma_read(gs_pieces_source *s, const char *directory, const gs_json_object *config, bool lower,
                        size_t limit, gs_error *err)
{
    gs_json_object model;
    gs_status st;
    char *path = gs_path_join(directory, "tokenizer.json");
    if (!path)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    s->kind = GS_TOKENIZER_GEMMA;
    s->flags |= lower ? GS_TOKENIZER_LOWER : 0;
    s->table.path = s->table.merges_path = path;
    if ((st = gs_json_open(&s->json, path, MAX_FILE, err)) != GS_OK ||
        (st = gs_json_child(&s->json, "model", "model.", &model, err)) != GS_OK ||
        (st = gs_token_table_read(&s->table, gs_json_field(&model, "vocab"), limit, err)) != GS_OK ||
        (st = gs_token_table_read_merges(&s->table, gs_json_field(&model, "merges"), err)) != GS_OK)
        goto end;
    s->merges = calloc(s->table.n_pairs + 1, sizeof *s->merges);
    if (!s->merges)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory for %zu merges", path, s->table.n_pairs);
    else if ((st = gs_token_table_merges(&s->table, s->merges, &s->n_merges, err)) == GS_OK &&
             (st = read_symbols(s, err)) == GS_OK &&
             (st = gs_added_tokens_read(&s->added, directory, gs_token_table_find, &s->table, s->table.id_end, limit,
                                        lower ? GS_NORMAL_LOWER : GS_NORMAL_AS_IS, err)) == GS_OK &&
             (st = special(s, config, "bos_token", "<bos>", &s->start, err)) == GS_OK &&
             (st = special(s, config, "eos_token", "<eos>", &s->end, err)) == GS_OK &&
             (st = special(s, config, "pad_token", "<pad>", &s->pad, err)) == GS_OK &&
             (st = special(s, config, "unk_token", "<unk>", &s->unknown, err)) == GS_OK)
        st = read_template(s, config, err);
end:
    s->table.path = s->table.merges_path = NULL;
    free(path);
    return st;
}

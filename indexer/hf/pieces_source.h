/* pieces_source.h - a tokenizer of pieces while it is read: between pieces.c, which writes it, and spiece.c and gemma.c,
 * which read it. */
#ifndef GS_PIECES_SOURCE_H
#define GS_PIECES_SOURCE_H

#include "core/tokenize.h"
#include "indexer/hf/added_tokens.h"
#include "indexer/hf/json.h"
#include "indexer/hf/token_table.h"
#include "indexer/util/file.h" /* gs_bytes */

typedef struct {
    const char *text; /* borrowed from model or json */
    uint32_t length, id;
    float score;
} gs_source_piece;

typedef struct {
    gs_tokenizer_kind kind;
    uint32_t flags;
    uint32_t start, end, pad, unknown;
    gs_source_piece *pieces; /* [n_pieces]  owned, as below */
    size_t n_pieces;
    gs_merge *merges; /* [n_merges] */
    uint32_t n_merges;
    uint32_t byte[256];
    const uint8_t *rules; /* [rules_size]: units, then texts  borrowed from model */
    size_t rules_size, units;
    gs_added_tokens added;
    gs_token_table table;
    gs_bytes model; /* spiece.model */
    gs_json json;   /* tokenizer.json */
} gs_pieces_source;

/* config: tokenizer_config.json, or nothing. limit: rows of the embedding. */
gs_status gs_spiece_read(gs_pieces_source *s, const char *directory, const gs_json_object *config, size_t limit,
                         gs_error *err);
gs_status gs_gemma_read(gs_pieces_source *s, const char *directory, const gs_json_object *config, bool lower,
                        size_t limit, gs_error *err);

/* The text of a token in config, "<pad>" or {"content": "<pad>"}, or fallback. */
static inline const char *gs_special_text(const gs_json_object *config, const char *name, const char *fallback)
{
    const cJSON *field = gs_json_field(config, name);
    if (cJSON_IsObject(field))
        field = cJSON_GetObjectItemCaseSensitive(field, "content");
    return cJSON_IsString(field) ? field->valuestring : fallback;
}

#endif

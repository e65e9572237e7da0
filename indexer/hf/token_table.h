/* token_table.h - the tokens of a vocabulary by their texts, and the pairs that are merged: what byte pair encodings of all
 * kinds have in common.
 *
 *     gs_token_table table = {.path = "tokenizer.json", .merges_path = "tokenizer.json"};
 *     if ((st = gs_token_table_read(&table, vocab, limit, err)) != GS_OK ||
 *         (st = gs_token_table_read_merges(&table, merges, err)) != GS_OK) ...
 *     st = gs_token_table_merges(&table, merges, &n, err);
 *     gs_token_table_free(&table);
 */
#ifndef GS_TOKEN_TABLE_H
#define GS_TOKEN_TABLE_H

#include "core/bpe.h"
#include "core/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *text; /* borrowed from the JSON */
    uint32_t id;
} gs_token;

typedef struct {
    const char *left, *right; /* borrowed from merges.txt or the JSON */
} gs_token_pair;

typedef struct {
    const char *path, *merges_path; /* for messages  borrowed */
    gs_token *tokens;               /* [n_tokens] sorted by text  owned */
    size_t n_tokens;
    uint32_t id_end;      /* largest id + 1 */
    gs_token_pair *pairs; /* [n_pairs] in order of rank  owned */
    size_t n_pairs;
} gs_token_table;

void gs_token_table_free(gs_token_table *table); /* safe on a zeroed one */

/* vocab: {"text": id}. Ids must be below limit. */
gs_status gs_token_table_read(gs_token_table *table, const cJSON *vocab, size_t limit, gs_error *err);

/* merges: ["left right", ...] or [["left", "right"], ...] */
gs_status gs_token_table_read_merges(gs_token_table *table, const cJSON *merges, gs_error *err);

/* Cuts "left right" at its only space; false when it has none, or more. */
bool gs_token_pair_split(char *line, gs_token_pair *out);

/* A gs_find_token. */
bool gs_token_table_find(const void *table, const char *text, uint32_t *id);

/* merges [table->n_pairs] sorted as gs_bpe_merge() wants them, *n of them; of two for one pair the later counts, as in
 * transformers. */
gs_status gs_token_table_merges(const gs_token_table *table, gs_merge *merges, uint32_t *n, gs_error *err);

#endif

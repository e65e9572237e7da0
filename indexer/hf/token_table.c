#include "indexer/hf/token_table.h"

#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>

#define MAX_TOKEN 1024 /* bytes of a token's text */

static int by_text(const void *a, const void *b)
{
    return strcmp(((const gs_token *)a)->text, ((const gs_token *)b)->text);
}

static const gs_token *find_token(const gs_token_table *s, const char *text)
{
    if (!s->tokens)
        return NULL;
    return bsearch(&(gs_token){.text = text}, s->tokens, s->n_tokens, sizeof *s->tokens, by_text);
}

bool gs_token_table_find(const void *table, const char *text, uint32_t *id)
{
    const gs_token *found = find_token(table, text);
    if (found)
        *id = found->id;
    return found != NULL;
}

gs_status gs_token_table_read(gs_token_table *s, const cJSON *vocab, size_t limit, gs_error *err)
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
        s->tokens[s->n_tokens++] = (gs_token){.text = item->string, .id = (uint32_t)id};
        if ((uint32_t)id >= s->id_end)
            s->id_end = (uint32_t)id + 1;
    }
    qsort(s->tokens, s->n_tokens, sizeof *s->tokens, by_text);
    return GS_OK;
}

bool gs_token_pair_split(char *line, gs_token_pair *out)
{
    char *space = strchr(line, ' ');
    if (!space || space == line || !space[1] || strchr(space + 1, ' '))
        return false;
    *space = 0;
    *out = (gs_token_pair){.left = line, .right = space + 1};
    return true;
}

gs_status gs_token_table_read_merges(gs_token_table *s, const cJSON *merges, gs_error *err)
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
        gs_token_pair *out = &s->pairs[n++];
        bool good = false;
        if (cJSON_IsString(item)) {
            good = gs_token_pair_split(item->valuestring, out);
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

gs_status gs_token_table_merges(const gs_token_table *s, gs_merge *merges, uint32_t *n, gs_error *err)
{
    for (size_t i = 0; i < s->n_pairs; i++) {
        char joined[2 * MAX_TOKEN];
        const gs_token_pair *p = &s->pairs[i];
        if (strlen(p->left) >= MAX_TOKEN || strlen(p->right) >= MAX_TOKEN)
            return gs_fail(err, GS_EFORMAT, "%s: merge %zu is longer than %d bytes", s->merges_path, i + 1, MAX_TOKEN);
        snprintf(joined, sizeof joined, "%s%s", p->left, p->right);
        const gs_token *left = find_token(s, p->left), *right = find_token(s, p->right),
                       *result = find_token(s, joined);
        if (!left || !right || !result)
            return gs_fail(err, GS_EFORMAT,
                           "%s: merge %zu, '%.48s %.48s', has a token that the vocabulary lacks: '%.96s'",
                           s->merges_path, i + 1, p->left, p->right,
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

void gs_token_table_free(gs_token_table *table)
{
    free(table->tokens);
    free(table->pairs);
    *table = (gs_token_table){0};
}

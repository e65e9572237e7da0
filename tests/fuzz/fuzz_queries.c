/* fuzz_queries.c - sets of queries: what is accepted is what queries.h promises, and what is not names its line. */
#include "indexer/eval/queries.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_strings(const cJSON *list)
{
    require(!list || list->child);
    for (const cJSON *item = list ? list->child : NULL; item; item = item->next)
        require(item->valuestring != NULL);
}

static void check_query(const gs_eval_queries *set, const gs_eval_query *query, size_t first_part)
{
    size_t group = 0;
    while (group < set->n_groups && set->groups[group] != query->group)
        group++;
    require(group < set->n_groups);
    require(query->first_part == first_part && query->n_parts > 0);
    require_strings(query->models);
    require_strings(query->tags);
    for (const cJSON *list = query->each ? query->each->child : NULL; list; list = list->next)
        require_strings(list);
    require(query->nothing == !(query->models || query->tags || query->each));
    for (size_t p = first_part; p < first_part + query->n_parts; p++) {
        const gs_eval_part *part = &set->parts[p];
        require(part->kind < GS_PART_KIND_COUNT && isfinite(part->weight) && part->weight != 0 && *part->input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    gs_eval_queries set;
    gs_error err;
    char *text = malloc(size + 1);
    require(text != NULL);
    memcpy(text, bytes, size);
    text[size] = 0;
    if (gs_eval_queries_parse(&set, text, size, "fuzz/q.jsonl", &err) == GS_OK) {
        size_t parts = 0, line = 0;
        require(set.count > 0);
        for (size_t q = 0; q < set.count; q++) {
            check_query(&set, &set.queries[q], parts);
            require(set.queries[q].line > line);
            line = set.queries[q].line;
            parts += set.queries[q].n_parts;
        }
        require(parts == set.n_parts);
    } else {
        require(strncmp(err.message, "fuzz/q.jsonl:", 13) == 0);
        require(set.count == 0 && !set.queries && !set.parts && !set.groups);
    }
    gs_eval_queries_free(&set);
    free(text);
    return 0;
}

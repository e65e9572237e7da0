/* queries.h - a set of queries whose answers are known, as `gensearch eval` reads it.
 *
 *     gs_eval_queries set;
 *     if ((st = gs_eval_queries_read(&set, "queries.jsonl", err)) != GS_OK) return st;
 *     for (size_t i = 0; i < set.count; i++)
 *         encode(set.parts + set.queries[i].first_part, set.queries[i].n_parts);
 *     gs_eval_queries_free(&set);
 *
 * A file of JSON Lines, UTF-8, one query a line; blank lines are skipped:
 *
 *     {"class": "agreeing", "parts": [{"kind": "text", "text": "a cat"}, {"kind": "image", "file": "cat.png", "weight": 0.5}],
 *      "expect": {"models": ["cats"], "tags": ["cat", "pet"]}}
 *
 *     class            figures are given for each class of queries
 *     parts            one or more: of kind text with "text", image or sketch with "file" (relative to the folder of the set), model with
 *                      "model" (a slug); "weight" is 1 unless given
 *     expect.models    slugs: the first of the ranking should be one of these (Top-k)
 *     expect.tags      models with one of these tags should come first (mAP); models and tags stand in for one another
 *     expect.each      [["cats"], ["boats", "ships"]]: of each of these lists of slugs, one should be among the first five
 *     expect.nothing   true: no model makes this, and the search should say so
 *
 * A field that is none of these is refused: it would be a mistake in writing. So is a list of expected models or tags that only the query's own
 * model parts meet, as search does not rank those (gs_evaluation_init()).
 */
#ifndef GS_EVAL_QUERIES_H
#define GS_EVAL_QUERIES_H

#include "core/query.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    gs_part_kind kind;
    double weight;
    char *input; /* words, the path of a file, or a slug  owned */
} gs_eval_part;

typedef struct {
    size_t line;                       /* of the file, from 1 */
    const char *group;                 /* the class: one of groups, borrowed */
    size_t first_part, n_parts;        /* among the parts of the set */
    const cJSON *models, *tags, *each; /* arrays as above, not empty  borrowed; NULL for none */
    bool nothing;
    cJSON *json; /* the whole line  owned; what the fields above borrow from */
} gs_eval_query;

typedef struct {
    const char *path;       /* borrowed from who read it */
    gs_eval_query *queries; /* [count]      owned */
    gs_eval_part *parts;    /* [n_parts]    owned */
    const char **groups;    /* [n_groups]   owned; classes in the order of the file */
    size_t count, n_parts, n_groups;
} gs_eval_queries;

/* path is borrowed until gs_eval_queries_free(). Errors say "path:line: what is wrong". GS_EIO, also for a picture that is not there; GS_EFORMAT,
 * also for a file without queries; GS_ENOMEM. */
gs_status gs_eval_queries_read(gs_eval_queries *set, const char *path, gs_error *err);

/* The same from text [size] that was read already, then a NUL that size does not count. Its line ends are overwritten. path names it in messages,
 * and tells the folder of its pictures. */
gs_status gs_eval_queries_parse(gs_eval_queries *set, char *text, size_t size, const char *path, gs_error *err);

void gs_eval_queries_free(gs_eval_queries *set); /* safe on a zeroed one */

/* "path:line: " in front of err's message. */
gs_status gs_eval_at_line(const gs_eval_queries *set, size_t query, gs_status status, gs_error *err);

#endif

/* filter.h - conditions that stand among the words of a query, and which models meet them.
 *
 *     gs_filter filter;
 *     const char *text = "old photo tag:cat -anime author:\"Jane Doe\"";
 *     if ((st = gs_filter_parse(&filter, text, strlen(text), err)) != GS_OK) return st;
 *     // filter.words: "old photo", which is left to rank by
 *     const char *model[GS_FIELD_COUNT] = {[GS_FIELD_TITLE] = "Cats", [GS_FIELD_TAG] = "cat\nanimal"};
 *     bool passes;
 *     st = gs_filter_passes(&filter, model, &passes, err);
 *     gs_filter_free(&filter);
 *
 * A condition is FIELD:VALUE, or -FIELD:VALUE for its opposite; -WORD leaves out the models that have the word in any field but
 * resolution. A value with
 * spaces stands in double quotes. What looks like a condition on another field ("http://...") is words, as is a lone "-"; a condition
 * without a value, as while somebody types, is no condition.
 *
 * Conditions on one field are alternatives, those on different fields must all hold, and every opposite must hold: as boxes to tick beside
 * a list work. Case is ignored. A title, author, family or licence must contain the value; a tag, type or
 * resolution must be equal to it.
 */
#ifndef GS_FILTER_H
#define GS_FILTER_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    GS_FIELD_TITLE,
    GS_FIELD_AUTHOR,
    GS_FIELD_TAG,
    GS_FIELD_TYPE,
    GS_FIELD_FAMILY,
    GS_FIELD_LICENSE,
    GS_FIELD_RESOLUTION, /* "256x256"; it and what follows holds no words for an excluded one */
    GS_FIELD_COUNT,
    GS_FIELD_ANY = GS_FIELD_COUNT /* of an excluded word */
} gs_field;

typedef struct {
    gs_field field;
    bool excludes;
    uint32_t *value; /* [size] code points in lower case  owned */
    size_t size;
} gs_condition;

typedef struct {
    char *words; /* the text without its conditions, single spaces between what is left, NUL-terminated  owned */
    gs_condition *conditions; /* [count]  owned */
    size_t count;
} gs_filter;

/* The name of a field in a condition: static text. */
const char *gs_field_name(gs_field field);

/* text [size] UTF-8. GS_ENOMEM; then filter is empty. gs_filter_free() releases what filter holds. */
gs_status gs_filter_parse(gs_filter *filter, const char *text, size_t size, gs_error *err);

/* Adds FIELD:VALUE, value [size] taken as it is. GS_ENOMEM, and filter is as before. */
gs_status gs_filter_add(gs_filter *filter, gs_field field, const char *value, size_t size, gs_error *err);

/* Moves the conditions of from, which keeps its words, behind those of filter. GS_ENOMEM, and both are as before. */
gs_status gs_filter_move(gs_filter *filter, gs_filter *from, gs_error *err);

/* Whether a model meets the conditions. model [GS_FIELD_COUNT] (borrowed): its fields, NULL for none; authors and tags one a line.
 * GS_ENOMEM when there is none to compare in. */
gs_status gs_filter_passes(const gs_filter *filter, const char *const *model, bool *passes, gs_error *err);

void gs_filter_free(gs_filter *filter); /* safe on a zeroed one */

#endif

/* query.c - a query: conditions on models, and parts whose scores become one ranking. */
#include "wasm/binding.h"

#include <stdlib.h> /* calloc, free */
#include <string.h> /* strlen */

/* A filter without conditions; NULL when memory ran out. */
EMSCRIPTEN_KEEPALIVE
gs_filter *wasm_filter_new(void)
{
    return calloc(1, sizeof(gs_filter));
}

EMSCRIPTEN_KEEPALIVE
void wasm_filter_free(gs_filter *filter)
{
    gs_filter_free(filter);
    free(filter);
}

/* Moves the conditions of text [size] to filter and returns the words that are left, which the caller frees. NULL with a message in err. */
EMSCRIPTEN_KEEPALIVE
char *wasm_filter_take(gs_filter *filter, const char *text, size_t size, gs_error *err)
{
    gs_filter found;
    if (gs_filter_parse(&found, text, size, err) != GS_OK)
        return NULL;
    char *words = NULL;
    if (gs_filter_move(filter, &found, err) == GS_OK) {
        words = found.words;
        found.words = NULL;
    }
    gs_filter_free(&found);
    return words;
}

/* passes [count]: 1 for a model that meets the conditions. fields: for every model its GS_FIELD_COUNT fields, each ending with a NUL. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_filter_apply(const gs_filter *filter, const char *fields, size_t count, uint8_t *passes, gs_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *model[GS_FIELD_COUNT];
        bool pass;
        for (size_t f = 0; f < GS_FIELD_COUNT; f++) {
            model[f] = fields;
            fields += strlen(fields) + 1;
        }
        gs_status st = gs_filter_passes(filter, model, &pass, err);
        if (st != GS_OK)
            return st;
        passes[i] = pass;
    }
    return GS_OK;
}

/* The parts of core/query.h, with the backgrounds of m (may be NULL). NULL with a message in err. The caller frees them. */
static gs_query_part *make_parts(const wasm_parts *columns, const wasm_means *m, gs_error *err)
{
    gs_query_part *parts = calloc(columns->n + 1, sizeof *parts);
    if (!parts)
        gs_fail(err, GS_ENOMEM, "no memory for %zu parts of a query", columns->n);
    for (size_t p = 0; parts && p < columns->n; p++) {
        gs_part_kind kind = (gs_part_kind)columns->kinds[p];
        const gs_background *background = m ? &m->backgrounds[gs_part_background_kind(kind)] : NULL;
        parts[p] = (gs_query_part){.kind = kind,
                                   .method = (gs_method)columns->methods[p],
                                   .weight = columns->weights[p],
                                   .background = background && background->means ? background : NULL};
    }
    return parts;
}

/* scores [n, count]: the parts' first moments, which become their scores by the first moment or the centred one. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_means_score(const wasm_means *m, const wasm_parts *columns, double *scores, gs_error *err)
{
    gs_query_part *parts = make_parts(columns, m, err);
    if (!parts)
        return GS_ENOMEM;
    for (size_t p = 0; p < columns->n; p++)
        for (size_t i = 0; i < m->table.count; i++)
            scores[p * m->table.count + i] -= gs_query_advantage(&parts[p], i);
    free(parts);
    return GS_OK;
}

/* gs_query_matched(); flags [n + 2 + count], 0 or 1: matched [n], gs_query_any_matched(), gs_query_has_cutoff(), makes [count]. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_means_matched(const wasm_means *m, const wasm_parts *columns, const double *cosines,
                             const double *scores, const double *log_probability, uint8_t *flags, gs_error *err)
{
    _Static_assert(sizeof(bool) == sizeof *flags, "a bool is a byte");
    size_t n = columns->n;
    bool *matched = (bool *)flags;
    gs_query_part *parts = make_parts(columns, m, err);
    if (!parts)
        return GS_ENOMEM;
    gs_status st =
        gs_query_matched(parts, n, cosines, scores, log_probability, m->table.count, matched, matched + n + 2, err);
    matched[n] = st == GS_OK && gs_query_any_matched(parts, n, matched);
    matched[n + 1] = gs_query_has_cutoff(parts, n);
    free(parts);
    return st;
}

EMSCRIPTEN_KEEPALIVE
uint32_t wasm_query_most_candidates(void)
{
    return GS_QUERY_CANDIDATES;
}

/* gs_query_candidates(), of cosines that wasm_means_score() has seen; candidates [*most], and *most := how many there are. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_query_candidates(const wasm_parts *columns, double *cosines, size_t count, double tau,
                                uint32_t *candidates, size_t *most, gs_error *err)
{
    gs_query_part *parts = make_parts(columns, NULL, err);
    if (!parts)
        return GS_ENOMEM;
    *most = gs_query_candidates(parts, columns->n, cosines, count, tau, candidates, *most);
    free(parts);
    return GS_OK;
}

/* gs_query_rank(); *conflict: 0 or 1. */
EMSCRIPTEN_KEEPALIVE
gs_status wasm_query_rank(const wasm_parts *columns, const double *scores, size_t count, double tau,
                          double *log_probability, uint32_t *conflict, gs_error *err)
{
    gs_query_part *parts = make_parts(columns, NULL, err);
    if (!parts)
        return GS_ENOMEM;
    bool in_conflict = false;
    gs_status st = gs_query_rank(parts, columns->n, scores, count, tau, log_probability, &in_conflict, err);
    *conflict = in_conflict;
    free(parts);
    return st;
}

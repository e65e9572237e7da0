/* source.h - where a search finds its models: in a database, or in a published folder.
 *
 *     gs_source *source;
 *     if ((st = gs_source_open_database(&source, store, err)) != GS_OK) return st;
 *     st = gs_search(source, &query, &result, err);                            // search.h; as often as there are queries
 *     gs_source_model model;
 *     st = source->describe(source, best, &model, err);                        // what is shown is read, nothing else
 *     gs_source_model_free(&model);
 *     gs_source_close(source);
 *
 * Models are counted as they are sorted: by slug. One thread at a time.
 */
#ifndef GS_SOURCE_H
#define GS_SOURCE_H

#include "core/query.h"
#include "core/table.h"
#include "indexer/stats/frechet.h"
#include "indexer/store/store.h"

/* What is shown of a model. */
typedef struct {
    char *slug, *title, *type; /* owned */
} gs_source_model;
void gs_source_model_free(gs_source_model *model); /* safe on a zeroed one */

typedef gs_status gs_source_visit(void *context, size_t i, const char *const *fields, gs_error *err);

typedef struct gs_source gs_source;
struct gs_source {
    size_t count, dim;
    double tau;
    gs_table means;                                /* [count, dim]  borrowed from the source, as all here */
    const double *norms;                           /* [count]       the lengths of the means */
    gs_background backgrounds[GS_PART_KIND_COUNT]; /* of gs_part_background_kind(); means NULL: unknown */
    const char *absent[GS_FIELD_COUNT]; /* static: what the source calls a field that it does not hold; else NULL */

    /* The model of this slug. GS_ENOTFOUND. */
    gs_status (*find)(gs_source *source, const char *slug, size_t *i, gs_error *err);

    gs_status (*describe)(gs_source *source, size_t i, gs_source_model *model, gs_error *err);

    /* Calls visit for every model with what filters look at: fields [GS_FIELD_COUNT] (core/filter.h), borrowed for the call. A failure of visit
     * ends it. */
    gs_status (*visit_fields)(gs_source *source, gs_source_visit *visit, void *context, gs_error *err);

    /* Sets what methods with these needs read of model i, which stays until the next call with the same needs. GS_ENOTFOUND when the source
     * does not hold it. */
    gs_status (*load)(gs_source *source, size_t i, gs_needs needs, gs_scored_model *model, gs_error *err);

    /* The mean and covariance of model i, which stay until the next call. NULL: the source holds no covariances. */
    gs_status (*load_distribution)(gs_source *source, size_t i, gs_distribution *distribution, gs_error *err);

    void (*close)(gs_source *source);
};

/* The database's models with moments. store (borrowed): between gs_store_snapshot_begin() and _end() for as long as the source is used, where
 * another process may write. GS_ENOTFOUND when nothing was ever indexed. */
gs_status gs_source_open_database(gs_source **source, gs_store *store, gs_error *err);

void gs_source_close(gs_source *source); /* NULL is fine */

#endif

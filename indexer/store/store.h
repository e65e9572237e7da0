/* store.h - the database: models, moments, thumbnails, kept features, neighbours in one SQLite file. Nothing else speaks SQL.
 *
 *     gs_store *store;
 *     if ((st = gs_store_open(&store, "zoo.db", GS_STORE_READ, err)) != GS_OK) return st;
 *     gs_store_list list;
 *     st = gs_store_list_finished(store, &list, err);                   // by slug
 *     for (size_t i = 0; i < list.count; i++)
 *         st = gs_store_read_mean(store, &list.models[i], mean, err);   // mean [dim]
 *     gs_store_list_free(&list);
 *     gs_store_close(store);
 *
 * The tables are described in schema.sql. Every change is one transaction; sizes of blobs are checked on every read. Several processes may
 * read while one writes; two writers wait for each other.
 */
#ifndef GS_STORE_H
#define GS_STORE_H

#include "core/filter.h"
#include "core/moments.h"
#include "core/query.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS_STORE_APPLICATION 0x47535248 /* "GSRH" */
#define GS_STORE_VERSION     4
#define GS_STORE_THUMBNAILS  24 /* samples that get one */
#define GS_STORE_NEIGHBORS   20 /* kept per model */

typedef struct gs_store gs_store; /* one thread at a time */

typedef enum {
    GS_STORE_READ,   /* must exist; works on read-only media too */
    GS_STORE_WRITE,  /* must exist */
    GS_STORE_CREATE, /* made when missing or empty */
} gs_store_mode;

/* GS_EIO when it cannot be opened; GS_EFORMAT when it is no gensearch database; GS_EMISMATCH when a newer gensearch wrote it. An older
 * version is migrated in place (not under GS_STORE_READ, which refuses it). */
gs_status gs_store_open(gs_store **store, const char *path, gs_store_mode mode, gs_error *err);
void gs_store_close(gs_store *store); /* NULL is fine */

/* From here to the end, everything that is read is of one moment, whatever another process writes meanwhile. The end may be called without
 * a beginning. */
gs_status gs_store_snapshot_begin(gs_store *store, gs_error *err);
void gs_store_snapshot_end(gs_store *store);

/* ---- the encoder -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    char name[128];
    char directory[4096];
    char fingerprint[65];
    size_t dim;
    double tau;
    int image_size;
} gs_store_encoder;

/* GS_ENOTFOUND when none is bound yet. */
gs_status gs_store_get_encoder(gs_store *store, gs_store_encoder *encoder, gs_error *err);

/* Binds the encoder, or confirms that it is the one bound (its directory may have moved). GS_EMISMATCH names both fingerprints. */
gs_status gs_store_bind_encoder(gs_store *store, const gs_store_encoder *encoder, gs_error *err);

/* ---- models ------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t id, run;                                   /* run: 0 when it has no finished one */
    char *slug, *title, *type, *family, *json, *added; /* owned */
    char *path, *error;                                /* owned; see schema.sql */
    char *source;                                      /* owned; of the same run as below, see gs_store_order */
    uint64_t seed, requested, keep, count, bad;        /* of the finished run, or of the one under way */
} gs_store_model;

typedef struct {
    gs_store_model *models; /* [count]  owned */
    size_t *by_run;         /* [count]  owned; indices in order of their runs */
    size_t count;
} gs_store_list;

/* Models with moments, sorted by slug: the order of every ranking. gs_store_list_free() releases the list. */
gs_status gs_store_list_finished(gs_store *store, gs_store_list *list, gs_error *err);
/* Those whose first run is still under way too. */
gs_status gs_store_list_all(gs_store *store, gs_store_list *list, gs_error *err);
void gs_store_list_free(gs_store_list *list); /* safe on a zeroed one */

/* The model of a run, borrowed; NULL when it is not in the list. */
const gs_store_model *gs_store_list_find_run(const gs_store_list *list, int64_t run);

/* GS_ENOTFOUND names the slug. gs_store_model_free() releases the model. */
gs_status gs_store_find(gs_store *store, const char *slug, gs_store_model *model, gs_error *err);
void gs_store_model_free(gs_store_model *model);

typedef struct {
    const char *slug, *title, *type, *family, *json;
    const char *path; /* of model.json, absolute */
} gs_store_metadata;

/* Inserts the model, or updates what is known about it. *changed (may be NULL): whether anything was written. */
gs_status gs_store_put_model(gs_store *store, const gs_store_metadata *metadata, int64_t *id, bool *changed,
                             gs_error *err);

/* Notes why the model's last run failed; "" when it did not. */
gs_status gs_store_set_error(gs_store *store, int64_t model, const char *error, gs_error *err);

/* Forgets a model with all it has. GS_ENOTFOUND. */
gs_status gs_store_remove(gs_store *store, const char *slug, gs_error *err);

/* ---- a run: samples being taken in -------------------------------------------------------------------------------------------- */

typedef struct {
    const char *sampler;   /* compact JSON of the block */
    const char *source;    /* fingerprint of what the samples come from */
    const char *precision; /* "f32", "bf16" or "int8" */
    uint64_t seed, requested, keep;
    bool force; /* sample anew whatever is there */
} gs_store_order;

/* Why a model that has samples is sampled anew. */
typedef enum {
    GS_STORE_NOT_ANEW, /* it is not: its run is finished, or resumed, or its first */
    GS_STORE_ANEW_FORCED,
    GS_STORE_ANEW_SAMPLER, /* another sampler block */
    GS_STORE_ANEW_SOURCE,  /* other files */
    GS_STORE_ANEW_NUMBERS, /* another seed, number of samples or of kept features */
} gs_store_anew;

typedef struct {
    int64_t id;
    uint64_t keep;  /* of the run: at least what was ordered */
    uint64_t count; /* samples in it */
    uint64_t bad;   /* samples left out of it: resume at sample count + bad */
    bool finished;  /* nothing to do */
    gs_store_anew anew;
} gs_store_run;

/* The run that answers the order: a finished one, one to resume, or a new one (which drops another that was under way). A run that an old
 * program finished, without a fingerprint of its source, is taken for one of this source. GS_EMISMATCH when the run to resume has another
 * precision: its features would be mixed. */
gs_status gs_store_begin(gs_store *store, int64_t model, const gs_store_order *order, gs_store_run *run, gs_error *err);

typedef struct {
    uint64_t position;
    int width, height;
    uint8_t *webp; /* [size] */
    size_t size;
} gs_store_thumbnail;

typedef struct {
    uint64_t slot, index;
    const float *vector; /* [dim]  borrowed */
} gs_store_feature;

/* What came in since the last checkpoint. All borrowed. */
typedef struct {
    const gs_moments *moments; /* of the whole run so far */
    uint64_t bad;              /* samples left out of it */
    const gs_store_thumbnail *thumbnails;
    size_t n_thumbnails;
    const gs_store_feature *features;
    size_t n_features;
} gs_store_checkpoint;

/* Writes a checkpoint in one transaction and advances run->count and run->bad. GS_EMISMATCH when another process has moved the run meanwhile. */
gs_status gs_store_save(gs_store *store, gs_store_run *run, const gs_store_checkpoint *checkpoint, gs_error *err);

/* The last checkpoint: the moments become final and the run takes the place of the model's former one. GS_EARGS below two samples. */
gs_status gs_store_finish(gs_store *store, gs_store_run *run, const gs_store_checkpoint *checkpoint, gs_error *err);

/* The accumulator of a run with count > 0, to the last bit. moments: initialised and empty. */
gs_status gs_store_resume(gs_store *store, const gs_store_run *run, gs_moments *moments, gs_error *err);

/* ---- what a finished run holds ------------------------------------------------------------------------------------------------ */

gs_status gs_store_read_mean(gs_store *store, const gs_store_model *model, float *mean, gs_error *err); /* [dim] */
gs_status gs_store_read_covariance(gs_store *store, const gs_store_model *model, float *covariance,
                                   gs_error *err); /* [dim, dim] */

typedef struct {
    gs_store_thumbnail *items; /* [count], their webp too  owned */
    size_t count;
} gs_store_thumbnails;
gs_status gs_store_read_thumbnails(gs_store *store, const gs_store_model *model, gs_store_thumbnails *thumbnails,
                                   gs_error *err);
void gs_store_thumbnails_free(gs_store_thumbnails *thumbnails); /* safe on a zeroed one */

/* Kept features in order of their slots: vectors [count, dim], slots and indices [count] all owned. Of any run, finished or not. */
typedef struct {
    float *vectors;
    uint64_t *slots, *indices;
    size_t count;
} gs_store_features;
gs_status gs_store_read_features(gs_store *store, int64_t run, gs_store_features *features, gs_error *err);
void gs_store_features_free(gs_store_features *features); /* safe on a zeroed one */

/* ---- what queries read ------------------------------------------------------------------------------------------------------- */

/* The means of all models with moments, sorted by slug, as one table. */
typedef struct {
    size_t count;
    int64_t *models, *runs; /* [count]       owned */
    float *means;           /* [count, dim]  owned */
} gs_store_means;
gs_status gs_store_read_means(gs_store *store, gs_store_means *means, gs_error *err);
void gs_store_means_free(gs_store_means *means); /* safe on a zeroed one */

/* Calls visit for the same models in the same order with what filters look at: fields [GS_FIELD_COUNT] (core/filter.h), borrowed for the
 * call. A failure of visit ends it. */
gs_status gs_store_visit_fields(gs_store *store,
                                gs_status (*visit)(void *context, size_t i, const char *const *fields, gs_error *err),
                                void *context, gs_error *err);

/* The model with this id, its finished run. GS_ENOTFOUND. gs_store_model_free() releases it. */
gs_status gs_store_find_id(gs_store *store, int64_t id, gs_store_model *model, gs_error *err);

/* See tables factor and lowrank in schema.sql. */
typedef struct {
    double log_determinant;
    const float *factor; /* [gs_packed_count(dim)] */
    const void *lowrank; /* [lowrank_size] */
    size_t lowrank_size;
} gs_store_prepared;

/* Reads these tables, one run after the other. */
typedef struct gs_store_reader gs_store_reader;
gs_status gs_store_reader_open(gs_store_reader **reader, gs_store *store, gs_error *err);
void gs_store_reader_close(gs_store_reader *reader); /* NULL is fine */

/* The Cholesky factor, or the low-rank form, of a run; the other fields are left alone. Borrowed until the next call of the same
 * function. GS_ENOTFOUND when it
 * was not prepared yet. */
gs_status gs_store_read_factor(gs_store_reader *reader, int64_t run, gs_store_prepared *prepared, gs_error *err);
gs_status gs_store_read_lowrank(gs_store_reader *reader, int64_t run, gs_store_prepared *prepared, gs_error *err);

/* The ids of finished models without such a row: *models [*count] is malloc'ed, the caller frees it, NULL on failure. */
gs_status gs_store_list_unprepared(gs_store *store, int64_t **models, size_t *count, gs_error *err);

/* Nothing is written for a run that another process has removed meanwhile. */
gs_status gs_store_write_prepared(gs_store *store, int64_t run, const gs_store_prepared *prepared, gs_error *err);

/* ---- background --------------------------------------------------------------------------------------------------------------- */

/* See table background in schema.sql. Its kinds are those of gs_part_background_kind(). */
typedef struct {
    double *means; /* [count of zoo]  owned; NULL: a finished model has none yet */
    gs_cutoffs cutoffs;
} gs_store_background;

/* zoo: of the same snapshot, whose order means have. */
gs_status gs_store_read_background(gs_store *store, gs_part_kind kind, const gs_store_means *zoo,
                                   gs_store_background *background, gs_error *err);
void gs_store_background_free(gs_store_background *background); /* safe on a zeroed one */

/* Replaces it. A run that has vanished meanwhile is left out. */
gs_status gs_store_write_background(gs_store *store, gs_part_kind kind, const gs_store_means *zoo,
                                    const gs_background *background, gs_error *err);
/* Never of a database without finished models. */
gs_status gs_store_background_is_stale(gs_store *store, gs_part_kind kind, bool *stale, gs_error *err);

/* The tags of finished models, each once, in the order of their bytes, at most so many: tags [*count], each owned as the list is, NULL on failure. */
gs_status gs_store_list_tags(gs_store *store, size_t most, char ***tags, size_t *count, gs_error *err);

/* Words as halves [count, dim]. features is malloc'ed, the caller frees it; NULL and 0 when none were written. */
typedef enum { GS_WORDS_VOCABULARY, GS_WORDS_TAGS } gs_words_kind; /* as table background_words has them */
gs_status gs_store_write_words(gs_store *store, gs_words_kind kind, const uint16_t *features, size_t count,
                               gs_error *err);
gs_status gs_store_read_words(gs_store *store, gs_words_kind kind, uint16_t **features, size_t *count, gs_error *err);

/* ---- neighbours --------------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t run; /* of the other model */
    double distance;
} gs_store_neighbor;

/* A list is stale when it was never made, or holds fewer than it could: a model in it was removed or sampled anew. */
gs_status gs_store_count_stale(gs_store *store, uint64_t *count, gs_error *err);

/* Records that stale lists are, so that what else is written cannot make them look complete. What they hold stays. */
gs_status gs_store_mark_stale(gs_store *store, gs_error *err);

/* neighbors [capacity] of a run, nearest first; *count of them. *stale: whether the list was never made or has been marked. */
gs_status gs_store_read_neighbors(gs_store *store, int64_t run, gs_store_neighbor *neighbors, size_t capacity,
                                  size_t *count, bool *stale, gs_error *err);

typedef struct {
    int64_t run;
    const gs_store_neighbor *neighbors; /* [count]  borrowed */
    size_t count;
} gs_store_neighbor_list;

/* Replaces the lists of these runs [n], all in one transaction. */
gs_status gs_store_write_neighbors(gs_store *store, const gs_store_neighbor_list *lists, size_t n, gs_error *err);

/* ---- merging ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    uint64_t models, taken; /* of the other database: all, and those that were not here already */
} gs_store_merged;

/* Takes in the models of the database at path with all that hangs on their runs, finished or not, in one transaction; neighbours and
 * backgrounds are then out of date. Of a model that is unfinished here, the run with more samples stays. A model that both have finished must
 * be the same, or take the place of the one here (replace). GS_EMISMATCH names the model and what differs, or the encoders. */
gs_status gs_store_merge(gs_store *store, const char *path, bool replace, gs_store_merged *merged, gs_error *err);

/* ---- verify ------------------------------------------------------------------------------------------------------------------- */

/* Calls report once for each fault found: damaged pages, dangling references, blobs of a wrong size, numbers that are not finite or no
 * covariance, JSON that does not parse, a missing encoder. *faults counts them. Fails only when the database cannot be read at all. */
gs_status gs_store_verify(gs_store *store, void (*report)(void *context, const char *fault), void *context,
                          size_t *faults, gs_error *err);

#endif

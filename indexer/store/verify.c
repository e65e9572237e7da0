/* verify.c - everything a database promises, looked at. */
#include "core/score.h"
#include "indexer/store/sql.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    gs_store *store;
    void (*report)(void *context, const char *fault);
    void *context;
    size_t faults;
} verification;

static void fault(verification *v, const char *format, ...) GS_PRINTF(2, 3);
static void fault(verification *v, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    v->faults++;
    v->report(v->context, text);
}

/* A fault for every row of a query whose first column says what is wrong, but for rows that say 'ok'. */
static gs_status check_rows(verification *v, const char *sql, gs_error *err)
{
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(v->store, &query, err, sql, "");
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(v->store, query, &row, err);
        const char *text = row ? (const char *)sqlite3_column_text(query, 0) : NULL;
        if (text && strcmp(text, "ok") != 0)
            fault(v, "%s", text);
    }
    sqlite3_finalize(query);
    return st;
}

/* What SQL alone can tell. */
static const char *const row_checks[] = {
    "PRAGMA integrity_check",
    "SELECT 'table ' || \"table\" || ': row ' || ifnull(rowid, '?') || ' refers to a missing row of ' || parent"
    " FROM pragma_foreign_key_check",
    "SELECT 'no encoder is bound, but there are models' WHERE NOT EXISTS (SELECT 1 FROM encoder)"
    " AND EXISTS (SELECT 1 FROM model)",
    "SELECT 'the fingerprint of the encoder is no SHA-256: ' || fingerprint FROM encoder"
    " WHERE fingerprint GLOB '*[^0-9a-f]*'",
    "SELECT 'model ''' || slug || ''': its json does not parse' FROM model WHERE NOT json_valid(json)",
    "SELECT 'model ''' || slug || ''': its json names another slug' FROM model"
    " WHERE json_valid(json) AND json_extract(json, '$.slug') IS NOT slug",
    "SELECT 'model ''' || slug || ''': the sampler of a run does not parse' FROM model JOIN run ON model_id = model.id"
    " WHERE NOT json_valid(sampler)",
    "SELECT 'model ''' || slug || ''': a finished run of ' || count || ' samples' FROM model"
    " JOIN run ON model_id = model.id WHERE finished AND count < 2",
    "SELECT 'model ''' || slug || ''': an unfinished run of ' || count || ' samples without progress' FROM model"
    " JOIN run ON model_id = model.id WHERE NOT finished AND count > 0 AND run.id NOT IN (SELECT run_id FROM progress)",
    "SELECT 'model ''' || slug || ''': thumbnail ' || position || ' is no WebP' FROM model"
    " JOIN run ON model_id = model.id JOIN thumbnail ON run_id = run.id"
    " WHERE length(webp) < 12 OR substr(webp, 1, 4) <> x'52494646' OR substr(webp, 9, 4) <> x'57454250'",
    "SELECT 'model ''' || slug || ''': keeps ' || (SELECT count(*) FROM feature WHERE run_id = run.id) ||"
    " ' features, expected ' || min(keep, count) FROM model JOIN run ON model_id = model.id"
    " WHERE (SELECT count(*) FROM feature WHERE run_id = run.id) <> min(keep, count)",
    "SELECT 'model ''' || slug || ''': a feature of sample ' || sample_index || ' of ' || (count + bad) FROM model"
    " JOIN run ON model_id = model.id JOIN feature ON run_id = run.id WHERE sample_index NOT BETWEEN 0 AND count + bad "
    "- 1",
    "SELECT 'model ''' || slug || ''': neighbour ' || rank || ' has the distance ' || distance FROM model"
    " JOIN run ON model_id = model.id JOIN neighbor ON run_id = run.id WHERE NOT (distance >= 0 AND distance < 1e6)",
};

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static double squared_length(const float *vector, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)vector[i] * vector[i];
    return sum;
}

static void check_numbers(verification *v, const gs_store_model *model, const float *mean, const float *covariance)
{
    size_t dim = v->store->dim;
    if (!all_finite(mean, dim) || !all_finite(covariance, dim * dim)) {
        fault(v, "model '%s': its moments are not finite", model->slug);
        return;
    }
    double trace = 0;
    for (size_t i = 0; i < dim; i++)
        trace += covariance[i * dim + i];
    /* Features have length 1, so their mean square is 1: |mu|^2 + tr Sigma (n - 1) / n. */
    double square = squared_length(mean, dim) + trace * (double)(model->count - 1) / (double)model->count;
    if (fabs(square - 1) > 1e-3)
        fault(v, "model '%s': |mean|^2 + trace is %.6g, expected 1", model->slug, square);
    gs_error why;
    double log_determinant;
    float *factor = malloc(gs_packed_count(dim) * sizeof *factor);
    if (factor && gs_gaussian_factorise(covariance, dim, factor, &log_determinant, &why) != GS_OK)
        fault(v, "model '%s': %s", model->slug, why.message);
    free(factor);
}

/* A damaged blob is a fault, not the end of the search for more. */
static gs_status tolerate(verification *v, gs_status st, const gs_error *err)
{
    if (st != GS_EFORMAT && st != GS_ENOTFOUND)
        return st;
    fault(v, "%s", err->message);
    return GS_OK;
}

static gs_status check_features(verification *v, int64_t run, const char *slug, gs_error *err)
{
    gs_store_features features;
    gs_status st = gs_store_read_features(v->store, run, &features, err);
    if (st != GS_OK)
        return tolerate(v, st, err);
    for (size_t i = 0; i < features.count; i++) {
        double square = squared_length(features.vectors + i * v->store->dim, v->store->dim);
        if (!(fabs(square - 1) < 1e-3))
            fault(v, "model '%s': the feature of sample %llu has the squared length %.6g", slug,
                  (unsigned long long)features.indices[i], square);
    }
    gs_store_features_free(&features);
    return GS_OK;
}

static gs_status check_models(verification *v, gs_error *err)
{
    gs_store_list list;
    gs_status st = gs_store_list_finished(v->store, &list, err);
    size_t dim = v->store->dim;
    float *mean = malloc(dim * sizeof *mean), *covariance = malloc(dim * dim * sizeof *covariance);
    if (st == GS_OK && (!mean || !covariance))
        st = gs_fail(err, GS_ENOMEM, "%s: no memory for a covariance of dim %zu", v->store->path, dim);
    for (size_t i = 0; i < list.count && st == GS_OK; i++) {
        const gs_store_model *model = &list.models[i];
        st = gs_store_read_mean(v->store, model, mean, err);
        if (st == GS_OK)
            st = gs_store_read_covariance(v->store, model, covariance, err);
        if (st == GS_OK)
            check_numbers(v, model, mean, covariance);
        st = tolerate(v, st, err);
        if (st == GS_OK)
            st = check_features(v, model->run, model->slug, err);
    }
    free(mean);
    free(covariance);
    gs_store_list_free(&list);
    return st;
}

static gs_status check_progress(verification *v, gs_error *err)
{
    size_t dim = v->store->dim, count = dim + gs_packed_count(dim);
    sqlite3_stmt *query;
    gs_status st = gs_sql_prepare(v->store, &query, err,
                                  "SELECT slug, state FROM progress JOIN run ON run.id = run_id"
                                  " JOIN model ON model.id = model_id",
                                  "");
    for (bool row = true; st == GS_OK && row;) {
        st = gs_sql_step(v->store, query, &row, err);
        if (st != GS_OK || !row)
            break;
        const char *slug = (const char *)sqlite3_column_text(query, 0);
        const void *state;
        if (gs_sql_blob(v->store, query, 1, count * sizeof(double), "progress.state", &state, err) != GS_OK) {
            fault(v, "model '%s': %s", slug, err->message);
            continue;
        }
        bool finite = true;
        for (size_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, (const char *)state + i * sizeof value, sizeof value); /* a blob need not be aligned */
            finite = finite && isfinite(value);
        }
        if (!finite)
            fault(v, "model '%s': its progress is not finite", slug);
    }
    sqlite3_finalize(query);
    return st;
}

gs_status gs_store_verify(gs_store *store, void (*report)(void *context, const char *fault), void *context,
                          size_t *faults, gs_error *err)
{
    verification v = {.store = store, .report = report, .context = context};
    gs_status st = gs_store_snapshot_begin(store, err);
    for (size_t i = 0; i < sizeof row_checks / sizeof *row_checks && st == GS_OK; i++)
        st = check_rows(&v, row_checks[i], err);
    if (st == GS_OK && store->dim)
        st = check_models(&v, err);
    if (st == GS_OK && store->dim)
        st = check_progress(&v, err);
    gs_store_snapshot_end(store);
    *faults = v.faults;
    return st;
}

#include "indexer/stats/import.h"

#include "indexer/util/members.h"
#include "indexer/util/npy.h"

#include <inttypes.h> /* PRIu64 */
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK  256  /* features that are added at a time */
#define LENGTH 1e-3 /* that |mu|^2 + tr sigma (n - 1) / n may be off 1: f16 */

typedef struct {
    const gs_import *import;
    gs_moments *moments;
    gs_members members; /* of an .npz  owned, as the next one */
    gs_mapping file;    /* an .npy */
} source;

/* *array of this name (NULL: that of an .npy). GS_ENOTFOUND. */
static gs_status find(const source *s, const char *name, gs_npy *array, gs_error *err)
{
    const char *path = s->import->path;
    if (s->file.bytes)
        return gs_npy_parse(array, s->file.bytes, s->file.size, path, err);
    size_t length = strlen(name);
    for (size_t i = 0; i < s->members.count; i++) {
        const gs_member *member = &s->members.items[i];
        if (strncmp(member->name, name, length) != 0 || strcmp(member->name + length, ".npy") != 0)
            continue;
        gs_status st = member->fault ? gs_fail(err, GS_EFORMAT, "%s: %s", name, member->fault)
                                     : gs_npy_parse(array, member->data, member->size, name, err);
        return st == GS_OK ? st : gs_error_prefix(err, st, "%s", path);
    }
    return gs_fail(err, GS_ENOTFOUND, "%s: holds no array '%s'", path, name);
}

static gs_status expect_shape(const source *s, const char *name, const gs_npy *array, size_t axes, gs_error *err)
{
    size_t dim = s->moments->dim;
    if (!gs_npy_is_number(array) || array->axes != axes)
        return gs_fail(err, GS_EFORMAT, "%s: '%s' is no array of numbers with %zu axes", s->import->path, name, axes);
    if (array->shape[axes - 1] != dim)
        return gs_fail(err, GS_EMISMATCH, "%s: '%s' has %" PRIu64 " columns, and the encoder gives %zu",
                       s->import->path, name, array->shape[axes - 1], dim);
    return GS_OK;
}

static gs_status check_encoder(const source *s, gs_error *err)
{
    const gs_import *import = s->import;
    char told[65] = "";
    gs_npy array;
    bool in_file = !s->file.bytes && find(s, "encoder", &array, NULL) == GS_OK;
    if (in_file && !gs_npy_text(&array, told, sizeof told))
        return gs_fail(err, GS_EFORMAT, "%s: 'encoder' is no fingerprint", import->path);
    if (!in_file && !import->stated)
        return gs_fail(err, GS_EFORMAT,
                       "%s: does not tell which encoder its features are of; if it is this one, say so with "
                       "\"encoder\": \"%s\" in the sampler block",
                       import->path, import->encoder);
    const char *other = in_file && strcmp(told, import->encoder) != 0 ? told : NULL;
    if (import->stated && strcmp(import->stated, import->encoder) != 0)
        other = import->stated;
    if (other)
        return gs_fail(err, GS_EMISMATCH, "%s: its features are of the encoder %.64s, and this one is %s", import->path,
                       other, import->encoder);
    return GS_OK;
}

/* --- mu and sigma --- */

static gs_status find_count(const source *s, uint64_t *count, gs_error *err)
{
    const gs_import *import = s->import;
    gs_npy array;
    *count = import->count;
    if (find(s, "n", &array, NULL) == GS_OK) {
        double n = gs_npy_is_number(&array) && array.count == 1 ? gs_npy_number(&array, 0) : 0;
        if (!(n >= 2 && n <= 0x1p53 && n == floor(n)))
            return gs_fail(err, GS_EFORMAT, "%s: 'n' is no number of samples from 2 on", import->path);
        if (import->count && import->count != (uint64_t)n)
            return gs_fail(err, GS_EMISMATCH, "%s: is of %.0f samples, and the sampler block says %" PRIu64,
                           import->path, n, import->count);
        *count = (uint64_t)n;
    }
    if (*count >= 2)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT,
                   "%s: does not tell how many samples it is of: say so with \"count\" in the sampler block",
                   import->path);
}

/* What rounding to the array's type, or computing in it, may change, as a share. */
static double precision_of(const gs_npy *array)
{
    return array->kind == 'f' && array->width == 2 ? 0x1p-10 : 1e-6;
}

/* sigma [dim, dim] to matrix, with its trace. It is symmetric, so that the order of storage does not count. */
static gs_status read_sigma(const source *s, const gs_npy *sigma, double *matrix, double *trace, gs_error *err)
{
    size_t dim = s->moments->dim;
    *trace = 0;
    for (size_t i = 0; i < dim * dim; i++) {
        matrix[i] = gs_npy_number(sigma, i);
        if (!isfinite(matrix[i]))
            return gs_fail(err, GS_EFORMAT, "%s: 'sigma' holds %g", s->import->path, matrix[i]);
    }
    for (size_t i = 0; i < dim; i++)
        *trace += matrix[i * dim + i];
    double slack = precision_of(sigma) * *trace;
    for (size_t i = 0; i < dim; i++)
        for (size_t k = 0; k < i; k++)
            if (!(fabs(matrix[i * dim + k] - matrix[k * dim + i]) <= slack))
                return gs_fail(err, GS_EFORMAT, "%s: 'sigma' is not symmetric: %g at [%zu, %zu], %g at [%zu, %zu]",
                               s->import->path, matrix[i * dim + k], i, k, matrix[k * dim + i], k, i);
    return GS_OK;
}

/* Whether sigma has no eigenvalue below -slack: then sigma + slack I has a Cholesky factor. */
static gs_status check_semi_definite(const source *s, const double *matrix, double slack, gs_error *err)
{
    size_t dim = s->moments->dim;
    double *factor = malloc(dim * dim * sizeof *factor);
    if (!factor)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for a covariance of dim %zu", s->import->path, dim);
    memcpy(factor, matrix, dim * dim * sizeof *factor);
    for (size_t i = 0; i < dim; i++)
        factor[i * dim + i] += slack;
    lapack_int failed = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)dim, factor, (lapack_int)dim);
    free(factor);
    return failed == 0
               ? GS_OK
               : gs_fail(err, GS_EFORMAT, "%s: 'sigma' is no covariance: it has negative eigenvalues", s->import->path);
}

static gs_status check_length(const source *s, const gs_npy *mu, double trace, uint64_t count, gs_error *err)
{
    double square = trace * (double)(count - 1) / (double)count;
    for (uint64_t i = 0; i < mu->count; i++)
        square += gs_npy_number(mu, i) * gs_npy_number(mu, i);
    if (fabs(square - 1) <= LENGTH) /* and so mu is finite */
        return GS_OK;
    return gs_fail(err, GS_EFORMAT,
                   "%s: the features had a mean squared length of %g, expected 1: they must be normalised before their "
                   "moments are taken",
                   s->import->path, square);
}

static gs_status read_moments(source *s, const gs_npy *mu, const gs_npy *sigma, double *matrix, gs_error *err)
{
    size_t dim = s->moments->dim;
    uint64_t count;
    double trace;
    gs_status st = find_count(s, &count, err);
    if (st == GS_OK)
        st = read_sigma(s, sigma, matrix, &trace, err);
    if (st == GS_OK)
        st = check_length(s, mu, trace, count, err);
    if (st == GS_OK)
        st = check_semi_definite(s, matrix, precision_of(sigma) * trace, err);
    if (st != GS_OK)
        return st;
    s->moments->count = count;
    for (size_t i = 0; i < dim; i++) {
        s->moments->mean[i] = gs_npy_number(mu, i);
        for (size_t k = 0; k <= i; k++)
            s->moments->scatter[i * dim + k] = (matrix[i * dim + k] + matrix[k * dim + i]) / 2 * (double)(count - 1);
    }
    return GS_OK;
}

static gs_status import_moments(source *s, const gs_npy *mu, const gs_npy *sigma, gs_error *err)
{
    size_t dim = s->moments->dim;
    gs_status st = expect_shape(s, "mu", mu, 1, err);
    if (st == GS_OK)
        st = expect_shape(s, "sigma", sigma, 2, err);
    if (st != GS_OK)
        return st;
    if (sigma->shape[0] != dim)
        return gs_fail(err, GS_EFORMAT, "%s: 'sigma' has %" PRIu64 " rows and %zu columns", s->import->path,
                       sigma->shape[0], dim);
    if (s->import->visit)
        return gs_fail(err, GS_EFORMAT, "%s: holds moments, and no features that could be kept", s->import->path);
    double *matrix = calloc(dim * dim, sizeof *matrix);
    st = matrix ? read_moments(s, mu, sigma, matrix, err)
                : gs_fail(err, GS_ENOMEM, "%s: no memory for a covariance of dim %zu", s->import->path, dim);
    free(matrix);
    return st;
}

/* --- features --- */

/* Row i with length 1. False when it has none, or is not finite. */
static bool read_feature(const gs_npy *rows, uint64_t i, size_t dim, float *feature)
{
    double square = 0;
    for (size_t k = 0; k < dim; k++) {
        double value = gs_npy_number(rows, rows->fortran ? i + k * rows->shape[0] : i * dim + k);
        feature[k] = (float)value;
        square += value * value;
    }
    if (!(square > 0) || !isfinite(square))
        return false;
    for (size_t k = 0; k < dim; k++)
        feature[k] = (float)(feature[k] / sqrt(square));
    return true;
}

static gs_status import_features(source *s, const gs_npy *rows, gs_error *err)
{
    const gs_import *import = s->import;
    size_t dim = s->moments->dim;
    gs_status st = expect_shape(s, "features", rows, 2, err);
    float *block = calloc(BLOCK, dim * sizeof *block);
    if (st == GS_OK && !block)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory for features", import->path);
    if (st == GS_OK && rows->shape[0] < 2)
        st = gs_fail(err, GS_EFORMAT, "%s: %" PRIu64 " features, at least 2 are needed", import->path, rows->shape[0]);
    for (uint64_t i = 0; st == GS_OK && i < rows->shape[0]; i++)
        if (!read_feature(rows, i, dim, block))
            st = gs_fail(err, GS_EFORMAT, "%s: feature %" PRIu64 " has no length, or is not finite", import->path, i);
    for (uint64_t i = 0; st == GS_OK && i < rows->shape[0]; i += BLOCK) {
        size_t n = rows->shape[0] - i < BLOCK ? (size_t)(rows->shape[0] - i) : BLOCK;
        for (size_t k = 0; k < n; k++) {
            read_feature(rows, i + k, dim, block + k * dim);
            if (import->visit)
                import->visit(import->context, i + k, block + k * dim);
        }
        gs_moments_add(s->moments, block, n);
    }
    free(block);
    return st;
}

/* --- the file --- */

static gs_status open_source(source *s, gs_error *err)
{
    size_t magic = sizeof GS_NPY_MAGIC - 1;
    gs_status st = gs_mapping_open(&s->file, s->import->path, err);
    if (st != GS_OK || (s->file.size >= magic && memcmp(s->file.bytes, GS_NPY_MAGIC, magic) == 0))
        return st;
    gs_mapping_close(&s->file);
    return gs_members_open(&s->members, s->import->path, NULL, err);
}

static gs_status import_arrays(source *s, gs_error *err)
{
    const char *features = s->import->array ? s->import->array : "features";
    gs_npy mu, sigma, rows;
    bool named = s->file.bytes || s->import->array;
    gs_status st = named ? GS_ENOTFOUND : find(s, "mu", &mu, err);
    if (st == GS_OK)
        st = find(s, "sigma", &sigma, err);
    if (st == GS_OK)
        return import_moments(s, &mu, &sigma, err);
    if (st != GS_ENOTFOUND)
        return st;
    st = find(s, features, &rows, err);
    if (st == GS_ENOTFOUND && !s->import->array)
        return gs_fail(err, GS_EFORMAT, "%s: holds neither 'mu' and 'sigma' nor 'features'", s->import->path);
    return st == GS_OK ? import_features(s, &rows, err) : st;
}

gs_status gs_import_moments(const gs_import *import, gs_moments *moments, gs_error *err)
{
    source s = {.import = import, .moments = moments};
    gs_status st = open_source(&s, err);
    if (st == GS_OK)
        st = check_encoder(&s, err);
    if (st == GS_OK)
        st = import_arrays(&s, err);
    gs_members_close(&s.members);
    gs_mapping_close(&s.file);
    return st;
}

/* golden/stats_scipy.json: tests/golden/make_stats.py, scipy 1.17, numpy 2.4, seed 11 */
#include "indexer/stats/frechet.h"
#include "indexer/stats/npz.h"
#include "indexer/stats/stats.h"
#include "indexer/util/file.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static gs_error err;
static cJSON *golden;

static int read_golden(void **state)
{
    (void)state;
    gs_bytes bytes;
    if (gs_file_read(&bytes, GS_GOLDEN "/stats_scipy.json", 1 << 22, &err) != GS_OK)
        return -1;
    golden = cJSON_Parse((const char *)bytes.data);
    gs_bytes_free(&bytes);
    return golden ? 0 : -1;
}

static int free_golden(void **state)
{
    (void)state;
    cJSON_Delete(golden);
    return 0;
}

static double number(const cJSON *object, const char *field)
{
    const cJSON *item = cJSON_GetObjectItem(object, field);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

/* A field of count numbers; the caller frees it. */
static float *numbers(const cJSON *object, const char *field, size_t count)
{
    const cJSON *list = cJSON_GetObjectItem(object, field);
    assert_int_equal(cJSON_GetArraySize(list), count);
    float *values = malloc(count * sizeof *values);
    size_t i = 0;
    for (const cJSON *item = list->child; item; item = item->next)
        values[i++] = (float)item->valuedouble;
    return values;
}

typedef struct {
    size_t dim;
    float *mean1, *covariance1, *mean2, *covariance2;
    uint64_t count1, count2;
} gaussians;

static gaussians read_pair(const cJSON *pair)
{
    size_t dim = (size_t)number(pair, "dim");
    return (gaussians){dim,
                       numbers(pair, "mean1", dim),
                       numbers(pair, "covariance1", dim * dim),
                       numbers(pair, "mean2", dim),
                       numbers(pair, "covariance2", dim * dim),
                       (uint64_t)number(pair, "count1"),
                       (uint64_t)number(pair, "count2")};
}

static void free_pair(gaussians *g)
{
    free(g->mean1);
    free(g->covariance1);
    free(g->mean2);
    free(g->covariance2);
}

static double frechet(const gaussians *g)
{
    double distance = NAN;
    gs_distribution a = {g->mean1, g->covariance1, g->dim, g->count1};
    gs_distribution b = {g->mean2, g->covariance2, g->dim, g->count2};
    assert_int_equal(gs_frechet_distance(&a, &b, &distance, &err), GS_OK);
    return distance;
}

static void frechet_distance_equals_scipy(void **state)
{
    (void)state;
    for (const cJSON *pair = cJSON_GetObjectItem(golden, "pairs")->child; pair; pair = pair->next) {
        gaussians g = read_pair(pair);
        double distance = frechet(&g), expected = number(pair, "distance");
        if (!(fabs(distance - expected) <= number(pair, "tolerance")))
            fail_msg("%s: %.12g, SciPy says %.12g", cJSON_GetObjectItem(pair, "name")->valuestring, distance, expected);
        free_pair(&g);
    }
}

static void frechet_distance_is_symmetric(void **state)
{
    (void)state;
    for (const cJSON *pair = cJSON_GetObjectItem(golden, "pairs")->child; pair; pair = pair->next) {
        gaussians g = read_pair(pair),
                  swapped = {g.dim, g.mean2, g.covariance2, g.mean1, g.covariance1, g.count2, g.count1};
        assert_true(frechet(&g) == frechet(&swapped));
        free_pair(&g);
    }
}

static void a_distribution_is_at_no_distance_from_itself(void **state)
{
    (void)state;
    for (const cJSON *pair = cJSON_GetObjectItem(golden, "pairs")->child; pair; pair = pair->next) {
        gaussians g = read_pair(pair),
                  same = {g.dim, g.mean1, g.covariance1, g.mean1, g.covariance1, g.count1, g.count1};
        double distance = frechet(&same);
        assert_true(distance >= 0 && distance < 1e-6);
        free_pair(&g);
    }
}

static void distance_of_points_is_that_of_their_means(void **state)
{
    (void)state;
    const float a[3] = {1, 2, 3}, b[3] = {1, 0, 0}, none[9] = {0};
    double distance;
    gs_distribution one = {a, none, 3, 10}, other = {b, none, 3, 10};
    assert_int_equal(gs_frechet_distance(&one, &other, &distance, &err), GS_OK);
    assert_true(distance == 13);
}

static void what_is_not_finite_is_refused(void **state)
{
    (void)state;
    float mean[2] = {0, 1}, covariance[4] = {1, 0, 0, 1};
    gs_distribution same = {mean, covariance, 2, 10};
    gs_eigen e;
    double distance;
    covariance[3] = NAN;
    assert_int_equal(gs_frechet_distance(&same, &same, &distance, &err), GS_EFORMAT);
    assert_string_equal(err.message, "covariance: element 3 is nan");
    assert_int_equal(gs_eigen_init(&e, mean, covariance, 2, &err), GS_EFORMAT);
    assert_string_equal(err.message, "covariance: element 3 is nan");
    assert_null(e.vectors);
    mean[0] = INFINITY;
    assert_int_equal(gs_frechet_distance(&same, &same, &distance, &err), GS_EFORMAT);
    assert_string_equal(err.message, "mean: element 0 is inf");
    assert_int_equal(gs_eigen_init(&e, mean, covariance, 0, &err), GS_EARGS);
    gs_eigen_free(&e);
}

/* values vectors' vectors = covariance, rows orthonormal, values descending. */
static void eigenpairs_give_the_covariance_back(void **state)
{
    (void)state;
    gaussians g = read_pair(cJSON_GetObjectItem(golden, "pairs")->child);
    size_t dim = g.dim;
    gs_eigen e;
    assert_int_equal(gs_eigen_init(&e, g.mean1, g.covariance1, dim, &err), GS_OK);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++) {
            double sum = 0, product = 0;
            for (size_t k = 0; k < dim; k++) {
                sum += e.values[k] * e.vectors[k * dim + i] * e.vectors[k * dim + j];
                product += e.vectors[i * dim + k] * e.vectors[j * dim + k];
            }
            assert_true(fabs(sum - g.covariance1[i * dim + j]) < 1e-12);
            assert_true(fabs(product - (i == j)) < 1e-12);
        }
    for (size_t i = 1; i < dim; i++)
        assert_true(e.values[i] <= e.values[i - 1]);
    gs_eigen_free(&e);
    free_pair(&g);
}

static void lowrank_density_equals_numpy(void **state)
{
    (void)state;
    for (const cJSON *c = cJSON_GetObjectItem(golden, "lowrank")->child; c; c = c->next) {
        size_t dim = (size_t)number(c, "dim"), rank = (size_t)number(c, "rank");
        size_t count = (size_t)cJSON_GetArraySize(cJSON_GetObjectItem(c, "densities"));
        float *mean = numbers(c, "mean", dim), *covariance = numbers(c, "covariance", dim * dim);
        float *queries = numbers(c, "queries", dim * count), *storage;
        gs_eigen e;
        gs_lowrank lowrank;
        assert_int_equal(gs_eigen_init(&e, mean, covariance, dim, &err), GS_OK);
        assert_int_equal(gs_eigen_lowrank(&e, rank, &lowrank, &storage, &err), GS_OK);
        assert_int_equal(lowrank.rank, rank);
        const cJSON *expected = cJSON_GetObjectItem(c, "densities")->child;
        for (size_t i = 0; i < count; i++, expected = expected->next) {
            double density = gs_score_gaussian_lowrank(&lowrank, queries + i * dim);
            if (!(fabs(density - expected->valuedouble) <= 1e-5 * fabs(expected->valuedouble)))
                fail_msg("rank %zu, query %zu: %.9g, NumPy says %.9g", rank, i, density, expected->valuedouble);
        }
        free(storage);
        gs_eigen_free(&e);
        free(queries);
        free(covariance);
        free(mean);
    }
}

static void a_rank_too_large_is_cut_to_what_there_is(void **state)
{
    (void)state;
    const float mean[2] = {0, 1}, covariance[4] = {2, 0, 0, 1};
    gs_eigen e;
    gs_lowrank lowrank;
    float *storage;
    assert_int_equal(gs_eigen_init(&e, mean, covariance, 2, &err), GS_OK);
    assert_int_equal(gs_eigen_lowrank(&e, 64, &lowrank, &storage, &err), GS_OK);
    assert_int_equal(lowrank.rank, 1);
    assert_true(fabs(lowrank.values[0] - 2.001) < 1e-6);
    assert_true(fabs(lowrank.rest - 1.001) < 1e-6);
    free(storage);
    gs_eigen_free(&e);
}

/* --- npz --- */

/* matrix [n, n] := H diag(values) H, where H = 1 - 2 v v' / v'v, v = (1, 2, ... n): its eigenvalues are known. */
static void reflect(const double *values, size_t n, double *matrix)
{
    double square = 0;
    for (size_t k = 1; k <= n; k++)
        square += (double)(k * k);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++) {
                double left = (i == k) - 2.0 * (double)((i + 1) * (k + 1)) / square;
                double right = (j == k) - 2.0 * (double)((j + 1) * (k + 1)) / square;
                sum += left * values[k] * right;
            }
            matrix[j * n + i] = sum;
        }
}

static void trace_of_the_root_is_the_sum_of_the_roots(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double least, tolerance; /* eigenvalues fall from 3 to 3 least; relative */
    } cases[] = {{0, 1, 0},        {1, 1, 1e-12},     {2, 1e-3, 1e-12},  {3, 1, 1e-12},
                 {70, 0.5, 1e-11}, {70, 1e-9, 1e-11}, {70, 1e-11, 1e-9}, {70, 1e-20, 1e-8}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t n = cases[c].n, stride = n + 3;
        double values[70], expected = 0, sum, matrix[70 * 70], *wide = malloc((n * stride + 1) * sizeof *wide);
        for (size_t k = 0; k < n; k++) {
            values[k] = 3 * (n > 1 ? pow(cases[c].least, (double)k / (double)(n - 1)) : 1);
            expected += sqrt(values[k]);
        }
        reflect(values, n, matrix);
        for (size_t j = 0; j < n; j++)
            for (size_t i = 0; i < stride; i++)
                wide[j * stride + i] = i >= j && i < n ? matrix[j * n + i] : NAN; /* what must not be read */
        assert_int_equal(gs_stats_root_trace(wide, n, stride, &sum, &err), GS_OK);
        assert_true(fabs(sum - expected) <= cases[c].tolerance * expected);
        free(wide);
    }
}

static void a_negative_eigenvalue_has_no_root(void **state)
{
    (void)state;
    double sum, matrix[9], values[3] = {4, 0, -1e-3};
    reflect(values, 3, matrix);
    assert_int_equal(gs_stats_root_trace(matrix, 3, 3, &sum, &err), GS_OK);
    assert_true(fabs(sum - 2) < 1e-7);
}

static const uint8_t *find(const gs_bytes *bytes, const void *what, size_t size)
{
    return memmem(bytes->data, bytes->size, what, size);
}

/* What any reader of NumPy's format needs is there, byte for byte, and NumPy itself reads it where it is installed. */
static void npz_holds_the_arrays_as_numpy_stores_them(void **state)
{
    (void)state;
    const float mean[2] = {0.5f, -3}, covariance[4] = {2, 0.25f, 0.25f, 1};
    char path[] = "/tmp/gensearch-npz-XXXXXX", command[512], encoder[GS_SHA256_HEX];
    gs_sha256_hex("encoder", 7, encoder);
    assert_true(mkstemp(path) >= 0);
    assert_int_equal(gs_npz_write(path, mean, covariance, 2, 50000, encoder, &err), GS_OK);
    gs_bytes zip;
    assert_int_equal(gs_file_read(&zip, path, 1 << 20, &err), GS_OK);
    assert_memory_equal(zip.data, "PK\x03\x04", 4);
    const uint8_t *mu =
        find(&zip, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 66);
    const uint8_t *sigma =
        find(&zip, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", 68);
    const uint8_t *n =
        find(&zip, "\x93NUMPY\x01\x00\x76\x00{'descr': '<u8', 'fortran_order': False, 'shape': (), }", 64);
    assert_non_null(mu);
    assert_non_null(sigma);
    assert_non_null(n);
    assert_memory_equal(mu + 128, ((double[]){0.5, -3}), 16);
    assert_memory_equal(sigma + 128, ((double[]){2, 0.25, 0.25, 1}), 32);
    assert_memory_equal(n + 128, &(uint64_t){50000}, 8);
    const uint8_t *told = find(&zip, "{'descr': '|S64', 'fortran_order': False, 'shape': (), }", 56);
    assert_non_null(told);
    assert_memory_equal(told + 118, encoder, 64);
    gs_bytes_free(&zip);

    if (system("python3 -c 'import numpy' 2>/dev/null") == 0) {
        snprintf(command, sizeof command,
                 "python3 -c \"import numpy; f = numpy.load('%s'); assert f['mu'].tolist() == [0.5, -3]; "
                 "assert f['sigma'].tolist() == [[2, 0.25], [0.25, 1]]; assert int(f['n']) == 50000; assert "
                 "bytes(f['encoder']) == b'%s'\"",
                 path, encoder);
        assert_int_equal(system(command), 0);
    }
    remove(path);
    assert_int_equal(gs_npz_write("/nowhere/x.npz", mean, covariance, 2, 1, encoder, &err), GS_EIO);
    assert_int_equal(gs_npz_write(path, mean, covariance, 0, 1, encoder, &err), GS_EARGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frechet_distance_equals_scipy),
        cmocka_unit_test(frechet_distance_is_symmetric),
        cmocka_unit_test(a_distribution_is_at_no_distance_from_itself),
        cmocka_unit_test(distance_of_points_is_that_of_their_means),
        cmocka_unit_test(what_is_not_finite_is_refused),
        cmocka_unit_test(trace_of_the_root_is_the_sum_of_the_roots),
        cmocka_unit_test(a_negative_eigenvalue_has_no_root),
        cmocka_unit_test(eigenpairs_give_the_covariance_back),
        cmocka_unit_test(lowrank_density_equals_numpy),
        cmocka_unit_test(a_rank_too_large_is_cut_to_what_there_is),
        cmocka_unit_test(npz_holds_the_arrays_as_numpy_stores_them),
    };
    return cmocka_run_group_tests(tests, read_golden, free_golden);
}

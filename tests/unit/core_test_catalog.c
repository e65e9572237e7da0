/* catalog.h: what is written is read back, what is damaged is refused. Half precision against NumPy
 * (golden/scores_golden.h: make_scores.py, seed 7). */
#include "core_test.h"

#include "core/catalog.h"
#include "core/half.h"
#include "scores_golden.h"

#include <stdbool.h>

#define ROWS 5

static const uint8_t fingerprint[GS_FINGERPRINT] = "0123456789abcde";

static void halves_widen_as_numpy_does(void **state)
{
    (void)state;
    uint64_t sum = CHECKSUM_START;
    for (uint32_t half = 0; half < 65536; half++) {
        float value = gs_half_to_float((uint16_t)half);
        if (isnan(value))
            assert_true((half & 0x7fff) > 0x7c00);
        else
            sum = checksum(sum, &value, sizeof value);
    }
    assert_true(sum == golden_halves);
}

static void floats_round_to_half_as_numpy_does(void **state)
{
    (void)state;
    enum { PATTERNS = 50000, MODEL_VALUES = MODELS * DIM + MODELS * SAMPLES * DIM + DIM };
    uint32_t seed = SEED;
    for (size_t i = 0; i < MODEL_VALUES; i++)
        random_next(&seed);
    static uint16_t small[PATTERNS];
    uint64_t sum = CHECKSUM_START;
    size_t n = 0;
    for (uint32_t i = 0; i < PATTERNS; i++) {
        uint32_t bits = random_next(&seed) << 8 | (i & 0xff);
        float value;
        memcpy(&value, &bits, sizeof value);
        if (isnan(value))
            continue;
        uint16_t half = gs_float_to_half(value);
        small[n++] = gs_float_to_half(value * 0x1p-14f);
        sum = checksum(sum, &half, sizeof half);
    }
    assert_true(checksum(sum, small, n * sizeof *small) == golden_rounded);
    assert_true(isnan(gs_half_to_float(gs_float_to_half(NAN))));
}

static void every_half_survives_the_way_there_and_back(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 65536; half++)
        if ((half & 0x7fff) <= 0x7c00)
            assert_int_equal(gs_float_to_half(gs_half_to_float((uint16_t)half)), half);
}

/* means.bin of random rows; *table [ROWS, DIM] what they were. The caller frees both. */
static void *make_means(gs_element element, size_t *size, float **table)
{
    uint32_t seed = 4;
    *table = malloc(ROWS * DIM * sizeof **table);
    random_floats(&seed, ROWS * DIM, *table);
    *size = gs_means_size(ROWS, DIM, element);
    void *bytes = malloc(*size);
    assert_int_equal(gs_means_write(bytes, *table, ROWS, DIM, element, fingerprint, NULL), GS_OK);
    return bytes;
}

static void means_are_read_as_written(void **state)
{
    (void)state;
    for (int element = GS_F32; element <= GS_I8; element++) {
        size_t size;
        float *table, read[ROWS * DIM];
        void *bytes = make_means((gs_element)element, &size, &table);
        gs_means means;
        assert_int_equal(gs_means_open(&means, bytes, size, NULL), GS_OK);
        assert_int_equal(means.table.count, ROWS);
        assert_int_equal(means.table.dim, DIM);
        assert_memory_equal(means.fingerprint, fingerprint, GS_FINGERPRINT);
        gs_table_expand(&means.table, 0, ROWS, read);
        for (size_t i = 0; i < ROWS * DIM; i++) /* numbers of up to 1/8: a step of int8 is at most 1/4 / 127 */
            assert_close(read[i], table[i], element == GS_F32 ? 0 : element == GS_F16 ? 1e-4 : 1e-3);
        free(bytes);
        free(table);
    }
}

/* A low-rank file of two eigenpairs; the caller frees it. */
static void *make_lowrank(gs_element element, size_t *size)
{
    uint32_t seed = 6;
    float mean[DIM], vectors[2 * DIM], values[2] = {0.5f, 0.25f};
    random_floats(&seed, DIM, mean);
    random_floats(&seed, 2 * DIM, vectors);
    gs_lowrank g = {.dim = DIM, .rank = 2, .mean = mean, .values = values, .vectors = vectors, .rest = 0.125f};
    *size = gs_lowrank_size(2, DIM, element);
    void *bytes = malloc(*size);
    gs_lowrank_write(bytes, &g, element, fingerprint);
    return bytes;
}

static void second_moments_are_read_as_written(void **state)
{
    (void)state;
    uint32_t seed = 6;
    float mean[DIM], vectors[2 * DIM];
    random_floats(&seed, DIM, mean);
    random_floats(&seed, 2 * DIM, vectors);
    for (int element = GS_F32; element <= GS_F16; element++) {
        size_t size, rank, dim;
        void *bytes = make_lowrank((gs_element)element, &size);
        assert_int_equal(gs_lowrank_peek(bytes, size, &rank, &dim, NULL), GS_OK);
        assert_int_equal(rank, 2);
        assert_int_equal(dim, DIM);
        float expanded[2 * DIM];
        uint8_t read[GS_FINGERPRINT];
        gs_lowrank g;
        assert_int_equal(gs_lowrank_open(&g, read, bytes, size, expanded, NULL), GS_OK);
        assert_memory_equal(read, fingerprint, GS_FINGERPRINT);
        assert_memory_equal(g.mean, mean, sizeof mean);
        assert_true(g.values[0] == 0.5f && g.values[1] == 0.25f && g.rest == 0.125f);
        for (size_t i = 0; i < 2 * DIM; i++)
            assert_close(g.vectors[i], vectors[i], element == GS_F32 ? 0 : 1e-4);
        free(bytes);
    }
}

/* A file of a Gaussian with a factor of ones and falling numbers; the caller frees it. */
static void *make_gaussian(gs_element element, size_t *size)
{
    uint32_t seed = 9;
    float mean[DIM], factor[DIM * (DIM + 1) / 2];
    random_floats(&seed, DIM, mean);
    random_floats(&seed, gs_packed_count(DIM), factor);
    for (size_t i = 0; i < DIM; i++)
        factor[gs_packed_count(i) + i] = 1;
    gs_gaussian g = {.dim = DIM, .mean = mean, .factor = factor, .log_determinant = -12.5};
    *size = gs_gaussian_size(DIM, element);
    void *bytes = malloc(*size);
    gs_gaussian_write(bytes, &g, element, fingerprint);
    return bytes;
}

static void gaussians_are_read_as_written(void **state)
{
    (void)state;
    uint32_t seed = 9;
    float mean[DIM], factor[DIM * (DIM + 1) / 2], expanded[DIM * (DIM + 1) / 2];
    random_floats(&seed, DIM, mean);
    random_floats(&seed, gs_packed_count(DIM), factor);
    for (int element = GS_F32; element <= GS_F16; element++) {
        size_t size, dim;
        void *bytes = make_gaussian((gs_element)element, &size);
        uint8_t read[GS_FINGERPRINT];
        gs_gaussian g;
        assert_int_equal(gs_gaussian_peek(bytes, size, &dim, NULL), GS_OK);
        assert_int_equal(dim, DIM);
        assert_int_equal(gs_gaussian_open(&g, read, bytes, size, expanded, NULL), GS_OK);
        assert_memory_equal(read, fingerprint, GS_FINGERPRINT);
        assert_memory_equal(g.mean, mean, sizeof mean);
        assert_true(g.log_determinant == -12.5);
        for (size_t i = 0; i < DIM; i++)
            for (size_t j = 0; j <= i; j++) {
                size_t at = gs_packed_count(i) + j;
                assert_close(g.factor[at], i == j ? 1 : factor[at], element == GS_F32 ? 0 : 1e-4);
            }
        free(bytes);
    }
}

/* As make_means(). */
static void *make_features(gs_element element, size_t *size, float **table)
{
    uint32_t seed = 4;
    *table = malloc(ROWS * DIM * sizeof **table);
    random_floats(&seed, ROWS * DIM, *table);
    *size = gs_features_size(ROWS, DIM, element);
    void *bytes = malloc(*size);
    assert_int_equal(gs_features_write(bytes, *table, ROWS, DIM, element, fingerprint, NULL), GS_OK);
    return bytes;
}

static void features_are_read_as_written(void **state)
{
    (void)state;
    size_t size;
    float *rows, read[ROWS * DIM];
    uint8_t read_fingerprint[GS_FINGERPRINT];
    void *bytes = make_features(GS_I8, &size, &rows);
    gs_table table;
    assert_int_equal(gs_features_open(&table, read_fingerprint, bytes, size, NULL), GS_OK);
    assert_memory_equal(read_fingerprint, fingerprint, GS_FINGERPRINT);
    assert_int_equal(table.count, ROWS);
    gs_table_expand(&table, 0, ROWS, read);
    for (size_t i = 0; i < ROWS * DIM; i++)
        assert_close(read[i], rows[i], 1e-3);
    free(bytes);
    free(rows);
}

static void sizes_that_overflow_are_zero(void **state)
{
    (void)state;
    assert_int_equal(gs_means_size(SIZE_MAX / 4, 3, GS_F16), 0);
    assert_int_equal(gs_means_size(SIZE_MAX / 2, 1, GS_F16), 0);
    assert_int_equal(gs_means_size(0, DIM, GS_F16), GS_CATALOG_HEADER);
    assert_int_equal(gs_means_size(3, DIM, GS_I8), GS_CATALOG_HEADER + 4 * (2 * DIM + 3) + 3 * DIM);
    assert_int_equal(gs_means_size(SIZE_MAX / 4, 1, GS_I8), 0);
    assert_int_equal(gs_lowrank_size(SIZE_MAX - 1, 2, GS_F32), 0);
    assert_int_equal(gs_lowrank_size(1, SIZE_MAX / 4 - 20, GS_F32), 0);
    assert_int_equal(gs_gaussian_size(DIM, GS_F16), GS_CATALOG_HEADER + 4 * DIM + DIM * (DIM + 1));
    assert_int_equal(gs_gaussian_size(SIZE_MAX, GS_F16), 0);
    assert_int_equal(gs_gaussian_size((size_t)1 << 31, GS_F32), 0);
}

typedef enum { MEANS, LOWRANK, GAUSSIAN, FEATURES, KINDS } kind;

/* A file of this kind, which the caller frees. */
static void *make_file(kind k, gs_element element, size_t *size)
{
    float *table = NULL;
    void *bytes = k == LOWRANK    ? make_lowrank(element, size)
                  : k == GAUSSIAN ? make_gaussian(element, size)
                  : k == FEATURES ? make_features(element, size, &table)
                                  : make_means(element, size, &table);
    free(table);
    return bytes;
}

/* Reads all of a table that was opened. */
static void read_table(const gs_table *t)
{
    float *table = malloc((t->count * t->dim + 1) * sizeof *table);
    double *norms = malloc((t->count + 1) * sizeof *norms);
    gs_table_expand(t, 0, t->count, table);
    gs_table_norms(t, norms, NULL);
    free(norms);
    free(table);
}

/* Opens bytes [size], a block of its own, so that reading beyond it is seen. */
static gs_status open_bytes(const void *bytes, size_t size, kind k, gs_error *err)
{
    gs_status st = GS_OK;
    gs_means means;
    gs_lowrank lowrank;
    gs_gaussian gaussian;
    gs_table features;
    uint8_t read[GS_FINGERPRINT];
    size_t rank = 0, dim = 0;
    if (k == MEANS && (st = gs_means_open(&means, bytes, size, err)) == GS_OK)
        read_table(&means.table);
    if (k == FEATURES && (st = gs_features_open(&features, read, bytes, size, err)) == GS_OK)
        read_table(&features);
    if (k == LOWRANK)
        st = gs_lowrank_peek(bytes, size, &rank, &dim, err);
    if (k == GAUSSIAN)
        st = gs_gaussian_peek(bytes, size, &dim, err);
    if (st != GS_OK || k == MEANS || k == FEATURES)
        return st;
    float *expanded = malloc((k == LOWRANK ? rank * dim : gs_packed_count(dim)) * sizeof *expanded + 1);
    st = k == LOWRANK ? gs_lowrank_open(&lowrank, read, bytes, size, expanded, err)
                      : gs_gaussian_open(&gaussian, read, bytes, size, expanded, err);
    free(expanded);
    return st;
}

static gs_status open_copy(const void *bytes, size_t size, kind k, gs_error *err)
{
    char *copy = malloc(size + 1);
    memcpy(copy, bytes, size);
    gs_status st = open_bytes(copy, size, k, err);
    free(copy);
    return st;
}

static void faults_are_named(void **state)
{
    (void)state;
    const struct {
        size_t at;
        uint32_t value;
        kind kind;
        const char *says;
    } faults[] = {
        {0, 0, MEANS, "GSMEANS"},
        {0, 0, LOWRANK, "GSLOWRK"},
        {8, 3, MEANS, "version 3"},
        {12, 3, MEANS, "element type 3"},
        {12, 2, LOWRANK, "element type 2"},
        {12, 2, MEANS, "expected"}, /* int8 of the size of f16 */
        {16, ROWS + 1, MEANS, "expected"},
        {20, 1, MEANS, "rows of dimension"},
        {24, 0, MEANS, "dimension 0"},
        {24, 0xffffffff, MEANS, "expected"},
        {28, 1, MEANS, "rows of dimension"},
        {16, DIM, LOWRANK, "not below dimension"},
        {16, 1, LOWRANK, "expected"},
        {32, 0, LOWRANK, "rest"},
        {32, 0xffc00000, LOWRANK, "rest"},
        {GS_CATALOG_HEADER + DIM * 4 + 4, 0x80000000, LOWRANK, "eigenvalue 1"},
        {0, 0, GAUSSIAN, "GSGAUSS"},
        {0, 0, FEATURES, "GSFEATS"},
        {12, 2, GAUSSIAN, "element type 2"},
        {16, DIM + 1, GAUSSIAN, "rows of dimension"},
        {24, DIM - 1, GAUSSIAN, "rows of dimension"},
        {GS_CATALOG_HEADER + 4 * DIM, 0, GAUSSIAN, "pivot 0"},
        {16, ROWS - 1, FEATURES, "expected"},
    };
    for (size_t i = 0; i < COUNT(faults); i++) {
        size_t size;
        char *bytes = make_file(faults[i].kind, GS_F16, &size);
        memcpy(bytes + faults[i].at, &faults[i].value, 4);
        gs_error err;
        assert_int_equal(open_copy(bytes, size, faults[i].kind, &err), GS_EFORMAT);
        assert_error(err, faults[i].says);
        free(bytes);
    }
}

static void a_dimension_beyond_any_encoder_is_refused_without_rows_too(void **state)
{
    (void)state;
    gs_error err;
    gs_means means;
    const uint64_t dims[] = {0, (uint64_t)GS_TABLE_MOST_DIM + 1, (uint64_t)1 << 40};
    for (size_t i = 0; i < COUNT(dims); i++) {
        uint64_t file[8] = {0}; /* a header, no row */
        memcpy(file, "GSMEANS", 8);
        file[1] = 1; /* version 1, element f32 */
        file[3] = dims[i];
        assert_int_equal(gs_means_open(&means, file, sizeof file, &err), GS_EFORMAT);
        assert_error(err, "means.bin");
    }
}

static void a_cut_or_longer_file_is_refused(void **state)
{
    (void)state;
    for (kind k = 0; k < KINDS; k++) {
        size_t full;
        char *bytes = make_file(k, GS_F32, &full);
        for (size_t size = 0; size < full; size++)
            assert_int_equal(open_copy(bytes, size, k, NULL), GS_EFORMAT);
        bytes = realloc(bytes, full + 1);
        bytes[full] = 0;
        assert_int_equal(open_copy(bytes, full + 1, k, NULL), GS_EFORMAT);
        free(bytes);
    }
}

static void damaged_headers_are_refused_or_harmless(void **state)
{
    (void)state;
    uint32_t seed = 8;
    for (int round = 0; round < 4000; round++) {
        size_t size;
        kind k = (kind)(round % KINDS);
        bool int8 = (k == MEANS || k == FEATURES) && round % 8 < KINDS;
        uint8_t *bytes = make_file(k, int8 ? GS_I8 : GS_F16, &size);
        for (uint32_t n = random_next(&seed) % 4 + 1; n > 0; n--)
            bytes[8 + random_next(&seed) % 40] = (uint8_t)(random_next(&seed) >> 16);
        open_copy(bytes, size, k, NULL);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_widen_as_numpy_does),
        cmocka_unit_test(floats_round_to_half_as_numpy_does),
        cmocka_unit_test(every_half_survives_the_way_there_and_back),
        cmocka_unit_test(means_are_read_as_written),
        cmocka_unit_test(second_moments_are_read_as_written),
        cmocka_unit_test(gaussians_are_read_as_written),
        cmocka_unit_test(features_are_read_as_written),
        cmocka_unit_test(sizes_that_overflow_are_zero),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(a_dimension_beyond_any_encoder_is_refused_without_rows_too),
        cmocka_unit_test(a_cut_or_longer_file_is_refused),
        cmocka_unit_test(damaged_headers_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

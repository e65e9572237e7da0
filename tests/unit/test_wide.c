/* Scores by second moments at the dimensions of CLIP's sizes, of fewer samples than dimensions, against NumPy and SciPy
 * (golden/wide_golden.h: make_wide.py, seed 21): from moments, and from the files of a published folder. */
#include "core_test.h"

#include "core/catalog.h"
#include "core/moments.h"
#include "core/query.h"
#include "indexer/stats/stats.h"
#include "wide_golden.h"

#define TAU 100.0

/* A model of make_wide.py with everything that its scores need. All owned. */
typedef struct {
    float *samples, *mean, *covariance, *factor, *vectors;
    gs_table features;
    gs_gaussian gaussian;
    gs_lowrank lowrank;
    gs_scored_model scored;
} model;

static void draw(model *m, uint32_t *seed, size_t dim)
{
    float *offset = malloc(dim * sizeof *offset);
    random_floats(seed, dim, offset);
    m->samples = malloc(WIDE_SAMPLES * dim * sizeof *m->samples);
    random_floats(seed, WIDE_SAMPLES * dim, m->samples);
    for (size_t i = 0; i < WIDE_SAMPLES * dim; i++) {
        float narrow = 8 / (8 + (float)(i % dim + 1));
        m->samples[i] = m->samples[i] * narrow + offset[i % dim] / 2;
    }
    free(offset);
}

static void summarise(model *m, size_t dim)
{
    gs_moments moments;
    gs_eigen eigen;
    m->mean = malloc(dim * sizeof *m->mean);
    m->covariance = malloc(dim * dim * sizeof *m->covariance);
    m->factor = malloc(gs_packed_count(dim) * sizeof *m->factor);
    assert_int_equal(gs_moments_init(&moments, dim, NULL), GS_OK);
    gs_moments_add(&moments, m->samples, WIDE_SAMPLES);
    gs_moments_mean(&moments, m->mean);
    assert_int_equal(gs_moments_covariance(&moments, m->covariance, NULL), GS_OK);
    gs_moments_free(&moments);
    m->gaussian = (gs_gaussian){.dim = dim, .mean = m->mean, .factor = m->factor};
    assert_int_equal(gs_gaussian_factorise(m->covariance, dim, m->factor, &m->gaussian.log_determinant, NULL), GS_OK);
    assert_int_equal(gs_eigen_init(&eigen, m->mean, m->covariance, dim, NULL), GS_OK);
    assert_int_equal(gs_eigen_lowrank(&eigen, WIDE_RANK, &m->lowrank, &m->vectors, NULL), GS_OK);
    gs_eigen_free(&eigen);
    m->features = (gs_table){.count = WIDE_SAMPLES, .dim = dim, .element = GS_F32, .rows = m->samples};
    m->scored = (gs_scored_model){
        .dim = dim, .mean = m->mean, .gaussian = &m->gaussian, .lowrank = &m->lowrank, .features = &m->features};
}

static void free_model(model *m)
{
    free(m->samples);
    free(m->mean);
    free(m->covariance);
    free(m->factor);
    free(m->vectors);
}

static float *make_query(const model *m, uint32_t *seed, size_t dim)
{
    float *query = malloc(dim * sizeof *query);
    double square = 0;
    random_floats(seed, dim, query);
    for (size_t k = 0; k < dim; k++) {
        query[k] = m->samples[k] + query[k] / 4;
        square += (double)query[k] * query[k];
    }
    for (size_t k = 0; k < dim; k++)
        query[k] = (float)(query[k] / sqrt(square));
    return query;
}

/* Relative to what NumPy and SciPy say. */
static void compare(const gs_scored_model *scored, const gs_lowrank *other, const float *query, size_t i,
                    double tolerance)
{
    const struct {
        gs_method method;
        double expected;
    } scores[] = {
        {GS_FIRST_SECOND_MOMENT, wide_first_second[i]}, {GS_GAUSSIAN_DENSITY, wide_density[i]},
        {GS_GAUSSIAN_LOWRANK, wide_lowrank[i]},         {GS_MONTE_CARLO, wide_monte_carlo[i]},
        {GS_FRECHET_LOWRANK, -wide_frechet[i]},
    };
    void *work = malloc(scored->dim * sizeof(double));
    for (size_t k = 0; k < COUNT(scores); k++) {
        const gs_query_part part = {.method = scores[k].method, .weight = 1, .feature = query, .lowrank = other};
        double score, expected = scores[k].expected;
        assert_int_equal(gs_query_score(&part, scored, TAU, work, &score, NULL), GS_OK);
        if (!(fabs(score - expected) <= tolerance * fabs(expected)))
            fail_msg("%s, dimension %zu: %.9g, expected %.9g: relative error %.2g, at most %g is allowed",
                     gs_method_name(part.method), scored->dim, score, expected, fabs(score / expected - 1), tolerance);
    }
    free(work);
}

/* The same from published files: halves, and int8 features. */
static void compare_published(const model *m, const model *other, const float *query, size_t i)
{
    static const uint8_t fingerprint[GS_FINGERPRINT] = "0123456789abcde";
    size_t dim = m->gaussian.dim,
           sizes[4] = {gs_gaussian_size(dim, GS_F16), gs_lowrank_size(WIDE_RANK, dim, GS_F16),
                       gs_lowrank_size(WIDE_RANK, dim, GS_F16), gs_features_size(WIDE_SAMPLES, dim, GS_I8)};
    void *files[4];
    uint8_t read[GS_FINGERPRINT];
    gs_error err;
    gs_gaussian gaussian;
    gs_lowrank lowrank, other_lowrank;
    gs_table features;
    float *factor = malloc(gs_packed_count(dim) * sizeof *factor);
    float *vectors = malloc(2 * WIDE_RANK * dim * sizeof *vectors);
    for (size_t f = 0; f < COUNT(files); f++)
        files[f] = malloc(sizes[f]);
    gs_gaussian_write(files[0], &m->gaussian, GS_F16, fingerprint);
    gs_lowrank_write(files[1], &m->lowrank, GS_F16, fingerprint);
    gs_lowrank_write(files[2], &other->lowrank, GS_F16, fingerprint);
    assert_int_equal(gs_features_write(files[3], m->samples, WIDE_SAMPLES, dim, GS_I8, fingerprint, &err), GS_OK);
    assert_int_equal(gs_gaussian_open(&gaussian, read, files[0], sizes[0], factor, &err), GS_OK);
    assert_int_equal(gs_lowrank_open(&lowrank, read, files[1], sizes[1], vectors, &err), GS_OK);
    assert_int_equal(gs_lowrank_open(&other_lowrank, read, files[2], sizes[2], vectors + WIDE_RANK * dim, &err), GS_OK);
    assert_int_equal(gs_features_open(&features, read, files[3], sizes[3], &err), GS_OK);
    const gs_scored_model scored = {.dim = dim, .gaussian = &gaussian, .lowrank = &lowrank, .features = &features};
    compare(&scored, &other_lowrank, query, i, 1e-3);
    for (size_t f = 0; f < COUNT(files); f++)
        free(files[f]);
    free(vectors);
    free(factor);
}

static void scores_equal_those_of_numpy_and_scipy(void **state)
{
    (void)state;
    uint32_t seed = WIDE_SEED;
    for (size_t i = 0; i < COUNT(wide_dims); i++) {
        size_t dim = wide_dims[i];
        model first = {0}, second = {0};
        draw(&first, &seed, dim);
        draw(&second, &seed, dim);
        float *query = make_query(&first, &seed, dim);
        summarise(&first, dim);
        summarise(&second, dim);
        compare(&first.scored, &second.lowrank, query, i, 1e-5);
        compare_published(&first, &second, query, i);
        free(query);
        free_model(&first);
        free_model(&second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores_equal_those_of_numpy_and_scipy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

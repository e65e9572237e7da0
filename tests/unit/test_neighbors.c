/* The lists of the nearest: what they must be is every pair compared and sorted. */
#include "indexer/neighbors/bound.h"
#include "indexer/neighbors/neighbors.h"
#include "indexer/stats/frechet.h"

#include <cblas.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DIM    72 /* more than the subspace of a bound has */
#define MODELS 46
#define KEPT   GS_STORE_NEIGHBORS

static char directory[] = "/tmp/gensearch-neighbors-XXXXXX";
static char path[64];
static gs_error err;

static int make_directory(void **state)
{
    (void)state;
    openblas_set_num_threads(1); /* as the lists are made: a product that is shared is summed in another order */
    snprintf(path, sizeof path, "%s/t.db", mkdtemp(directory) ? directory : "");
    return path[1] == 't' ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static int remove_files(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[80];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return 0;
}

/* ---- models that were never sampled ------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static double uniform(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

/* Every fifth has fewer samples than dimensions; families of ten share a mean. */
static void draw_samples(gs_moments *moments, size_t model)
{
    float centre[DIM], x[DIM];
    random_state = 1000 + model / 10;
    for (int j = 0; j < DIM; j++)
        centre[j] = (float)(normal() / (1 + j));
    random_state = model + 1;
    size_t count = model % 5 == 0 ? 9 + model : 150;
    for (size_t i = 0; i < count; i++) {
        double square = 0;
        for (int j = 0; j < DIM; j++) {
            x[j] = centre[j] + (float)(normal() * (1 + (double)((j * 7 + (int)model) % 5)) / (2 + j));
            square += (double)x[j] * x[j];
        }
        for (int j = 0; j < DIM; j++)
            x[j] = (float)(x[j] / sqrt(square));
        gs_moments_add(moments, x, 1);
    }
}

static void index_model(gs_store *store, size_t model, uint64_t seed)
{
    char slug[16], json[64];
    int64_t id;
    gs_store_run run;
    gs_moments moments;
    snprintf(slug, sizeof slug, "m%03zu", model);
    snprintf(json, sizeof json, "{\"slug\":\"%s\"}", slug);
    gs_store_metadata metadata = {slug, "A title", "GAN", "", json, "/zoo/model.json"};
    gs_store_order order = {.sampler = "{}", .source = "s", .precision = "f32", .seed = seed, .requested = 200};
    assert_int_equal(gs_store_put_model(store, &metadata, &id, NULL, &err), GS_OK);
    assert_int_equal(gs_store_begin(store, id, &order, &run, &err), GS_OK);
    assert_int_equal(gs_moments_init(&moments, DIM, &err), GS_OK);
    draw_samples(&moments, model + 500 * (size_t)(seed - 1));
    assert_int_equal(gs_store_finish(store, &run, &(gs_store_checkpoint){.moments = &moments}, &err), GS_OK);
    gs_moments_free(&moments);
}

static gs_store *create(size_t first, size_t end)
{
    gs_store *store;
    gs_store_encoder encoder = {.name = "tiny", .directory = "/enc", .dim = DIM, .tau = 100, .image_size = 32};
    memset(encoder.fingerprint, 'a', 64);
    assert_int_equal(gs_store_open(&store, path, GS_STORE_CREATE, &err), GS_OK);
    assert_int_equal(gs_store_bind_encoder(store, &encoder, &err), GS_OK);
    for (size_t i = first; i < end; i++)
        index_model(store, i, 1);
    return store;
}

/* ---- what the lists must be --------------------------------------------------------------------------------------------------- */

typedef struct {
    gs_store_list list;
    gs_distribution *models; /* [list.count]  owned, with what they borrow */
} zoo;

static zoo read_zoo(gs_store *store)
{
    zoo z;
    assert_int_equal(gs_store_list_finished(store, &z.list, &err), GS_OK);
    z.models = calloc(z.list.count, sizeof *z.models);
    for (size_t i = 0; i < z.list.count; i++) {
        float *mean = malloc(DIM * sizeof *mean), *covariance = malloc(DIM * DIM * sizeof *covariance);
        assert_int_equal(gs_store_read_mean(store, &z.list.models[i], mean, &err), GS_OK);
        assert_int_equal(gs_store_read_covariance(store, &z.list.models[i], covariance, &err), GS_OK);
        z.models[i] = (gs_distribution){mean, covariance, DIM, z.list.models[i].count};
    }
    return z;
}

static void free_zoo(zoo *z)
{
    for (size_t i = 0; i < z->list.count; i++) {
        free((float *)z->models[i].mean);
        free((float *)z->models[i].covariance);
    }
    free(z->models);
    gs_store_list_free(&z->list);
}

/* Nearer first, then by slug. */
static int by_distance(const void *a, const void *b)
{
    const gs_store_neighbor *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->run < y->run ? -1 : x->run > y->run;
}

/* Every list is there, and to the last bit that of all pairs compared and sorted. */
static void check_lists(gs_store *store)
{
    zoo z = read_zoo(store);
    size_t n = z.list.count;
    gs_store_neighbor *all = calloc(n, sizeof *all), got[KEPT + 1];
    double *distances = calloc(n, n * sizeof *distances);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(gs_frechet_distance(&z.models[i], &z.models[k], &distances[i * n + k], &err), GS_OK);
            distances[k * n + i] = distances[i * n + k];
        }
    for (size_t i = 0; i < n; i++) {
        size_t others = 0, count;
        bool stale;
        for (size_t k = 0; k < n; k++) {
            if (k == i)
                continue;
            all[others++] = (gs_store_neighbor){z.list.models[k].run, distances[i * n + k]};
        }
        qsort(all, others, sizeof *all, by_distance);
        assert_int_equal(gs_store_read_neighbors(store, z.list.models[i].run, got, KEPT + 1, &count, &stale, &err),
                         GS_OK);
        assert_false(stale);
        assert_int_equal(count, others < KEPT ? others : KEPT);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(got[k].run, all[k].run);
            assert_true(got[k].distance == all[k].distance);
        }
    }
    uint64_t stale;
    assert_int_equal(gs_store_count_stale(store, &stale, &err), GS_OK);
    assert_int_equal(stale, 0);
    free(distances);
    free(all);
    free_zoo(&z);
}

static gs_neighbors_result bring_up_to_date(gs_store *store, int threads)
{
    gs_neighbors_result result;
    assert_int_equal(gs_neighbors_update(store, &(gs_neighbors_options){.threads = threads}, &result, &err), GS_OK);
    return result;
}

/* ---- tests -------------------------------------------------------------------------------------------------------------------- */

static void lists_are_those_of_all_pairs_with_fewer_compared(void **state)
{
    (void)state;
    gs_store *store = create(0, MODELS);
    gs_neighbors_result result = bring_up_to_date(store, 1);
    assert_int_equal(result.models, MODELS);
    assert_int_equal(result.made, MODELS);
    assert_true(result.compared < MODELS * (MODELS - 1) / 2 * 3 / 4);
    check_lists(store);
    assert_int_equal(bring_up_to_date(store, 1).stale, 0);
    gs_store_close(store);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    gs_store *store = create(0, MODELS);
    gs_neighbors_result result = bring_up_to_date(store, 4);
    assert_int_equal(result.made, MODELS);
    check_lists(store);
    gs_store_close(store);
}

static void few_models_list_all_others(void **state)
{
    (void)state;
    gs_store *store = create(0, 1);
    bring_up_to_date(store, 2);
    check_lists(store);
    for (size_t i = 1; i < 4; i++)
        index_model(store, i, 1);
    assert_int_equal(bring_up_to_date(store, 2).compared, 6);
    check_lists(store);
    gs_store_close(store);
}

static void new_models_join_the_lists_of_others(void **state)
{
    (void)state;
    gs_store *store = create(10, MODELS);
    bring_up_to_date(store, 1);
    for (size_t i = 0; i < 10; i++)
        index_model(store, i, 1);
    gs_neighbors_result result = bring_up_to_date(store, 2);
    assert_int_equal(result.made, 10);
    assert_true(result.compared < 10 * MODELS);
    check_lists(store);
    gs_store_close(store);
}

static void lists_of_models_removed_or_sampled_anew_are_filled_up(void **state)
{
    (void)state;
    gs_store *store = create(0, MODELS);
    bring_up_to_date(store, 1);
    uint64_t stale;
    assert_int_equal(gs_store_remove(store, "m004", &err), GS_OK);
    assert_int_equal(gs_store_count_stale(store, &stale, &err), GS_OK);
    assert_in_range(stale, 1, MODELS - 1);
    gs_neighbors_result result = bring_up_to_date(store, 1);
    assert_int_equal(result.made, stale);
    assert_true(result.compared < 8 * stale); /* nearly all of a list is known */
    check_lists(store);
    index_model(store, 5, 2);
    bring_up_to_date(store, 2);
    check_lists(store);
    gs_store_close(store);
}

/* Between two updates a list can lose a model, and so many can go that what is left of it would be all there is. */
static void a_list_that_lost_a_model_stays_stale_through_an_interruption(void **state)
{
    (void)state;
    gs_store *store = create(0, 24);
    bring_up_to_date(store, 1);
    assert_int_equal(gs_store_remove(store, "m023", &err), GS_OK);
    index_model(store, 30, 1);
    gs_stop stop;
    assert_int_equal(gs_stop_init(&stop, &err), GS_OK);
    gs_stop_request(&stop);
    assert_int_equal(gs_neighbors_update(store, &(gs_neighbors_options){.threads = 1, .stop = &stop}, NULL, &err),
                     GS_ECANCELED);
    gs_stop_free(&stop);
    for (size_t i = 0; i < 8; i++) {
        char slug[16];
        snprintf(slug, sizeof slug, "m%03zu", i);
        assert_int_equal(gs_store_remove(store, slug, &err), GS_OK);
    }
    bring_up_to_date(store, 1);
    check_lists(store);
    gs_store_close(store);
}

typedef struct {
    gs_stop stop;
    uint64_t after;
} interruption;

static void stop_after(void *context, uint64_t done, uint64_t total)
{
    interruption *x = context;
    (void)total;
    if (done >= x->after)
        gs_stop_request(&x->stop);
}

/* Before the first pair another model is forgotten, as another process may do it. */
static void remove_one(void *context, uint64_t done, uint64_t total)
{
    (void)total;
    if (done == 0)
        assert_int_equal(gs_store_remove(context, "m004", &err), GS_OK);
}

static void a_model_that_vanishes_meanwhile_is_said(void **state)
{
    (void)state;
    gs_store *store = create(0, 8);
    gs_error why;
    gs_neighbors_options options = {.threads = 1, .progress = remove_one, .context = store};
    assert_int_equal(gs_neighbors_update(store, &options, NULL, &why), GS_EMISMATCH);
    assert_non_null(strstr(why.message, "removed or sampled anew meanwhile: run again"));
    bring_up_to_date(store, 1);
    check_lists(store);
    gs_store_close(store);
}

static void an_interruption_keeps_what_is_complete(void **state)
{
    (void)state;
    gs_store *store = create(0, MODELS);
    uint64_t compared = 0;
    for (int part = 0; part < 3; part++) {
        interruption x = {.after = 10};
        gs_neighbors_result result;
        uint64_t stale;
        assert_int_equal(gs_stop_init(&x.stop, &err), GS_OK);
        gs_neighbors_options options = {.threads = 1, .stop = &x.stop, .progress = stop_after, .context = &x};
        assert_int_equal(gs_neighbors_update(store, &options, &result, &err), GS_ECANCELED);
        assert_string_equal(err.message, "interrupted; run again to resume");
        gs_stop_free(&x.stop);
        compared += result.compared;
        assert_int_equal(gs_store_count_stale(store, &stale, &err), GS_OK);
        assert_int_equal(stale, MODELS - 10 * (part + 1));
    }
    compared += bring_up_to_date(store, 1).compared;
    assert_true(compared < MODELS * (MODELS - 1) / 2);
    check_lists(store);
    gs_store_close(store);
}

static void bounds_are_below_the_distance_and_the_tight_one_is_tighter(void **state)
{
    (void)state;
    gs_store *store = create(0, 30);
    zoo z = read_zoo(store);
    gs_bounds bounds;
    assert_int_equal(gs_bounds_init(&bounds, 30, z.models[3].covariance, DIM, &err), GS_OK);
    for (size_t i = 0; i < 30; i++)
        assert_int_equal(gs_bounds_put(&bounds, i, z.models[i].mean, z.models[i].covariance, &err), GS_OK);
    double gap_loose = 0, gap_tight = 0;
    for (size_t i = 0; i < 30; i++) {
        gs_root root;
        assert_int_equal(gs_bounds_open(&bounds, i, &root, &err), GS_OK);
        for (size_t k = 0; k < 30; k++) {
            double distance, loose = gs_bounds_loose(&bounds, i, k), tight;
            assert_int_equal(gs_frechet_distance(&z.models[i], &z.models[k], &distance, &err), GS_OK);
            assert_int_equal(gs_bounds_tight(&bounds, i, &root, k, &tight, &err), GS_OK);
            assert_true(loose >= 0 && tight >= 0);
            assert_true(loose <= distance);
            assert_true(tight <= distance);
            gap_loose += distance - loose;
            gap_tight += distance - tight;
        }
        gs_root_free(&root);
    }
    assert_true(gap_tight < gap_loose / 4);
    gs_bounds_free(&bounds);
    free_zoo(&z);
    gs_store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, remove_files)
    const struct CMUnitTest tests[] = {
        TEST(lists_are_those_of_all_pairs_with_fewer_compared),
        TEST(threads_change_nothing),
        TEST(few_models_list_all_others),
        TEST(new_models_join_the_lists_of_others),
        TEST(lists_of_models_removed_or_sampled_anew_are_filled_up),
        TEST(a_list_that_lost_a_model_stays_stale_through_an_interruption),
        TEST(a_model_that_vanishes_meanwhile_is_said),
        TEST(an_interruption_keeps_what_is_complete),
        TEST(bounds_are_below_the_distance_and_the_tight_one_is_tighter),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

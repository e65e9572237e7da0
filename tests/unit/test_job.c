/* The pieces of an index job: which features are kept, and samples read ahead; and a whole one that fails. */
#include "indexer/job/batches.h"
#include "indexer/job/job.h"
#include "indexer/job/reservoir.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define DIM  2
#define N    1000
#define KEEP 37

static gs_error err;

/* ---- reservoir ---------------------------------------------------------------------------------------------------------------- */

static void add(gs_reservoir *r, uint64_t index)
{
    float vector[DIM] = {(float)index, -(float)index};
    gs_reservoir_add(r, index, vector);
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The kept indices, sorted, to out [KEEP]; each vector must still be that of its index. */
static void kept(const gs_reservoir *r, uint64_t out[KEEP])
{
    assert_int_equal(r->count, KEEP);
    for (size_t i = 0; i < KEEP; i++) {
        out[i] = r->indices[i];
        assert_true(r->vectors[i * DIM] == (float)r->indices[i]);
    }
    qsort(out, KEEP, sizeof *out, ascending);
}

static void fill(gs_reservoir *r, uint64_t seed, bool backwards)
{
    assert_int_equal(gs_reservoir_init(r, DIM, KEEP, seed, &err), GS_OK);
    for (uint64_t i = 0; i < N; i++)
        add(r, backwards ? N - 1 - i : i);
}

static void which_are_kept_depends_on_the_seed_alone(void **state)
{
    (void)state;
    gs_reservoir forwards, backwards, other;
    uint64_t a[KEEP], b[KEEP], c[KEEP];
    fill(&forwards, 1, false);
    fill(&backwards, 1, true);
    fill(&other, 2, false);
    kept(&forwards, a);
    kept(&backwards, b);
    kept(&other, c);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    gs_reservoir_free(&forwards);
    gs_reservoir_free(&backwards);
    gs_reservoir_free(&other);
}

/* Over many seeds every index is kept as often as any other: KEEP / N of the time, within five standard deviations. */
static void every_sample_has_the_same_chance(void **state)
{
    (void)state;
    enum { SEEDS = 2000, PARTS = 10 };
    int64_t counts[PARTS] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        gs_reservoir r;
        fill(&r, seed, false);
        for (size_t i = 0; i < KEEP; i++)
            counts[r.indices[i] * PARTS / N]++;
        gs_reservoir_free(&r);
    }
    double expected = (double)SEEDS * KEEP / PARTS;
    for (int i = 0; i < PARTS; i++) {
        double difference = (double)counts[i] - expected;
        assert_true(difference * difference < 25 * expected);
    }
}

static void changes_name_each_overwritten_slot_once(void **state)
{
    (void)state;
    gs_reservoir r, copy;
    gs_store_feature changes[KEEP];
    float vectors[KEEP * DIM] = {0};
    uint64_t slots[KEEP], indices[KEEP];
    assert_int_equal(gs_reservoir_init(&r, DIM, KEEP, 5, &err), GS_OK);
    for (uint64_t i = 0; i < N; i++) {
        add(&r, i);
        if (i % 100 != 99)
            continue;
        for (size_t n = gs_reservoir_changes(&r, changes); n-- > 0;) { /* as the database would */
            slots[changes[n].slot] = changes[n].slot;
            indices[changes[n].slot] = changes[n].index;
            memcpy(vectors + changes[n].slot * DIM, changes[n].vector, DIM * sizeof(float));
        }
        assert_int_equal(gs_reservoir_changes(&r, changes), 0);
    }
    assert_memory_equal(vectors, r.vectors, sizeof vectors);

    /* And what the database holds is a reservoir again, which goes on alike. */
    gs_store_features features = {vectors, slots, indices, KEEP};
    uint64_t a[KEEP], b[KEEP];
    assert_int_equal(gs_reservoir_init(&copy, DIM, KEEP, 5, &err), GS_OK);
    assert_int_equal(gs_reservoir_restore(&copy, &features, &err), GS_OK);
    assert_int_equal(gs_reservoir_changes(&copy, changes), 0);
    for (uint64_t i = N; i < 2 * N; i++) {
        add(&r, i);
        add(&copy, i);
    }
    kept(&r, a);
    kept(&copy, b);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(r.vectors, copy.vectors, sizeof vectors);
    slots[0] = 7;
    gs_reservoir_free(&copy);
    assert_int_equal(gs_reservoir_init(&copy, DIM, KEEP, 5, &err), GS_OK);
    assert_int_equal(gs_reservoir_restore(&copy, &features, &err), GS_EFORMAT);
    gs_reservoir_free(&copy);
    gs_reservoir_free(&r);
}

static void nothing_is_kept_when_nothing_is_asked(void **state)
{
    (void)state;
    gs_reservoir r;
    assert_int_equal(gs_reservoir_init(&r, DIM, 0, 1, &err), GS_OK);
    add(&r, 0);
    assert_int_equal(r.count, 0);
    gs_reservoir_free(&r);
}

/* ---- batches ------------------------------------------------------------------------------------------------------------------ */

static char directory[] = "/tmp/gensearch-job-XXXXXX";
static gs_model model;

/* A folder of 10 pictures; the names of the broken ones, if any, sort after those of the good. */
static void make_folder(const char *broken)
{
    char command[512], json[128], path[64];
    snprintf(command, sizeof command, "for i in 0 1 2 3 4 5 6 7 8 9; do cp '%s/images/rgb.png' '%s/'$i.png; done",
             GS_GOLDEN, directory);
    assert_int_equal(system(command), 0);
    if (broken) {
        snprintf(path, sizeof path, "%s/%s", directory, broken);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs("no picture", file);
        fclose(file);
    }
    snprintf(json, sizeof json, "{\"slug\":\"a\",\"title\":\"A\",\"type\":\"other\",\"sampler\":%s}",
             "{\"kind\":\"folder\",\"path\":\".\"}");
    snprintf(path, sizeof path, "%s/model.json", directory);
    assert_int_equal(gs_model_parse(&model, json, path, &err), GS_OK);
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory + sizeof directory - 7, "XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    char command[64];
    gs_model_free(&model);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

/* Reads all batches from first on; returns how many samples came before the end or the failure. */
static uint64_t read_all(gs_sampler *sampler, uint64_t first, uint64_t end, size_t size, gs_status expected)
{
    gs_batches *batches;
    gs_batch batch;
    uint64_t count = 0;
    gs_status st;
    assert_int_equal(gs_batches_open(&batches, sampler, first, end, size, &err), GS_OK);
    while ((st = gs_batches_next(batches, &batch, &err)) == GS_OK && batch.count > 0) {
        assert_int_equal(batch.first, first + count);
        assert_true(batch.count <= size);
        count += batch.count;
        gs_batch_free(&batch);
    }
    assert_int_equal(st, expected);
    assert_int_equal(gs_batches_next(batches, &batch, &err), expected); /* and stays so */
    gs_batches_close(batches);
    return count;
}

static void batches_come_in_order_and_end(void **state)
{
    (void)state;
    gs_sampler *sampler;
    make_folder(NULL);
    assert_int_equal(gs_sampler_open(&sampler, &model, &(gs_sampler_options){.seed = 1}, &err), GS_OK);
    assert_int_equal(read_all(sampler, 0, 100, 3, GS_OK), 10); /* the folder ends first */
    assert_int_equal(read_all(sampler, 0, 7, 3, GS_OK), 7);    /* the order does */
    assert_int_equal(read_all(sampler, 4, 10, 3, GS_OK), 6);
    assert_int_equal(read_all(sampler, 10, 10, 3, GS_OK), 0);
    assert_int_equal(read_all(sampler, 12, 10, 3, GS_OK), 0);
    gs_sampler_close(sampler);
}

static void a_failure_comes_after_the_good_batches(void **state)
{
    (void)state;
    gs_sampler *sampler;
    char path[64];
    make_folder("z.png");
    assert_int_equal(gs_sampler_open(&sampler, &model, &(gs_sampler_options){.seed = 1}, &err), GS_OK);
    snprintf(path, sizeof path, "%s/z.png", directory);
    assert_int_equal(remove(path), 0);
    uint64_t place = read_all(sampler, 0, 100, 1, GS_EIO); /* which the sampler's order gives it */
    assert_in_range(place, 2, 10);
    assert_int_equal(read_all(sampler, 0, 100, 2, GS_EIO), place / 2 * 2);
    assert_non_null(strstr(err.message, "z.png"));
    gs_sampler_close(sampler);
}

static void stopping_early_frees_what_was_read_ahead(void **state)
{
    (void)state;
    gs_sampler *sampler;
    gs_batches *batches;
    gs_batch batch;
    make_folder(NULL);
    assert_int_equal(gs_sampler_open(&sampler, &model, &(gs_sampler_options){.seed = 1}, &err), GS_OK);
    assert_int_equal(gs_batches_open(&batches, sampler, 0, 10, 1, &err), GS_OK);
    assert_int_equal(gs_batches_next(batches, &batch, &err), GS_OK);
    gs_batch_free(&batch);
    gs_batches_close(batches);
    gs_batches_close(NULL);
    gs_sampler_close(sampler);
}

/* ---- a whole job -------------------------------------------------------------------------------------------------------------- */

static void execute(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A new database at path, bound to the encoder. */
static gs_store *make_store(const char *path, const gs_encoder *encoder)
{
    gs_store *store;
    const gs_encoder_info *info = gs_encoder_get_info(encoder);
    gs_store_encoder bound = {.dim = info->dim, .tau = info->tau, .image_size = info->image_size};
    memcpy(bound.fingerprint, info->fingerprint, sizeof bound.fingerprint);
    assert_int_equal(gs_store_open(&store, path, GS_STORE_CREATE, &err), GS_OK);
    assert_int_equal(gs_store_bind_encoder(store, &bound, &err), GS_OK);
    return store;
}

static void a_checkpoint_that_failed_is_not_written_without_its_thumbnails(void **state)
{
    (void)state;
    char path[64];
    gs_encoder *encoder;
    gs_store_model row;
    gs_store_thumbnails thumbnails;
    gs_job_result result;
    gs_job_options options = {.seed = 1, .samples = 10, .batch = 2, .checkpoint = 0};
    make_folder(NULL);
    snprintf(path, sizeof path, "%s/zoo.db", directory);
    assert_int_equal(gs_encoder_open(&encoder, GS_GOLDEN "/clip_tiny/quick_gelu_f32", NULL, &err), GS_OK);
    gs_store *store = make_store(path, encoder);

    execute(path, "CREATE TRIGGER fault BEFORE INSERT ON progress WHEN EXISTS (SELECT 1 FROM thumbnail)"
                  " BEGIN SELECT RAISE(ABORT, 'no room'); END");
    assert_int_equal(gs_job_run(store, encoder, &model, &options, &result, &err), GS_EIO);
    assert_non_null(strstr(err.message, "no room"));
    assert_int_equal(gs_store_find(store, "a", &row, &err), GS_OK);
    assert_int_equal(row.count, 0);
    gs_store_model_free(&row);

    execute(path, "DROP TRIGGER fault");
    assert_int_equal(gs_job_run(store, encoder, &model, &options, &result, &err), GS_OK);
    assert_int_equal(gs_store_find(store, "a", &row, &err), GS_OK);
    assert_int_equal(row.count, 10);
    assert_int_equal(gs_store_read_thumbnails(store, &row, &thumbnails, &err), GS_OK);
    assert_int_equal(thumbnails.count, 10);
    gs_store_thumbnails_free(&thumbnails);
    gs_store_model_free(&row);
    gs_store_close(store);
    gs_encoder_close(encoder);
}

#define WITH_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_are_kept_depends_on_the_seed_alone),
        cmocka_unit_test(every_sample_has_the_same_chance),
        cmocka_unit_test(changes_name_each_overwritten_slot_once),
        cmocka_unit_test(nothing_is_kept_when_nothing_is_asked),
        WITH_FOLDER(batches_come_in_order_and_end),
        WITH_FOLDER(a_failure_comes_after_the_good_batches),
        WITH_FOLDER(stopping_early_frees_what_was_read_ahead),
        WITH_FOLDER(a_checkpoint_that_failed_is_not_written_without_its_thumbnails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The database: what goes in comes out, to the last bit; what is damaged or foreign is refused with a reason. */
#include "indexer/store/schema.h"
#include "indexer/store/sql.h"
#include "indexer/store/store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DIM 5
#define ORDER                                                                                                          \
    (&(gs_store_order){.sampler = "{\"kind\":\"folder\"}",                                                             \
                       .source = "0123",                                                                               \
                       .precision = "f32",                                                                             \
                       .seed = 7,                                                                                      \
                       .requested = 100,                                                                               \
                       .keep = 3})

static char directory[] = "/tmp/gensearch-store-XXXXXX";
static char path[64];
static gs_error err;

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static int fresh_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/t.db", directory);
    return 0;
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

static gs_store_encoder encoder_named(char digit)
{
    gs_store_encoder encoder = {.name = "tiny", .directory = "/enc", .dim = DIM, .tau = 100, .image_size = 32};
    memset(encoder.fingerprint, digit, 64);
    return encoder;
}

static gs_store *create(void)
{
    gs_store *store;
    gs_store_encoder encoder = encoder_named('a');
    assert_int_equal(gs_store_open(&store, path, GS_STORE_CREATE, &err), GS_OK);
    assert_int_equal(gs_store_bind_encoder(store, &encoder, &err), GS_OK);
    return store;
}

static int64_t put(gs_store *store, const char *slug)
{
    char json[64];
    int64_t id;
    snprintf(json, sizeof json, "{\"slug\":\"%s\"}", slug);
    gs_store_metadata metadata = {slug, "A title", "GAN", "", json, "/zoo/model.json"};
    assert_int_equal(gs_store_put_model(store, &metadata, &id, NULL, &err), GS_OK);
    return id;
}

/* Row i of a fixed sequence of unit vectors. */
static void unit_vector(uint64_t i, float vector[DIM])
{
    double square = 0;
    for (int j = 0; j < DIM; j++) {
        vector[j] = (float)sin(1.7 * (double)i + j * j + 0.3);
        square += vector[j] * vector[j];
    }
    for (int j = 0; j < DIM; j++)
        vector[j] = (float)(vector[j] / sqrt(square));
}

static void add_samples(gs_moments *moments, uint64_t first, uint64_t count)
{
    float vector[DIM];
    for (uint64_t i = first; i < first + count; i++) {
        unit_vector(i, vector);
        gs_moments_add(moments, vector, 1);
    }
}

static const uint8_t webp[] = "RIFF\4\0\0\0WEBPVP8 ";

/* A model with a finished run of 10 samples, 3 of them kept and one with a thumbnail. */
static void index_model(gs_store *store, const char *slug)
{
    gs_store_run run;
    gs_moments moments;
    float vectors[3][DIM];
    gs_store_feature features[3];
    for (uint64_t i = 0; i < 3; i++) {
        unit_vector(i, vectors[i]);
        features[i] = (gs_store_feature){.slot = i, .index = i, .vector = vectors[i]};
    }
    gs_store_thumbnail thumbnail = {.width = 4, .height = 2, .webp = (uint8_t *)webp, .size = sizeof webp};
    assert_int_equal(gs_store_begin(store, put(store, slug), ORDER, &run, &err), GS_OK);
    assert_int_equal(gs_moments_init(&moments, DIM, &err), GS_OK);
    add_samples(&moments, 0, 10);
    gs_store_checkpoint checkpoint = {&moments, 0, &thumbnail, 1, features, 3};
    assert_int_equal(gs_store_finish(store, &run, &checkpoint, &err), GS_OK);
    assert_true(run.finished);
    gs_moments_free(&moments);
}

static void execute(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_opens(gs_store_mode mode, gs_status expected, const char *message)
{
    gs_store *store;
    assert_int_equal(gs_store_open(&store, path, mode, &err), expected);
    if (message && !strstr(err.message, message))
        fail_msg("'%s' does not say '%s'", err.message, message);
    gs_store_close(store);
}

static void counting(void *context, const char *text)
{
    snprintf(context, sizeof err.message, "%s", text);
}

/* The number of faults; the last one's text goes to err. */
static size_t verify(void)
{
    gs_store *store;
    size_t faults;
    err.message[0] = 0;
    assert_int_equal(gs_store_open(&store, path, GS_STORE_READ, &err), GS_OK);
    assert_int_equal(gs_store_verify(store, counting, err.message, &faults, &(gs_error){""}), GS_OK);
    gs_store_close(store);
    return faults;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------ */

static void a_missing_file_is_named(void **state)
{
    (void)state;
    assert_opens(GS_STORE_READ, GS_EIO, path);
    assert_opens(GS_STORE_WRITE, GS_EIO, path);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_file_of_something_else_is_refused(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 200; i++)
        fputs("no database ", file);
    fclose(file);
    assert_opens(GS_STORE_READ, GS_EFORMAT, "no gensearch database");
    assert_opens(GS_STORE_CREATE, GS_EFORMAT, "no gensearch database");
}

static void a_database_of_another_program_is_refused_and_untouched(void **state)
{
    (void)state;
    execute("CREATE TABLE theirs (x); PRAGMA application_id = 77");
    assert_opens(GS_STORE_CREATE, GS_EFORMAT, "no gensearch database");
    execute("INSERT INTO theirs VALUES (1)");
    execute("PRAGMA application_id = 0");
    assert_opens(GS_STORE_WRITE, GS_EFORMAT, "no gensearch database");
}

static void an_empty_file_becomes_a_database_only_when_asked(void **state)
{
    (void)state;
    fclose(fopen(path, "w"));
    assert_opens(GS_STORE_READ, GS_EFORMAT, "is empty");
    assert_opens(GS_STORE_CREATE, GS_OK, NULL);
    assert_opens(GS_STORE_READ, GS_OK, NULL);
}

static void a_newer_version_is_refused_with_both_numbers(void **state)
{
    (void)state;
    gs_store_close(create());
    execute("PRAGMA user_version = 9");
    assert_opens(GS_STORE_WRITE, GS_EMISMATCH, "version 9 of the tables, this program knows 4");
}

/* In a process of its own, as nobody when we are root, who may write everywhere. Returns how many models it could list, or 255. */
static int list_as_nobody(void)
{
    pid_t child = fork();
    if (child == 0) {
        gs_store *store;
        gs_store_list list;
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(254);
        if (gs_store_open(&store, path, GS_STORE_READ, &err) != GS_OK ||
            gs_store_list_finished(store, &list, &err) != GS_OK)
            _exit(255);
        _exit((int)list.count);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void a_database_on_read_only_media_is_read(void **state)
{
    (void)state;
    gs_store *store = create();
    index_model(store, "cats");
    gs_store_close(store);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(directory, 0555), 0);
    int listed = list_as_nobody();
    assert_int_equal(chmod(directory, 0700), 0);
    assert_int_equal(listed, 1);
}

/* ---- migration ---------------------------------------------------------------------------------------------------------------- */

/* A history of three versions, told with a store that has no tables of the current schema. */
static const char *const steps[] = {"ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 2", "UPDATE t SET b = b + a"};
static const char *const broken_steps[] = {"ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 2", "UPDATE nowhere SET b = 1"};

static void make_version_1(void)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "CREATE TABLE t (a); INSERT INTO t VALUES (40); PRAGMA user_version = 1; PRAGMA application_id = %d",
             GS_STORE_APPLICATION);
    execute(sql);
}

static void open_raw(gs_store *store)
{
    *store = (gs_store){.path = path};
    assert_int_equal(sqlite3_open(path, &store->db), SQLITE_OK);
}

static void an_old_version_takes_every_step(void **state)
{
    (void)state;
    gs_store store;
    int64_t value;
    gs_schema schema = {3, "CREATE TABLE t (a, b)", steps};
    make_version_1();
    open_raw(&store);
    assert_int_equal(gs_schema_prepare(&store, &schema, false, &err), GS_EMISMATCH);
    assert_int_equal(gs_schema_prepare(&store, &schema, true, &err), GS_OK);
    assert_int_equal(gs_sql_integer(&store, &value, "", &err, "SELECT b FROM t", ""), GS_OK);
    assert_int_equal(value, 42);
    assert_int_equal(gs_sql_integer(&store, &value, "", &err, "PRAGMA user_version", ""), GS_OK);
    assert_int_equal(value, 3);
    sqlite3_close(store.db);
}

static void a_migration_that_fails_leaves_the_old_version(void **state)
{
    (void)state;
    gs_store store;
    int64_t value;
    gs_schema schema = {3, "CREATE TABLE t (a, b)", broken_steps};
    make_version_1();
    open_raw(&store);
    assert_int_not_equal(gs_schema_prepare(&store, &schema, true, &err), GS_OK);
    assert_non_null(strstr(err.message, "migration from version 1 to 3"));
    assert_int_equal(gs_sql_integer(&store, &value, "", &err, "PRAGMA user_version", ""), GS_OK);
    assert_int_equal(value, 1);
    assert_int_equal(gs_sql_integer(&store, &value, "", &err, "SELECT count(*) FROM pragma_table_info('t')", ""),
                     GS_OK);
    assert_int_equal(value, 1);
    sqlite3_close(store.db);
}

/* ---- encoder and models ------------------------------------------------------------------------------------------------------- */

static void another_encoder_is_refused_with_both_fingerprints(void **state)
{
    (void)state;
    gs_store *store = create();
    gs_store_encoder other = encoder_named('b');
    assert_int_equal(gs_store_bind_encoder(store, &other, &err), GS_EMISMATCH);
    assert_non_null(strstr(err.message, other.fingerprint));
    assert_non_null(strstr(err.message, encoder_named('a').fingerprint));
    gs_store_close(store);
}

static void the_same_encoder_may_move(void **state)
{
    (void)state;
    gs_store *store = create();
    gs_store_encoder moved = encoder_named('a'), read;
    strcpy(moved.directory, "/elsewhere");
    assert_int_equal(gs_store_bind_encoder(store, &moved, &err), GS_OK);
    assert_int_equal(gs_store_get_encoder(store, &read, &err), GS_OK);
    assert_string_equal(read.directory, "/elsewhere");
    gs_store_close(store);
}

static void models_are_listed_by_slug_and_updated_in_place(void **state)
{
    (void)state;
    gs_store *store = create();
    gs_store_list list;
    bool changed;
    index_model(store, "zebras");
    index_model(store, "apes");
    int64_t id = put(store, "waiting"), again;
    assert_int_equal(gs_store_list_finished(store, &list, &err), GS_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.models[0].slug, "apes");
    gs_store_list_free(&list);
    assert_int_equal(gs_store_list_all(store, &list, &err), GS_OK);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.models[1].run, 0);
    gs_store_list_free(&list);

    gs_store_metadata metadata = {"waiting", "A title", "GAN", "", "{\"slug\":\"waiting\"}", "/zoo/model.json"};
    assert_int_equal(gs_store_put_model(store, &metadata, &again, &changed, &err), GS_OK);
    assert_false(changed);
    metadata.title = "Another";
    assert_int_equal(gs_store_put_model(store, &metadata, &again, &changed, &err), GS_OK);
    assert_true(changed);
    assert_int_equal(again, id);
    gs_store_close(store);
}

static void removing_a_model_removes_all_it_has(void **state)
{
    (void)state;
    gs_store *store = create();
    int64_t left;
    index_model(store, "cats");
    assert_int_equal(gs_store_remove(store, "dogs", &err), GS_ENOTFOUND);
    assert_int_equal(gs_store_remove(store, "cats", &err), GS_OK);
    assert_int_equal(gs_sql_integer(store, &left, "", &err,
                                    "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM moments) +"
                                    " (SELECT count(*) FROM thumbnail) + (SELECT count(*) FROM feature)",
                                    ""),
                     GS_OK);
    assert_int_equal(left, 0);
    gs_store_close(store);
}

/* ---- runs --------------------------------------------------------------------------------------------------------------------- */

static void a_run_goes_on_where_it_stopped_to_the_last_bit(void **state)
{
    (void)state;
    gs_store *store = create();
    int64_t id = put(store, "cats");
    gs_moments whole, part, resumed;
    gs_store_run run;
    gs_moments_init(&whole, DIM, &err);
    gs_moments_init(&part, DIM, &err);
    gs_moments_init(&resumed, DIM, &err);
    add_samples(&whole, 0, 20);
    add_samples(&part, 0, 8);
    assert_int_equal(gs_store_begin(store, id, ORDER, &run, &err), GS_OK);
    assert_int_equal(gs_store_save(store, &run, &(gs_store_checkpoint){.moments = &part}, &err), GS_OK);
    gs_store_close(store);

    assert_int_equal(gs_store_open(&store, path, GS_STORE_WRITE, &err), GS_OK);
    assert_int_equal(gs_store_begin(store, id, ORDER, &run, &err), GS_OK);
    assert_int_equal(run.count, 8);
    assert_int_equal(gs_store_resume(store, &run, &resumed, &err), GS_OK);
    add_samples(&resumed, 8, 12);
    assert_int_equal(resumed.count, whole.count);
    assert_memory_equal(resumed.mean, whole.mean, DIM * sizeof(double));
    for (int i = 0; i < DIM; i++)
        assert_memory_equal(resumed.scatter + i * DIM, whole.scatter + i * DIM, (size_t)(i + 1) * sizeof(double));
    gs_moments_free(&whole);
    gs_moments_free(&part);
    gs_moments_free(&resumed);
    gs_store_close(store);
}

static void another_order_starts_anew_and_keeps_the_finished_run(void **state)
{
    (void)state;
    gs_store *store = create();
    index_model(store, "cats");
    int64_t id = put(store, "cats");
    gs_store_run run;
    gs_store_order other = *ORDER;
    assert_int_equal(gs_store_begin(store, id, ORDER, &run, &err), GS_OK);
    assert_true(run.finished);
    other.keep = 0;
    assert_int_equal(gs_store_begin(store, id, &other, &run, &err), GS_OK);
    assert_true(run.finished);
    other.seed = 8;
    assert_int_equal(gs_store_begin(store, id, &other, &run, &err), GS_OK);
    assert_false(run.finished);
    assert_int_equal(run.count, 0);
    gs_store_model model;
    float mean[DIM];
    assert_int_equal(gs_store_find(store, "cats", &model, &err), GS_OK);
    assert_int_equal(model.seed, 7);
    assert_int_equal(gs_store_read_mean(store, &model, mean, &err), GS_OK);
    gs_store_model_free(&model);
    gs_store_close(store);
    assert_int_equal(verify(), 0);
}

static void of_two_writers_on_one_run_the_second_is_told(void **state)
{
    (void)state;
    gs_store *one = create(), *two;
    assert_int_equal(gs_store_open(&two, path, GS_STORE_WRITE, &err), GS_OK);
    int64_t id = put(one, "cats");
    gs_store_run run_one, run_two;
    gs_moments moments;
    gs_moments_init(&moments, DIM, &err);
    add_samples(&moments, 0, 4);
    gs_store_checkpoint checkpoint = {.moments = &moments};
    assert_int_equal(gs_store_begin(one, id, ORDER, &run_one, &err), GS_OK);
    assert_int_equal(gs_store_begin(two, id, ORDER, &run_two, &err), GS_OK);
    assert_int_equal(run_one.id, run_two.id);
    assert_int_equal(gs_store_save(one, &run_one, &checkpoint, &err), GS_OK);
    assert_int_equal(gs_store_save(two, &run_two, &checkpoint, &err), GS_EMISMATCH);
    assert_int_equal(gs_store_finish(one, &run_one, &checkpoint, &err), GS_OK);
    assert_int_equal(gs_store_finish(two, &run_one, &checkpoint, &err), GS_EMISMATCH);
    assert_int_equal(gs_store_remove(two, "cats", &err), GS_OK);
    gs_moments_free(&moments);
    gs_store_close(one);
    gs_store_close(two);
}

static void moments_come_out_as_they_were_computed(void **state)
{
    (void)state;
    gs_store *store = create();
    index_model(store, "cats");
    gs_moments moments;
    float mean[DIM], covariance[DIM * DIM], read_mean[DIM], read_covariance[DIM * DIM];
    gs_moments_init(&moments, DIM, &err);
    add_samples(&moments, 0, 10);
    gs_moments_mean(&moments, mean);
    assert_int_equal(gs_moments_covariance(&moments, covariance, &err), GS_OK);
    gs_moments_free(&moments);

    gs_store_model model;
    assert_int_equal(gs_store_find(store, "cats", &model, &err), GS_OK);
    assert_int_equal(gs_store_read_mean(store, &model, read_mean, &err), GS_OK);
    assert_int_equal(gs_store_read_covariance(store, &model, read_covariance, &err), GS_OK);
    assert_memory_equal(read_mean, mean, sizeof mean);
    assert_memory_equal(read_covariance, covariance, sizeof covariance);

    gs_store_thumbnails thumbnails;
    assert_int_equal(gs_store_read_thumbnails(store, &model, &thumbnails, &err), GS_OK);
    assert_int_equal(thumbnails.count, 1);
    assert_memory_equal(thumbnails.items[0].webp, webp, sizeof webp);
    gs_store_thumbnails_free(&thumbnails);

    gs_store_features features;
    float expected[DIM];
    unit_vector(2, expected);
    assert_int_equal(gs_store_read_features(store, model.run, &features, &err), GS_OK);
    assert_int_equal(features.count, 3);
    assert_memory_equal(features.vectors + 2 * DIM, expected, sizeof expected);
    gs_store_features_free(&features);
    gs_store_model_free(&model);
    gs_store_close(store);
}

static void one_sample_has_no_covariance(void **state)
{
    (void)state;
    gs_store *store = create();
    gs_store_run run;
    gs_moments moments;
    assert_int_equal(gs_store_begin(store, put(store, "cats"), ORDER, &run, &err), GS_OK);
    gs_moments_init(&moments, DIM, &err);
    add_samples(&moments, 0, 1);
    assert_int_equal(gs_store_finish(store, &run, &(gs_store_checkpoint){.moments = &moments}, &err), GS_EARGS);
    gs_moments_free(&moments);
    gs_store_close(store);
}

static void neighbours_vanish_with_either_model_and_the_list_tells(void **state)
{
    (void)state;
    gs_store *store = create();
    gs_store_list list;
    index_model(store, "a");
    index_model(store, "b");
    assert_int_equal(gs_store_list_finished(store, &list, &err), GS_OK);
    int64_t a = list.models[0].run, b = list.models[1].run;
    uint64_t n_stale;
    bool stale;
    gs_store_list_free(&list);

    gs_store_neighbor of_a = {b, 0.25}, of_b = {a, 0.25}, read[4];
    gs_store_neighbor_list lists[] = {{a, &of_a, 1}, {b, &of_b, 1}};
    size_t count;
    assert_int_equal(gs_store_read_neighbors(store, a, read, 4, &count, &stale, &err), GS_OK);
    assert_true(stale);
    assert_int_equal(gs_store_count_stale(store, &n_stale, &err), GS_OK);
    assert_int_equal(n_stale, 2);
    assert_int_equal(gs_store_write_neighbors(store, lists, 2, &err), GS_OK);
    assert_int_equal(gs_store_read_neighbors(store, a, read, 4, &count, &stale, &err), GS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(read[0].run, b);
    assert_false(stale);
    assert_int_equal(gs_store_remove(store, "b", &err), GS_OK);
    assert_int_equal(gs_store_read_neighbors(store, a, read, 4, &count, &stale, &err), GS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(gs_store_count_stale(store, &n_stale, &err), GS_OK);
    assert_int_equal(n_stale, 1);
    assert_int_equal(gs_store_mark_stale(store, &err), GS_OK);
    assert_int_equal(gs_store_read_neighbors(store, a, read, 4, &count, &stale, &err), GS_OK);
    assert_true(stale);
    gs_store_close(store);
}

/* ---- damage ------------------------------------------------------------------------------------------------------------------- */

static void a_blob_of_a_wrong_size_is_refused(void **state)
{
    (void)state;
    gs_store *store = create();
    index_model(store, "cats");
    gs_store_close(store);
    execute("UPDATE moments SET mean = substr(mean, 1, 8)");
    gs_store_model model;
    float mean[DIM];
    assert_int_equal(gs_store_open(&store, path, GS_STORE_READ, &err), GS_OK);
    assert_int_equal(gs_store_find(store, "cats", &model, &err), GS_OK);
    assert_int_equal(gs_store_read_mean(store, &model, mean, &err), GS_EFORMAT);
    assert_non_null(strstr(err.message, "mean has 8 bytes, expected 20"));
    gs_store_model_free(&model);
    gs_store_close(store);
}

static void verify_passes_what_index_wrote(void **state)
{
    (void)state;
    gs_store *store = create();
    index_model(store, "cats");
    gs_store_close(store);
    assert_int_equal(verify(), 0);
}

static void verify_finds_damage(void **state)
{
    (void)state;
    static const char *const damage[][2] = {
        {"UPDATE moments SET mean = substr(mean, 1, 8)", "mean has 8 bytes"},
        {"UPDATE moments SET mean = zeroblob(20)", "|mean|^2 + trace"},
        {"UPDATE moments SET covariance = cast(x'0000c07f' || substr(covariance, 5) AS BLOB)", "not finite"},
        {"UPDATE moments SET covariance = cast(x'000080bf' || substr(covariance, 5) AS BLOB)", "positive definite"},
        {"DELETE FROM moments", "has no moments"},
        {"UPDATE model SET json = '{'", "does not parse"},
        {"UPDATE model SET json = '{\"slug\":\"dogs\"}'", "another slug"},
        {"UPDATE thumbnail SET webp = x'00'", "no WebP"},
        {"UPDATE feature SET vector = zeroblob(20) WHERE slot = 1", "squared length"},
        {"DELETE FROM feature WHERE slot = 1", "keeps 2 features, expected 3"},
        {"DELETE FROM encoder", "no encoder"},
        {"PRAGMA foreign_keys = OFF; DELETE FROM model", "refers to a missing row of model"},
    };
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        gs_store *store = create();
        index_model(store, "cats");
        gs_store_close(store);
        execute(damage[i][0]);
        if (verify() == 0)
            fail_msg("not noticed: %s", damage[i][0]);
        if (!strstr(err.message, damage[i][1]))
            fail_msg("%s: '%s' does not say '%s'", damage[i][0], err.message, damage[i][1]);
        remove_files(NULL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_path, remove_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_file_is_named),
        TEST(a_file_of_something_else_is_refused),
        TEST(a_database_of_another_program_is_refused_and_untouched),
        TEST(an_empty_file_becomes_a_database_only_when_asked),
        TEST(a_newer_version_is_refused_with_both_numbers),
        TEST(a_database_on_read_only_media_is_read),
        TEST(an_old_version_takes_every_step),
        TEST(a_migration_that_fails_leaves_the_old_version),
        TEST(another_encoder_is_refused_with_both_fingerprints),
        TEST(the_same_encoder_may_move),
        TEST(models_are_listed_by_slug_and_updated_in_place),
        TEST(removing_a_model_removes_all_it_has),
        TEST(a_run_goes_on_where_it_stopped_to_the_last_bit),
        TEST(another_order_starts_anew_and_keeps_the_finished_run),
        TEST(of_two_writers_on_one_run_the_second_is_told),
        TEST(moments_come_out_as_they_were_computed),
        TEST(one_sample_has_no_covariance),
        TEST(neighbours_vanish_with_either_model_and_the_list_tells),
        TEST(a_blob_of_a_wrong_size_is_refused),
        TEST(verify_passes_what_index_wrote),
        TEST(verify_finds_damage),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

/* The encoder and the job on a device, which plugins/fake_cuda.c plays. What a real one computes: tests/gpu. */
#include "encoder_test.h"
#include "indexer/job/job.h"
#include "indexer/sampler/sampler.h"

#include <unistd.h>

#define GOLDEN   "clip_tiny/quick_gelu_f32"
#define DIM      20
#define PICTURES 10
#define KEEP     4
#define NEVER    1e9 /* seconds between checkpoints */

static gs_error err;
static char directory[64];
static gs_image pictures[PICTURES]; /* of the folder */
static gs_stop stop;

static int be_able(void **state)
{
    (void)state;
    unsetenv("FAKE_CUDA_FULL");
    unsetenv("FAKE_CUDA_FAIL_AFTER");
    return setenv("GENSEARCH_CUDA", GS_FAKE_CUDA, 1);
}

/* A folder of different pictures, and what is read from it. */
static int make_folder(void **state)
{
    strcpy(directory, "/tmp/gensearch-device-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    for (int i = 0; i < PICTURES; i++) {
        char path[96];
        gs_image image;
        uint8_t *webp;
        size_t size;
        int width, height;
        snprintf(path, sizeof path, "%s/%d.webp", directory, i);
        paint(&image, 16 + 3 * i, 40 - 2 * i);
        if (gs_image_thumbnail(&image, 64, &webp, &size, &width, &height, &err) != GS_OK ||
            gs_file_write(path, webp, size, &err) != GS_OK || gs_image_read(&pictures[i], path, &err) != GS_OK)
            return -1;
        gs_image_free(&image);
        free(webp);
    }
    return be_able(state);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[80];
    for (int i = 0; i < PICTURES; i++)
        gs_image_free(&pictures[i]);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

static gs_encoder *open_encoder(gs_encoder_options options)
{
    gs_encoder *encoder;
    if (gs_encoder_open(&encoder, GS_GOLDEN "/" GOLDEN, &options, &err) != GS_OK)
        fail_msg("%s", err.message);
    return encoder;
}

static gs_encoder *open_on_device(size_t batch)
{
    return open_encoder((gs_encoder_options){.device = GS_DEVICE_CUDA, .precision = GS_PRECISION_BF16, .batch = batch});
}

static void expect_refused(gs_encoder_options options, gs_status status, const char *words)
{
    gs_encoder *encoder;
    assert_int_equal(gs_encoder_open(&encoder, GS_GOLDEN "/" GOLDEN, &options, &err), status);
    assert_null(encoder);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

/* ---- which device ---- */

static void a_device_that_is_asked_for_multiplies_bf16_only(void **state)
{
    (void)state;
    gs_encoder_options options = {.device = GS_DEVICE_CUDA, .precision = GS_PRECISION_F32};
    expect_refused(options, GS_EARGS, "cuda: a GPU multiplies bf16 only");
    options = (gs_encoder_options){.device = GS_DEVICE_CUDA, .precision = GS_PRECISION_AUTO, .backend = "onednn"};
    expect_refused(options, GS_EARGS, "other backends are the processor's");
}

static void expect_place(gs_encoder_options options, bool on_device)
{
    gs_encoder *encoder = open_encoder(options);
    const gs_encoder_info *info = gs_encoder_get_info(encoder);
    assert_int_equal(strcmp(info->backend, "cuda") == 0, on_device);
    assert_int_equal(gs_encoder_accumulates_moments(encoder), on_device);
    assert_int_equal(info->batch, options.batch ? options.batch : on_device ? 256 : 32);
    gs_encoder_close(encoder);
}

static void auto_takes_the_device_where_bf16_will_do(void **state)
{
    (void)state;
    expect_place((gs_encoder_options){.threads = 2, .precision = GS_PRECISION_BF16}, true);
    expect_place((gs_encoder_options){.threads = 2, .precision = GS_PRECISION_AUTO}, true);
    expect_place((gs_encoder_options){.threads = 2, .precision = GS_PRECISION_AUTO, .batch = 7}, true);
    expect_place((gs_encoder_options){.threads = 2, .precision = GS_PRECISION_F32}, false);
    expect_place((gs_encoder_options){.threads = 2, .precision = GS_PRECISION_AUTO, .backend = "blas"}, false);
    expect_place((gs_encoder_options){.threads = 2, .precision = GS_PRECISION_AUTO, .device = GS_DEVICE_CPU}, false);
}

static void only_auto_falls_back_to_the_processor(void **state)
{
    (void)state;
    gs_encoder_options options = {.threads = 2, .precision = GS_PRECISION_AUTO};
    setenv("FAKE_CUDA_FULL", "1", 1);
    expect_place(options, false);
    opened o = open_golden(GOLDEN, &options);
    check_images(&o); /* features of transformers, not of the fake */
    assert_string_equal(gs_encoder_get_info(o.encoder)->gpu_refused.message, "cuda: the fake device is full");
    close_golden(&o);
    options.device = GS_DEVICE_CUDA;
    expect_refused(options, GS_ENOMEM, "the fake device is full");
}

/* ---- features and moments ---- */

/* Two passes in f64 over features [n, DIM]: not how core/moments.c does it. */
static void expect_moments(const float *features, size_t n, const float *mean, const float *covariance)
{
    double exact[DIM] = {0};
    for (size_t i = 0; i < n * DIM; i++)
        exact[i % DIM] += (double)features[i] / (double)n;
    for (size_t a = 0; a < DIM; a++) {
        assert_true(fabs(exact[a] - (double)mean[a]) < 1e-6);
        for (size_t b = 0; b < DIM; b++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += ((double)features[i * DIM + a] - exact[a]) * ((double)features[i * DIM + b] - exact[b]);
            assert_true(fabs(sum / (double)(n - 1) - (double)covariance[a * DIM + b]) < 1e-6);
        }
    }
}

static void encode(gs_encoder *encoder, float features[PICTURES * DIM])
{
    if (gs_encoder_images(encoder, pictures, PICTURES, features, &err) != GS_OK)
        fail_msg("%s", err.message);
}

static gs_model parse_model(void)
{
    const char *json = "{\"slug\":\"a\",\"title\":\"A\",\"type\":\"other\",\"sampler\":{\"kind\":\"folder\",\"path\":"
                       "\".\"}}";
    char path[96];
    gs_model model;
    snprintf(path, sizeof path, "%s/model.json", directory);
    assert_int_equal(gs_model_parse(&model, json, path, &err), GS_OK);
    return model;
}

/* Features of the samples, in the order in which a job takes them. */
static void encode_samples(gs_encoder *encoder, float features[PICTURES * DIM])
{
    gs_image samples[PICTURES];
    gs_error faults[PICTURES];
    gs_sampler *sampler;
    size_t got;
    gs_model model = parse_model();
    assert_int_equal(gs_sampler_open(&sampler, &model, &(gs_sampler_options){.seed = 1}, &err), GS_OK);
    assert_int_equal(gs_sampler_read(sampler, 0, PICTURES, samples, faults, &got, &err), GS_OK);
    assert_int_equal(got, PICTURES);
    assert_int_equal(gs_encoder_images(encoder, samples, PICTURES, features, &err), GS_OK);
    for (size_t i = 0; i < PICTURES; i++)
        gs_image_free(&samples[i]);
    gs_sampler_close(sampler);
    gs_model_free(&model);
}

static void moments_hold_every_picture_of_a_call_of_several_batches(void **state)
{
    (void)state;
    float features[PICTURES * DIM], both[2 * PICTURES * DIM], mean[DIM], covariance[DIM * DIM];
    gs_encoder *encoder = open_on_device(4);
    gs_moments moments;
    assert_int_equal(gs_moments_init(&moments, DIM, &err), GS_OK);
    assert_int_equal(gs_encoder_moments_set(encoder, &moments, &err), GS_OK);
    for (int i = 0; i < 2; i++) {
        encode(encoder, features);
        memcpy(both + (size_t)i * PICTURES * DIM, features, sizeof features);
        assert_int_equal(gs_encoder_moments_add(encoder, &err), GS_OK);
    }
    assert_int_equal(gs_encoder_moments_get(encoder, &moments, &err), GS_OK);
    assert_int_equal(moments.count, 2 * PICTURES);
    gs_moments_mean(&moments, mean);
    assert_int_equal(gs_moments_covariance(&moments, covariance, &err), GS_OK);
    expect_moments(both, (size_t)2 * PICTURES, mean, covariance);
    gs_moments_free(&moments);
    gs_encoder_close(encoder);
}

static void texts_come_to_the_device_in_batches(void **state)
{
    (void)state;
    const char *texts[] = {"a cat", "a dog", "a red car", "", "a house"};
    float whole[5 * DIM], parts[5 * DIM];
    gs_encoder *wide = open_on_device(0), *narrow = open_on_device(2);
    assert_int_equal(gs_encoder_texts(wide, texts, 5, whole, &err), GS_OK);
    assert_int_equal(gs_encoder_texts(narrow, texts, 5, parts, &err), GS_OK);
    assert_memory_equal(whole, parts, sizeof whole);
    assert_memory_not_equal(whole, whole + DIM, DIM * sizeof *whole);
    gs_encoder_close(narrow);
    gs_encoder_close(wide);
}

/* ---- a job ---- */

static gs_store *open_store(const gs_encoder *encoder)
{
    char path[96];
    gs_store *store;
    const gs_encoder_info *info = gs_encoder_get_info(encoder);
    gs_store_encoder bound = {.dim = info->dim, .tau = info->tau, .image_size = info->image_size};
    memcpy(bound.fingerprint, info->fingerprint, sizeof bound.fingerprint);
    snprintf(path, sizeof path, "%s/zoo.db", directory);
    assert_int_equal(gs_store_open(&store, path, GS_STORE_CREATE, &err), GS_OK);
    assert_int_equal(gs_store_bind_encoder(store, &bound, &err), GS_OK);
    return store;
}

static void stop_after_six(void *context, uint64_t done, uint64_t total)
{
    (void)total;
    if (done >= 6)
        gs_stop_request(context);
}

/* With an encoder of its own, whose device fails at that call ("0": never), in batches of 3. */
static gs_job_result run_job(const char *fail_after, double checkpoint, bool stopping, gs_status expected)
{
    gs_model model = parse_model();
    gs_job_result result;
    gs_job_options options = {.seed = 1, .samples = PICTURES, .keep = KEEP, .batch = 3, .checkpoint = checkpoint};
    assert_int_equal(gs_stop_init(&stop, &err), GS_OK);
    options.stop = &stop;
    options.progress = stopping ? stop_after_six : NULL;
    options.context = &stop;
    setenv("FAKE_CUDA_FAIL_AFTER", fail_after, 1);
    gs_encoder *encoder = open_on_device(0);
    gs_store *store = open_store(encoder);
    if (gs_job_run(store, encoder, &model, &options, &result, &err) != expected)
        fail_msg("%s", err.message);
    gs_store_close(store);
    gs_encoder_close(encoder);
    gs_model_free(&model);
    gs_stop_free(&stop);
    return result;
}

/* What the finished job stored is of all pictures, each once. */
static void expect_stored(void)
{
    float features[PICTURES * DIM], mean[DIM], covariance[DIM * DIM];
    gs_store_model row;
    gs_store_features kept;
    gs_store_thumbnails thumbnails;
    setenv("FAKE_CUDA_FAIL_AFTER", "0", 1);
    gs_encoder *encoder = open_on_device(0);
    encode_samples(encoder, features);
    gs_store *store = open_store(encoder);
    assert_int_equal(gs_store_find(store, "a", &row, &err), GS_OK);
    assert_int_equal(row.count, PICTURES);
    assert_int_equal(gs_store_read_mean(store, &row, mean, &err), GS_OK);
    assert_int_equal(gs_store_read_covariance(store, &row, covariance, &err), GS_OK);
    expect_moments(features, PICTURES, mean, covariance);
    assert_int_equal(gs_store_read_features(store, row.run, &kept, &err), GS_OK);
    assert_int_equal(kept.count, KEEP);
    for (size_t i = 0; i < KEEP; i++)
        assert_memory_equal(kept.vectors + i * DIM, features + kept.indices[i] * DIM, DIM * sizeof(float));
    gs_store_features_free(&kept);
    assert_int_equal(gs_store_read_thumbnails(store, &row, &thumbnails, &err), GS_OK);
    assert_int_equal(thumbnails.count, PICTURES);
    gs_store_thumbnails_free(&thumbnails);
    gs_store_model_free(&row);
    gs_store_close(store);
    gs_encoder_close(encoder);
}

static void a_job_stores_the_moments_of_its_features(void **state)
{
    (void)state;
    assert_int_equal(run_job("0", NEVER, false, GS_OK).count, PICTURES);
    expect_stored();
    assert_true(run_job("0", NEVER, false, GS_OK).skipped);
}

static void an_interrupted_job_goes_on_where_it_was(void **state)
{
    (void)state;
    assert_int_equal(run_job("0", NEVER, true, GS_ECANCELED).count, 6);
    gs_job_result result = run_job("0", NEVER, false, GS_OK);
    assert_int_equal(result.resumed, 6);
    assert_int_equal(result.count, PICTURES);
    expect_stored();
}

/* Calls 5 and 6 are the features and the moments of the third batch. */
static void a_job_whose_device_fails_stores_nothing_wrong(void **state)
{
    (void)state;
    const char *calls[] = {"5", "6"};
    for (size_t i = 0; i < 4; i++) {
        double checkpoint = i < 2 ? NEVER : 0;
        run_job(calls[i % 2], checkpoint, false, GS_EIO);
        assert_non_null(strstr(err.message, "model 'a': cuda: the fake device fails"));
        gs_job_result result = run_job("0", checkpoint, false, GS_OK);
        /* A device that failed is not asked for its moments: back to the last checkpoint. */
        assert_int_equal(result.resumed, i < 2 ? 0 : 6);
        expect_stored();
        char path[96];
        snprintf(path, sizeof path, "%s/zoo.db", directory);
        assert_int_equal(unlink(path), 0);
    }
}

#define WITH_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_device_that_is_asked_for_multiplies_bf16_only, be_able),
        cmocka_unit_test_setup(auto_takes_the_device_where_bf16_will_do, be_able),
        cmocka_unit_test_setup(only_auto_falls_back_to_the_processor, be_able),
        WITH_FOLDER(moments_hold_every_picture_of_a_call_of_several_batches),
        cmocka_unit_test_setup(texts_come_to_the_device_in_batches, be_able),
        WITH_FOLDER(a_job_stores_the_moments_of_its_features),
        WITH_FOLDER(an_interrupted_job_goes_on_where_it_was),
        WITH_FOLDER(a_job_whose_device_fails_stores_nothing_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

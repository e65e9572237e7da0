/* The encoder on the device against the one on the processor, through the plug-in as the program uses it: prepared
 * pictures byte by byte, features within 2e-4 cosine, moments within 1e-5.
 *
 *     gpu_test_features [ENCODER-DIRECTORY]...     # beside golden/clip_tiny and data/encoder; from the top of the tree
 */
#include "gpu_test.h"

#include "indexer/encoder/encoder.h"
#include "indexer/encoder/towers.h"

#include <cuda_runtime_api.h>

#define COSINE    2e-4
#define BATCH     4
#define PICTURES  14 /* three batches and a part: the second full one is captured as a graph, the third replays it */
#define MAX_PATHS 16

static const gs_cuda_api *cuda;
static const char *directories[MAX_PATHS] = {
    "tests/golden/clip_tiny/quick_gelu_f32",
    "tests/golden/clip_tiny/gelu_f16",
    "tests/golden/clip_tiny/legacy_bf16",
    "data/encoder",
};
static size_t n_directories = 4;

static const int sizes[PICTURES][2] = {
    {64, 64},   {64, 64}, {1, 1},    {3, 500},   {700, 2},    {333, 217}, {217, 333},
    {512, 512}, {32, 32}, {224, 40}, {40, 1000}, {1000, 300}, {224, 224}, {225, 223},
};

static const char *const texts[] = {"a photo of a cat", "", "two dogs playing in the snow under a red sky", "x",
                                    "Caf\xc3\xa9 & caf\xc3\xa9, 1984!"};
#define TEXTS (sizeof texts / sizeof *texts)

typedef struct {
    gs_encoder *encoder;
    gs_cuda *gpu;
    const gs_encoder_info *info;
    gs_image images[PICTURES];
} opened;

static void must(gs_status st, const gs_error *err)
{
    if (st != GS_OK)
        fail_msg("%s", err->message);
}

static opened open_both(const char *directory, bool graph)
{
    opened o = {0};
    gs_error err;
    uint32_t seed = 21;
    must(gs_encoder_open(&o.encoder, directory, &(gs_encoder_options){.threads = 2}, &err), &err);
    o.info = gs_encoder_get_info(o.encoder);
    must(cuda->create(&o.gpu,
                      &(gs_cuda_options){.vision = gs_encoder_get_vision(o.encoder),
                                         .text = gs_encoder_get_text(o.encoder),
                                         .preprocess = gs_encoder_get_preprocess(o.encoder),
                                         .batch = BATCH,
                                         .graph = graph},
                      &err),
         &err);
    for (size_t i = 0; i < PICTURES; i++) {
        must(gs_image_alloc(&o.images[i], sizes[i][0], sizes[i][1], &err), &err);
        random_bytes(&seed, o.images[i].rgb, (size_t)sizes[i][0] * (size_t)sizes[i][1] * 3);
    }
    return o;
}

static void close_both(opened *o)
{
    cuda->destroy(o->gpu);
    gs_encoder_close(o->encoder);
    for (size_t i = 0; i < PICTURES; i++)
        gs_image_free(&o->images[i]);
}

/* features [n, dim] each. */
static void expect_same_direction(const opened *o, const char *what, const float *got, const float *want, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double dot = 0, length = 0;
        for (size_t k = 0; k < o->info->dim; k++) {
            dot += (double)got[i * o->info->dim + k] * (double)want[i * o->info->dim + k];
            length += (double)got[i * o->info->dim + k] * (double)got[i * o->info->dim + k];
        }
        worst = 1 - dot > worst ? 1 - dot : worst;
        if (!(fabs(length - 1) < 1e-5) || !(1 - dot <= COSINE))
            fail_msg("%s: %s %zu: length^2 %.7f, 1 - cosine %.2e", o->info->name, what, i, length, 1 - dot);
    }
    printf("%s: %zu %s, worst 1 - cosine %.2e\n", o->info->name, n, what, worst);
}

static void check_images(opened *o)
{
    size_t dim = o->info->dim;
    gs_error err;
    float *want = malloc(PICTURES * dim * sizeof *want), *got = malloc(PICTURES * dim * sizeof *got);
    must(gs_encoder_images(o->encoder, o->images, PICTURES, want, &err), &err);
    for (int again = 0; again < 2; again++) {
        memset(got, 0xff, PICTURES * dim * sizeof *got);
        must(cuda->images(o->gpu, o->images, PICTURES, got, &err), &err);
        expect_same_direction(o, "pictures", got, want, PICTURES);
    }
    free(want);
    free(got);
}

static void check_texts(opened *o)
{
    const gs_tokenizer *tokenizer = gs_encoder_get_tokenizer(o->encoder);
    size_t dim = o->info->dim, lengths[TEXTS], used = 0;
    int32_t ids[TEXTS * GS_MAX_TOKENS];
    gs_error err;
    float *want = malloc(TEXTS * dim * sizeof *want), *got = malloc(TEXTS * dim * sizeof *got);
    for (size_t i = 0; i < TEXTS; used += lengths[i++])
        lengths[i] = gs_tokenize(tokenizer, texts[i], strlen(texts[i]), ids + used);
    must(gs_encoder_texts(o->encoder, texts, TEXTS, want, &err), &err);
    must(cuda->texts(o->gpu, ids, (gs_sequences){lengths, TEXTS}, got, &err), &err);
    expect_same_direction(o, "texts", got, want, TEXTS);
    ids[0] = -1;
    assert_int_equal(cuda->texts(o->gpu, ids, (gs_sequences){lengths, TEXTS}, got, &err), GS_EARGS);
    free(want);
    free(got);
}

static void features_equal_the_processors(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_directories; i++)
        for (int graph = 0; graph < 2; graph++) {
            opened o = open_both(directories[i], graph);
            check_images(&o);
            check_texts(&o);
            close_both(&o);
        }
}

static void check_prepared(const char *directory)
{
    opened o = open_both(directory, false);
    const gs_preprocess *p = gs_encoder_get_preprocess(o.encoder);
    size_t side = (size_t)o.info->image_size, plane = side * side;
    uint8_t *rgb = malloc(PICTURES * plane * 3);
    float *pixels = malloc(3 * plane * sizeof *pixels), level[3][256];
    gs_error err;
    for (int channel = 0; channel < 3; channel++)
        gs_preprocess_levels(p, channel, level[channel]);
    must(cuda->prepared(o.gpu, o.images, PICTURES, rgb, &err), &err);
    for (size_t i = 0; i < PICTURES; i++) {
        void *work = malloc(gs_preprocess_workspace(p, sizes[i][0], sizes[i][1]));
        must(gs_preprocess_run(p, o.images[i].rgb, sizes[i][0], sizes[i][1], work, pixels, &err), &err);
        free(work);
        for (size_t at = 0; at < 3 * plane; at++)
            if (level[at % 3][rgb[i * plane * 3 + at]] != pixels[at % 3 * plane + at / 3])
                fail_msg("%d x %d: value %zu differs", sizes[i][0], sizes[i][1], at);
    }
    free(rgb);
    free(pixels);
    close_both(&o);
}

static void prepared_pictures_are_byte_identical(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_directories; i++)
        check_prepared(directories[i]);
}

static void frames_on_the_device_equal_pictures_on_the_host(void **state)
{
    (void)state;
    opened o = open_both(directories[3], true);
    enum { WIDTH = 96, HEIGHT = 80, N = 2 * BATCH + 1 };
    size_t dim = o.info->dim, each = WIDTH * HEIGHT * 3;
    uint8_t *frames = malloc(N * each), *on_device = NULL;
    gs_image images[N];
    uint32_t seed = 22;
    gs_error err;
    float *a = malloc(N * dim * sizeof *a), *b = malloc(N * dim * sizeof *b);
    random_bytes(&seed, frames, N * each);
    for (size_t i = 0; i < N; i++)
        images[i] = (gs_image){WIDTH, HEIGHT, frames + i * each};
    assert_int_equal(cudaMalloc((void **)&on_device, N * each), cudaSuccess);
    assert_int_equal(cudaMemcpy(on_device, frames, N * each, cudaMemcpyHostToDevice), cudaSuccess);
    must(cuda->images(o.gpu, images, N, a, &err), &err);
    must(cuda->frames(o.gpu, on_device, WIDTH, HEIGHT, N, b, &err), &err);
    for (size_t i = 0; i < N * dim; i++)
        if (!(fabsf(a[i] - b[i]) <= 1e-6f))
            fail_msg("value %zu is %.9g, expected %.9g", i, (double)b[i], (double)a[i]);
    cudaFree(on_device);
    free(frames);
    free(a);
    free(b);
    close_both(&o);
}

static void moments_equal_those_of_the_same_features(void **state)
{
    (void)state;
    opened o = open_both(directories[3], true);
    size_t dim = o.info->dim;
    float *features = malloc(PICTURES * dim * sizeof *features);
    gs_moments want, got, other;
    gs_error err;
    must(gs_moments_init(&want, dim, &err), &err);
    must(gs_moments_init(&got, dim, &err), &err);
    must(gs_moments_init(&other, dim + 1, &err), &err);
    must(cuda->moments_reset(o.gpu, &err), &err);
    for (size_t first = 0; first < PICTURES; first += 5) {
        size_t n = PICTURES - first < 5 ? PICTURES - first : 5;
        must(cuda->images(o.gpu, o.images + first, n, features, &err), &err);
        must(cuda->moments_add(o.gpu, &err), &err);
        gs_moments_add(&want, features, n);
    }
    must(cuda->moments_get(o.gpu, &got, &err), &err);
    assert_int_equal(got.count, PICTURES);
    for (size_t i = 0; i < dim; i++) {
        assert_true(fabs(got.mean[i] - want.mean[i]) <= 1e-5 * fabs(want.mean[i]) + 1e-12);
        for (size_t j = 0; j <= i; j++)
            if (!(fabs(got.scatter[i * dim + j] - want.scatter[i * dim + j]) <=
                  1e-5 * sqrt(want.scatter[i * dim + i] * want.scatter[j * dim + j]) + 1e-12))
                fail_msg("scatter [%zu, %zu] is %.9g, expected %.9g", i, j, got.scatter[i * dim + j],
                         want.scatter[i * dim + j]);
    }
    assert_int_equal(cuda->moments_get(o.gpu, &other, &err), GS_EMISMATCH);
    gs_moments_free(&want);
    gs_moments_free(&got);
    gs_moments_free(&other);
    free(features);
    close_both(&o);
}

static void a_wrong_size_is_refused_and_the_handle_lives_on(void **state)
{
    (void)state;
    opened o = open_both(directories[3], false);
    gs_image none = {.width = 0, .height = 5};
    gs_error err;
    float *features = malloc(PICTURES * o.info->dim * sizeof *features);
    assert_int_equal(cuda->images(o.gpu, &none, 1, features, &err), GS_EARGS);
    assert_non_null(strstr(err.message, "cannot prepare a picture of 0 x 5"));
    check_images(&o);
    free(features);
    close_both(&o);
}

int main(int argc, char **argv)
{
    cuda = open_or_skip();
    for (int i = 1; i < argc && n_directories < MAX_PATHS; i++)
        directories[n_directories++] = argv[i];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepared_pictures_are_byte_identical),
        cmocka_unit_test(features_equal_the_processors),
        cmocka_unit_test(frames_on_the_device_equal_pictures_on_the_host),
        cmocka_unit_test(moments_equal_those_of_the_same_features),
        cmocka_unit_test(a_wrong_size_is_refused_and_the_handle_lives_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* resize.h against Pillow and preprocess.h against transformers' CLIPImageProcessorPil (golden/preprocess_golden.h:
 * make_preprocess.py). */
#include "core_test.h"

#include "core/preprocess.h"
#include "preprocess_golden.h"

static void every_filter_equals_pillow(void **state)
{
    (void)state;
    uint32_t seed = 11;
    uint8_t *rgb = NULL;
    for (size_t i = 0; i < COUNT(golden_resized); i++) {
        const resized_case *c = &golden_resized[i];
        if (c->resample == 0) { /* one picture for all filters */
            free(rgb);
            rgb = random_bytes(&seed, (size_t)c->width * (size_t)c->height * 3);
        }
        size_t size = (size_t)c->out_width * (size_t)c->out_height * 3;
        uint8_t *out = malloc(size);
        void *work = malloc(gs_resize_workspace(c->width, c->height, c->out_width, c->out_height));
        assert_int_equal(
            gs_resize(rgb, c->width, c->height, (gs_resample)c->resample, work, out, c->out_width, c->out_height, NULL),
            GS_OK);
        if (checksum(CHECKSUM_START, out, size) != c->checksum)
            printf("%d x %d to %d x %d with filter %d\n", c->width, c->height, c->out_width, c->out_height,
                   c->resample);
        assert_true(checksum(CHECKSUM_START, out, size) == c->checksum);
        free(work);
        free(out);
    }
    free(rgb);
}

/* Output i of one direction, by the words of resize.h. */
static uint8_t weigh(const gs_resize_axis *a, int i, const uint8_t *in, size_t step)
{
    int32_t sum = 1 << 21;
    for (int k = a->begin[i]; k < a->end[i]; k++)
        sum += in[(size_t)k * step] * a->weights[i * a->taps + k - a->begin[i]];
    sum >>= 22;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Both passes over all of the input: plain, and wasteful. */
static void resize_by_plan(const gs_resize_plan *p, const gs_resize_part *r, const uint8_t *rgb, uint8_t *out)
{
    size_t width = (size_t)r->width, height = (size_t)r->height, n = (size_t)p->across.n, m = (size_t)p->down.n;
    uint8_t *middle = malloc(3 * (width > n ? width : n) * (height > m ? height : m));
    if (p->down_first) {
        for (size_t y = 0; y < m; y++)
            for (size_t x = 0; x < 3 * width; x++)
                middle[y * 3 * width + x] = weigh(&p->down, (int)y, rgb + x, 3 * width);
        for (size_t at = 0; at < m * n * 3; at++)
            out[at] = weigh(&p->across, (int)(at / 3 % n), middle + at / 3 / n * 3 * width + at % 3, 3);
    } else {
        for (size_t at = 0; at < height * n * 3; at++)
            middle[at] = weigh(&p->across, (int)(at / 3 % n), rgb + at / 3 / n * 3 * width + at % 3, 3);
        for (size_t at = 0; at < m * n * 3; at++)
            out[at] = weigh(&p->down, (int)(at / 3 / n), middle + at % (3 * n), 3 * n);
    }
    free(middle);
}

static void the_weights_of_a_plan_give_pillows_bytes(void **state)
{
    (void)state;
    uint32_t seed = 11;
    uint8_t *rgb = NULL;
    for (size_t i = 0; i < COUNT(golden_resized); i++) {
        const resized_case *c = &golden_resized[i];
        if (c->resample == 0) { /* one picture for all filters */
            free(rgb);
            rgb = random_bytes(&seed, (size_t)c->width * (size_t)c->height * 3);
        }
        gs_resize_part part = {.width = c->width,
                               .height = c->height,
                               .out_width = c->out_width,
                               .out_height = c->out_height,
                               .part_width = c->out_width,
                               .part_height = c->out_height,
                               .resample = (gs_resample)c->resample};
        size_t size = (size_t)c->out_width * (size_t)c->out_height * 3;
        uint8_t *out = malloc(size);
        void *work = malloc(gs_resize_plan_workspace(&part));
        gs_resize_plan plan;
        assert_int_equal(gs_resize_plan_make(&plan, &part, work, NULL), GS_OK);
        resize_by_plan(&plan, &part, rgb, out);
        assert_true(checksum(CHECKSUM_START, out, size) == c->checksum);
        free(work);
        free(out);
    }
    free(rgb);
}

static void a_part_equals_the_same_part_of_the_whole(void **state)
{
    (void)state;
    enum { WIDTH = 37, HEIGHT = 53, OUT_WIDTH = 41, OUT_HEIGHT = 19 };
    uint32_t seed = 5;
    uint8_t *rgb = random_bytes(&seed, WIDTH * HEIGHT * 3), whole[OUT_WIDTH * OUT_HEIGHT * 3];
    void *work = malloc(gs_resize_workspace(WIDTH, HEIGHT, OUT_WIDTH, OUT_HEIGHT));
    for (int filter = GS_NEAREST; filter <= GS_HAMMING; filter++) {
        gs_resample resample = (gs_resample)filter;
        gs_resize(rgb, WIDTH, HEIGHT, resample, work, whole, OUT_WIDTH, OUT_HEIGHT, NULL);
        for (int x = 0; x < OUT_WIDTH; x += 7)
            for (int y = 0; y < OUT_HEIGHT; y += 5) {
                gs_resize_part p = {WIDTH, HEIGHT,        OUT_WIDTH,      OUT_HEIGHT, x,
                                    y,     OUT_WIDTH - x, OUT_HEIGHT - y, resample};
                uint8_t *part = malloc((size_t)p.part_width * (size_t)p.part_height * 3);
                void *part_work = malloc(gs_resize_part_workspace(&p));
                assert_int_equal(gs_resize_part_run(&p, rgb, part_work, part, NULL), GS_OK);
                for (int row = 0; row < p.part_height; row++)
                    assert_memory_equal(part + row * p.part_width * 3, whole + ((y + row) * OUT_WIDTH + x) * 3,
                                        (size_t)p.part_width * 3);
                free(part_work);
                free(part);
            }
    }
    free(work);
    free(rgb);
}

static void prepared_pictures_equal_clip_image_processor(void **state)
{
    (void)state;
    uint32_t seed = 12;
    for (size_t i = 0; i < COUNT(golden_prepared); i++) {
        const prepared_case *c = &golden_prepared[i];
        gs_preprocess p = gs_preprocess_clip(224);
        p.do_resize = c->shortest_edge || c->resize_width;
        p.do_center_crop = c->crop_width != 0;
        p.do_rescale = c->rescale;
        p.do_normalize = c->normalise;
        p.resample = (gs_resample)c->resample;
        p.shortest_edge = c->shortest_edge;
        p.resize_width = c->resize_width;
        p.resize_height = c->resize_height;
        p.crop_width = c->crop_width;
        p.crop_height = c->crop_height;
        uint8_t *rgb = random_bytes(&seed, (size_t)c->width * (size_t)c->height * 3);
        int width, height;
        gs_preprocess_output_size(&p, c->width, c->height, &width, &height);
        assert_int_equal(width, c->out_width);
        assert_int_equal(height, c->out_height);
        size_t n = (size_t)width * (size_t)height * 3;
        float *pixels = malloc(n * sizeof *pixels);
        void *work = malloc(gs_preprocess_workspace(&p, c->width, c->height));
        assert_int_equal(gs_preprocess_run(&p, rgb, c->width, c->height, work, pixels, NULL), GS_OK);
        if (checksum(CHECKSUM_START, pixels, n * sizeof *pixels) != c->checksum)
            printf("case %zu: %d x %d\n", i, c->width, c->height);
        assert_true(checksum(CHECKSUM_START, pixels, n * sizeof *pixels) == c->checksum);
        free(work);
        free(pixels);
        free(rgb);
    }
}

static void a_long_strip_costs_no_more_than_its_crop(void **state)
{
    (void)state;
    gs_preprocess p = gs_preprocess_clip(224);
    assert_true(gs_preprocess_workspace(&p, 1, 100000) < 4 << 20);
    assert_true(gs_preprocess_workspace(&p, 100000, 1) < 4 << 20);
}

static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    gs_error err;
    uint8_t rgb[3] = {0}, out[3];
    float pixels[3];
    const int sizes[][2] = {{0, 1}, {1, 0}, {-1, 1}, {1, -5}, {1, (1 << 24) + 1}, {INT32_MAX, INT32_MAX}};
    gs_preprocess clip = gs_preprocess_clip(224);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        int width = sizes[i][0], height = sizes[i][1];
        assert_int_equal(gs_resize_workspace(width, height, 1, 1), 0);
        assert_int_equal(gs_resize(rgb, width, height, GS_BICUBIC, NULL, out, 1, 1, &err), GS_EARGS);
        assert_error(err, "resize: cannot make");
        assert_int_equal(gs_preprocess_workspace(&clip, width, height), 0);
        assert_int_equal(gs_preprocess_run(&clip, rgb, width, height, NULL, pixels, &err), GS_EARGS);
    }
    assert_int_equal(gs_resize_workspace(1, 1, 0, 1), 0);
    assert_int_equal(gs_resize_workspace(1, 1, 1, -1), 0);
    assert_int_equal(gs_resize(rgb, 1, 1, (gs_resample)6, NULL, out, 1, 1, &err), GS_EARGS);
    clip.crop_width = 0;
    assert_int_equal(gs_preprocess_workspace(&clip, 1, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_filter_equals_pillow),
        cmocka_unit_test(the_weights_of_a_plan_give_pillows_bytes),
        cmocka_unit_test(a_part_equals_the_same_part_of_the_whole),
        cmocka_unit_test(prepared_pictures_equal_clip_image_processor),
        cmocka_unit_test(a_long_strip_costs_no_more_than_its_crop),
        cmocka_unit_test(absurd_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

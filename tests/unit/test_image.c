/* golden/images/NAME.rgb: tests/golden/images/make_images.py, Pillow 13.0, seed 5 */
#include "indexer/image/codec.h"
#include "indexer/image/image.h"
#include "indexer/util/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <webp/decode.h>

#define IMAGES GS_GOLDEN "/images/"

static gs_error err;

/* PNG's checksum. */
static uint32_t crc32(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static gs_bytes read_bytes(const char *name)
{
    char path[1024];
    gs_bytes bytes;
    snprintf(path, sizeof path, IMAGES "%s", name);
    if (gs_file_read(&bytes, path, 1 << 24, &err) != GS_OK)
        fail_msg("%s", err.message);
    return bytes;
}

static gs_image read_image(const char *name)
{
    char path[1024];
    gs_image image;
    snprintf(path, sizeof path, IMAGES "%s", name);
    if (gs_image_read(&image, path, &err) != GS_OK)
        fail_msg("%s", err.message);
    return image;
}

static void same_as_pillow(const char *name, int tolerance)
{
    char golden_name[256];
    snprintf(golden_name, sizeof golden_name, "%s.rgb", name);
    gs_image image = read_image(name);
    gs_bytes golden = read_bytes(golden_name);
    int width = 0, height = 0, header = 0;
    sscanf((const char *)golden.data, "%d %d%n", &width, &height, &header);
    const uint8_t *rgb = golden.data + header + 1;
    if (image.width != width || image.height != height)
        fail_msg("%s: %d x %d, Pillow says %d x %d", name, image.width, image.height, width, height);
    size_t size = (size_t)width * (size_t)height * 3;
    assert_int_equal(golden.size, size + (size_t)header + 1);
    for (size_t i = 0; i < size; i++)
        if (abs(image.rgb[i] - rgb[i]) > tolerance)
            fail_msg("%s: byte %zu is %d, Pillow says %d", name, i, image.rgb[i], rgb[i]);
    gs_bytes_free(&golden);
    gs_image_free(&image);
}

static void png_equals_pillow(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb.png",
                                        "rgba.png",
                                        "grey.png",
                                        "grey-alpha.png",
                                        "bilevel.png",
                                        "palette4.png",
                                        "text.png",
                                        "grey16.png",
                                        "rgb16.png",
                                        "rgba16.png",
                                        "interlaced.png",
                                        "turned6.png",
                                        "palette-transparent.png",
                                        "grey-transparent.png",
                                        "rgb-transparent.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        same_as_pillow(names[i], 0);
}

/* libjpeg-turbo 2.1 here, 3.x in Pillow: the same integer transforms and upsampling, so not even one level apart. */
static void jpeg_equals_pillow(void **state)
{
    (void)state;
    static const char *const names[] = {"ycc444.jpg",  "ycc422.jpg",    "ycc420.jpg",    "progressive.jpg",
                                        "restart.jpg", "grey.jpg",      "rgb-adobe.jpg", "cmyk.jpg",
                                        "ycck.jpg",    "cmyk-plain.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        same_as_pillow(names[i], 0);
}

static void webp_equals_pillow(void **state)
{
    (void)state;
    static const char *const names[] = {"lossless.webp",    "lossless-alpha.webp", "lossy.webp",
                                        "lossy-alpha.webp", "turned8.webp",        "animated.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        same_as_pillow(names[i], 0);
}

/* What a colour profile asks for is left to who looks at the picture: transformers, and so every index of CLIP features, takes the pixels as
 * they are stored. */
static void a_colour_profile_changes_no_pixel(void **state)
{
    (void)state;
    same_as_pillow("display-p3.png", 0);
    same_as_pillow("display-p3.jpg", 0);
    same_as_pillow("display-p3.webp", 0);
}

static void every_exif_orientation_equals_pillow(void **state)
{
    (void)state;
    for (int i = 1; i <= 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "turned%d.jpg", i);
        same_as_pillow(name, 0);
    }
}

static void every_pair_of_value_and_alpha_lies_on_white_as_in_pillow(void **state)
{
    (void)state;
    gs_image image = read_image("alpha-pairs.png");
    gs_bytes golden = read_bytes("alpha-pairs.crc32");
    unsigned long expected = strtoul((const char *)golden.data, NULL, 16);
    assert_int_equal(crc32(image.rgb, (size_t)image.width * (size_t)image.height * 3), expected);
    gs_bytes_free(&golden);
    gs_image_free(&image);
}

static void expect_refused(const void *bytes, size_t size, const char *message)
{
    gs_image image;
    assert_int_equal(gs_image_decode(&image, bytes, size, "x", &err), GS_EFORMAT);
    assert_null(image.rgb);
    if (!strstr(err.message, message) || strncmp(err.message, "x: ", 3) != 0)
        fail_msg("'%s' does not say '%s'", err.message, message);
}

static void what_is_no_picture_is_refused(void **state)
{
    (void)state;
    gs_bytes bmp = read_bytes("not-supported.bmp");
    expect_refused(bmp.data, bmp.size, "is a picture in the format BMP; PNG, JPEG and WebP are read");
    gs_bytes_free(&bmp);
    static const struct {
        const char *bytes, *says;
    } files[] = {
        {"", "is empty"},
        {"no picture", "is no PNG, JPEG or WebP picture"},
        {"BM, which stands for many things", "is no PNG, JPEG or WebP picture"},
        {"\xef\xbb\xbf \n<!DOCTYPE html><title>404</title>", "is HTML or XML, no picture"},
        {"version https://git-lfs.github.com/spec/v1\noid",
         "is a Git LFS pointer in place of the picture: `git lfs pull`"},
        {"....ftypheic....mif1heic", "in the format HEIC"},
        {"....ftypmif1....mif1heic", "in the format HEIF"},
        {"....ftypavif....avifmif1", "in the format AVIF"},
        {"GIF89a.......", "in the format GIF"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        expect_refused(files[i].bytes, strlen(files[i].bytes), files[i].says);
    expect_refused("II*\0....", 8, "in the format TIFF");
    gs_image image;
    assert_int_equal(gs_image_read(&image, IMAGES "missing.png", &err), GS_EIO);
    assert_non_null(strstr(err.message, "images/missing.png: No such file"));
}

/* A PNG header that announces a size, and nothing else. */
static void expect_png_size_refused(uint32_t width, uint32_t height, const char *message)
{
    uint8_t png[33] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for (int i = 0; i < 4; i++) {
        png[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        png[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    png[24] = 8;
    png[25] = 2;
    uint32_t crc = crc32(png + 12, 17);
    for (int i = 0; i < 4; i++)
        png[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    uint8_t file[33 + 12] = {0};
    memcpy(file, png, 33);
    memcpy(file + 33, "\0\0\0\0IDAT\x35\xaf\x06\x1e", 12);
    expect_refused(file, sizeof file, message);
}

static void huge_sizes_are_refused_from_the_header(void **state)
{
    (void)state;
    expect_png_size_refused(GS_IMAGE_MAX_SIDE, GS_IMAGE_MAX_SIDE, "a picture of 32768 x 32768 pixels, at most");
    expect_png_size_refused(GS_IMAGE_MAX_SIDE + 1, 1, "Invalid IHDR");
    expect_png_size_refused(0, 5, "Invalid IHDR");

    gs_bytes jpeg = read_bytes("ycc444.jpg");
    for (size_t i = 0; i + 9 < jpeg.size; i++)
        if (jpeg.data[i] == 0xff && jpeg.data[i + 1] == 0xc0)
            memcpy(jpeg.data + i + 5, "\xf0\x00\xf0\x00", 4); /* 61440 x 61440 */
    expect_refused(jpeg.data, jpeg.size, "a picture of 61440 x 61440 pixels, expected 1 to 32768 a side");
    gs_bytes_free(&jpeg);
    gs_image image;
    assert_int_equal(gs_image_alloc(&image, -1, 4, &err), GS_EFORMAT);
}

static void fewer_pixels_can_be_asked_for(void **state)
{
    (void)state;
    static const char *const names[] = {"ycc444.jpg", "rgba.png", "grey.png", "lossy.webp", "animated.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gs_bytes bytes = read_bytes(names[i]);
        gs_image image;
        assert_int_equal(gs_image_decode(&image, bytes.data, bytes.size, "x", &err), GS_OK);
        uint64_t pixels = (uint64_t)image.width * (uint64_t)image.height;
        gs_image_free(&image);
        assert_int_equal(gs_image_decode_within(&image, pixels, bytes.data, bytes.size, "x", &err), GS_OK);
        gs_image_free(&image);
        assert_int_equal(gs_image_decode_within(&image, pixels - 1, bytes.data, bytes.size, "x", &err), GS_EFORMAT);
        assert_non_null(strstr(err.message, "in all are read"));
        assert_null(image.rgb);
        gs_bytes_free(&bytes);
    }
}

/* Each golden picture, by name, in turn. */
static void for_each_picture(void (*visit)(const char *name, const gs_bytes *bytes))
{
    DIR *folder = opendir(IMAGES);
    assert_non_null(folder);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_type != DT_REG)
            continue;
        gs_bytes bytes = read_bytes(entry->d_name);
        bool is_read = false;
        gs_image_format(bytes.data, bytes.size, &is_read);
        if (is_read)
            visit(entry->d_name, &bytes);
        gs_bytes_free(&bytes);
        count += is_read;
    }
    closedir(folder);
    assert_true(count > 30);
}

/* Decodes a copy of exactly the bytes, so that reading one too many is seen by the sanitizer. */
static gs_status decode_copy(gs_image *image, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    err.message[0] = 0;
    gs_status st = gs_image_decode(image, copy, size, "x", &err);
    assert_true(st == GS_OK ? image->rgb && !err.message[0] : !image->rgb && err.message[0]);
    free(copy);
    return st;
}

/* What is read of a cut file is all of the picture: only the end, behind the pixels, may lack. */
static void cut_everywhere(const char *name, const gs_bytes *bytes)
{
    gs_image whole, image;
    assert_int_equal(decode_copy(&whole, bytes->data, bytes->size), GS_OK);
    size_t step = bytes->size > 2000 ? 7 : 1, area = (size_t)whole.width * (size_t)whole.height * 3;
    for (size_t size = 0; size < bytes->size; size += step) {
        if (decode_copy(&image, bytes->data, size) != GS_OK)
            continue;
        if (image.width != whole.width || image.height != whole.height || memcmp(image.rgb, whole.rgb, area) != 0)
            fail_msg("%s: its first %zu of %zu bytes were taken for the whole", name, size, bytes->size);
        gs_image_free(&image);
    }
    gs_image_free(&whole);
}

static void a_picture_cut_short_anywhere_is_whole_or_refused(void **state)
{
    (void)state;
    for_each_picture(cut_everywhere);
}

static void endless_files_equal_pillow(void **state)
{
    (void)state;
    same_as_pillow("ycc420-endless.jpg", 0);
    same_as_pillow("progressive-endless.jpg", 0);
    same_as_pillow("rgb-endless.png", 0);
}

static void a_picture_that_lacks_only_the_mark_of_its_end_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t end; /* bytes: a JPEG's marker, a PNG's last chunk */
    } files[] = {{"ycc420.jpg", 2},  {"ycc444.jpg", 2}, {"progressive.jpg", 2}, {"restart.jpg", 2},    {"cmyk.jpg", 2},
                 {"turned6.jpg", 2}, {"rgb.png", 12},   {"rgba.png", 12},       {"interlaced.png", 12}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        gs_bytes bytes = read_bytes(files[i].name);
        for (size_t cut = 1; cut <= files[i].end; cut++) {
            gs_image image;
            if (decode_copy(&image, bytes.data, bytes.size - cut) != GS_OK)
                fail_msg("%s without its last %zu bytes: %s", files[i].name, cut, err.message);
            gs_image_free(&image);
        }
        gs_bytes_free(&bytes);
    }
}

/* What was sent of the scans before is well-formed: only their number tells. */
static void a_jpeg_cut_between_two_scans_is_refused(void **state)
{
    (void)state;
    gs_bytes bytes = read_bytes("progressive.jpg");
    size_t last = bytes.size - 2;
    while (bytes.data[last] != 0xff || bytes.data[last + 1] != 0xda)
        last--;
    expect_refused(bytes.data, last, "JPEG: cut short between two scans");
    gs_bytes_free(&bytes);
}

static void change_bytes(const char *name, const gs_bytes *bytes)
{
    uint32_t random = 2463534242u;
    for (const char *c = name; *c; c++)
        random = random * 31 + (uint8_t)*c;
    uint8_t *copy = malloc(bytes->size);
    for (int round = 0; round < 300; round++) {
        memcpy(copy, bytes->data, bytes->size);
        for (int i = 0; i < 1 + round % 4; i++) {
            random ^= random << 13, random ^= random >> 17, random ^= random << 5;
            copy[random % bytes->size] = (uint8_t)(random >> 24);
        }
        gs_image image;
        decode_copy(&image, copy, bytes->size); /* either outcome is right; a crash or an overrun is not */
        gs_image_free(&image);
    }
    free(copy);
}

static void changed_bytes_never_crash(void **state)
{
    (void)state;
    for_each_picture(change_bytes);
}

static void damaged_exif_blocks_tell_no_orientation(void **state)
{
    (void)state;
    static const uint8_t exif[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                   3,   0,   0, 0,  1, 0, 6, 0, 0, 0, 0, 0,    0};
    assert_int_equal(gs_exif_orientation(exif, sizeof exif), 6);
    for (size_t size = 0; size < 22; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, exif, size);
        assert_int_equal(gs_exif_orientation(copy, size), 1);
        free(copy);
    }
    uint8_t changed[sizeof exif];
    for (size_t at = 0; at < 20; at++) {
        memcpy(changed, exif, sizeof exif);
        changed[at] ^= 0xff;
        int orientation = gs_exif_orientation(changed, sizeof changed);
        assert_true(orientation == 1 ||
                    (orientation == 6 && (at == 8 || at == 9))); /* more entries than there are: the first is read */
    }
}

static void thumbnails_keep_the_shape_and_are_never_enlarged(void **state)
{
    (void)state;
    gs_image image = read_image("rgb.png");
    uint8_t *bytes;
    size_t size;
    int width, height, stored_width, stored_height;
    assert_int_equal(gs_image_thumbnail(&image, 20, &bytes, &size, &width, &height, &err), GS_OK);
    assert_int_equal(width, 20);
    assert_int_equal(height, 12); /* 23 * 20 / 37 = 12.4 */
    assert_true(WebPGetInfo(bytes, size, &stored_width, &stored_height));
    assert_int_equal(stored_width, 20);
    assert_int_equal(stored_height, 12);
    free(bytes);
    assert_int_equal(gs_image_thumbnail(&image, 4000, &bytes, &size, &width, &height, &err), GS_OK);
    assert_int_equal(width, image.width);
    assert_int_equal(height, image.height);

    gs_image shown;
    assert_int_equal(gs_image_decode(&shown, bytes, size, "thumbnail", &err), GS_OK);
    double difference = 0;
    for (int i = 0; i < width * height * 3; i++)
        difference += abs(shown.rgb[i] - image.rgb[i]);
    assert_true(difference / (width * height * 3) < 16); /* lossy, but the same picture */
    gs_image_free(&shown);
    free(bytes);
    assert_int_equal(gs_image_thumbnail(&image, 0, &bytes, &size, &width, &height, &err), GS_EARGS);
    gs_image_free(&image);
}

/* n pictures: by turns one of every decoder, and of other sizes. */
static void name_pictures(char *paths[], size_t n)
{
    static char *const names[] = {IMAGES "rgb.png", IMAGES "cmyk.jpg", IMAGES "turned6.jpg", IMAGES "lossless.webp",
                                  IMAGES "alpha-pairs.png"};
    for (size_t i = 0; i < n; i++)
        paths[i] = names[i * i % 5];
}

static void pictures_read_together_equal_those_read_alone(void **state)
{
    (void)state;
    enum { N = 50 };
    char *paths[N];
    gs_image images[N], alone;
    name_pictures(paths, N);
    for (int threads = 0; threads <= 64; threads = threads * 3 + 1) {
        if (gs_image_read_all(images, paths, N, threads, NULL, &err) != GS_OK)
            fail_msg("%s", err.message);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(gs_image_read(&alone, paths[i], &err), GS_OK);
            assert_int_equal(images[i].width, alone.width);
            assert_int_equal(images[i].height, alone.height);
            assert_memory_equal(images[i].rgb, alone.rgb, (size_t)alone.width * (size_t)alone.height * 3);
            gs_image_free(&alone);
            gs_image_free(&images[i]);
        }
    }
    assert_int_equal(gs_image_read_all(images, paths, 0, 4, NULL, &err), GS_OK);
}

static void of_many_pictures_the_first_bad_one_is_named(void **state)
{
    (void)state;
    enum { N = 50 };
    char *paths[N];
    gs_image images[N];
    name_pictures(paths, N);
    paths[31] = IMAGES "not-supported.bmp";
    paths[32] = paths[33] = paths[49] = IMAGES "missing.png"; /* met sooner, for there is nothing to read */
    for (int round = 0; round < 40; round++) {
        assert_int_equal(gs_image_read_all(images, paths, N, 1 + round % 8, NULL, &err), GS_EFORMAT);
        if (!strstr(err.message, "not-supported.bmp: is a picture in the format BMP"))
            fail_msg("%s", err.message);
        for (size_t i = 0; i < N; i++)
            assert_null(images[i].rgb);
    }
}

static void where_faults_are_asked_for_bad_pictures_leave_the_others_alone(void **state)
{
    (void)state;
    enum { N = 50 };
    char *paths[N];
    gs_image images[N];
    static gs_error faults[N];
    name_pictures(paths, N);
    paths[0] = paths[31] = IMAGES "not-supported.bmp";
    assert_int_equal(gs_image_read_all(images, paths, N, 3, faults, &err), GS_OK);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(images[i].rgb == NULL, i == 0 || i == 31);
        assert_int_equal(strstr(faults[i].message, "not-supported.bmp: is a") != NULL, i == 0 || i == 31);
        gs_image_free(&images[i]);
    }
    paths[40] = IMAGES "missing.png"; /* the system's failure, not the picture's */
    assert_int_equal(gs_image_read_all(images, paths, N, 3, faults, &err), GS_EIO);
    for (size_t i = 0; i < N; i++)
        assert_null(images[i].rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_equals_pillow),
        cmocka_unit_test(jpeg_equals_pillow),
        cmocka_unit_test(webp_equals_pillow),
        cmocka_unit_test(a_colour_profile_changes_no_pixel),
        cmocka_unit_test(every_exif_orientation_equals_pillow),
        cmocka_unit_test(every_pair_of_value_and_alpha_lies_on_white_as_in_pillow),
        cmocka_unit_test(what_is_no_picture_is_refused),
        cmocka_unit_test(huge_sizes_are_refused_from_the_header),
        cmocka_unit_test(fewer_pixels_can_be_asked_for),
        cmocka_unit_test(a_picture_cut_short_anywhere_is_whole_or_refused),
        cmocka_unit_test(endless_files_equal_pillow),
        cmocka_unit_test(a_picture_that_lacks_only_the_mark_of_its_end_is_read),
        cmocka_unit_test(a_jpeg_cut_between_two_scans_is_refused),
        cmocka_unit_test(changed_bytes_never_crash),
        cmocka_unit_test(damaged_exif_blocks_tell_no_orientation),
        cmocka_unit_test(thumbnails_keep_the_shape_and_are_never_enlarged),
        cmocka_unit_test(pictures_read_together_equal_those_read_alone),
        cmocka_unit_test(of_many_pictures_the_first_bad_one_is_named),
        cmocka_unit_test(where_faults_are_asked_for_bad_pictures_leave_the_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

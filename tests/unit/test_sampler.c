#include "indexer/sampler/sampler.h"
#include "indexer/util/file.h"
#include "indexer/util/share.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static gs_error err, faults[128];
static char folder[] = "/tmp/gensearch-sampler-XXXXXX"; /* holds model.json and what a test puts there */

static char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    memcpy(strrchr(folder, '-'), "-XXXXXX", 7);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

/* A model.json of this sampler block, in the folder. */
static gs_model write_model(const char *sampler)
{
    char text[2048];
    gs_model model;
    int length =
        snprintf(text, sizeof text, "{\"slug\":\"w\",\"title\":\"W\",\"type\":\"other\",\"sampler\":%s}", sampler);
    if (gs_file_write(in_folder("model.json"), text, (size_t)length, &err) != GS_OK ||
        gs_model_read(&model, in_folder("model.json"), &err) != GS_OK)
        fail_msg("%s", err.message);
    return model;
}

static void says(const char *expected)
{
    if (!strstr(err.message, expected))
        fail_msg("'%s'\n  does not say '%s'", err.message, expected);
    if (strchr(err.message, '\n'))
        fail_msg("more than one line: %s", err.message);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- folders --- */

static void copy_picture(const char *golden, const char *name)
{
    char path[512];
    gs_bytes bytes;
    snprintf(path, sizeof path, GS_GOLDEN "/images/%s", golden);
    if (gs_file_read(&bytes, path, 1 << 20, &err) != GS_OK ||
        gs_file_write(in_folder(name), bytes.data, bytes.size, &err) != GS_OK)
        fail_msg("%s", err.message);
    gs_bytes_free(&bytes);
}

static gs_status open_folder(gs_sampler **sampler, gs_model *model)
{
    *model = write_model("{\"kind\":\"folder\",\"path\":\"pictures\"}");
    return gs_sampler_open(sampler, model, &(gs_sampler_options){.seed = 1}, &err);
}

static void a_folder_is_read_with_all_below_it_each_picture_once(void **state)
{
    (void)state;
    gs_make_directories(in_folder("pictures/b/c"), &err);
    gs_make_directories(in_folder("pictures/.hidden"), &err);
    copy_picture("turned1.jpg", "pictures/b/c/2.JPG"); /* 37 x 23 */
    copy_picture("turned6.jpg", "pictures/b/1.jpg");   /* 23 x 37 */
    copy_picture("alpha-pairs.png", "pictures/a.png"); /* 256 x 256 */
    copy_picture("lossless.webp", "pictures/b0.webp"); /* 37 x 23 */
    copy_picture("rgb.png", "pictures/.hidden.png");
    copy_picture("rgb.png", "pictures/.hidden/x.png");
    gs_file_write(in_folder("pictures/notes.txt"), "text", 4, &err);
    assert_int_equal(symlink("..", in_folder("pictures/b/loop")), 0);
    assert_int_equal(mkfifo(in_folder("pictures/pipe.png"), 0600), 0);

    gs_sampler *sampler;
    gs_model model;
    gs_image frames[8];
    size_t got;
    assert_int_equal(open_folder(&sampler, &model), GS_OK);
    assert_int_equal(gs_sampler_count(sampler), 4);
    assert_int_equal(gs_sampler_read(sampler, 0, 8, frames, faults, &got, &err), GS_OK);
    assert_int_equal(got, 4);
    int total = 0;
    for (int i = 0; i < 4; i++)
        total += frames[i].width;
    assert_int_equal(total, 256 + 23 + 37 + 37);
    gs_image again;
    assert_int_equal(gs_sampler_read(sampler, 3, 1, &again, faults, &got, &err), GS_OK);
    assert_int_equal(again.width, frames[3].width);
    assert_memory_equal(again.rgb, frames[3].rgb, (size_t)again.width * (size_t)again.height * 3);
    gs_image_free(&again);
    for (int i = 0; i < 4; i++)
        gs_image_free(&frames[i]);
    assert_int_equal(gs_sampler_read(sampler, 4, 8, frames, faults, &got, &err), GS_OK);
    assert_int_equal(got, 0);
    gs_sampler_close(sampler);
    gs_model_free(&model);
}

#define CLASSES   3
#define PER_CLASS 40

/* A folder of class folders; a class is told by the width of its pictures. */
static const int class_widths[CLASSES] = {23, 37, 256};

static void make_classes(void)
{
    const char *files[CLASSES] = {"turned6.jpg", "turned1.jpg", "alpha-pairs.png"};
    for (int k = 0; k < CLASSES; k++) {
        char name[64], target[512];
        snprintf(name, sizeof name, "pictures/class%d", k);
        gs_make_directories(in_folder(name), &err);
        snprintf(target, sizeof target, GS_GOLDEN "/images/%s", files[k]);
        for (int i = 0; i < PER_CLASS; i++) {
            snprintf(name, sizeof name, "pictures/class%d/%02d%s", k, i, strrchr(files[k], '.'));
            assert_int_equal(symlink(target, in_folder(name)), 0);
        }
    }
}

/* The widths of the first n samples of the folder. */
static void read_widths(uint64_t seed, size_t n, int *widths)
{
    gs_sampler *sampler;
    gs_model model = write_model("{\"kind\":\"folder\",\"path\":\"pictures\"}");
    gs_image frames[CLASSES * PER_CLASS];
    size_t got;
    if (gs_sampler_open(&sampler, &model, &(gs_sampler_options){.seed = seed}, &err) != GS_OK ||
        gs_sampler_read(sampler, 0, n, frames, faults, &got, &err) != GS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(got, n);
    for (size_t i = 0; i < n; i++) {
        widths[i] = frames[i].width;
        gs_image_free(&frames[i]);
    }
    gs_sampler_close(sampler);
    gs_model_free(&model);
}

static void the_first_samples_are_drawn_from_every_class(void **state)
{
    (void)state;
    enum { FIRST = 30 };
    int widths[FIRST], other[FIRST], again[FIRST], counts[CLASSES] = {0};
    make_classes();
    read_widths(1, FIRST, widths);
    for (int i = 0; i < FIRST; i++)
        for (int k = 0; k < CLASSES; k++)
            counts[k] += widths[i] == class_widths[k];
    for (int k = 0; k < CLASSES; k++)
        assert_in_range(counts[k], FIRST / CLASSES / 2, FIRST / CLASSES * 2);
    read_widths(2, FIRST, other);
    read_widths(1, FIRST, again);
    assert_memory_equal(widths, again, sizeof widths);
    assert_memory_not_equal(widths, other, sizeof widths);
}

static void more_samples_begin_with_the_fewer(void **state)
{
    (void)state;
    int few[20], all[CLASSES * PER_CLASS], counts[CLASSES] = {0};
    make_classes();
    read_widths(1, 20, few);
    read_widths(1, CLASSES * PER_CLASS, all);
    assert_memory_equal(few, all, sizeof few);
    for (int i = 0; i < CLASSES * PER_CLASS; i++)
        for (int k = 0; k < CLASSES; k++)
            counts[k] += all[i] == class_widths[k];
    for (int k = 0; k < CLASSES; k++)
        assert_int_equal(counts[k], PER_CLASS);
}

static void fingerprint_of(const char *sampler, char fingerprint[GS_SHA256_HEX])
{
    gs_model model = write_model(sampler);
    if (gs_sampler_fingerprint(&model, fingerprint, &err) != GS_OK)
        fail_msg("%s", err.message);
    gs_model_free(&model);
}

static void expect_fingerprint(const char *sampler, const char *before, bool same)
{
    char now[GS_SHA256_HEX];
    fingerprint_of(sampler, now);
    assert_int_equal(strcmp(now, before) == 0, same);
}

static void a_folder_is_known_by_its_pictures(void **state)
{
    (void)state;
    const char *sampler = "{\"kind\":\"folder\",\"path\":\"pictures\"}";
    char before[GS_SHA256_HEX];
    gs_make_directories(in_folder("pictures"), &err);
    copy_picture("rgb.png", "pictures/a.png");
    copy_picture("grey.png", "pictures/b.png");
    fingerprint_of(sampler, before);
    gs_file_write(in_folder("pictures/notes.txt"), "text", 4, &err);
    expect_fingerprint(sampler, before, true);
    copy_picture("grey16.png", "pictures/c.png");
    expect_fingerprint(sampler, before, false);
    assert_int_equal(unlink(in_folder("pictures/c.png")), 0);
    expect_fingerprint(sampler, before, true);
    copy_picture("rgb.png", "pictures/b.png"); /* replaced under its name */
    expect_fingerprint(sampler, before, false);
}

static void a_generator_is_known_by_the_contents_of_its_files(void **state)
{
    (void)state;
    const char *sampler =
        "{\"kind\":\"worker\",\"command\":[\"python3\",\"w.py\"],\"weights\":{\"prior\":\"sub/g.onnx\"}}";
    char before[GS_SHA256_HEX];
    gs_make_directories(in_folder("sub"), &err);
    gs_file_write(in_folder("w.py"), "one", 3, &err);
    gs_file_write(in_folder("sub/g.onnx"), "two", 3, &err);
    fingerprint_of(sampler, before);
    gs_file_write(in_folder("sub/g.onnx"), "two", 3, &err); /* another time, the same bytes */
    expect_fingerprint(sampler, before, true);
    gs_file_write(in_folder("w.py"), "onf", 3, &err);
    expect_fingerprint(sampler, before, false);
}

/* Exporters name the files freely: one a tensor, or one for all beside the graph. */
static void a_graph_is_known_by_the_contents_of_its_data_files_too(void **state)
{
    (void)state;
    static const char graph[] =
        "...\x0a\x08location\x12\x0bg.onnx.data ...\x0a\x08location\x12\x05w/two\x0a\x08location\x12\x7f";
    const char *sampler = "{\"kind\":\"onnx\",\"path\":\"sub/g.onnx\"}";
    static const char *const files[] = {"sub/g.onnx.data", "sub/w/two"};
    char before[GS_SHA256_HEX];
    gs_make_directories(in_folder("sub/w"), &err);
    gs_file_write(in_folder("sub/g.onnx"), graph, sizeof graph - 1, &err);
    for (size_t i = 0; i < 2; i++) {
        gs_file_write(in_folder(files[i]), "x", 1, &err);
        fingerprint_of(sampler, before);
        gs_file_write(in_folder(files[i]), "y", 1, &err);
        expect_fingerprint(sampler, before, false);
    }
    fingerprint_of(sampler, before);
    gs_file_write(in_folder("sub/other.data"), "x", 1, &err);
    expect_fingerprint(sampler, before, true);
}

static void a_program_beside_model_json_belongs_to_the_model(void **state)
{
    (void)state;
    const char *sampler = "{\"kind\":\"worker\",\"command\":[\"./w.py\"]}";
    char before[GS_SHA256_HEX];
    gs_file_write(in_folder("w.py"), "one", 3, &err);
    fingerprint_of(sampler, before);
    gs_file_write(in_folder("w.py"), "two", 3, &err);
    expect_fingerprint(sampler, before, false);
}

/* Opens the folder, which must hold that many pictures, and tells what it left out. */
static void expect_listing(uint64_t count, const char *left_out)
{
    gs_sampler *sampler;
    gs_model model;
    if (open_folder(&sampler, &model) != GS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(gs_sampler_count(sampler), count);
    assert_string_equal(gs_sampler_left_out(sampler), left_out);
    gs_sampler_close(sampler);
    gs_model_free(&model);
}

static void a_picture_with_another_ending_is_known_by_its_content(void **state)
{
    (void)state;
    static const char *const names[] = {"pictures/a.gif", "pictures/b.jfif",    "pictures/c.txt",
                                        "pictures/d",     "pictures/e.jpg_old", "pictures/f.heic"};
    gs_make_directories(in_folder("pictures"), &err);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        copy_picture(i % 2 ? "rgb.png" : "ycc420.jpg", names[i]);
    gs_file_write(in_folder("pictures/caption.txt"), "a cat", 5, &err);
    gs_file_write(in_folder("pictures/empty"), "", 0, &err);
    expect_listing(6, "");
}

static void formats_that_are_not_read_and_links_to_nothing_are_counted_and_named(void **state)
{
    (void)state;
    gs_make_directories(in_folder("pictures/sub"), &err);
    copy_picture("rgb.png", "pictures/a.png");
    copy_picture("not-supported.bmp", "pictures/a.bmp");
    copy_picture("not-supported.bmp", "pictures/sub/b.dib");
    gs_file_write(in_folder("pictures/sub/c.gif"), "GIF89a......", 12, &err);
    gs_file_write(in_folder("pictures/d.heic"), "....ftypheic", 12, &err);
    expect_listing(1, "2 BMP, 1 HEIC, 1 GIF (PNG, JPEG and WebP are read)");
    assert_int_equal(symlink("nowhere", in_folder("pictures/sub/gone.jpg")), 0);
    assert_int_equal(symlink("itself", in_folder("pictures/itself")), 0);
    expect_listing(1, "2 BMP, 1 HEIC, 1 GIF (PNG, JPEG and WebP are read); 2 links to nothing: itself, sub/gone.jpg");
    for (int i = 0; i < 30; i++) {
        char name[64];
        snprintf(name, sizeof name, "pictures/lost%02d.png", i);
        assert_int_equal(symlink("nowhere", in_folder(name)), 0);
    }
    gs_sampler *sampler;
    gs_model model;
    assert_int_equal(open_folder(&sampler, &model), GS_OK);
    const char *text = gs_sampler_left_out(sampler);
    assert_non_null(strstr(text, "32 links to nothing: itself, lost00.png, "));
    assert_string_equal(text + strlen(text) - strlen(", lost08.png ..."), ", lost08.png ...");
    gs_sampler_close(sampler);
    gs_model_free(&model);
}

static void what_file_servers_and_systems_keep_beside_pictures_is_no_sample(void **state)
{
    (void)state;
    static const char *const folders[] = {
        "@eaDir/a.png", "sub/@eaDir/b.jpg", ".thumbnails", "__MACOSX/sub", "sub/__macosx",         "@__thumb",
        "#recycle",     "$RECYCLE.BIN",     "lost+found",  ".@__thumb",    "sub/.Trash-1000/files"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char name[128];
        snprintf(name, sizeof name, "pictures/%s", folders[i]);
        gs_make_directories(in_folder(name), &err);
        snprintf(name, sizeof name, "pictures/%s/SYNOPHOTO_THUMB_M.jpg", folders[i]);
        copy_picture("ycc420.jpg", name);
    }
    copy_picture("rgb.png", "pictures/a.png");
    copy_picture("ycc420.jpg", "pictures/sub/._b.jpg");
    copy_picture("ycc420.jpg", "pictures/sub/b.jpg");
    gs_make_directories(in_folder("pictures/@artist"), &err); /* a user's own */
    copy_picture("rgb.png", "pictures/@artist/c.png");
    expect_listing(3, "");
}

static void a_folder_that_several_links_lead_to_is_seen_once(void **state)
{
    (void)state;
    gs_make_directories(in_folder("pictures/a"), &err);
    gs_make_directories(in_folder("pictures/b"), &err);
    copy_picture("rgb.png", "pictures/a/1.png");
    copy_picture("rgb.png", "pictures/b/2.png");
    assert_int_equal(symlink("../b", in_folder("pictures/a/other")), 0);
    assert_int_equal(symlink("../a", in_folder("pictures/b/other")), 0);
    assert_int_equal(symlink("..", in_folder("pictures/b/up")), 0);
    assert_int_equal(symlink("../..", in_folder("pictures/b/above")), 0);
    assert_int_equal(symlink("a", in_folder("pictures/c")), 0);
    expect_listing(2, "");
}

static void a_picture_that_cannot_be_read_is_an_empty_frame_in_its_place(void **state)
{
    (void)state;
    enum { GOOD = 20, BAD = 5 };
    static const char *const bad[BAD][2] = {{"empty.jpg", ""},
                                            {"page.jpg", "<!DOCTYPE html><title>429 Too Many Requests</title>"},
                                            {"phone.jpg", "....ftypheic....mif1heic"},
                                            {"pointer.png", "version https://git-lfs.github.com/spec/v1\n"},
                                            {"text.webp", "text"}};
    int before[GOOD], after[GOOD];
    gs_make_directories(in_folder("pictures"), &err);
    for (int i = 0; i < GOOD; i++) {
        char name[64];
        snprintf(name, sizeof name, "pictures/%02d.png", i);
        copy_picture(i % 3 ? "turned6.jpg" : i % 2 ? "turned1.jpg" : "alpha-pairs.png", name);
    }
    read_widths(1, GOOD, before);
    for (int i = 0; i < BAD; i++) {
        char name[64];
        snprintf(name, sizeof name, "pictures/%s", bad[i][0]);
        gs_file_write(in_folder(name), bad[i][1], strlen(bad[i][1]), &err);
    }
    gs_sampler *sampler;
    gs_model model;
    gs_image frames[GOOD + BAD];
    size_t got, good = 0, named = 0;
    assert_int_equal(open_folder(&sampler, &model), GS_OK);
    assert_int_equal(gs_sampler_read(sampler, 0, GOOD + BAD, frames, faults, &got, &err), GS_OK);
    assert_int_equal(got, GOOD + BAD);
    for (size_t i = 0; i < got; i++) {
        if (frames[i].rgb)
            after[good++] = frames[i].width;
        for (int k = 0; k < BAD && !frames[i].rgb; k++)
            named += strstr(faults[i].message, bad[k][0]) != NULL;
        gs_image_free(&frames[i]);
    }
    assert_int_equal(good, GOOD);
    assert_int_equal(named, BAD);
    assert_memory_equal(before, after, sizeof before); /* in the order they had without the bad ones */
    gs_sampler_close(sampler);
    gs_model_free(&model);
}

static void folders_without_pictures_are_refused(void **state)
{
    (void)state;
    gs_sampler *sampler;
    gs_model model;
    assert_int_equal(open_folder(&sampler, &model), GS_ENOTFOUND);
    says("/pictures: No such file or directory (field 'sampler.path' of ");
    gs_model_free(&model);
    gs_make_directories(in_folder("pictures"), &err);
    assert_int_equal(open_folder(&sampler, &model), GS_EFORMAT);
    says("/pictures: holds no PNG, JPEG or WebP picture");
    gs_model_free(&model);
    assert_int_equal(symlink("nowhere", in_folder("pictures/a.png")), 0);
    assert_int_equal(open_folder(&sampler, &model), GS_EFORMAT);
    says("/pictures: holds no PNG, JPEG or WebP picture, but 1 link to nothing: a.png");
    gs_model_free(&model);
    assert_null(sampler);

    model = write_model("{\"kind\":\"folder\"}");
    assert_int_equal(gs_sampler_open(&sampler, &model, &(gs_sampler_options){0}, &err), GS_EFORMAT);
    says("field 'sampler.path' is missing, expected a path");
    gs_model_free(&model);
}

static void unknown_kinds_are_refused(void **state)
{
    (void)state;
    gs_sampler *sampler;
    gs_model model = write_model("{\"kind\":\"magic\"}");
    assert_int_equal(gs_sampler_open(&sampler, &model, &(gs_sampler_options){0}, &err), GS_EFORMAT);
    says("model.json: field 'sampler.kind' is 'magic', expected one of folder, archive, statistics, worker, onnx, "
         "torchscript, http");
    gs_model_free(&model);
}

/* --- workers --- */

typedef struct {
    gs_model model;
    gs_sampler *sampler;
} worker;

static worker start(const char *mode, double timeout)
{
    char sampler[1024];
    worker w;
    snprintf(sampler, sizeof sampler, "{\"kind\":\"worker\",\"command\":[\"python3\",\"%s/worker.py\",\"%s\"]}",
             GS_GOLDEN "/../unit/workers", mode);
    w.model = write_model(sampler);
    if (gs_sampler_open(&w.sampler, &w.model, &(gs_sampler_options){.seed = 3, .timeout = timeout}, &err) != GS_OK)
        fail_msg("%s", err.message);
    return w;
}

static void stop(worker *w)
{
    gs_sampler_close(w->sampler);
    gs_model_free(&w->model);
}

static void check_frames(const gs_image *frames, uint64_t first, size_t count, bool grey)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(frames[i].width, 5);
        assert_int_equal(frames[i].height, 4);
        for (size_t y = 0, at = 0; y < 4; y++)
            for (size_t x = 0; x < 5; x++)
                for (size_t c = 0; c < 3; c++, at++)
                    assert_int_equal(frames[i].rgb[at], (3 * 31 + (first + i) * 7 + y * 3 + x + (grey ? 0 : c)) % 256);
    }
}

static void expect_samples(const char *mode)
{
    worker w = start(mode, 20);
    gs_image frames[7];
    size_t got;
    assert_int_equal(gs_sampler_count(w.sampler), 0);
    for (uint64_t first = 0; first < 21; first += 7) {
        if (gs_sampler_read(w.sampler, first, 7, frames, faults, &got, &err) != GS_OK)
            fail_msg("%s: %s", mode, err.message);
        assert_int_equal(got, 7);
        check_frames(frames, first, 7, strcmp(mode, "grey") == 0);
        for (size_t i = 0; i < 7; i++)
            gs_image_free(&frames[i]);
    }
    stop(&w);
}

static void good_workers_are_understood(void **state)
{
    (void)state;
    static const char *const modes[] = {"good", "grey", "by-two", "slowly", "checks-request"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        expect_samples(modes[i]);
}

/* Runs the test with standard error in a file, so that what a worker says there does not drown the results. */
static int hush(void)
{
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    assert_non_null(freopen(in_folder("log"), "a", stderr));
    return kept;
}

static void unhush(int kept)
{
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
}

static void a_chatty_worker_does_not_lock_up_and_is_passed_on(void **state)
{
    (void)state;
    int kept = hush();
    expect_samples("chatty");
    unhush(kept);
    struct stat log;
    assert_int_equal(stat(in_folder("log"), &log), 0);
    assert_true(log.st_size > 3 * 1000000);
}

/* timeout: long enough for python3 to start on a busy machine, where something is to come before the silence. */
static void expect_failure_within(double timeout, const char *mode, const char *message)
{
    int kept = hush();
    worker w = start(mode, timeout);
    gs_image frames[3];
    size_t got = 99;
    double before = seconds();
    gs_status st = gs_sampler_read(w.sampler, 0, 3, frames, faults, &got, &err);
    double took = seconds() - before;
    if (st != GS_ECHILD || !strstr(err.message, message)) {
        unhush(kept);
        fail_msg("%s: status %d, '%s', expected '%s'", mode, st, err.message, message);
    }
    says("model.json: worker 'python3': ");
    assert_int_equal(got, 0);
    assert_true(took < timeout + 10);
    assert_int_equal(gs_sampler_read(w.sampler, 0, 3, frames, faults, &got, &err), GS_ECHILD);
    says("has failed before");
    before = seconds();
    stop(&w);
    assert_true(seconds() - before < 10);
    unhush(kept);
}

static void expect_failure(const char *mode, const char *message)
{
    expect_failure_within(60, mode, message);
}

static void workers_that_die_are_reported_with_their_last_words(void **state)
{
    (void)state;
    expect_failure("dies", "ended with status 3: first line | CUDA is out of memory");
    expect_failure("dies-in-frame", "after 10 of a picture's 60 bytes: ended with status 0");
    expect_failure("killed", "was killed by signal 9 (Killed)");
    expect_failure("dies-at-once", "ended with status 1: no module named torch");
    expect_failure("error", "no such checkpoint");
    expect_failure("traceback", "Traceback:  no such checkpoint [0m");
}

static void workers_that_hang_are_given_up(void **state)
{
    (void)state;
    expect_failure_within(0.5, "hangs", "gave no sign for 0.5 seconds");
    expect_failure_within(4, "hangs-in-frame", "after 10 of a picture's 60 bytes: gave no sign for 4 seconds");
    expect_failure_within(4, "talks-and-hangs", " | still loading | still loading");
    expect_failure("closes", "closed its output");
}

static void workers_that_lie_are_caught(void **state)
{
    (void)state;
    expect_failure("junk", "answered 'Loading weights...', expected a line of JSON");
    expect_failure("long-junk", "answered 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', expected");
    expect_failure("no-object", "answered '[1,2]', expected");
    expect_failure("too-long", "sent more bytes than it announced");
    expect_failure("too-many", "announced 'count' 4, expected a whole number from 1 to 3");
    expect_failure("none", "announced 'count' 0, expected a whole number from 1 to 3");
    expect_failure("nan", "answered '{\"width\":NaN,");
    expect_failure("negative", "announced 'width' -5, expected a whole number from 1 to 32768");
    expect_failure("fraction", "announced 'height' 4.5, expected");
    expect_failure("huge", "announced: a picture of 32768 x 32768 pixels, at most");
    expect_failure("enormous", "announced 'width' 1e+300, expected");
    expect_failure("no-width", "announced no number 'width'");
    expect_failure("string", "announced no number 'width'");
    expect_failure("rgba", "announced 'channels' 4, expected a whole number from 1 to 3");
    expect_failure("two-channels", "announced 'channels' 2, expected 1 (grey) or 3 (RGB)");
}

/* A zombie has ended: init sees to it, or nobody does in a container without one. */
static bool is_running(int pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    return read && !strstr(line, ") Z ");
}

static void a_hung_worker_goes_with_its_children(void **state)
{
    (void)state;
    expect_failure_within(4, "hangs-with-child", "gave no sign");
    FILE *file = fopen(in_folder("child.pid"), "r");
    int pid = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    for (int i = 0; i < 500 && is_running(pid); i++) /* it was killed; give it the time to die */
        usleep(10000);
    assert_false(is_running(pid));
}

static volatile sig_atomic_t pipe_signals;

static void count_signal(int signal)
{
    (void)signal;
    pipe_signals++;
}

/* The worker dies between two requests: the second meets a closed pipe. */
static void sigpipe_reaches_nobody(void **state)
{
    (void)state;
    struct sigaction count = {.sa_handler = count_signal}, before, after;
    sigaction(SIGPIPE, &count, &before);
    worker w = start("good", 5);
    gs_image frame;
    size_t got;
    assert_int_equal(gs_sampler_read(w.sampler, 0, 1, &frame, faults, &got, &err), GS_OK);
    gs_image_free(&frame);
    char command[64];
    snprintf(command, sizeof command, "pkill -9 -P %d python3", (int)getpid());
    assert_int_equal(system(command), 0);
    usleep(100000);
    assert_int_equal(gs_sampler_read(w.sampler, 1, 1, &frame, faults, &got, &err), GS_ECHILD);
    says("was killed by signal 9");
    stop(&w);
    assert_int_equal(pipe_signals, 0);
    sigaction(SIGPIPE, &before, &after);
    assert_true(after.sa_handler == count_signal);
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    assert_false(sigismember(&blocked, SIGPIPE));
}

static void open_refuses(const char *sampler_json, const gs_sampler_options *options, gs_status expected,
                         const char *message)
{
    gs_sampler *sampler;
    gs_model model = write_model(sampler_json);
    assert_int_equal(gs_sampler_open(&sampler, &model, options, &err), expected);
    assert_null(sampler);
    says(message);
    gs_model_free(&model);
}

static void wrong_worker_blocks_are_refused(void **state)
{
    (void)state;
    const gs_sampler_options options = {.seed = 1};
    const char *expected = "field 'sampler.command' must be an array of strings, the program first";
    open_refuses("{\"kind\":\"worker\"}", &options, GS_EFORMAT, expected);
    open_refuses("{\"kind\":\"worker\",\"command\":\"ls\"}", &options, GS_EFORMAT, expected);
    open_refuses("{\"kind\":\"worker\",\"command\":[]}", &options, GS_EFORMAT, expected);
    open_refuses("{\"kind\":\"worker\",\"command\":[\"ls\",3]}", &options, GS_EFORMAT, expected);
    open_refuses("{\"kind\":\"worker\",\"command\":[3]}", &options, GS_EFORMAT, expected);
    open_refuses("{\"kind\":\"worker\",\"command\":[\"\"]}", &options, GS_EFORMAT, expected);
    open_refuses("{\"kind\":\"worker\",\"command\":[\"no-such-program-7\"]}", &options, GS_ENOTFOUND,
                 "worker 'no-such-program-7': no-such-program-7: cannot be started in ");
    open_refuses("{\"kind\":\"worker\",\"command\":[\"cat\"],\"timeout\":-1}", &options, GS_EFORMAT,
                 "field 'sampler.timeout' must be a number of seconds");
    open_refuses("{\"kind\":\"worker\",\"command\":[\"cat\"]}", &(gs_sampler_options){.seed = UINT64_C(1) << 53},
                 GS_EARGS, "seed 9007199254740992: at most 9007199254740991");
}

/* A worker beside its model.json is found there, whatever our own working directory. */
static void a_command_is_run_where_the_model_lies(void **state)
{
    (void)state;
    const char *script = "#!/bin/sh\nread -r request\necho '{\"width\":1,\"height\":1,\"channels\":3,\"count\":1}'\n"
                         "printf abc\nread -r request\nexit 0\n";
    assert_int_equal(gs_file_write(in_folder("mine.sh"), script, strlen(script), &err), GS_OK);
    assert_int_equal(chmod(in_folder("mine.sh"), 0755), 0);
    gs_model model = write_model("{\"kind\":\"worker\",\"command\":[\"./mine.sh\"]}");
    gs_sampler *sampler;
    gs_image frame;
    size_t got;
    assert_int_equal(gs_sampler_open(&sampler, &model, &(gs_sampler_options){.seed = 1}, &err), GS_OK);
    assert_int_equal(gs_sampler_read(sampler, 0, 1, &frame, faults, &got, &err), GS_OK);
    assert_memory_equal(frame.rgb, "abc", 3);
    gs_image_free(&frame);
    gs_sampler_close(sampler);
    gs_model_free(&model);
}

static void a_missing_node_is_named(void **state)
{
    (void)state;
    char *path = strdup(getenv("PATH"));
    assert_int_equal(gs_make_directories(in_folder("share/tools/workers"), &err), GS_OK);
    assert_int_equal(gs_file_write(in_folder("share/tools/workers/onnx.mjs"), "", 0, &err), GS_OK);
    setenv("GENSEARCH_SHARE", in_folder("share"), 1);
    setenv("PATH", folder, 1);
    open_refuses("{\"kind\":\"onnx\",\"path\":\"x.onnx\"}", &(gs_sampler_options){.seed = 1}, GS_ENOTFOUND,
                 "worker 'node' (Node.js, which runs ONNX generators): node: cannot be started in ");
    setenv("PATH", path, 1);
    setenv("GENSEARCH_SHARE", folder, 1);
    open_refuses("{\"kind\":\"onnx\",\"path\":\"x.onnx\"}", &(gs_sampler_options){.seed = 1}, GS_ENOTFOUND,
                 "/tools/workers/onnx.mjs: not found; it belongs to the installation");
    unsetenv("GENSEARCH_SHARE");
    free(path);
}

/* hex: the bytes of all frames; one level of rounding apart is allowed. */
static void check_hex(const gs_image *frames, size_t count, const char *hex)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(frames[i].width, 5);
        assert_int_equal(frames[i].height, 4);
        for (size_t at = 0; at < 60; at++, hex += 2) {
            int expected = (int)strtol((char[]){hex[0], hex[1], 0}, NULL, 16);
            assert_in_range(frames[i].rgb[at] + 1, expected, expected + 2);
        }
    }
    assert_int_equal(*hex, 0);
}

/* golden/sampling/expected.json: tests/golden/make_sampling.py, NumPy alone. */
static void the_shipped_worker_gives_what_numpy_computes(void **state)
{
    (void)state;
    char *modules;
    if (gs_share_path("tools/workers/node_modules/onnxruntime-node", &modules, &err) != GS_OK)
        skip(); /* not installed: its own tests say so too */
    free(modules);
    gs_bytes text;
    assert_int_equal(gs_file_read(&text, GS_GOLDEN "/sampling/expected.json", 1 << 22, &err), GS_OK);
    cJSON *golden = cJSON_Parse((const char *)text.data);
    const cJSON *expected = cJSON_GetObjectItem(cJSON_GetObjectItem(golden, "frames"), "decode");
    uint64_t seed = (uint64_t)cJSON_GetObjectItem(golden, "seed")->valuedouble;
    uint64_t first = (uint64_t)cJSON_GetObjectItem(golden, "first")->valuedouble;

    gs_model model;
    gs_sampler *sampler;
    gs_image frames[20];
    size_t got;
    assert_int_equal(gs_model_read(&model, GS_GOLDEN "/sampling/decode.json", &err), GS_OK);
    assert_int_equal(gs_sampler_open(&sampler, &model, &(gs_sampler_options){.seed = seed}, &err), GS_OK);
    if (gs_sampler_read(sampler, first, 20, frames, faults, &got, &err) != GS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(got, 20);
    check_hex(frames, 20, expected->valuestring);
    for (size_t i = 0; i < got; i++)
        gs_image_free(&frames[i]);
    gs_sampler_close(sampler);
    gs_model_free(&model);
    cJSON_Delete(golden);
    gs_bytes_free(&text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folder_is_read_with_all_below_it_each_picture_once),
        TEST(the_first_samples_are_drawn_from_every_class),
        TEST(more_samples_begin_with_the_fewer),
        TEST(a_folder_is_known_by_its_pictures),
        TEST(a_generator_is_known_by_the_contents_of_its_files),
        TEST(a_graph_is_known_by_the_contents_of_its_data_files_too),
        TEST(a_program_beside_model_json_belongs_to_the_model),
        TEST(a_picture_with_another_ending_is_known_by_its_content),
        TEST(formats_that_are_not_read_and_links_to_nothing_are_counted_and_named),
        TEST(what_file_servers_and_systems_keep_beside_pictures_is_no_sample),
        TEST(a_folder_that_several_links_lead_to_is_seen_once),
        TEST(a_picture_that_cannot_be_read_is_an_empty_frame_in_its_place),
        TEST(folders_without_pictures_are_refused),
        TEST(unknown_kinds_are_refused),
        TEST(good_workers_are_understood),
        TEST(a_chatty_worker_does_not_lock_up_and_is_passed_on),
        TEST(workers_that_die_are_reported_with_their_last_words),
        TEST(workers_that_hang_are_given_up),
        TEST(workers_that_lie_are_caught),
        TEST(a_hung_worker_goes_with_its_children),
        TEST(sigpipe_reaches_nobody),
        TEST(wrong_worker_blocks_are_refused),
        TEST(a_command_is_run_where_the_model_lies),
        TEST(the_shipped_worker_gives_what_numpy_computes),
        TEST(a_missing_node_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

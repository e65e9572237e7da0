#include "indexer/util/file.h"
#include "indexer/util/share.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static gs_error err;
static char folder[] = "/tmp/gensearch-file-XXXXXX";

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

static size_t count_entries(void)
{
    DIR *listing = opendir(folder);
    size_t count = 0;
    while (readdir(listing))
        count++;
    closedir(listing);
    return count - 2; /* "." and ".." */
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    size_t size = 300000; /* more than one read of a pipe or of a file that tells no size */
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    gs_bytes back;
    assert_int_equal(gs_file_write(in_folder("x"), bytes, size, &err), GS_OK);
    assert_int_equal(gs_file_read(&back, in_folder("x"), size, &err), GS_OK);
    assert_int_equal(back.size, size);
    assert_memory_equal(back.data, bytes, size);
    assert_int_equal(back.data[size], 0);
    gs_bytes_free(&back);
    gs_bytes_free(&back);
    assert_int_equal(gs_file_read(&back, in_folder("x"), size - 1, &err), GS_EFORMAT);
    assert_null(back.data);
    assert_int_equal(gs_file_write(in_folder("x"), "", 0, &err), GS_OK);
    assert_int_equal(gs_file_read(&back, in_folder("x"), 0, &err), GS_OK);
    assert_int_equal(back.size, 0);
    assert_int_equal(back.data[0], 0);
    gs_bytes_free(&back);
    assert_int_equal(count_entries(), 1);
    free(bytes);
}

static void files_that_tell_no_size_are_read_and_limited(void **state)
{
    (void)state;
    gs_bytes bytes;
    assert_int_equal(gs_file_read(&bytes, "/proc/self/status", 1 << 20, &err), GS_OK);
    assert_memory_equal(bytes.data, "Name:", 5);
    gs_bytes_free(&bytes);
    assert_int_equal(gs_file_read(&bytes, "/dev/zero", 1 << 20, &err), GS_EFORMAT);
    assert_string_equal(err.message, "/dev/zero: more than 1048576 bytes");
}

static void files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    gs_bytes bytes;
    char expected[128];
    assert_int_equal(gs_file_read(&bytes, in_folder("none"), 10, &err), GS_EIO);
    snprintf(expected, sizeof expected, "%s/none: No such file or directory", folder);
    assert_string_equal(err.message, expected);
    assert_int_equal(gs_file_read(&bytes, folder, 10, &err), GS_EIO);
    snprintf(expected, sizeof expected, "%s: is a directory, expected a file", folder);
    assert_string_equal(err.message, expected);
}

static void a_failed_write_leaves_nothing_behind(void **state)
{
    (void)state;
    assert_int_equal(gs_make_directories(in_folder("taken/x"), &err), GS_OK);
    assert_int_equal(gs_file_write(in_folder("taken"), "new", 3, &err), GS_EIO); /* a folder stands there */
    assert_int_equal(count_entries(), 1);
    assert_int_equal(gs_file_write(in_folder("none/x"), "new", 3, &err), GS_EIO);
    assert_non_null(strstr(err.message, "/none/x: No such file or directory"));
}

static void a_device_or_a_pipe_is_not_replaced(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_int_equal(gs_file_write(in_folder("pipe"), "new", 3, &err), GS_EIO);
    assert_non_null(strstr(err.message, "/pipe: is there and not a file"));
    assert_int_equal(stat(in_folder("pipe"), &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(count_entries(), 1);
}

static void new_files_have_the_mode_that_umask_leaves(void **state)
{
    (void)state;
    mode_t before = umask(027);
    struct stat info;
    assert_int_equal(gs_file_write(in_folder("x"), "a", 1, &err), GS_OK);
    umask(before);
    assert_int_equal(stat(in_folder("x"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void a_left_over_temporary_file_is_in_nobodys_way(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "x.%ld.0.tmp", (long)getpid());
    fclose(fopen(in_folder(name), "w"));
    assert_int_equal(gs_file_write(in_folder("x"), "a", 1, &err), GS_OK);
    assert_int_equal(count_entries(), 2);
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(gs_make_directories(in_folder("a/b//c/"), &err), GS_OK);
    assert_int_equal(stat(in_folder("a/b/c"), &info), 0);
    assert_int_equal(gs_make_directories(in_folder("a/b/c"), &err), GS_OK);
    assert_int_equal(gs_make_directories("/", &err), GS_OK);
    assert_int_equal(gs_make_directories("", &err), GS_EARGS);
    assert_int_equal(gs_file_write(in_folder("file"), "", 0, &err), GS_OK);
    assert_int_equal(gs_make_directories(in_folder("file"), &err), GS_EIO);
    assert_int_equal(gs_make_directories(in_folder("file/x"), &err), GS_EIO);
}

static void paths_are_joined(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"a", "/b", "/b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = gs_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        free(path);
    }
}

/* FIPS 180-4's examples. */
static void sha256_equals_the_standard(void **state)
{
    (void)state;
    char hex[GS_SHA256_HEX];
    gs_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    gs_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void shared_files_are_found_or_named(void **state)
{
    (void)state;
    char *path;
    setenv("GENSEARCH_SHARE", folder, 1);
    assert_int_equal(gs_file_write(in_folder("here"), "", 0, &err), GS_OK);
    assert_int_equal(gs_share_path("here", &path, &err), GS_OK);
    assert_string_equal(path, in_folder("here"));
    free(path);
    assert_int_equal(gs_share_path("not/here", &path, &err), GS_ENOTFOUND);
    assert_non_null(strstr(err.message, "/not/here: not found"));
    assert_null(path);
    unsetenv("GENSEARCH_SHARE");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_read),
        TEST(files_that_tell_no_size_are_read_and_limited),
        TEST(files_that_cannot_be_read_are_named),
        TEST(a_failed_write_leaves_nothing_behind),
        TEST(a_device_or_a_pipe_is_not_replaced),
        TEST(new_files_have_the_mode_that_umask_leaves),
        TEST(a_left_over_temporary_file_is_in_nobodys_way),
        TEST(folders_are_made_with_their_parents),
        TEST(paths_are_joined),
        TEST(sha256_equals_the_standard),
        TEST(shared_files_are_found_or_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A published folder appears whole or not at all, and never in the place of somebody else's files. */
#include "indexer/publish/folder.h"

#include "indexer/util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/gensearch-folder-XXXXXX";
static char target[64];
static gs_error err;

static int make_root(void **state)
{
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(target, sizeof target, "%s/site", root);
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

static gs_status commit_folder(gs_folder *folder)
{
    gs_json_tree manifest;
    gs_json_tree_init(&manifest);
    gs_json_put_string(&manifest, manifest.root, "format", "gensearch");
    gs_status st = gs_folder_commit(folder, &manifest, &err);
    gs_json_tree_free(&manifest);
    return st;
}

/* The output of a shell command run in root. */
static const char *shell(const char *command)
{
    static char output[1024];
    char line[256];
    snprintf(line, sizeof line, "cd '%s' && %s", root, command);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = 0;
    pclose(pipe);
    return output;
}

static void commit(const char *name, const char *content)
{
    gs_folder *folder;
    assert_int_equal(gs_folder_open(&folder, target, &err), GS_OK);
    assert_int_equal(gs_folder_add(folder, name, content, strlen(content), &err), GS_OK);
    assert_int_equal(commit_folder(folder), GS_OK);
    gs_folder_close(folder);
}

static void nothing_is_seen_before_the_commit_nor_left_after_a_drop(void **state)
{
    (void)state;
    gs_folder *folder;
    assert_int_equal(gs_folder_open(&folder, target, &err), GS_OK);
    assert_int_equal(gs_folder_add(folder, "a/b/c.txt", "x", 1, &err), GS_OK);
    assert_int_equal(access(target, F_OK), -1);
    gs_folder_close(folder);
    assert_string_equal(shell("ls -A"), "");
}

static void the_manifest_lists_files_by_path(void **state)
{
    (void)state;
    gs_folder *folder;
    assert_int_equal(gs_folder_open(&folder, target, &err), GS_OK);
    assert_int_equal(gs_folder_add(folder, "z.txt", "abc", 3, &err), GS_OK);
    assert_int_equal(gs_folder_add(folder, "a/b.txt", "", 0, &err), GS_OK);
    assert_int_equal(commit_folder(folder), GS_OK);
    gs_folder_close(folder);
    /* printf abc | sha256sum, and that of nothing */
    assert_string_equal(
        shell("cat site/manifest.json"),
        "{\"format\":\"gensearch\",\"files\":{"
        "\"a/b.txt\":{\"size\":0,\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"},"
        "\"z.txt\":{\"size\":3,\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}}}");
}

static int until_failure; /* allocations of cJSON's before the one that fails */

static void *failing_malloc(size_t size)
{
    return until_failure-- == 0 ? NULL : malloc(size);
}

/* Whichever allocation fails: a manifest that lacks an entry is never published. */
static void a_manifest_without_memory_is_no_manifest(void **state)
{
    (void)state;
    gs_status st = GS_ENOMEM;
    for (int n = 0; st != GS_OK; n++) {
        gs_folder *folder;
        assert_int_equal(gs_folder_open(&folder, target, &err), GS_OK);
        assert_int_equal(gs_folder_add(folder, "a.txt", "abc", 3, &err), GS_OK);
        until_failure = n;
        cJSON_InitHooks(&(cJSON_Hooks){failing_malloc, free});
        st = commit_folder(folder);
        cJSON_InitHooks(NULL);
        gs_folder_close(folder);
        if (st != GS_OK) {
            assert_int_equal(st, GS_ENOMEM);
            assert_string_equal(shell("ls -A"), "");
        }
    }
    /* printf abc | sha256sum */
    assert_string_equal(
        shell("cat site/manifest.json"),
        "{\"format\":\"gensearch\",\"files\":{"
        "\"a.txt\":{\"size\":3,\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"}}}");
}

static void the_same_content_under_its_hash_is_one_file(void **state)
{
    (void)state;
    gs_folder *folder;
    char one[GS_FOLDER_HASH], two[GS_FOLDER_HASH];
    assert_int_equal(gs_folder_open(&folder, target, &err), GS_OK);
    assert_int_equal(gs_folder_add_hashed(folder, "t/", ".x", "abc", 3, one, &err), GS_OK);
    assert_int_equal(gs_folder_add_hashed(folder, "t/", ".x", "abc", 3, two, &err), GS_OK);
    assert_string_equal(one, "ba7816bf8f01cfea");
    assert_string_equal(one, two);
    assert_int_equal(gs_folder_add(folder, "t/ba7816bf8f01cfea.x", "abc", 3, &err), GS_EIO);
    assert_int_equal(commit_folder(folder), GS_OK);
    gs_folder_close(folder);
    assert_string_equal(shell("ls site/t"), "ba7816bf8f01cfea.x\n");
    assert_string_equal(shell("grep -o ba7816bf8f01cfea.x site/manifest.json"), "ba7816bf8f01cfea.x\n");
}

static void a_new_folder_takes_the_place_of_the_old(void **state)
{
    (void)state;
    commit("old.txt", "1");
    commit("new.txt", "2");
    assert_string_equal(shell("ls -A . site"), ".:\nsite\n\nsite:\nmanifest.json\nnew.txt\n");
}

static void what_appeared_meanwhile_is_not_overwritten(void **state)
{
    (void)state;
    gs_folder *folder;
    assert_int_equal(gs_folder_open(&folder, target, &err), GS_OK);
    assert_int_equal(mkdir(target, 0777), 0);
    shell("echo mine > site/notes.txt");
    assert_int_equal(commit_folder(folder), GS_EARGS);
    gs_folder_close(folder);
    assert_string_equal(shell("ls -A . site"), ".:\nsite\n\nsite:\nnotes.txt\n");
}

static bool skip_hidden(const char *name)
{
    return name[0] == '.';
}

static void a_tree_is_copied_without_what_is_skipped(void **state)
{
    (void)state;
    gs_folder *folder;
    char source[64];
    shell(
        "mkdir -p from/d/.git && echo 1 > from/d/x && echo 2 > from/.y && echo 3 > from/d/.git/z && ln -s d/x from/l");
    snprintf(source, sizeof source, "%s/from", root);
    assert_int_equal(gs_folder_open(&folder, target, &err), GS_OK);
    assert_int_equal(gs_folder_add_tree(folder, "", source, skip_hidden, &err), GS_OK);
    assert_int_equal(commit_folder(folder), GS_OK);
    gs_folder_close(folder);
    assert_string_equal(shell("cd site && find . -type f | sort"), "./d/x\n./l\n./manifest.json\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_seen_before_the_commit_nor_left_after_a_drop),
        TEST(the_manifest_lists_files_by_path),
        TEST(a_manifest_without_memory_is_no_manifest),
        TEST(the_same_content_under_its_hash_is_one_file),
        TEST(a_new_folder_takes_the_place_of_the_old),
        TEST(what_appeared_meanwhile_is_not_overwritten),
        TEST(a_tree_is_copied_without_what_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

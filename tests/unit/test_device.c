/* The words with which a program without a GPU says so. What a device computes is tested in tests/gpu. */
#include "indexer/nn/device.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_refused(const char *plugin, gs_status status, const char *words)
{
    gs_error err = {""};
    const gs_cuda_api *api = NULL;
    setenv("GENSEARCH_CUDA", plugin, 1);
    assert_int_equal(gs_cuda_open(&api, &err), status);
    assert_null(api);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void an_absent_plugin_is_named(void **state)
{
    (void)state;
    expect_refused("/nowhere/gensearch_cuda.so", GS_ENOTFOUND,
                   "no plug-in was built: /nowhere/gensearch_cuda.so is not there");
}

static void what_is_no_library_is_refused(void **state)
{
    (void)state;
    expect_refused("/proc/self/status", GS_ENOTFOUND, "the plug-in cannot be loaded: /proc/self/status: ");
}

static void another_library_is_refused(void **state)
{
    (void)state;
    Dl_info library;
    const char *(*function)(void) = sqlite3_libversion;
    void *address;
    memcpy(&address, &function, sizeof address);
    assert_true(dladdr(address, &library) != 0);
    expect_refused(library.dli_fname, GS_EMISMATCH, "no symbol gs_cuda_plugin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absent_plugin_is_named),
        cmocka_unit_test(what_is_no_library_is_refused),
        cmocka_unit_test(another_library_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

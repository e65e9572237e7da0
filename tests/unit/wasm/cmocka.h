/* cmocka.h - the part of cmocka that the tests of core/ use, for WebAssembly, where cmocka does not exist. A failed
 * assertion ends the program. */
#ifndef WASM_CMOCKA_H
#define WASM_CMOCKA_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(test)                                                                                         \
    {                                                                                                                  \
#test, test                                                                                                    \
    }

#define assert_true(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("%s:%d: %s is false\n", __FILE__, __LINE__, #condition);                                            \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

#define assert_int_equal(a, b)                                                                                         \
    do {                                                                                                               \
        intmax_t a_ = (intmax_t)(a), b_ = (intmax_t)(b);                                                               \
        if (a_ != b_)                                                                                                  \
            printf("%" PRIdMAX " is not %" PRIdMAX "\n", a_, b_);                                                      \
        assert_true(a_ == b_);                                                                                         \
    } while (0)

#define assert_false(condition)      assert_true(!(condition))
#define assert_non_null(pointer)     assert_true((pointer) != NULL)
#define assert_null(pointer)         assert_true((pointer) == NULL)
#define assert_string_equal(a, b)    assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)

#define cmocka_run_group_tests(tests, setup, teardown) wasm_run(tests, sizeof(tests) / sizeof *(tests), setup, teardown)

static inline int wasm_run(const struct CMUnitTest *tests, size_t n, int (*setup)(void **), int (*teardown)(void **))
{
    void *state = NULL;
    if (setup && setup(&state) != 0)
        return 1;
    for (size_t i = 0; i < n; i++) {
        printf("%s\n", tests[i].name);
        tests[i].run(&state);
    }
    return teardown ? teardown(&state) : 0;
}

#endif

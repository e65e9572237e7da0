/* words.h: the whole words of each kind of tokenizer. The number of the embedded encoder's was counted in its vocab.json, by a regular
 * expression. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "indexer/hf/vocabulary.h"
#include "indexer/search/words.h"

#include <string.h>

static gs_error err;

static void assert_words(const gs_tokenizer *t, const char *const *expected, size_t n)
{
    char **words;
    size_t count;
    assert_int_equal(gs_words_list(t, &words, &count, &err), GS_OK);
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(words[i], expected[i]);
    gs_words_free(words, count);
}

static void the_embedded_encoders_are_those_of_its_vocabulary(void **state)
{
    (void)state;
    gs_bytes bytes;
    gs_tokenizer t;
    char **words;
    size_t count;
    assert_int_equal(gs_vocabulary_read(&bytes, GS_GOLDEN "/../../data/encoder", 77, 1 << 16, &err), GS_OK);
    assert_int_equal(gs_tokenizer_open(&t, bytes.data, bytes.size, &err), GS_OK);
    assert_int_equal(gs_words_list(&t, &words, &count, &err), GS_OK);
    assert_int_equal(count, 503);
    assert_string_equal(words[0], "ability");
    assert_string_equal(words[count - 1], "written");
    gs_words_free(words, count);
    gs_bytes_free(&bytes);
}

/* A space before a word is U+2581, three bytes. */
static const char texts[] = "\xe2\x96\x81kittens\xe2\x96\x81"
                            "cat"
                            "kittens"
                            "\xe2\x96\x81Kittens";

static void pieces_that_begin_with_a_space_are_words(void **state)
{
    (void)state;
    const gs_piece list[] = {{0, 10, 0, 0}, {10, 6, 1, 0}, {16, 7, 2, 0}, {23, 10, 3, 0}};
    gs_tokenizer t = {.kind = GS_TOKENIZER_UNIGRAM, .n_tokens = 5, .pieces = {list, texts, 4}};
    assert_words(&t, (const char *const[]){"kittens"}, 1);
}

static void merged_characters_that_begin_with_a_space_are_words(void **state)
{
    (void)state;
    /* space, "kittens" as one character would be, and what they merge to; a merge of itself does not end */
    const gs_piece list[] = {{10, 3, 0, 0}, {16, 7, 1, 0}};
    const gs_merge merges[] = {{0, 1, 2, 0}, {3, 3, 3, 1}};
    gs_tokenizer t = {
        .kind = GS_TOKENIZER_GEMMA, .n_tokens = 4, .n_merges = 2, .merges = merges, .pieces = {list, texts, 2}};
    assert_words(&t, (const char *const[]){"kittens"}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_embedded_encoders_are_those_of_its_vocabulary),
        cmocka_unit_test(pieces_that_begin_with_a_space_are_words),
        cmocka_unit_test(merged_characters_that_begin_with_a_space_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

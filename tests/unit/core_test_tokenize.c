/* tokenize.h against transformers' CLIPTokenizer (golden/tokenizer_golden.h: make_tokenizer.py). */
#include "core_test.h"

#include "core/tokenize.h"
#include "tokenizer_golden.h"

static gs_tokenizer open_golden(void)
{
    gs_tokenizer t;
    gs_error err;
    assert_int_equal(gs_tokenizer_open(&t, tokenizer_bin, sizeof tokenizer_bin, &err), GS_OK);
    return t;
}

static void difficult_texts_equal_clip_tokenizer(void **state)
{
    (void)state;
    gs_tokenizer t = open_golden();
    for (size_t i = 0; i < COUNT(cases); i++) {
        int32_t ids[GS_MAX_TOKENS];
        size_t n = gs_tokenize(&t, (const char *)texts + cases[i].text, cases[i].text_length, ids);
        if (n != cases[i].token_count || memcmp(ids, tokens + cases[i].token, n * sizeof *ids) != 0)
            printf("text %zu: '%.*s'\n", i, (int)cases[i].text_length, (const char *)texts + cases[i].text);
        assert_int_equal(n, cases[i].token_count);
        assert_memory_equal(ids, tokens + cases[i].token, n * sizeof *ids);
    }
}

static void a_short_context_keeps_the_end(void **state)
{
    (void)state;
    gs_tokenizer t = open_golden();
    int32_t full[GS_MAX_TOKENS], cut[4];
    const char *text = "a photo of a cat <|endoftext|>";
    gs_tokenize(&t, text, strlen(text), full);
    t.context = 4;
    assert_int_equal(gs_tokenize(&t, text, strlen(text), cut), 4);
    assert_memory_equal(cut, full, 3 * sizeof *cut);
    assert_int_equal(cut[3], t.end);
    t.context = 2;
    assert_int_equal(gs_tokenize(&t, text, strlen(text), cut), 2);
    assert_int_equal(cut[0], t.start);
    assert_int_equal(cut[1], t.end);
}

/* A word of 256 KiB, 256 KiB of marks: quadratic time would not end. */
static void endless_words_end(void **state)
{
    (void)state;
    gs_tokenizer t = open_golden();
    size_t size = 1 << 18;
    char *text = malloc(size);
    int32_t ids[GS_MAX_TOKENS];
    memset(text, 'a', size);
    assert_int_equal(gs_tokenize(&t, text, size, ids), t.context);
    for (size_t i = 0; i < size; i += 4)
        memcpy(text + i, "\xcc\x81\xcc\xa7", 4); /* acute above, cedilla below: out of order all along */
    assert_int_equal(gs_tokenize(&t, text, size, ids), t.context);
    free(text);
}

static void a_text_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    gs_tokenizer t = open_golden();
    int32_t ids[GS_MAX_TOKENS];
    assert_int_equal(gs_tokenize(&t, "", (size_t)GS_MAX_TEXT + 1, ids), 0);
}

static void random_bytes_are_text_too(void **state)
{
    (void)state;
    gs_tokenizer t = open_golden();
    uint32_t seed = 1;
    for (size_t i = 0; i < 500; i++) {
        size_t length = random_next(&seed) % 200;
        char *text = (char *)random_bytes(&seed, length + 1); /* its own block: reading beyond it is seen */
        int32_t ids[GS_MAX_TOKENS];
        size_t n = gs_tokenize(&t, text, length, ids);
        assert_true(n >= 2 && n <= t.context);
        assert_int_equal(ids[n - 1], t.end);
        free(text);
    }
}

/* A copy of the golden file with one word of it changed. */
static gs_status open_changed(size_t word, uint32_t value, gs_error *err)
{
    uint32_t *bytes = malloc(sizeof tokenizer_bin);
    memcpy(bytes, tokenizer_bin, sizeof tokenizer_bin);
    bytes[word] = value;
    gs_tokenizer t;
    gs_status st = gs_tokenizer_open(&t, bytes, sizeof tokenizer_bin, err);
    free(bytes);
    return st;
}

static void faults_are_named(void **state)
{
    (void)state;
    enum { VERSION = 2, CONTEXT, START, END, PAD, N_TOKENS, N_MERGES, BYTES = 10, MERGES = BYTES + 512 };
    const struct {
        size_t word;
        uint32_t value;
        const char *says;
    } faults[] = {
        {0, 0, "GSTOKEN"},
        {VERSION, 4, "version 4"},
        {CONTEXT, 513, "context of 513"},
        {CONTEXT, 1, "context of 1"},
        {START, 1 << 30, "start"},
        {END, 1 << 30, "end"},
        {PAD, 1 << 30, "pad"},
        {N_TOKENS, 3, "tokens"},
        {N_TOKENS, 0xffffffff, "tokens"},
        {N_MERGES, 7, "merges"},
        {N_MERGES, 0xffffffff, "merges"},
        {BYTES + 65, 1 << 30, "byte 65"},
        {BYTES + 256, 1 << 30, "byte 0"},
        {MERGES, 1 << 30, "merge 0"},
        {COUNT(tokenizer_bin) - 4, 0, "not in order"},
    };
    for (size_t i = 0; i < COUNT(faults); i++) {
        gs_error err;
        assert_int_equal(open_changed(faults[i].word, faults[i].value, &err), GS_EFORMAT);
        assert_error(err, faults[i].says);
    }
}

/* The golden file with one added token, "cat", whose record is changed in one word. */
static gs_status open_with_added(size_t word, uint32_t value, gs_tokenizer *t, uint32_t *bytes, gs_error *err)
{
    uint32_t tail[] = {3, 1, 0, 3, 0};
    size_t size = COUNT(tokenizer_bin);
    memcpy(tail + 4, "cat", 3);
    if (word < COUNT(tail))
        tail[word] = value;
    memcpy(bytes, tokenizer_bin, sizeof tokenizer_bin);
    bytes[2] = 2;
    bytes[9] = word == COUNT(tail) ? value : 1;
    memcpy(bytes + size, tail, sizeof tail);
    return gs_tokenizer_open(t, bytes, sizeof tokenizer_bin + sizeof tail, err);
}

static void an_added_token_is_found_or_refused(void **state)
{
    (void)state;
    gs_tokenizer t;
    gs_error err;
    int32_t ids[GS_MAX_TOKENS];
    uint32_t *bytes = malloc(sizeof tokenizer_bin + 20);
    static const struct {
        size_t word;
        uint32_t value;
    } faults[] = {{0, 1 << 30}, {1, 4}, {2, 6}, {2, 0xffffffff}, {3, 0}, {3, 5}, {3, 0xffffffff}, {5, 2}, {5, 1 << 30}};
    assert_int_equal(open_with_added(99, 0, &t, bytes, &err), GS_OK);
    assert_int_equal(gs_tokenize(&t, "CaTcat", 6, ids), 4);
    assert_int_equal(ids[1], 3);
    assert_int_equal(ids[2], 3);
    for (size_t i = 0; i < COUNT(faults); i++) {
        assert_int_equal(open_with_added(faults[i].word, faults[i].value, &t, bytes, &err), GS_EFORMAT);
        assert_error(err, "added token");
    }
    free(bytes);
}

static void a_cut_file_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof tokenizer_bin; size += size < 3000 ? 1 : 97) {
        uint32_t *bytes = malloc(size + 1);
        memcpy(bytes, tokenizer_bin, size);
        gs_tokenizer t;
        assert_int_equal(gs_tokenizer_open(&t, bytes, size, NULL), GS_EFORMAT);
        free(bytes);
    }
}

/* Whatever is accepted must be safe to use. */
static void damaged_files_are_refused_or_harmless(void **state)
{
    (void)state;
    uint32_t seed = 2, *bytes = malloc(sizeof tokenizer_bin);
    for (size_t round = 0; round < 2000; round++) {
        memcpy(bytes, tokenizer_bin, sizeof tokenizer_bin);
        for (uint32_t n = random_next(&seed) % 3 + 1; n > 0; n--) {
            uint32_t word = random_next(&seed) % (round % 2 ? 10 : COUNT(tokenizer_bin));
            bytes[word] = random_next(&seed) >> random_next(&seed) % 24;
        }
        gs_tokenizer t;
        int32_t ids[GS_MAX_TOKENS];
        if (gs_tokenizer_open(&t, bytes, sizeof tokenizer_bin, NULL) == GS_OK) {
            size_t n = gs_tokenize(&t, "a photo of the cats, aaaa", 25, ids);
            assert_true(n >= 2 && n <= t.context);
        }
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(difficult_texts_equal_clip_tokenizer),
        cmocka_unit_test(a_short_context_keeps_the_end),
        cmocka_unit_test(endless_words_end),
        cmocka_unit_test(a_text_beyond_the_limit_is_refused),
        cmocka_unit_test(random_bytes_are_text_too),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(an_added_token_is_found_or_refused),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(damaged_files_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

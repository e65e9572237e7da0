/* encoder_directory.h - a copy of a golden encoder's directory, to spoil.
 *
 *     copy_golden("clip_tiny/quick_gelu_f32");
 *     expect_spoiled("config.json", "\"model_type\": \"clip\"", "\"model_type\": \"siglip\"",
 *                    "config.json: model_type is 'siglip', expected clip, vit or dinov2");
 *     remove_copy(NULL);
 */
#ifndef ENCODER_DIRECTORY_H
#define ENCODER_DIRECTORY_H

#include "indexer/encoder/encoder.h"
#include "indexer/util/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];      /* the copy */
static char golden_source[512]; /* what was copied */

static inline char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static inline void write_file(const char *name, const void *bytes, size_t size)
{
    gs_error err;
    if (gs_file_write(path_of(name), bytes, size, &err) != GS_OK)
        fail_msg("%s", err.message);
}

static inline gs_bytes read_golden(const char *name)
{
    char path[1024];
    gs_bytes bytes;
    gs_error err;
    snprintf(path, sizeof path, "%s/%s", golden_source, name);
    if (gs_file_read(&bytes, path, 1 << 24, &err) != GS_OK)
        fail_msg("%s", err.message);
    return bytes;
}

/* Calls each(name) for every file of folder. */
static inline void for_each_file(const char *folder, void (*each)(const char *name))
{
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.')
            each(entry->d_name);
    closedir(stream);
}

/* Writes the golden file as it is. */
static inline void restore(const char *name)
{
    gs_bytes bytes = read_golden(name);
    write_file(name, bytes.data, bytes.size);
    gs_bytes_free(&bytes);
}

static inline void copy_golden(const char *name)
{
    snprintf(golden_source, sizeof golden_source, "%s/%s", GS_GOLDEN, name);
    strcpy(directory, "/tmp/gs-encoder-XXXXXX");
    assert_non_null(mkdtemp(directory));
    for_each_file(golden_source, restore);
}

static inline void remove_file(const char *name)
{
    unlink(path_of(name));
}

/* A teardown of cmocka: 0 when all is gone. */
static inline int remove_copy(void **state)
{
    (void)state;
    for_each_file(directory, remove_file);
    return rmdir(directory);
}

/* Writes the golden file name with the first "from" replaced by "to". */
static inline void spoil(const char *name, const char *from, const char *to)
{
    gs_bytes bytes = read_golden(name);
    char *at = memmem(bytes.data, bytes.size, from, strlen(from));
    if (!at)
        fail_msg("%s has no %s", name, from);
    size_t before = (size_t)(at - (char *)bytes.data), after = bytes.size - before - strlen(from);
    size_t size = before + strlen(to) + after;
    char *changed = malloc(size);
    memcpy(changed, bytes.data, before);
    memcpy(changed + before, to, strlen(to));
    memcpy(changed + before + strlen(to), at + strlen(from), after);
    write_file(name, changed, size);
    free(changed);
    gs_bytes_free(&bytes);
}

/* Behind the name of a tokenizer's file that is missing. */
#define TOKENIZER_ADVICE ": copy the tokenizer's files from where the weights come from"

/* Fails unless the directory is refused with "DIRECTORY/" and message. */
static inline void expect(gs_status status, const char *message)
{
    gs_encoder *encoder;
    gs_error err = {{0}};
    assert_int_equal(gs_encoder_open(&encoder, directory, NULL, &err), status);
    assert_null(encoder);
    size_t prefix = strlen(directory) + 1;
    assert_true(strlen(err.message) > prefix && strncmp(err.message, directory, prefix - 1) == 0);
    assert_string_equal(err.message + prefix, message);
}

static inline void expect_spoiled(const char *name, const char *from, const char *to, const char *message)
{
    spoil(name, from, to);
    expect(GS_EFORMAT, message);
}

#endif

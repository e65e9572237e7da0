/* named_files.c - the files that a sampler block names, such as weights and scripts: what a generator's samples depend on. */
#include "indexer/sampler/driver.h"
#include "indexer/util/file.h" /* gs_path_join */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static gs_status add_file(const char *path, const char *name, struct sha256_ctx *digest, gs_error *err)
{
    uint8_t buffer[1 << 16];
    FILE *file = fopen(path, "rbe");
    if (!file)
        return gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    sha256_update(digest, strlen(name) + 1, (const uint8_t *)name);
    uint64_t size = 0;
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0; size += got)
        sha256_update(digest, got, buffer);
    gs_status st = ferror(file) ? gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno)) : GS_OK;
    sha256_update(digest, sizeof size, (const uint8_t *)&size); /* where it ends */
    fclose(file);
    return st;
}

/* Adds the file that name with its suffix means, if there is one. */
static gs_status add_if_file(const gs_model *model, const char *name, const char *suffix, struct sha256_ctx *digest,
                             gs_error *err)
{
    size_t size = strlen(name) + strlen(suffix) + 1;
    char *whole = malloc(size), *path = NULL;
    struct stat info;
    if (whole) {
        snprintf(whole, size, "%s%s", name, suffix);
        path = gs_path_join(model->directory, whole);
    }
    gs_status st = path ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    if (st == GS_OK && stat(path, &info) == 0 && S_ISREG(info.st_mode))
        st = add_file(path, whole, digest, err);
    free(path);
    free(whole);
    return st;
}

/* The file that name means, and what ONNX calls external data, which exporters put beside a graph under its name and one of these. */
static gs_status add_with_data(const gs_model *model, const char *name, struct sha256_ctx *digest, gs_error *err)
{
    static const char *const suffixes[] = {"", ".data", "_data"};
    gs_status st = GS_OK;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && st == GS_OK; i++)
        st = add_if_file(model, name, suffixes[i], digest, err);
    return st;
}

/* A worker's program that is found in PATH or by an absolute path is the machine's, such as an interpreter; "./w.py" is the model's. */
static bool is_of_machine(const char *program)
{
    return program[0] == '/' || !strchr(program, '/');
}

/* Every string in the block that is the name of a file, seen from model.json. */
static gs_status add_named(const gs_model *model, const cJSON *item, struct sha256_ctx *digest, gs_error *err)
{
    gs_status st = GS_OK;
    bool command = item->string && strcmp(item->string, "command") == 0;
    for (const cJSON *child = item->child; child && st == GS_OK; child = child->next) {
        bool named = cJSON_IsString(child) && child->valuestring[0];
        if (named && command && child == item->child && is_of_machine(child->valuestring))
            continue;
        st = named ? add_with_data(model, child->valuestring, digest, err) : add_named(model, child, digest, err);
    }
    return st;
}

gs_status gs_fingerprint_named_files(const gs_model *model, struct sha256_ctx *digest, gs_error *err)
{
    return add_named(model, model->sampler, digest, err);
}

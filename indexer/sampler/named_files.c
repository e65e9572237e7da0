/* named_files.c - the files that a sampler block names, such as weights and scripts: what a generator's samples depend on. */
#include "indexer/sampler/data_files.h"
#include "indexer/sampler/driver.h"
#include "indexer/util/file.h" /* gs_path_join */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_GRAPH ((size_t)2 << 30) /* bytes: protobuf's own limit */

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

/* Adds the file that name means, if there is one. */
static gs_status add_if_file(const gs_model *model, const char *name, struct sha256_ctx *digest, gs_error *err)
{
    struct stat info;
    char *path = gs_path_join(model->directory, name);
    gs_status st = path ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    if (st == GS_OK && stat(path, &info) == 0 && S_ISREG(info.st_mode))
        st = add_file(path, name, digest, err);
    free(path);
    return st;
}

/* The files that the graph of this name keeps tensors in. */
static gs_status add_data_files(const gs_model *model, const char *name, struct sha256_ctx *digest, gs_error *err)
{
    char file[GS_DATA_FILE_NAME], last[GS_DATA_FILE_NAME] = "", whole[2 * GS_DATA_FILE_NAME];
    const char *slash = strrchr(name, '/');
    int folder = slash ? (int)(slash + 1 - name) : 0;
    gs_bytes graph = {0};
    char *path = gs_path_join(model->directory, name);
    struct stat info;
    gs_status st = path ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    if (st == GS_OK && stat(path, &info) == 0 && S_ISREG(info.st_mode))
        st = gs_file_read(&graph, path, MAX_GRAPH, err);
    for (size_t at = 0; st == GS_OK && gs_next_data_file(&graph, &at, file);) {
        if (strcmp(file, last) != 0) {
            snprintf(whole, sizeof whole, "%.*s%s", folder, name, file);
            st = add_if_file(model, whole, digest, err);
        }
        memcpy(last, file, sizeof last);
    }
    gs_bytes_free(&graph);
    free(path);
    return st;
}

static bool is_graph(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && strcmp(name + length - 5, ".onnx") == 0;
}

static gs_status add_with_data(const gs_model *model, const char *name, struct sha256_ctx *digest, gs_error *err)
{
    gs_status st = add_if_file(model, name, digest, err);
    return st == GS_OK && is_graph(name) ? add_data_files(model, name, digest, err) : st;
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

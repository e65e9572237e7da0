#include "indexer/publish/target.h"

#include "indexer/publish/compress.h"
#include "indexer/util/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_MANIFEST ((size_t)2 << 30)

cJSON *gs_target_manifest(const char *directory)
{
    gs_bytes bytes = {0};
    char *path = gs_path_join(directory, GS_MANIFEST);
    cJSON *manifest = NULL;
    if (path && gs_file_read(&bytes, path, MAX_MANIFEST, NULL) == GS_OK)
        manifest = cJSON_ParseWithLength((const char *)bytes.data, bytes.size);
    gs_bytes_free(&bytes);
    free(path);
    const char *format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(manifest, "format"));
    if (format && strcmp(format, "gensearch") == 0)
        return manifest;
    cJSON_Delete(manifest);
    return NULL;
}

/* Paths that a manifest names. */
typedef struct {
    const char **paths; /* [count] sorted  owned, each borrowed from the manifest */
    size_t count;
} listing;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gs_status list_files(listing *list, const cJSON *manifest, gs_error *err)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(manifest, "files"), *file;
    files = cJSON_IsObject(files) ? files : NULL;
    *list = (listing){.paths = calloc((size_t)cJSON_GetArraySize(files) + 1, sizeof *list->paths)};
    if (!list->paths)
        return gs_fail(err, GS_ENOMEM, "no memory for the names in " GS_MANIFEST);
    cJSON_ArrayForEach(file, files) list->paths[list->count++] = file->string;
    list->paths[list->count++] = GS_MANIFEST;
    qsort(list->paths, list->count, sizeof *list->paths, by_text);
    return GS_OK;
}

/* Cuts path where it is that of a compressed form. */
static bool cut_suffix(char *path)
{
    for (gs_compression c = 0; c < GS_COMPRESSION_COUNT; c++) {
        const char *suffix = gs_compression_suffix(c);
        size_t length = strlen(path), tail = strlen(suffix);
        if (length <= tail || strcmp(path + length - tail, suffix) != 0)
            continue;
        path[length - tail] = 0;
        return true;
    }
    return false;
}

/* path, or what it is a compressed form of; it may be cut. */
static bool is_listed(const listing *list, char *path)
{
    do {
        if (bsearch(&path, list->paths, list->count, sizeof *list->paths, by_text))
            return true;
    } while (cut_suffix(path));
    return false;
}

/* Every file below directory/path ("": directory) must be listed. */
static gs_status check_listed(const char *directory, const char *path, const listing *list, gs_error *err)
{
    char *folder = gs_path_join(directory, path);
    struct dirent **entries;
    int n = folder ? scandir(folder, &entries, NULL, NULL) : -1;
    gs_status st = n >= 0 ? GS_OK : gs_fail(err, GS_EIO, "%s/%s: cannot be listed", directory, path);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char *inside = gs_path_join(path, name), *full = gs_path_join(folder, name);
        struct stat info;
        if (st == GS_OK && (!inside || !full))
            st = gs_fail(err, GS_ENOMEM, "%s: no memory", name);
        if (st == GS_OK && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            if (lstat(full, &info) == 0 && S_ISDIR(info.st_mode))
                st = check_listed(directory, inside, list, err);
            else if (!is_listed(list, inside))
                st = gs_fail(err, GS_EARGS,
                             "%s: holds %s, which gensearch did not publish: move it away, or publish "
                             "to another folder",
                             directory, inside);
        }
        free(inside);
        free(full);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    free(folder);
    return st;
}

static bool is_empty(const char *directory)
{
    DIR *stream = opendir(directory);
    if (!stream)
        return false;
    int entries = 0;
    while (readdir(stream))
        entries++;
    closedir(stream);
    return entries <= 2; /* . and .. */
}

gs_status gs_target_check(const char *directory, gs_error *err)
{
    struct stat info;
    if (stat(directory, &info) != 0)
        return errno == ENOENT ? GS_OK : gs_fail(err, GS_EIO, "%s: %s", directory, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return gs_fail(err, GS_EARGS, "%s: is a file, expected a folder to publish to", directory);
    if (is_empty(directory))
        return GS_OK;
    cJSON *manifest = gs_target_manifest(directory);
    if (!manifest)
        return gs_fail(err, GS_EARGS,
                       "%s: is a folder with files that gensearch did not publish; name another or empty it",
                       directory);
    listing list;
    gs_status st = list_files(&list, manifest, err);
    if (st == GS_OK)
        st = check_listed(directory, "", &list, err);
    free(list.paths);
    cJSON_Delete(manifest);
    return st;
}

#include "indexer/publish/folder.h"

#include "indexer/publish/compress.h"
#include "indexer/publish/target.h"
#include "indexer/util/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h> /* nftw */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE ((size_t)2 << 30)

typedef struct {
    char *path;
    size_t size;
    char sha256[GS_SHA256_HEX];
} added_file;

struct gs_folder {
    char *target;    /* where it will be */
    char *temporary; /* where it grows; NULL once it is in place */
    added_file *files;
    size_t count, capacity;
    bool compresses;
    cJSON *before; /* the manifest of what stands at target; NULL: none, or not needed  owned */
};

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS);
}

/* ---- beginning ---------------------------------------------------------------------------------------------------------------- */

/* The path without its trailing slashes and, when it exists, without symbolic links. malloc'ed. */
static char *resolve(const char *directory)
{
    char *resolved = realpath(directory, NULL);
    if (resolved)
        return resolved;
    resolved = strdup(directory);
    for (size_t n = resolved ? strlen(resolved) : 0; n > 1 && resolved[n - 1] == '/'; n--)
        resolved[n - 1] = 0;
    return resolved;
}

/* A new folder beside the target: hidden, and on the same file system. */
static gs_status make_temporary(gs_folder *folder, gs_error *err)
{
    const char *slash = strrchr(folder->target, '/');
    int parent = slash ? (int)(slash - folder->target) + 1 : 0;
    size_t length = strlen(folder->target) + 64;
    char *name = malloc(length);
    if (!name)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", folder->target);
    snprintf(name, length, "%.*s", parent, folder->target);
    gs_status st = parent > 1 ? gs_make_directories(name, err) : GS_OK;
    for (int attempt = 0; st == GS_OK && !folder->temporary; attempt++) {
        snprintf(name, length, "%.*s.%s.%ld.%d", parent, folder->target, folder->target + parent, (long)getpid(),
                 attempt);
        if (mkdir(name, 0777) == 0)
            folder->temporary = name;
        else if (errno != EEXIST)
            st = gs_fail(err, GS_EIO, "%s: %s", name, strerror(errno));
    }
    if (st != GS_OK)
        free(name);
    return st;
}

gs_status gs_folder_open(gs_folder **out, const char *directory, gs_error *err)
{
    *out = NULL;
    gs_status st = gs_target_check(directory, err);
    if (st != GS_OK)
        return st;
    gs_folder *folder = calloc(1, sizeof *folder);
    if (folder)
        folder->target = resolve(directory);
    if (!folder || !folder->target)
        st = gs_fail(err, GS_ENOMEM, "%s: no memory", directory);
    if (st == GS_OK)
        st = make_temporary(folder, err);
    if (st != GS_OK) {
        gs_folder_close(folder);
        return st;
    }
    *out = folder;
    return GS_OK;
}

void gs_folder_close(gs_folder *folder)
{
    if (!folder)
        return;
    if (folder->temporary)
        remove_tree(folder->temporary);
    for (size_t i = 0; i < folder->count; i++)
        free(folder->files[i].path);
    free(folder->files);
    free(folder->temporary);
    free(folder->target);
    cJSON_Delete(folder->before);
    free(folder);
}

void gs_folder_compress(gs_folder *folder)
{
    folder->compresses = true;
    folder->before = gs_target_manifest(folder->target);
}

/* ---- adding ------------------------------------------------------------------------------------------------------------------- */

static gs_status note(gs_folder *folder, const char *path, size_t size, const char *sha256, gs_error *err)
{
    if (folder->count == folder->capacity) {
        size_t larger = folder->capacity ? 2 * folder->capacity : 64;
        added_file *files = realloc(folder->files, larger * sizeof *files);
        if (!files)
            return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
        folder->files = files;
        folder->capacity = larger;
    }
    added_file *file = &folder->files[folder->count];
    *file = (added_file){.path = strdup(path), .size = size};
    if (!file->path)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    memcpy(file->sha256, sha256, GS_SHA256_HEX);
    folder->count++;
    return GS_OK;
}

static gs_status make_parent(char *path, gs_error *err)
{
    char *slash = strrchr(path, '/');
    *slash = 0; /* there is one: the path lies below the temporary folder */
    gs_status st = gs_make_directories(path, err);
    *slash = '/';
    return st;
}

/* Writes a new file. *exists, when not NULL: that there is one already is fine, and told. Synced by commit, all at once. */
static gs_status write_new(gs_folder *folder, const char *path, const void *bytes, size_t size, bool *exists,
                           gs_error *err)
{
    char *full = gs_path_join(folder->temporary, path);
    if (!full)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    gs_status st = make_parent(full, err);
    FILE *file = st == GS_OK ? fopen(full, "wbx") : NULL;
    if (exists)
        *exists = st == GS_OK && !file && errno == EEXIST;
    if (file) {
        bool written = fwrite(bytes, 1, size, file) == size;
        if (fclose(file) != 0 || !written)
            st = gs_fail(err, GS_EIO, "%s: %s", full, strerror(errno));
    } else if (st == GS_OK && !(exists && *exists)) {
        st = gs_fail(err, GS_EIO, "%s: %s", full, strerror(errno));
    }
    free(full);
    return st;
}

/* ---- compressed forms --------------------------------------------------------------------------------------------------------- */

/* Pictures, and what is compressed already, become no smaller. */
static bool is_packed(const char *path)
{
    static const char *const packed[] = {".webp", ".png", ".jpg", ".jpeg", ".woff2", ".gz", ".br", ".zip"};
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof packed / sizeof *packed; i++)
        if (strcmp(ending, packed[i]) == 0)
            return true;
    return false;
}

/* Whether path had the same content before. */
static bool is_unchanged(const gs_folder *folder, const char *path, const char *sha256)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(folder->before, "files");
    const cJSON *file = cJSON_GetObjectItemCaseSensitive(files, path);
    const char *was = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "sha256"));
    return was && strcmp(was, sha256) == 0;
}

/* Takes over the predecessor's; false where it had none. Files here are only ever replaced, so two folders may share one. It counts as
 * written now, with the file that it is a form of. */
static bool link_form(const gs_folder *folder, const char *name)
{
    char *from = gs_path_join(folder->target, name), *to = gs_path_join(folder->temporary, name);
    bool linked = from && to && link(from, to) == 0 && utimensat(AT_FDCWD, to, NULL, 0) == 0;
    free(from);
    free(to);
    return linked;
}

static gs_status add_forms(gs_folder *folder, const char *path, const void *bytes, size_t size, const char *sha256,
                           gs_error *err)
{
    gs_status st = GS_OK;
    if (!folder->compresses || is_packed(path))
        return GS_OK;
    bool unchanged = is_unchanged(folder, path, sha256);
    for (gs_compression c = 0; c < GS_COMPRESSION_COUNT && st == GS_OK; c++) {
        char name[PATH_MAX];
        gs_bytes packed = {0};
        if (snprintf(name, sizeof name, "%s%s", path, gs_compression_suffix(c)) >= (int)sizeof name)
            return gs_fail(err, GS_EARGS, "%s: the name is too long", path);
        if (unchanged && link_form(folder, name))
            continue;
        st = gs_compress(c, bytes, size, &packed, err);
        if (st == GS_OK && packed.size > 0)
            st = write_new(folder, name, packed.data, packed.size, NULL, err);
        gs_bytes_free(&packed);
    }
    return st;
}

/* Of a file that was written: what the manifest says of it, and its compressed forms. */
static gs_status finish_file(gs_folder *folder, const char *path, const void *bytes, size_t size, const char *sha256,
                             gs_error *err)
{
    gs_status st = note(folder, path, size, sha256, err);
    return st == GS_OK ? add_forms(folder, path, bytes, size, sha256, err) : st;
}

gs_status gs_folder_add(gs_folder *folder, const char *path, const void *bytes, size_t size, gs_error *err)
{
    char sha256[GS_SHA256_HEX];
    gs_sha256_hex(bytes, size, sha256);
    gs_status st = write_new(folder, path, bytes, size, NULL, err);
    return st == GS_OK ? finish_file(folder, path, bytes, size, sha256, err) : st;
}

gs_status gs_folder_add_hashed(gs_folder *folder, const char *before, const char *after, const void *bytes, size_t size,
                               char hash[GS_FOLDER_HASH], gs_error *err)
{
    char sha256[GS_SHA256_HEX], path[PATH_MAX];
    bool exists = false;
    gs_sha256_hex(bytes, size, sha256);
    snprintf(hash, GS_FOLDER_HASH, "%.16s", sha256);
    if (snprintf(path, sizeof path, "%s%s%s", before, hash, after) >= (int)sizeof path)
        return gs_fail(err, GS_EARGS, "%s: the name is too long", before);
    gs_status st = write_new(folder, path, bytes, size, &exists, err);
    return st == GS_OK && !exists ? finish_file(folder, path, bytes, size, sha256, err) : st;
}

gs_status gs_folder_add_file(gs_folder *folder, const char *path, const char *source, gs_error *err)
{
    gs_bytes bytes;
    gs_status st = gs_file_read(&bytes, source, MAX_FILE, err);
    if (st != GS_OK)
        return st;
    st = gs_folder_add(folder, path, bytes.data, bytes.size, err);
    gs_bytes_free(&bytes);
    return st;
}

static gs_status add_entry(gs_folder *folder, const char *path, const char *source, bool (*skip)(const char *name),
                           gs_error *err)
{
    struct stat info;
    if (stat(source, &info) != 0)
        return gs_fail(err, GS_EIO, "%s: %s", source, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return gs_folder_add_tree(folder, path, source, skip, err);
    return S_ISREG(info.st_mode) ? gs_folder_add_file(folder, path, source, err) : GS_OK;
}

gs_status gs_folder_add_tree(gs_folder *folder, const char *path, const char *source, bool (*skip)(const char *name),
                             gs_error *err)
{
    struct dirent **entries;
    int n = scandir(source, &entries, NULL, alphasort);
    if (n < 0)
        return gs_fail(err, GS_EIO, "%s: %s", source, strerror(errno));
    gs_status st = GS_OK;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (st == GS_OK && !dots && !(skip && skip(name))) {
            char *to = gs_path_join(path, name), *from = gs_path_join(source, name);
            st = to && from ? add_entry(folder, to, from, skip, err) : gs_fail(err, GS_ENOMEM, "%s: no memory", name);
            free(to);
            free(from);
        }
        free(entries[i]);
    }
    free(entries);
    return st;
}

/* ---- committing --------------------------------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const added_file *)a)->path, ((const added_file *)b)->path);
}

static gs_status write_manifest(gs_folder *folder, gs_json_tree *manifest, gs_error *err)
{
    if (folder->count)
        qsort(folder->files, folder->count, sizeof *folder->files, by_path);
    cJSON *files = gs_json_put_object(manifest, manifest->root, "files");
    for (size_t i = 0; i < folder->count; i++) {
        cJSON *file = gs_json_put_object(manifest, files, folder->files[i].path);
        gs_json_put_number(manifest, file, "size", (double)folder->files[i].size);
        gs_json_put_string(manifest, file, "sha256", folder->files[i].sha256);
    }
    char *text;
    gs_status st = gs_json_tree_print(manifest, &text, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st, "%s: " GS_MANIFEST, folder->target);
    st = write_new(folder, GS_MANIFEST, text, strlen(text), NULL, err);
    if (st == GS_OK)
        st = add_forms(folder, GS_MANIFEST, text, strlen(text), "", err);
    cJSON_free(text);
    return st;
}

/* Every file system buffer of the folder at once: a sync for each of thousands of small files takes minutes. */
static gs_status sync_folder(const char *directory, gs_error *err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gs_status st = GS_OK;
    if (fd < 0 || syncfs(fd) != 0)
        st = gs_fail(err, GS_EIO, "%s: %s", directory, strerror(errno));
    if (fd >= 0)
        close(fd);
    return st;
}

/* Old and new change places in one step where the file system can do that, else in two. What is then to be removed stays named temporary;
 * *spare tells whether there is such. */
static gs_status move_to_place(gs_folder *folder, bool *spare, gs_error *err)
{
    *spare = false;
    if (rename(folder->temporary, folder->target) == 0) /* nothing there, or an empty folder */
        return GS_OK;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return gs_fail(err, GS_EIO, "%s: %s", folder->target, strerror(errno));
    *spare = true;
    if (renameat2(AT_FDCWD, folder->temporary, AT_FDCWD, folder->target, RENAME_EXCHANGE) == 0)
        return GS_OK;

    char aside[PATH_MAX];
    if (snprintf(aside, sizeof aside, "%s.old", folder->temporary) >= (int)sizeof aside)
        return gs_fail(err, GS_EARGS, "%s: the name is too long", folder->temporary);
    if (rename(folder->target, aside) != 0)
        return gs_fail(err, GS_EIO, "%s: %s", folder->target, strerror(errno));
    if (rename(folder->temporary, folder->target) != 0) {
        gs_status st = gs_fail(err, GS_EIO, "%s: %s", folder->target, strerror(errno));
        rename(aside, folder->target);
        return st;
    }
    return rename(aside, folder->temporary) == 0 ? GS_OK : gs_fail(err, GS_EIO, "%s: %s", aside, strerror(errno));
}

gs_status gs_folder_commit(gs_folder *folder, gs_json_tree *manifest, gs_error *err)
{
    bool spare = false;
    gs_status st = write_manifest(folder, manifest, err);
    if (st == GS_OK)
        st = sync_folder(folder->temporary, err);
    if (st == GS_OK)
        st = gs_target_check(folder->target, err); /* it took a while: look again */
    if (st == GS_OK)
        st = move_to_place(folder, &spare, err);
    if (st != GS_OK)
        return st;
    if (spare)
        remove_tree(folder->temporary);
    free(folder->temporary);
    folder->temporary = NULL;
    return sync_folder(folder->target, err);
}

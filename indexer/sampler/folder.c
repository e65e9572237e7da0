#include "indexer/sampler/driver.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Sample i is picture i of the folder and all folders below it, in bytewise order of their paths: the same on every
 * machine, whatever the locale and the order in which the file system lists them. The seed has no say. */
typedef struct {
    gs_sampler base;
    char **paths; /* [count]  owned, each owned */
    size_t count, capacity;
    int threads;
} folder;

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static gs_status add_path(folder *f, const char *path, gs_error *err)
{
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 256;
        char **larger = capacity < SIZE_MAX / sizeof *larger ? realloc(f->paths, capacity * sizeof *larger) : NULL;
        if (!larger)
            return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu names", path, capacity);
        f->paths = larger;
        f->capacity = capacity;
    }
    f->paths[f->count] = strdup(path);
    if (!f->paths[f->count])
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    f->count++;
    return GS_OK;
}

/* One entry of the walk. Symbolic links are followed; one that leads back to a folder on the way to itself (FTS_DC) is
 * skipped. */
static gs_status visit(folder *f, FTS *walk, FTSENT *entry, gs_error *err)
{
    if (entry->fts_level > FTS_ROOTLEVEL && entry->fts_name[0] == '.') {
        fts_set(walk, entry, FTS_SKIP);
        return GS_OK;
    }
    switch (entry->fts_info) {
    case FTS_F:
        return gs_image_has_known_extension(entry->fts_name) ? add_path(f, entry->fts_path, err) : GS_OK;
    case FTS_SLNONE:
        if (!gs_image_has_known_extension(entry->fts_name))
            return GS_OK;
        return gs_fail(err, GS_EIO, "%s: a symbolic link to nothing", entry->fts_path);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return gs_fail(err, GS_EIO, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
    default:
        return GS_OK;
    }
}

static gs_status list_pictures(folder *f, char *path, gs_error *err)
{
    char *roots[] = {path, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (!walk)
        return gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    gs_status st = GS_OK;
    FTSENT *entry;
    while (st == GS_OK && (errno = 0, entry = fts_read(walk)) != NULL)
        st = visit(f, walk, entry, err);
    if (st == GS_OK && errno != 0)
        st = gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    fts_close(walk);
    if (st == GS_OK && f->count == 0)
        st = gs_fail(err, GS_EFORMAT, "%s: holds no picture (.png, .jpg, .jpeg or .webp)", path);
    if (st == GS_OK)
        qsort(f->paths, f->count, sizeof *f->paths, compare_paths);
    return st;
}

static gs_status check_is_folder(const gs_model *model, const char *path, gs_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return gs_fail(err, errno == ENOENT ? GS_ENOTFOUND : GS_EIO, "%s: %s (field 'sampler.path' of %s)", path,
                       strerror(errno), model->path);
    if (!S_ISDIR(info.st_mode))
        return gs_fail(err, GS_EFORMAT, "%s: is no folder (field 'sampler.path' of %s)", path, model->path);
    return GS_OK;
}

static void folder_close(gs_sampler *sampler)
{
    folder *f = (folder *)sampler;
    for (size_t i = 0; i < f->count; i++)
        free(f->paths[i]);
    free(f->paths);
    free(f);
}

static gs_status folder_open(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options,
                             gs_error *err)
{
    char *path;
    gs_status st = gs_model_path(model, "path", &path, err);
    if (st != GS_OK)
        return st;
    folder *f = calloc(1, sizeof *f);
    if (!f) {
        free(path);
        return gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    }
    f->base.driver = &gs_folder_driver;
    f->threads = options->threads;
    if ((st = check_is_folder(model, path, err)) == GS_OK)
        st = list_pictures(f, path, err);
    free(path);
    if (st == GS_OK)
        *sampler = &f->base;
    else
        folder_close(&f->base);
    return st;
}

static uint64_t folder_count(const gs_sampler *sampler)
{
    return ((const folder *)sampler)->count;
}

static gs_status folder_read(gs_sampler *sampler, uint64_t first, size_t count, gs_image *frames, size_t *got,
                             gs_error *err)
{
    const folder *f = (const folder *)sampler;
    if (first >= f->count)
        return GS_OK;
    size_t left = f->count - (size_t)first, n = left < count ? left : count;
    gs_status st = gs_image_read_all(frames, f->paths + first, n, f->threads, err);
    *got = st == GS_OK ? n : 0;
    return st;
}

const gs_sampler_driver gs_folder_driver = {"folder", folder_open, folder_count, folder_read, folder_close};

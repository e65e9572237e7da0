#include "indexer/sampler/driver.h"
#include "indexer/util/mix.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A picture below the folder. */
typedef struct {
    char *path; /* owned */
    uint64_t key;
    int64_t size, seconds, nanoseconds; /* of the file, and of its last change */
} picture;

/* Sample i is the picture with the i-th lowest key, a hash of the seed and of the path below the folder: any number of first samples is
 * drawn without replacement from the whole folder, also where each of its subfolders holds one class. A picture that is added or removed
 * leaves the order of the others as it was. */
typedef struct {
    gs_sampler base;
    picture *pictures; /* [count]  owned */
    char **paths;      /* [count]  owned, each borrowed from pictures */
    size_t count, capacity;
    uint64_t seed;
    size_t root; /* length of the folder's own path */
    int threads;
} folder;

static uint64_t key_of(uint64_t seed, const char *path)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3u;
    return gs_mix64(hash ^ gs_mix64(seed));
}

static int compare_keys(const void *a, const void *b)
{
    const picture *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return strcmp(x->path, y->path);
}

static gs_status add_picture(folder *f, const FTSENT *entry, gs_error *err)
{
    const char *path = entry->fts_path;
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 256;
        picture *larger = capacity < SIZE_MAX / sizeof *larger ? realloc(f->pictures, capacity * sizeof *larger) : NULL;
        if (!larger)
            return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu names", path, capacity);
        f->pictures = larger;
        f->capacity = capacity;
    }
    char *copy = strdup(path);
    if (!copy)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    const struct stat *info = entry->fts_statp;
    f->pictures[f->count++] = (picture){.path = copy,
                                        .key = key_of(f->seed, path + f->root),
                                        .size = info->st_size,
                                        .seconds = info->st_mtim.tv_sec,
                                        .nanoseconds = info->st_mtim.tv_nsec};
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
        return gs_image_has_known_extension(entry->fts_name) ? add_picture(f, entry, err) : GS_OK;
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
        qsort(f->pictures, f->count, sizeof *f->pictures, compare_keys);
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
        free(f->pictures[i].path);
    free(f->pictures);
    free(f->paths);
    free(f);
}

/* Lists the pictures of the model's folder, in the order of the seed. */
static gs_status open_folder(folder **out, const gs_model *model, uint64_t seed, gs_error *err)
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
    f->seed = seed;
    f->root = strlen(path);
    if ((st = check_is_folder(model, path, err)) == GS_OK)
        st = list_pictures(f, path, err);
    free(path);
    if (st == GS_OK)
        *out = f;
    else
        folder_close(&f->base);
    return st;
}

static gs_status folder_open(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options,
                             gs_error *err)
{
    folder *f;
    gs_status st = open_folder(&f, model, options->seed, err);
    if (st != GS_OK)
        return st;
    f->threads = options->threads;
    f->paths = calloc(f->count, sizeof *f->paths);
    if (!f->paths) {
        st = gs_fail(err, GS_ENOMEM, "%s: no memory for %zu names", model->path, f->count);
        folder_close(&f->base);
        return st;
    }
    for (size_t i = 0; i < f->count; i++)
        f->paths[i] = f->pictures[i].path;
    *sampler = &f->base;
    return GS_OK;
}

static gs_status folder_fingerprint(const gs_model *model, struct sha256_ctx *digest, gs_error *err)
{
    folder *f;
    gs_status st = open_folder(&f, model, 0, err);
    if (st != GS_OK)
        return st;
    for (size_t i = 0; i < f->count; i++) {
        const picture *p = &f->pictures[i];
        const char *name = p->path + f->root;
        int64_t state[] = {p->size, p->seconds, p->nanoseconds};
        sha256_update(digest, strlen(name) + 1, (const uint8_t *)name);
        sha256_update(digest, sizeof state, (const uint8_t *)state);
    }
    folder_close(&f->base);
    return GS_OK;
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

const gs_sampler_driver gs_folder_driver = {"folder",    folder_open,  folder_count,
                                            folder_read, folder_close, folder_fingerprint};

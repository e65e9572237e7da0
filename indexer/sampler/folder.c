#include "indexer/sampler/driver.h"
#include "indexer/sampler/listing.h"
#include "indexer/sampler/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Sample i is the picture with the i-th lowest key (order.h). */
typedef struct {
    gs_sampler base;
    gs_listing listing; /* in the order of the keys  owned */
    char **paths;       /* [listing.count]  owned, each borrowed from listing */
    size_t root;        /* length of the folder's own path, and of the slash behind it */
    int threads;
} folder;

static int compare_keys(const void *a, const void *b)
{
    const gs_listed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return strcmp(x->path, y->path);
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
    gs_listing_free(&f->listing);
    free(f->paths);
    free(f);
}

static void put_in_order(folder *f, uint64_t seed)
{
    gs_listed *pictures = f->listing.pictures;
    for (size_t i = 0; i < f->listing.count; i++)
        pictures[i].key = gs_order_key(seed, pictures[i].path + f->root);
    qsort(pictures, f->listing.count, sizeof *pictures, compare_keys);
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
    f->root = strlen(path) + (path[strlen(path) - 1] != '/'); /* a path is never empty */
    if ((st = check_is_folder(model, path, err)) == GS_OK)
        st = gs_listing_read(&f->listing, path, err);
    free(path);
    if (st == GS_OK) {
        put_in_order(f, seed);
        f->base.left_out = f->listing.left_out;
        *out = f;
    } else {
        folder_close(&f->base);
    }
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
    f->paths = calloc(f->listing.count, sizeof *f->paths);
    if (!f->paths) {
        st = gs_fail(err, GS_ENOMEM, "%s: no memory for %zu names", model->path, f->listing.count);
        folder_close(&f->base);
        return st;
    }
    for (size_t i = 0; i < f->listing.count; i++)
        f->paths[i] = f->listing.pictures[i].path;
    *sampler = &f->base;
    return GS_OK;
}

static gs_status folder_fingerprint(const gs_model *model, struct sha256_ctx *digest, gs_error *err)
{
    folder *f;
    gs_status st = open_folder(&f, model, 0, err);
    if (st != GS_OK)
        return st;
    for (size_t i = 0; i < f->listing.count; i++) {
        const gs_listed *p = &f->listing.pictures[i];
        const char *name = p->path + f->root - 1; /* with its slash */
        int64_t state[] = {p->size, p->seconds, p->nanoseconds};
        sha256_update(digest, strlen(name) + 1, (const uint8_t *)name);
        sha256_update(digest, sizeof state, (const uint8_t *)state);
    }
    folder_close(&f->base);
    return GS_OK;
}

static uint64_t folder_count(const gs_sampler *sampler)
{
    return ((const folder *)sampler)->listing.count;
}

static gs_status folder_read(gs_sampler *sampler, uint64_t first, size_t count, gs_image *frames, gs_error *faults,
                             size_t *got, gs_error *err)
{
    const folder *f = (const folder *)sampler;
    if (first >= f->listing.count)
        return GS_OK;
    size_t left = f->listing.count - (size_t)first, n = left < count ? left : count;
    gs_status st = gs_image_read_all(frames, f->paths + first, n, f->threads, faults, err);
    *got = st == GS_OK ? n : 0;
    return st;
}

const gs_sampler_driver gs_folder_driver = {.kind = "folder",
                                            .open = folder_open,
                                            .count = folder_count,
                                            .read = folder_read,
                                            .close = folder_close,
                                            .fingerprint = folder_fingerprint};

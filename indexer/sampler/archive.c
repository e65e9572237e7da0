#include "indexer/sampler/array.h"
#include "indexer/sampler/chosen.h"
#include "indexer/sampler/driver.h"
#include "indexer/sampler/order.h"
#include "indexer/util/members.h"

#include <errno.h>
#include <inttypes.h> /* PRIu64 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A picture: a member of the archive, or one of an array. */
typedef struct {
    uint64_t key, index;
    const char *name; /* of the member; NULL in an array  borrowed */
} placed;

typedef struct {
    gs_sampler base;
    char *path;         /* owned */
    gs_members members; /* of a tar or ZIP; owned, as the next one */
    gs_mapping file;    /* an .npy */
    gs_picture_array array;
    bool is_array;  /* else the members are the pictures */
    placed *placed; /* [count], sample i is that of the i-th lowest key  owned */
    uint64_t count;
    int threads;
    gs_formats formats; /* of pictures that are not read */
    char left_out[1024];
} archive;

static void archive_close(gs_sampler *sampler)
{
    archive *a = (archive *)sampler;
    gs_members_close(&a->members);
    gs_mapping_close(&a->file);
    free(a->placed);
    free(a->path);
    free(a);
}

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), n = strlen(ending);
    return length >= n && strcmp(name + length - n, ending) == 0;
}

/* Whether a part of the path is what is beside samples. */
static bool is_beside(const char *path)
{
    char part[256];
    for (const char *slash; path; path = slash ? slash + 1 : NULL) {
        slash = strchr(path, '/');
        size_t length = slash ? (size_t)(slash - path) : strlen(path);
        snprintf(part, sizeof part, "%.*s", (int)(length < sizeof part ? length : sizeof part - 1), path);
        if (length > 0 && gs_chosen_is_beside(part))
            return true;
    }
    return false;
}

/* What becomes a member: pictures, and arrays. Other formats of pictures are counted. */
static bool accept(void *context, const char *name, const uint8_t *begin, size_t size)
{
    archive *a = context;
    if (is_beside(name))
        return false;
    if (gs_chosen_ends_as_picture(name) || ends_with(name, ".npy"))
        return true;
    bool is_read;
    const char *format = gs_image_format(begin, size, &is_read);
    if (format && !is_read)
        gs_formats_add(&a->formats, format);
    return format && is_read;
}

/* --- arrays --- */

/* Whether the member is the array that the block asks for, by "arr_0" or "arr_0.npy"; any where it asks for none. */
static bool is_asked(const char *name, const char *asked)
{
    size_t length = strlen(name);
    return !asked || strcmp(name, asked) == 0 ||
           (ends_with(name, ".npy") && strlen(asked) == length - 4 && strncmp(name, asked, length - 4) == 0);
}

static gs_status parse_member(const archive *a, const gs_member *member, gs_npy *array, gs_error *err)
{
    gs_status st = member->fault ? gs_fail(err, GS_EFORMAT, "%s: %s", member->name, member->fault)
                                 : gs_npy_parse(array, member->data, member->size, member->name, err);
    return st == GS_OK ? st : gs_error_prefix(err, st, "%s", a->path);
}

/* The only array of pictures, or the one that the block names. */
static gs_status choose_array(archive *a, const gs_model *model, gs_npy *chosen, const char **name, gs_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(model->sampler, "array");
    const char *asked = cJSON_GetStringValue(item);
    *name = NULL;
    if (item && !asked)
        return gs_fail(err, GS_EFORMAT, "%s: field 'sampler.array' must be the name of an array", model->path);
    for (size_t i = 0; i < a->members.count; i++) {
        const gs_member *member = &a->members.items[i];
        gs_npy array;
        if (!is_asked(member->name, asked))
            continue;
        gs_error why;
        gs_status st = parse_member(a, member, &array, asked ? err : &why);
        if (st != GS_OK && asked)
            return st;
        if (st != GS_OK || (!asked && !gs_picture_array_fits(&array)))
            continue;
        if (*name)
            return gs_fail(err, GS_EFORMAT, "%s: field 'sampler.array' must tell which array of %s holds the pictures",
                           model->path, a->path);
        *name = member->name;
        *chosen = array;
    }
    if (*name)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: holds no array %s%s", a->path, asked ? "named " : "of pictures",
                   asked ? asked : "");
}

static gs_status use_array(archive *a, const gs_model *model, const gs_npy *array, const char *name, gs_error *err)
{
    a->is_array = true;
    gs_status st = gs_picture_array_init(&a->array, array, model->sampler, name, err);
    a->count = a->array.count;
    return st == GS_OK ? st : gs_error_prefix(err, st, "%s", model->path);
}

static gs_status open_npy(archive *a, const gs_model *model, gs_error *err)
{
    gs_npy array;
    gs_status st = gs_npy_parse(&array, a->file.bytes, a->file.size, a->path, err);
    return st == GS_OK ? use_array(a, model, &array, a->path, err) : st;
}

/* --- opening --- */

static bool holds_pictures(const archive *a)
{
    for (size_t i = 0; i < a->members.count; i++)
        if (!ends_with(a->members.items[i].name, ".npy"))
            return true;
    return false;
}

/* Of a set of pictures what else there is does not count; a set of arrays is asked which one is meant. */
static gs_status open_members(archive *a, const gs_model *model, gs_error *err)
{
    gs_npy array;
    const char *name;
    gs_status st = gs_members_open(&a->members, a->path, &(gs_member_choice){accept, a}, err);
    gs_formats_describe(&a->formats, a->left_out, sizeof a->left_out);
    if (st == GS_OK && a->members.links > 0)
        gs_text_append(a->left_out, sizeof a->left_out, "%s%zu links", a->left_out[0] ? "; " : "", a->members.links);
    a->base.left_out = a->left_out;
    if (st != GS_OK)
        return st;
    if (a->members.count == 0)
        return gs_fail(err, GS_EFORMAT, "%s: holds no PNG, JPEG or WebP picture and no array%s%s", a->path,
                       a->left_out[0] ? ", but " : "", a->left_out);
    a->count = a->members.count;
    if (holds_pictures(a) && !cJSON_GetObjectItemCaseSensitive(model->sampler, "array"))
        return GS_OK;
    st = choose_array(a, model, &array, &name, err);
    return st == GS_OK ? use_array(a, model, &array, name, err) : st;
}

static gs_status open_file(archive *a, const gs_model *model, gs_error *err)
{
    gs_status st = gs_model_path(model, "path", &a->path, err);
    if (st == GS_OK)
        st = gs_mapping_open(&a->file, a->path, err);
    if (st != GS_OK)
        return st;
    size_t magic = sizeof GS_NPY_MAGIC - 1;
    if (a->file.size >= magic && memcmp(a->file.bytes, GS_NPY_MAGIC, magic) == 0)
        return open_npy(a, model, err);
    gs_mapping_close(&a->file);
    return open_members(a, model, err);
}

static int compare_placed(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    int names = x->name && y->name ? strcmp(x->name, y->name) : 0;
    return names ? names : x->index < y->index ? -1 : x->index > y->index;
}

/* Pictures of a tar that are not arrays beside them take no place. */
static gs_status put_in_order(archive *a, uint64_t seed, gs_error *err)
{
    a->placed = a->count < SIZE_MAX ? calloc((size_t)a->count + 1, sizeof *a->placed) : NULL;
    if (!a->placed)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %" PRIu64 " pictures", a->path, a->count);
    uint64_t total = a->count;
    a->count = 0;
    for (uint64_t i = 0; i < total; i++) {
        char number[32];
        snprintf(number, sizeof number, "%" PRIu64, i);
        const char *name = a->is_array ? NULL : a->members.items[i].name;
        if (!name || !ends_with(name, ".npy"))
            a->placed[a->count++] = (placed){gs_order_key(seed, name ? name : number), i, name};
    }
    qsort(a->placed, (size_t)a->count, sizeof *a->placed, compare_placed);
    return GS_OK;
}

static gs_status archive_open(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options,
                              gs_error *err)
{
    archive *a = calloc(1, sizeof *a);
    if (!a)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    a->base.driver = &gs_archive_driver;
    a->threads = options->threads;
    gs_status st = open_file(a, model, err);
    if (st == GS_OK)
        st = put_in_order(a, options->seed, err);
    if (st == GS_OK)
        *sampler = &a->base;
    else
        archive_close(&a->base);
    return st;
}

/* --- reading --- */

static uint64_t archive_count(const gs_sampler *sampler)
{
    return ((const archive *)sampler)->count;
}

typedef struct {
    const archive *archive;
    uint64_t first;
} request;

static gs_status read_picture(const void *context, size_t i, gs_image *image, gs_error *err)
{
    const request *r = context;
    const archive *a = r->archive;
    uint64_t index = a->placed[r->first + i].index;
    if (a->is_array)
        return gs_picture_array_read(&a->array, index, image, err);
    const gs_member *member = &a->members.items[index];
    char name[400];
    snprintf(name, sizeof name, "%s: %s", a->path, member->name);
    return member->fault ? gs_fail(err, GS_EFORMAT, "%s: %s", name, member->fault)
                         : gs_image_decode(image, member->data, member->size, name, err);
}

static gs_status archive_read_samples(gs_sampler *sampler, uint64_t first, size_t count, gs_image *frames,
                                      gs_error *faults, size_t *got, gs_error *err)
{
    const archive *a = (const archive *)sampler;
    if (first >= a->count)
        return GS_OK;
    size_t n = a->count - first < count ? (size_t)(a->count - first) : count;
    request r = {a, first};
    gs_status st = gs_image_read_each(frames, n, read_picture, &r, a->threads, faults, err);
    *got = st == GS_OK ? n : 0;
    return st;
}

/* Its size and time, as of a folder's pictures: it may be large. */
static gs_status archive_fingerprint(const gs_model *model, struct sha256_ctx *digest, gs_error *err)
{
    struct stat info;
    char *path;
    gs_status st = gs_model_path(model, "path", &path, err);
    if (st != GS_OK)
        return st;
    if (stat(path, &info) != 0) {
        st = gs_fail(err, errno == ENOENT ? GS_ENOTFOUND : GS_EIO, "%s: %s (field 'sampler.path' of %s)", path,
                     strerror(errno), model->path);
    } else {
        int64_t state[] = {info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
        sha256_update(digest, sizeof state, (const uint8_t *)state);
    }
    free(path);
    return st;
}

const gs_sampler_driver gs_archive_driver = {.kind = "archive",
                                             .open = archive_open,
                                             .count = archive_count,
                                             .read = archive_read_samples,
                                             .close = archive_close,
                                             .fingerprint = archive_fingerprint};

#include "indexer/sampler/listing.h"

#include "indexer/image/image.h" /* gs_image_format */
#include "indexer/sampler/chosen.h"

#include <errno.h>
#include <fcntl.h> /* open */
#include <fts.h>
#include <search.h> /* tsearch */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h> /* read */

#define MAX_NAMED 10 /* links to nothing */

typedef struct {
    dev_t device;
    ino_t inode;
} place;

typedef struct {
    gs_listing *listing;
    FTS *fts;
    size_t root;        /* length of the folder's own path */
    void *entered;      /* tsearch tree of the folders' places */
    gs_formats formats; /* that are not read */
    size_t n_links;
    char links[512]; /* the first of them */
} walk;

/* The format that the file begins as; NULL also when it cannot be read: its name does not say that it is a picture. */
static const char *look_into(const char *path, bool *is_read)
{
    uint8_t bytes[GS_IMAGE_FORMAT_BYTES];
    *is_read = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0)
        close(fd);
    return got < 0 ? NULL : gs_image_format(bytes, (size_t)got, is_read);
}

static void note_link(walk *w, const FTSENT *entry)
{
    const char *below = entry->fts_path + w->root;
    if (w->n_links++ < MAX_NAMED)
        gs_text_append(w->links, sizeof w->links, "%s%s", w->links[0] ? ", " : "", *below == '/' ? below + 1 : below);
}

static gs_status add_picture(gs_listing *listing, const FTSENT *entry, gs_error *err)
{
    const char *path = entry->fts_path;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? listing->capacity * 2 : 256;
        gs_listed *larger =
            capacity < SIZE_MAX / sizeof *larger ? realloc(listing->pictures, capacity * sizeof *larger) : NULL;
        if (!larger)
            return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu names", path, capacity);
        listing->pictures = larger;
        listing->capacity = capacity;
    }
    char *copy = strdup(path);
    if (!copy)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    const struct stat *info = entry->fts_statp;
    listing->pictures[listing->count++] = (gs_listed){
        .path = copy, .size = info->st_size, .seconds = info->st_mtim.tv_sec, .nanoseconds = info->st_mtim.tv_nsec};
    return GS_OK;
}

static gs_status visit_file(walk *w, const FTSENT *entry, gs_error *err)
{
    bool is_read = gs_chosen_ends_as_picture(entry->fts_name);
    const char *format = is_read ? NULL : look_into(entry->fts_accpath, &is_read);
    if (is_read)
        return add_picture(w->listing, entry, err);
    if (format)
        gs_formats_add(&w->formats, format);
    return GS_OK;
}

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* Two links that lead to each other's folders would show each picture twice, and so on: what was entered is not entered again. */
static gs_status enter(walk *w, FTSENT *entry, gs_error *err)
{
    place *key = malloc(sizeof *key);
    place **found = NULL;
    if (key) {
        *key = (place){entry->fts_statp->st_dev, entry->fts_statp->st_ino};
        found = tsearch(key, &w->entered, compare_places);
    }
    if (!found || *found != key) /* without memory, or there already */
        free(key);
    if (!found)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", entry->fts_path);
    if (*found != key)
        fts_set(w->fts, entry, FTS_SKIP);
    return GS_OK;
}

/* One entry of the walk. A link that leads back to a folder on the way to itself is FTS_DC, and skipped. */
static gs_status visit(walk *w, FTSENT *entry, gs_error *err)
{
    bool is_below = entry->fts_level > FTS_ROOTLEVEL;
    if (is_below && gs_chosen_is_beside(entry->fts_name)) {
        fts_set(w->fts, entry, FTS_SKIP);
        return GS_OK;
    }
    switch (entry->fts_info) {
    case FTS_D:
        return enter(w, entry, err);
    case FTS_F:
        return visit_file(w, entry, err);
    case FTS_SLNONE:
        note_link(w, entry);
        return GS_OK;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return gs_fail(err, GS_EIO, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
    default:
        return GS_OK;
    }
}

/* "12 GIF, 3 HEIC (PNG, JPEG and WebP are read); 2 links to nothing: a/x.jpg, b.png" */
static void describe_left_out(walk *w)
{
    char *text = w->listing->left_out;
    size_t size = sizeof w->listing->left_out;
    gs_formats_describe(&w->formats, text, size);
    if (w->n_links > 0)
        gs_text_append(text, size, "%s%zu %s to nothing: %s%s", text[0] ? "; " : "", w->n_links,
                       w->n_links == 1 ? "link" : "links", w->links, w->n_links > MAX_NAMED ? " ..." : "");
}

static int compare_names(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static gs_status walk_all(walk *w, const char *folder, gs_error *err)
{
    char *roots[] = {(char *)folder, NULL};
    w->fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, compare_names);
    if (!w->fts)
        return gs_fail(err, GS_EIO, "%s: %s", folder, strerror(errno));
    gs_status st = GS_OK;
    FTSENT *entry;
    while (st == GS_OK && (errno = 0, entry = fts_read(w->fts)) != NULL)
        st = visit(w, entry, err);
    if (st == GS_OK && errno != 0)
        st = gs_fail(err, GS_EIO, "%s: %s", folder, strerror(errno));
    fts_close(w->fts);
    tdestroy(w->entered, free);
    return st;
}

gs_status gs_listing_read(gs_listing *listing, const char *folder, gs_error *err)
{
    *listing = (gs_listing){0};
    walk w = {.listing = listing, .root = strlen(folder)};
    gs_status st = walk_all(&w, folder, err);
    describe_left_out(&w);
    if (st == GS_OK && listing->count == 0)
        st = gs_fail(err, GS_EFORMAT, "%s: holds no PNG, JPEG or WebP picture%s%s", folder,
                     listing->left_out[0] ? ", but " : "", listing->left_out);
    if (st != GS_OK)
        gs_listing_free(listing);
    return st;
}

void gs_listing_free(gs_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->pictures[i].path);
    free(listing->pictures);
    *listing = (gs_listing){0};
}

/* listing.h - the pictures below a folder.
 *
 *     gs_listing listing;
 *     if ((st = gs_listing_read(&listing, "samples", err)) != GS_OK) return st;
 *     ... listing.pictures [listing.count], listing.left_out ...
 *     gs_listing_free(&listing);
 *
 * A picture is what ends in .png, .jpg, .jpeg or .webp, in any case, and any other file that begins as one of these. Symbolic links are
 * followed, and a folder that can be reached in several ways is entered once, by the first path in the order of names. Left out are hidden
 * files and folders, and those that systems make beside pictures (@eaDir, __MACOSX ...: chosen.c has them all).
 */
#ifndef GS_LISTING_H
#define GS_LISTING_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *path;                         /* owned */
    uint64_t key;                       /* 0, for who orders them */
    int64_t size, seconds, nanoseconds; /* of the file, and of its last change */
} gs_listed;

typedef struct {
    gs_listed *pictures; /* [count], in the order of names folder by folder  owned */
    size_t count, capacity;
    char left_out
        [1024]; /* what looks like a picture and is none: other formats, links to nothing; "" when there is none */
} gs_listing;

/* GS_EFORMAT when there is no picture, GS_EIO for a folder that cannot be read. On failure there is nothing to free. */
gs_status gs_listing_read(gs_listing *listing, const char *folder, gs_error *err);
void gs_listing_free(gs_listing *listing); /* safe on a zeroed one */

#endif

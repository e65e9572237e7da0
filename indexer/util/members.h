/* members.h - the files in a tar or ZIP archive, for random access.
 *
 *     gs_members members;
 *     if ((st = gs_members_open(&members, "samples.tar", NULL, err)) != GS_OK) return st;
 *     for (size_t i = 0; i < members.count; i++)
 *         ... members.items[i].name, .data [.size] ...
 *     gs_members_close(&members);
 *
 * An archive is read through once, by libarchive (which knows a tar behind gzip, bzip2, xz and zstd too). What it stores plain stays where it
 * lies, mapped; what it stores compressed is unpacked to a nameless file in TMPDIR (/var/tmp).
 */
#ifndef GS_MEMBERS_H
#define GS_MEMBERS_H

#include "core/status.h"
#include "indexer/util/mapping.h"

#include <stdbool.h>

typedef struct {
    char *name;          /* UTF-8 as the archive has it, without "./" or "/" before it  owned */
    const uint8_t *data; /* [size]  borrowed from the archive; NULL of an empty file, and where there is a fault */
    size_t size;
    size_t offset; /* of the data in the archive, or where it is unpacked in what was unpacked */
    bool is_unpacked;
    char *fault; /* why its data cannot be read; NULL when it can  owned */
} gs_member;

typedef struct {
    gs_member *items; /* [count], in the archive's order  owned */
    size_t count, capacity;
    size_t links;        /* files that are only links to others, which are not followed */
    gs_mapping archive;  /* owned, as the next one */
    gs_mapping unpacked; /* what was stored compressed */
} gs_members;

/* Asked of each file's name and first bytes [size]: whether it is to be a member. */
typedef bool (*gs_member_filter)(void *context, const char *name, const uint8_t *begin, size_t size);
typedef struct {
    gs_member_filter accepts;
    void *context;
} gs_member_choice;

/* choice NULL: all files. A member that cannot be unpacked has a fault; GS_EFORMAT for what is no archive, or one that is damaged so that what
 * follows cannot be found; GS_EIO. On failure there is nothing to close. */
gs_status gs_members_open(gs_members *members, const char *path, const gs_member_choice *choice, gs_error *err);
void gs_members_close(gs_members *members); /* safe on a zeroed one */

#endif

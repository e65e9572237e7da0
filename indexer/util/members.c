#include "indexer/util/members.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>  /* O_TMPFILE */
#include <locale.h> /* uselocale */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* While an archive is read. */
typedef struct {
    gs_members *members;
    const char *path;
    const gs_member_choice *choice; /* or NULL */
    struct archive *archive;
    int spool;      /* what is unpacked goes there; -1: nothing was */
    size_t spooled; /* bytes of it */
} opening;

static const char *complaint(const opening *o)
{
    const char *text = archive_error_string(o->archive);
    return text ? text : "libarchive does not say why";
}

static gs_status write_spool(opening *o, const void *bytes, size_t size, gs_error *err)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !folder[0])
        folder = "/var/tmp";
    if (o->spool < 0)
        o->spool = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    for (size_t done = 0; o->spool >= 0 && done < size;) {
        ssize_t wrote = write(o->spool, (const char *)bytes + done, size - done);
        if (wrote < 0 && errno != EINTR)
            return gs_fail(err, GS_EIO, "%s: cannot be unpacked in %s: %s", o->path, folder, strerror(errno));
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    if (o->spool < 0)
        return gs_fail(err, GS_EIO, "%s: cannot be unpacked in %s: %s", o->path, folder, strerror(errno));
    o->spooled += size;
    return GS_OK;
}

/* Room for one more member, zeroed. */
static gs_status reserve_member(opening *o, gs_error *err)
{
    gs_members *m = o->members;
    if (m->count < m->capacity)
        return GS_OK;
    size_t capacity = m->capacity ? m->capacity * 2 : 256;
    gs_member *items = reallocarray(m->items, capacity, sizeof *items);
    if (!items)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu names", o->path, capacity);
    m->items = items;
    m->capacity = capacity;
    return GS_OK;
}

/* Some of a member's bytes: whether libarchive points to them in the mapping, so that they need not be kept. */
typedef struct {
    const uint8_t *bytes;
    size_t size;
    int status; /* libarchive's */
    bool in_place;
} block;

static block read_block(opening *o)
{
    block b = {.size = 0};
    la_int64_t offset;
    const void *bytes = NULL;
    b.status = archive_read_data_block(o->archive, &bytes, &b.size, &offset);
    b.size = b.status == ARCHIVE_OK || b.status == ARCHIVE_WARN ? b.size : 0;
    b.bytes = bytes;
    const gs_mapping *file = &o->members->archive;
    uintptr_t begin = (uintptr_t)bytes, start = (uintptr_t)file->bytes;
    b.in_place = begin >= start && begin - start <= file->size && b.size <= file->size - (begin - start);
    return b;
}

/* Takes the rest of the member, whose first block was read: in place where it lies in one piece. A gap (of a sparse file) or damage is a
 * fault of the member alone. */
static gs_status read_rest(opening *o, block b, gs_member *member, gs_error *err)
{
    bool in_place = b.in_place;
    const uint8_t *data = b.bytes;
    size_t start = o->spooled, size = 0;
    gs_status st = GS_OK;
    while (st == GS_OK && b.status == ARCHIVE_OK) {
        if (in_place && (!b.in_place || b.bytes != data + size)) { /* what was taken in place so far goes before it */
            st = write_spool(o, data, size, err);
            in_place = false;
        }
        if (st == GS_OK && !in_place)
            st = write_spool(o, b.bytes, b.size, err);
        size += b.size;
        b = read_block(o);
    }
    if (st != GS_OK)
        return st;
    if (b.status == ARCHIVE_EOF) {
        member->size = size;
        member->is_unpacked = !in_place;
        member->offset = in_place ? (size_t)(data - o->members->archive.bytes) : start;
        return GS_OK;
    }
    member->fault = strdup(complaint(o));
    return member->fault ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", o->path);
}

/* A sparse file's holes have no blocks: its size is another than what was read. */
static gs_status check_whole(const opening *o, struct archive_entry *entry, gs_member *member, gs_error *err)
{
    if (member->fault || !archive_entry_size_is_set(entry) || (la_int64_t)member->size == archive_entry_size(entry))
        return GS_OK;
    member->fault = strdup("its size is not what the archive says");
    return member->fault ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", o->path);
}

/* The name without "./" and "/" before it. */
static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    while (name && (name[0] == '/' || (name[0] == '.' && name[1] == '/')))
        name += name[0] == '/' ? 1 : 2;
    return name ? name : "a file without a name";
}

static gs_status add_file(opening *o, struct archive_entry *entry, gs_error *err)
{
    gs_members *m = o->members;
    const char *name = name_of(entry);
    block first = read_block(o);
    if (o->choice && !o->choice->accepts(o->choice->context, name, first.bytes, first.size))
        return GS_OK;
    gs_status st = reserve_member(o, err);
    if (st != GS_OK)
        return st;
    gs_member *member = &m->items[m->count];
    *member = (gs_member){.name = strdup(name)};
    if (member->name)
        m->count++;
    else
        return gs_fail(err, GS_ENOMEM, "%s: no memory", o->path);
    st = read_rest(o, first, member, err);
    return st == GS_OK ? check_whole(o, entry, member, err) : st;
}

static gs_status read_entries(opening *o, gs_error *err)
{
    gs_status st = GS_OK;
    struct archive_entry *entry;
    int found = ARCHIVE_OK;
    while (st == GS_OK) {
        found = archive_read_next_header(o->archive, &entry);
        if (found != ARCHIVE_OK && found != ARCHIVE_WARN)
            break;
        bool link = archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK;
        if (link)
            o->members->links++;
        else if (archive_entry_filetype(entry) == AE_IFREG)
            st = add_file(o, entry, err);
    }
    if (st == GS_OK && found != ARCHIVE_EOF)
        st = gs_fail(err, GS_EFORMAT, "%s: is no tar or ZIP archive, or damaged after %zu files: %s", o->path,
                     o->members->count, complaint(o));
    return st;
}

/* In the C locale, which is the program's, libarchive has no name for a member of a ZIP whose name is not ASCII. */
static gs_status read_entries_as_utf8(opening *o, gs_error *err)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = uselocale(utf8); /* of this thread; as it was where there is no such locale */
    gs_status st = read_entries(o, err);
    uselocale(before);
    if (utf8)
        freelocale(utf8);
    return st;
}

/* Maps what was unpacked, and points the members to their data. */
static gs_status locate(opening *o, gs_error *err)
{
    gs_members *m = o->members;
    gs_status st = o->spool < 0 ? GS_OK : gs_mapping_of_file(&m->unpacked, o->spool, o->path, err);
    for (size_t i = 0; st == GS_OK && i < m->count; i++) {
        gs_member *member = &m->items[i];
        if (!member->fault && member->size > 0)
            member->data = (member->is_unpacked ? m->unpacked : m->archive).bytes + member->offset;
    }
    return st;
}

static gs_status open_archive(opening *o, gs_error *err)
{
    const gs_mapping *file = &o->members->archive;
    o->archive = archive_read_new();
    if (!o->archive)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", o->path);
    if (!file->bytes)
        return gs_fail(err, GS_EFORMAT, "%s: is empty", o->path);
    archive_read_support_filter_gzip(o->archive); /* not all: some are other programs, which libarchive would run */
    archive_read_support_filter_bzip2(o->archive);
    archive_read_support_filter_xz(o->archive);
    archive_read_support_filter_zstd(o->archive);
    archive_read_support_format_tar(o->archive);
    archive_read_support_format_zip_seekable(o->archive);
    if (archive_read_open_memory(o->archive, file->bytes, file->size) == ARCHIVE_OK)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: is no tar or ZIP archive: %s", o->path, complaint(o));
}

gs_status gs_members_open(gs_members *members, const char *path, const gs_member_choice *choice, gs_error *err)
{
    *members = (gs_members){0};
    opening o = {.members = members, .path = path, .choice = choice, .spool = -1};
    gs_status st = gs_mapping_open(&members->archive, path, err);
    if (st == GS_OK)
        st = open_archive(&o, err);
    if (st == GS_OK)
        st = read_entries_as_utf8(&o, err);
    if (st == GS_OK)
        st = locate(&o, err);
    archive_read_free(o.archive);
    if (o.spool >= 0)
        close(o.spool);
    if (st != GS_OK)
        gs_members_close(members);
    return st;
}

void gs_members_close(gs_members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        free(members->items[i].name);
        free(members->items[i].fault);
    }
    free(members->items);
    gs_mapping_close(&members->archive);
    gs_mapping_close(&members->unpacked);
    *members = (gs_members){0};
}

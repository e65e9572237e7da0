#include "indexer/util/file.h"

#include <errno.h>
#include <fcntl.h> /* open */
#include <nettle/sha2.h>
#include <stdio.h> /* snprintf, rename */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h> /* fstat, mkdir */
#include <unistd.h>   /* read, write, fsync */

static gs_status read_all(int fd, gs_bytes *bytes, size_t limit, const char *path, gs_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return gs_fail(err, GS_EIO, "%s: is a directory, expected a file", path);
    size_t capacity = S_ISREG(info.st_mode) ? (size_t)info.st_size : 0;
    if (capacity > limit)
        return gs_fail(err, GS_EFORMAT, "%s: %zu bytes, at most %zu are read", path, capacity, limit);

    /* One byte beyond the announced size tells a file that grows, or a pipe, from one that ends here. */
    for (capacity = capacity ? capacity + 1 : 65536;; capacity *= 2) {
        uint8_t *larger = realloc(bytes->data, capacity + 1);
        if (!larger)
            return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu bytes", path, capacity);
        bytes->data = larger;
        while (bytes->size < capacity) {
            ssize_t got = read(fd, bytes->data + bytes->size, capacity - bytes->size);
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
            if (got == 0) {
                bytes->data[bytes->size] = 0;
                return GS_OK;
            }
            bytes->size += (size_t)got;
            if (bytes->size > limit)
                return gs_fail(err, GS_EFORMAT, "%s: more than %zu bytes", path, limit);
        }
    }
}

gs_status gs_file_read(gs_bytes *bytes, const char *path, size_t limit, gs_error *err)
{
    *bytes = (gs_bytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    gs_status st = read_all(fd, bytes, limit, path, err);
    close(fd);
    if (st != GS_OK)
        gs_bytes_free(bytes);
    return st;
}

void gs_bytes_free(gs_bytes *bytes)
{
    free(bytes->data);
    *bytes = (gs_bytes){0};
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

/* A new file beside path, its name to temporary [size]. The system applies the umask; nobody else has the name. */
static int open_temporary(const char *path, char *temporary, size_t size)
{
    for (int attempt = 0; attempt < 1000; attempt++) {
        snprintf(temporary, size, "%s.%ld.%d.tmp", path, (long)getpid(), attempt);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

gs_status gs_file_write(const char *path, const void *bytes, size_t size, gs_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) /* /dev/null would become a file */
        return gs_fail(err, GS_EIO, "%s: is there and not a file, it is not replaced", path);
    size_t length = strlen(path) + 64;
    char *temporary = malloc(length);
    if (!temporary)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    int fd = open_temporary(path, temporary, length);
    if (fd < 0) {
        gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
        free(temporary);
        return GS_EIO;
    }
    gs_status st = GS_OK;
    if (write_all(fd, bytes, size) != 0 || fsync(fd) != 0)
        st = gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    if (close(fd) != 0 && st == GS_OK)
        st = gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    if (st == GS_OK && rename(temporary, path) != 0)
        st = gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    if (st != GS_OK)
        unlink(temporary);
    free(temporary);
    return st;
}

gs_status gs_make_directories(const char *path, gs_error *err)
{
    if (!path[0])
        return gs_fail(err, GS_EARGS, "a folder without a name");
    char *copy = strdup(path);
    if (!copy)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    gs_status st = GS_OK;
    for (char *slash = copy + 1; st == GS_OK; slash++) {
        if (*slash != '/' && *slash != 0)
            continue;
        char kept = *slash;
        *slash = 0;
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            st = gs_fail(err, GS_EIO, "%s: %s", copy, strerror(errno));
        *slash = kept;
        if (kept == 0)
            break;
    }
    struct stat info;
    if (st == GS_OK && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        st = gs_fail(err, GS_EIO, "%s: exists and is not a directory", path);
    free(copy);
    return st;
}

char *gs_path_join(const char *directory, const char *name)
{
    if (name[0] == '/' || directory[0] == 0)
        return strdup(name);
    size_t length = strlen(directory) + strlen(name) + 2;
    char *path = malloc(length);
    if (path)
        snprintf(path, length, "%s%s%s", directory, directory[strlen(directory) - 1] == '/' ? "" : "/", name);
    return path;
}

void gs_sha256_hex(const void *bytes, size_t size, char hex[GS_SHA256_HEX])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, size, bytes);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

#include "indexer/util/mapping.h"

#include <errno.h>
#include <fcntl.h> /* open */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h> /* close */

gs_status gs_mapping_of_file(gs_mapping *file, int fd, const char *name, gs_error *err)
{
    struct stat info;
    *file = (gs_mapping){0};
    if (fstat(fd, &info) != 0)
        return gs_fail(err, GS_EIO, "%s: %s", name, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return gs_fail(err, GS_EIO, "%s: not a regular file", name);
    if (info.st_size == 0)
        return GS_OK;
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return gs_fail(err, GS_EIO, "%s: cannot be mapped: %s", name, strerror(errno));
    *file = (gs_mapping){bytes, (size_t)info.st_size};
    return GS_OK;
}

gs_status gs_mapping_open(gs_mapping *file, const char *path, gs_error *err)
{
    *file = (gs_mapping){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    gs_status st = gs_mapping_of_file(file, fd, path, err);
    close(fd);
    return st;
}

void gs_mapping_close(gs_mapping *file)
{
    if (file->bytes)
        munmap((void *)file->bytes, file->size);
    *file = (gs_mapping){0};
}

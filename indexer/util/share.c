#include "indexer/util/share.h"

#include "indexer/util/file.h"

#include <limits.h> /* PATH_MAX */
#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* readlink, access */

gs_status gs_prefix_path(const char *name, char **path, gs_error *err)
{
    char executable[PATH_MAX];
    *path = NULL;
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length < 0)
        return gs_fail(err, GS_EIO, "/proc/self/exe: cannot be read, so %s cannot be found", name);
    executable[length] = 0;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(executable, '/');
        if (slash)
            *slash = 0;
    }
    *path = gs_path_join(executable, name);
    return *path ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", name);
}

gs_status gs_share_path(const char *name, char **path, gs_error *err)
{
    const char *named = getenv("GENSEARCH_SHARE");
    char *root = NULL;
    *path = NULL;
    gs_status st = named && named[0] ? GS_OK : gs_prefix_path("share/gensearch", &root, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st, "set GENSEARCH_SHARE to the share/gensearch folder");
    *path = gs_path_join(root ? root : named, name);
    free(root);
    if (!*path)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", name);
    if (access(*path, F_OK) != 0) {
        st = gs_fail(err, GS_ENOTFOUND, "%s: not found; it belongs to the installation (GENSEARCH_SHARE names another)",
                     *path);
        free(*path);
        *path = NULL;
    }
    return st;
}

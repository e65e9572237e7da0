#include "share.h"

#include "file.h"

#include <limits.h> /* PATH_MAX */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* readlink, access */

/* The share folder, to root [PATH_MAX]. */
static gs_status find_root(char *root, gs_error *err)
{
    const char *named = getenv("GENSEARCH_SHARE");
    if (named && named[0]) {
        snprintf(root, PATH_MAX, "%s", named);
        return GS_OK;
    }
    char executable[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length < 0)
        return gs_fail(err, GS_EIO,
                       "/proc/self/exe: cannot be read; set GENSEARCH_SHARE to the share/gensearch folder");
    executable[length] = 0;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(executable, '/');
        if (slash)
            *slash = 0;
    }
    if (snprintf(root, PATH_MAX, "%s/share/gensearch", executable) >= PATH_MAX)
        return gs_fail(err, GS_EIO, "%s: the path is too long", executable);
    return GS_OK;
}

gs_status gs_share_path(const char *name, char **path, gs_error *err)
{
    char root[PATH_MAX];
    gs_status st = find_root(root, err);
    if (st != GS_OK)
        return st;
    *path = gs_path_join(root, name);
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

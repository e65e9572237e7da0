#include "indexer/nn/device.h"

#include "indexer/util/share.h"

#include <dlfcn.h>
#include <stdlib.h> /* getenv, free */
#include <string.h> /* strdup, memcpy */
#include <unistd.h> /* access */

#define PLUGIN GS_LIBDIR "/gensearch/gensearch_cuda.so"

static gs_status find_plugin(char **path, gs_error *err)
{
    const char *named = getenv("GENSEARCH_CUDA");
    if (named && named[0]) {
        *path = strdup(named);
        return *path ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", named);
    }
    return gs_prefix_path(PLUGIN, path, err);
}

static gs_status load_plugin(const char *path, const gs_cuda_api **api, gs_error *err)
{
    if (access(path, F_OK) != 0)
        return gs_fail(err, GS_ENOTFOUND, "cuda: no plug-in was built: %s is not there", path);
    /* Never closed again: CUDA leaves threads and handlers behind. */
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return gs_fail(err, GS_ENOTFOUND, "cuda: the plug-in cannot be loaded: %s", dlerror());
    void *symbol = dlsym(library, GS_CUDA_SYMBOL);
    if (!symbol)
        return gs_fail(err, GS_EMISMATCH, "cuda: %s is no plug-in of gensearch: no symbol %s", path, GS_CUDA_SYMBOL);
    gs_cuda_plugin_function *plugin;
    memcpy(&plugin, &symbol, sizeof plugin); /* C has no cast from a data to a function pointer */
    *api = plugin();
    if ((*api)->version != GS_CUDA_VERSION)
        return gs_fail(err, GS_EMISMATCH, "cuda: %s is of version %u, expected %u: build both from the same sources",
                       path, (*api)->version, GS_CUDA_VERSION);
    return GS_OK;
}

gs_status gs_cuda_open(const gs_cuda_api **api, gs_error *err)
{
    char *path;
    gs_cuda_device device;
    *api = NULL;
    gs_status st = find_plugin(&path, err);
    if (st != GS_OK)
        return st;
    st = load_plugin(path, api, err);
    free(path);
    if (st == GS_OK)
        st = (*api)->device(&device, err);
    if (st != GS_OK)
        *api = NULL;
    return st;
}

/* share.h - where the program's own files are: the site, the workers, the embedded data.
 *
 *     char *worker; st = gs_share_path("tools/workers/onnx.mjs", &worker, err); ... free(worker);
 *
 * They lie in ../share/gensearch seen from the executable, after `cmake --install` and in the build tree alike, unless
 * GENSEARCH_SHARE names another folder. Inside, the tree is that of the repository: site/, tools/workers/, data/,
 * wasm/.
 */
#ifndef GS_SHARE_H
#define GS_SHARE_H

#include "core/status.h"

/* *path is malloc'ed: the caller frees it. GS_ENOTFOUND, with where it was looked for, when there is no such file. */
gs_status gs_share_path(const char *name, char **path, gs_error *err);

/* *path: PREFIX/name where the executable is PREFIX/bin/gensearch, there or not. malloc'ed: the caller frees it. */
gs_status gs_prefix_path(const char *name, char **path, gs_error *err);

#endif

/* target.h - what a published folder may take the place of; for publish/ only. */
#ifndef GS_TARGET_H
#define GS_TARGET_H

#include "core/status.h"

#include <cjson/cJSON.h>

#define GS_MANIFEST "manifest.json"

/* GS_OK where there is nothing, an empty folder, or one that was published, with no file that its manifest does not name, nor a compressed form
 * of one: another would be gone. Else GS_EARGS. */
gs_status gs_target_check(const char *directory, gs_error *err);

/* The manifest of a published folder, to be deleted; NULL when it is none. */
cJSON *gs_target_manifest(const char *directory);

#endif

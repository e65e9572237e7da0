/* config_fields.h - the fields that configurations of all kinds share; for config.c and config_open_clip.c.
 *
 *     static const gs_size_field fields[] = {{"hidden_size", offsetof(gs_tower_config, width), 1, GS_MAX_SIDE}};
 *     st = gs_sizes_read(&json, fields, 1, &tower, err);        // an absent field keeps what tower holds
 */
#ifndef GS_CONFIG_FIELDS_H
#define GS_CONFIG_FIELDS_H

#include "indexer/hf/config.h"
#include "indexer/hf/json.h"

#define GS_MAX_SIDE 65536 /* of any matrix */

/* A whole number, or the same one for both sides as [N, N]; *(size_t *)(base + offset) holds its default. */
typedef struct {
    const char *name;
    size_t offset, least, most;
} gs_size_field;

gs_status gs_sizes_read(const gs_json_object *json, const gs_size_field *fields, size_t n, void *base, gs_error *err);

/* What every tower must hold: heads divide its width, patches fit its pictures. */
gs_status gs_tower_check(const gs_json_object *json, const gs_tower_config *tower, gs_error *err);
gs_status gs_patches_check(const gs_json_object *json, gs_clip_config *config, gs_error *err);

/* open_clip_config.json. */
gs_status gs_open_clip_read(const gs_json *json, gs_clip_config *config, gs_error *err);

#endif

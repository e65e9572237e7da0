/* model.h - a model.json: what people know about a model, and where its samples come from.
 *
 *     gs_model model;
 *     if ((st = gs_model_read(&model, "data/zoo/cats/model.json", err)) != GS_OK) return st;
 *     printf("%s is a %s\n", model.title, model.type);
 *     gs_model_free(&model);
 *
 * Only slug, title, type and sampler are required. Fields unknown here are kept in
 * json, not refused.
 */
#ifndef GS_MODEL_H
#define GS_MODEL_H

#include "core/status.h"

#include <cjson/cJSON.h>

typedef struct {
    char *path;       /* of the file                                owned */
    char *directory;  /* of the file: relative paths start here     owned */
    char *json;       /* the whole file, compact                    owned */
    cJSON *root;      /* json, parsed                               owned */
    const char *slug; /* [a-z0-9-]+, at most 128 bytes              borrowed from root, as all below */
    const char *title;
    const char *type;        /* GAN VAE diffusion flow autoregressive implicit other */
    const char *family;      /* or "" */
    const char *description; /* or "" */
    const cJSON *sampler;    /* an object with a string "kind" */
} gs_model;

/* Reads and checks the file. GS_EFORMAT names the file, the field, what it is and what was expected. On failure nothing
 * is left to free. */
gs_status gs_model_read(gs_model *model, const char *path, gs_error *err);

/* The same from text already read, e.g. from the database; path only names it and gives the directory. */
gs_status gs_model_parse(gs_model *model, const char *text, const char *path, gs_error *err);

/* The path that a field of the sampler means, seen from the file's directory. *path is malloc'ed: the caller frees
 * it. */
gs_status gs_model_path(const gs_model *model, const char *field, char **path, gs_error *err);

void gs_model_free(gs_model *model); /* safe on a zeroed one */

#endif

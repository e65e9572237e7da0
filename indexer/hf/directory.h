/* directory.h - which files of a folder are an encoder, whoever laid them out.
 *
 *     gs_directory directory;
 *     if ((st = gs_directory_open(&directory, "clip-vit-base-patch32", err)) != GS_OK) return st;
 *     st = gs_clip_config_read(&config, &directory, err);
 *     st = gs_directory_find_weights(&directory, err);
 *     st = gs_weights_open(&weights, directory.weights, err);
 *     gs_directory_close(&directory);
 *
 * Taken are a folder in Hugging Face's layout (config.json, model.safetensors) or OpenCLIP's own (open_clip_config.json,
 * open_clip_model.safetensors), and one above it: a sentence-transformers model (0_CLIPModel) or a folder of the hub's
 * cache (snapshots/HASH, the one that refs/main names). What cannot be used is refused with what to do next.
 */
#ifndef GS_DIRECTORY_H
#define GS_DIRECTORY_H

#include "core/status.h"

#include <stdbool.h>

typedef struct {
    char *path;     /* the folder that holds the files      owned, as the next two */
    char *config;   /* config.json or open_clip_config.json */
    char *weights;  /* a file of tensors, or the index of its shards; NULL until it is found */
    bool open_clip; /* whose layout the two are in */
    bool variant;   /* the weights are the only ones, under a name such as model.fp16.safetensors */
    char name[128]; /* what people call it: the repository of a snapshot, else the folder's last component */
    bool snapshot;  /* name is a repository's */
} gs_directory;

/* GS_EIO or GS_EFORMAT, with what is there instead. */
gs_status gs_directory_open(gs_directory *directory, const char *path, gs_error *err);
void gs_directory_close(gs_directory *directory); /* safe on a zeroed one */

/* Apart from opening, so that what config.json says is refused first. Errors as above. */
gs_status gs_directory_find_weights(gs_directory *directory, gs_error *err);

#endif

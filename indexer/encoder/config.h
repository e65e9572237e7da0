/* config.h - what config.json and preprocessor_config.json say, with the defaults that transformers gives to what they
 * leave out.
 *
 *     gs_clip_config config;
 *     if ((st = gs_clip_config_read(&config, directory, err)) != GS_OK) return st;
 *     gs_preprocess preprocess;
 *     st = gs_preprocess_config_read(&preprocess, directory, config.image_size, err);
 */
#ifndef GS_ENCODER_CONFIG_H
#define GS_ENCODER_CONFIG_H

#include "../../core/preprocess.h"
#include "../../core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    GS_QUICK_GELU, /* x sigmoid(1.702 x): OpenAI */
    GS_GELU,       /* x Phi(x): most OpenCLIP exports */
} gs_activation;

/* One stack of transformer layers. */
typedef struct {
    size_t width; /* hidden_size; a multiple of heads */
    size_t inner; /* intermediate_size */
    size_t layers;
    size_t heads;
    gs_activation activation;
    float epsilon; /* layer_norm_eps */
} gs_tower_config;

typedef struct {
    char name[128]; /* "_name_or_path"; empty when the file has none */
    gs_tower_config text, vision;
    size_t vocabulary; /* rows of the token embedding */
    size_t context;    /* positions of the text tower: 2 .. GS_MAX_TOKENS */
    size_t end_token; /* eos_token_id; 2 is the old configurations' mistake and means: the position of the largest id */
    size_t image_size, patch_size;
    size_t projection; /* width of a feature as the file states it; 0 when it does not: the tensors tell */
} gs_clip_config;

#define GS_END_TOKEN_LEGACY 2

gs_status gs_clip_config_read(gs_clip_config *config, const char *directory, gs_error *err);

/* image_size: what the vision tower takes; a preparation that always gives another size is refused. */
gs_status gs_preprocess_config_read(gs_preprocess *preprocess, const char *directory, size_t image_size, gs_error *err);

#endif

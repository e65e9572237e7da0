/* config.h - what a configuration says, with the defaults that transformers or OpenCLIP gives to what it leaves out.
 *
 *     gs_clip_config config;
 *     if ((st = gs_clip_config_read(&config, &directory, err)) != GS_OK) return st;
 *
 * What a configuration asks for and no tower here does is refused by name, never left out.
 */
#ifndef GS_ENCODER_CONFIG_H
#define GS_ENCODER_CONFIG_H

#include "core/status.h"
#include "indexer/hf/directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a model is built, and what its tensors are called. */
typedef enum {
    GS_CLIP,             /* CLIPModel, or its vision tower alone */
    GS_VIT,              /* ViTModel, such as DINO: a vision tower alone, as the next two */
    GS_DINOV2,           /* Dinov2Model */
    GS_DINOV2_REGISTERS, /* Dinov2WithRegistersModel */
    GS_OPEN_CLIP,        /* CLIP as OpenCLIP saves it */
    GS_SIGLIP,           /* SiglipModel: SigLIP, and SigLIP 2 of a fixed resolution */
} gs_architecture;

typedef enum {
    GS_QUICK_GELU, /* x sigmoid(1.702 x): OpenAI */
    GS_GELU,       /* x Phi(x): most OpenCLIP exports, ViT, Dinov2 */
    GS_GELU_TANH,  /* the same with a tanh for the error function */
    GS_SILU,       /* x sigmoid(x) */
    GS_RELU,
} gs_activation;

/* One stack of transformer layers. */
typedef struct {
    gs_architecture architecture;
    size_t width; /* hidden_size; a multiple of heads */
    size_t inner; /* intermediate_size */
    size_t layers;
    size_t heads;
    gs_activation activation;
    float epsilon;    /* layer_norm_eps */
    bool qkv_bias;    /* query, key and value have biases */
    bool layer_scale; /* what a layer adds is multiplied by numbers of its own */
} gs_tower_config;

typedef struct {
    char name[128];         /* "_name_or_path"; empty when the file has none */
    const char *model_type; /* static */
    bool has_text;          /* false: a vision tower alone */
    gs_tower_config vision;
    size_t image_size; /* pixels a side of what the vision tower sees */
    size_t patch_size;
    size_t position_grid; /* patches a side that the position embeddings were learned for; Dinov2 may see others */
    size_t registers;     /* tokens between the class token and the patches */
    bool any_size;        /* the position embeddings are resized for the pictures that the preparation gives */

    /* with has_text alone; zeroed otherwise */
    gs_tower_config text;
    size_t vocabulary; /* rows of the token embedding */
    size_t context;    /* positions of the text tower: 2 .. GS_MAX_TOKENS */
    size_t end_token; /* eos_token_id; 2 is the old configurations' mistake and means: the position of the largest id */
    size_t projection; /* width of a feature as the file states it; 0 when it does not: the tensors tell */
} gs_clip_config;

#define GS_END_TOKEN_LEGACY 2

gs_status gs_clip_config_read(gs_clip_config *config, const gs_directory *directory, gs_error *err);

const char *gs_architecture_name(gs_architecture architecture); /* "clip", "vit", "dinov2" ... */
const char *gs_activation_name(gs_activation activation);       /* "quick_gelu", "gelu" ... */

#endif

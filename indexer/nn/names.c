#include "indexer/nn/names.h"

static const gs_layer_names clip_layer = {.query = "self_attn.q_proj",
                                          .key = "self_attn.k_proj",
                                          .value = "self_attn.v_proj",
                                          .out = "self_attn.out_proj",
                                          .expand = "mlp.fc1",
                                          .contract = "mlp.fc2",
                                          .before_attention = "layer_norm1",
                                          .before_inner = "layer_norm2"};
static const gs_layer_names vit_layer = {.query = "attention.attention.query",
                                         .key = "attention.attention.key",
                                         .value = "attention.attention.value",
                                         .out = "attention.output.dense",
                                         .expand = "intermediate.dense",
                                         .contract = "output.dense",
                                         .before_attention = "layernorm_before",
                                         .before_inner = "layernorm_after"};
static const gs_layer_names dinov2_layer = {.query = "attention.attention.query",
                                            .key = "attention.attention.key",
                                            .value = "attention.attention.value",
                                            .out = "attention.output.dense",
                                            .expand = "mlp.fc1",
                                            .contract = "mlp.fc2",
                                            .before_attention = "norm1",
                                            .before_inner = "norm2",
                                            .scale_attention = "layer_scale1.lambda1",
                                            .scale_inner = "layer_scale2.lambda1"};
static const gs_layer_names open_clip_layer = {.in = "attn.in_proj",
                                               .out = "attn.out_proj",
                                               .expand = "mlp.c_fc",
                                               .contract = "mlp.c_proj",
                                               .before_attention = "ln_1",
                                               .before_inner = "ln_2",
                                               .scale_attention = "ls_1.gamma",
                                               .scale_inner = "ls_2.gamma"};

const gs_layer_names *gs_layer_names_of(gs_architecture architecture)
{
    static const gs_layer_names *const names[] = {
        [GS_CLIP] = &clip_layer,           [GS_VIT] = &vit_layer,
        [GS_DINOV2] = &dinov2_layer,       [GS_DINOV2_REGISTERS] = &dinov2_layer,
        [GS_OPEN_CLIP] = &open_clip_layer, [GS_SIGLIP] = &clip_layer};
    return names[architecture];
}

#define VIT_EMBEDDINGS                                                                                                 \
    .prefix = "", .class_embedding = "embeddings.cls_token", .patches = "embeddings.patch_embeddings.projection",      \
    .positions = "embeddings.position_embeddings", .layers = "encoder.layer", .after = "layernorm",                    \
    .patch_bias = true, .framed = true

const gs_vision_names *gs_vision_names_of(gs_architecture architecture)
{
    static const gs_vision_names names[] = {
        /* pre_layrnorm is spelled so in every file */
        [GS_CLIP] = {.prefix = "vision_model.",
                     .class_embedding = "embeddings.class_embedding",
                     .patches = "embeddings.patch_embedding",
                     .positions = "embeddings.position_embedding.weight",
                     .layers = "encoder.layers",
                     .before = "pre_layrnorm",
                     .after = "post_layernorm",
                     .projection = "visual_projection"},
        [GS_VIT] = {VIT_EMBEDDINGS},
        [GS_DINOV2] = {VIT_EMBEDDINGS},
        [GS_DINOV2_REGISTERS] = {VIT_EMBEDDINGS, .registers = "embeddings.register_tokens"},
        [GS_OPEN_CLIP] = {.prefix = "visual.",
                          .class_embedding = "class_embedding",
                          .patches = "conv1",
                          .positions = "positional_embedding",
                          .layers = "transformer.resblocks",
                          .before = "ln_pre",
                          .after = "ln_post",
                          .projection = "visual.proj"},
        [GS_SIGLIP] = {.prefix = "vision_model.",
                       .patches = "embeddings.patch_embedding",
                       .positions = "embeddings.position_embedding.weight",
                       .layers = "encoder.layers",
                       .after = "post_layernorm",
                       .pool = "head",
                       .patch_bias = true},
    };
    return &names[architecture];
}

const gs_text_names *gs_text_names_of(gs_architecture architecture)
{
    static const gs_text_names names[] = {
        [GS_CLIP] = {.prefix = "",
                     .tokens = "text_model.embeddings.token_embedding.weight",
                     .positions = "text_model.embeddings.position_embedding.weight",
                     .layers = "text_model.encoder.layers",
                     .final_norm = "text_model.final_layer_norm",
                     .projection = "text_projection"},
        [GS_OPEN_CLIP] = {.prefix = "",
                          .other_prefix = "text.",
                          .tokens = "token_embedding.weight",
                          .positions = "positional_embedding",
                          .layers = "transformer.resblocks",
                          .final_norm = "ln_final",
                          .projection = "text_projection"},
        [GS_SIGLIP] = {.prefix = "",
                       .tokens = "text_model.embeddings.token_embedding.weight",
                       .positions = "text_model.embeddings.position_embedding.weight",
                       .layers = "text_model.encoder.layers",
                       .final_norm = "text_model.final_layer_norm",
                       .projection = "text_model.head",
                       .projection_bias = true},
    };
    return &names[architecture];
}

bool gs_projections_are_turned(gs_architecture architecture)
{
    return architecture == GS_OPEN_CLIP;
}

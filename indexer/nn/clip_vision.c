#include "indexer/nn/clip_vision.h"

#include "indexer/nn/positions.h"
#include "indexer/nn/vector.h"

#include <stdio.h>  /* snprintf */
#include <string.h> /* memcpy */

#define MAX_NAME 128

/* What an architecture calls the tensors of its tower. */
typedef struct {
    const char *prefix; /* of all but the projection; those that are a tower alone may be saved without */
    const char *class_embedding, *patches, *positions, *layers;
    const char *before, *after, *projection; /* NULL: none */
} tower_names;

static const tower_names names_of[] = {
    [GS_CLIP] = {"vision_model.", "embeddings.class_embedding", "embeddings.patch_embedding",
                 "embeddings.position_embedding.weight", "encoder.layers", "pre_layrnorm", "post_layernorm",
                 "visual_projection"},
    [GS_VIT] = {"vit.", "embeddings.cls_token", "embeddings.patch_embeddings.projection",
                "embeddings.position_embeddings", "encoder.layer", NULL, "layernorm", NULL},
    [GS_DINOV2] = {"dinov2.", "embeddings.cls_token", "embeddings.patch_embeddings.projection",
                   "embeddings.position_embeddings", "encoder.layer", NULL, "layernorm", NULL},
};

static const char *join(char name[MAX_NAME], const char *prefix, const char *rest)
{
    snprintf(name, MAX_NAME, "%s%s", prefix, rest);
    return name;
}

static const char *find_prefix(gs_architecture architecture, const gs_weights *weights)
{
    const tower_names *names = &names_of[architecture];
    char name[MAX_NAME];
    bool bare = architecture != GS_CLIP && !gs_weights_has(weights, join(name, names->prefix, names->class_embedding));
    return bare ? "" : names->prefix;
}

/* Position embeddings for the tower's grid, with the patches' bias, which every patch gets too, added to them. learned
 * [1 + grid * grid, width]. */
static gs_status make_positions(gs_clip_vision *tower, const float *learned, size_t grid, size_t width,
                                const float *patch_bias, gs_weights *weights, gs_error *err)
{
    float *positions;
    gs_status st = gs_weights_take(weights, tower->tokens * width, &positions, err);
    if (st != GS_OK)
        return st;
    memcpy(positions, learned, width * sizeof *positions); /* the class token's */
    if (grid == tower->grid)
        memcpy(positions + width, learned + width, grid * grid * width * sizeof *positions);
    else
        gs_positions_resize(learned + width, grid, positions + width, tower->grid, width);
    for (size_t i = 1; i < tower->tokens; i++)
        gs_add(positions + i * width, width, patch_bias);
    tower->position_embedding = positions;
    return GS_OK;
}

/* CLIP's class embedding and positions are [width] and [tokens, width], the others' have sides of 1 before. */
static gs_status load_embeddings(gs_clip_vision *tower, const gs_clip_config *config, const char *prefix,
                                 gs_weights *weights, gs_error *err)
{
    const tower_names *names = &names_of[config->vision.architecture];
    bool clip = config->vision.architecture == GS_CLIP;
    size_t width = config->vision.width, patch = tower->patch_size, grid = config->position_grid;
    size_t class_shape[] = {1, 1, width}, position_shape[] = {1, 1 + grid * grid, width};
    const float *bias;
    char name[MAX_NAME], part[MAX_NAME];
    tower->patch_embedding = (gs_linear){.in = tower->patch_values, .out = width};
    gs_tensor_view kernels;
    gs_status st;
    if ((st = gs_weights_get(weights, join(name, prefix, names->class_embedding), class_shape + (clip ? 2 : 0),
                             clip ? 1 : 3, &tower->class_embedding, err)) != GS_OK ||
        (st = gs_weights_view(weights, join(name, prefix, join(part, names->patches, ".weight")),
                              (size_t[]){width, 3, patch, patch}, 4, &kernels, err)) != GS_OK ||
        (st = gs_weights_get(weights, join(name, prefix, names->positions), position_shape + (clip ? 1 : 0),
                             clip ? 2 : 3, &tower->position_embedding, err)) != GS_OK)
        return st;
    tower->patch_embedding.weight = kernels.f32;
    tower->patch_embedding.half = kernels.half;
    tower->patch_embedding.half_is_bf16 = kernels.half_is_bf16;
    if (clip)
        return GS_OK;
    st = gs_weights_get(weights, join(name, prefix, join(part, names->patches, ".bias")), &width, 1, &bias, err);
    return st == GS_OK ? make_positions(tower, tower->position_embedding, grid, width, bias, weights, err) : st;
}

gs_status gs_clip_vision_load(gs_clip_vision *tower, const gs_clip_config *config, size_t dim, gs_weights *weights,
                              gs_error *err)
{
    const tower_names *names = &names_of[config->vision.architecture];
    const char *prefix = find_prefix(config->vision.architecture, weights);
    size_t width = config->vision.width, grid = config->image_size / config->patch_size;
    float epsilon = config->vision.epsilon;
    char name[MAX_NAME];
    *tower = (gs_clip_vision){.image_size = config->image_size,
                              .patch_size = config->patch_size,
                              .dim = dim,
                              .grid = grid,
                              .tokens = grid * grid + 1,
                              .patch_values = 3 * config->patch_size * config->patch_size};
    gs_status st = load_embeddings(tower, config, prefix, weights, err);
    if (st == GS_OK && names->before)
        st = gs_norm_load(&tower->before, width, epsilon, weights, join(name, prefix, names->before), err);
    if (st == GS_OK)
        st = gs_transformer_load(&tower->stack, &config->vision, weights, join(name, prefix, names->layers), err);
    if (st == GS_OK)
        st = gs_norm_load(&tower->after, width, epsilon, weights, join(name, prefix, names->after), err);
    if (st == GS_OK && names->projection)
        st = gs_linear_load(&tower->projection, width, dim, false, weights, names->projection, err);
    return st;
}

void gs_clip_vision_free(gs_clip_vision *tower)
{
    gs_transformer_free(&tower->stack);
}

gs_status gs_clip_vision_pack(gs_clip_vision *tower, gs_engine engine, const gs_weights *weights, gs_error *err)
{
    gs_status st;
    if ((st = gs_linear_pack(&tower->patch_embedding, engine, weights, err)) != GS_OK ||
        (st = gs_transformer_pack(&tower->stack, engine, weights, err)) != GS_OK)
        return st;
    return tower->projection.out ? gs_linear_pack(&tower->projection, engine, weights, err) : GS_OK;
}

void gs_clip_vision_unpack(gs_clip_vision *tower, const gs_backend *backend)
{
    backend->unpack(&tower->patch_embedding);
    gs_transformer_unpack(&tower->stack, backend);
    backend->unpack(&tower->projection);
}

/* The rows of one patch, all channels: what the convolution's kernel meets. */
static void cut_patch(const gs_clip_vision *tower, gs_number number, const float *corner, char *patch)
{
    size_t side = tower->patch_size, size = tower->image_size, row = gs_number_size(number, side);
    for (size_t channel = 0; channel < 3; channel++)
        for (size_t y = 0; y < side; y++, patch += row)
            gs_number_store(number, corner + (channel * size + y) * size, side, patch);
}

/* work: x [n, tokens, width] f32, then the patches [n, tokens, patch_values] act while x is made of them, then the
 * stack's scratch. */
static char *patches_in(const gs_clip_vision *tower, size_t n, void *work)
{
    return (char *)work + n * tower->tokens * tower->stack.config.width * sizeof(float);
}

size_t gs_clip_vision_workspace(const gs_clip_vision *tower, gs_number number, size_t n)
{
    size_t rows = n * tower->tokens, patches = gs_number_size(number, rows * tower->patch_values);
    size_t stack = gs_transformer_workspace(&tower->stack.config, number, rows, tower->tokens);
    return rows * tower->stack.config.width * sizeof(float) + (stack > patches ? stack : patches);
}

void gs_clip_vision_place(const gs_clip_vision *tower, gs_number number, const float *pixels, size_t i, size_t n,
                          void *work)
{
    size_t side = tower->patch_size, patch_size = gs_number_size(number, tower->patch_values);
    char *patch = patches_in(tower, n, work) + i * tower->tokens * patch_size;
    memset(patch, 0, patch_size); /* the class token's */
    for (size_t y = 0; y < tower->grid; y++)
        for (size_t x = 0; x < tower->grid; x++)
            cut_patch(tower, number, pixels + (y * tower->image_size + x) * side, patch += patch_size);
}

/* x [n, tokens, width] = class and position embeddings + the patches' projections, all in one product: the class
 * token's patch is zero. */
static gs_status embed(const gs_clip_vision *tower, gs_engine engine, size_t n, float *x, gs_error *err)
{
    size_t width = tower->stack.config.width, tokens = tower->tokens;
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * tokens * width, tower->position_embedding, tokens * width * sizeof *x);
        gs_add(x + i * tokens * width, width, tower->class_embedding);
    }
    return engine.backend->linear(engine.context, &tower->patch_embedding, patches_in(tower, n, x), n * tokens,
                                  GS_EPILOGUE_ADD, x, err);
}

gs_status gs_clip_vision_run(const gs_clip_vision *tower, gs_engine engine, size_t n, size_t *lengths, void *work,
                             float *features, gs_error *err)
{
    size_t width = tower->stack.config.width, rows = n * tower->tokens;
    float *x = work; /* [n, tokens, width] */
    void *scratch =
        patches_in(tower, n, work); /* after the last layer: the class tokens [n, width], in the activation type */
    gs_status st = embed(tower, engine, n, x, err);
    if (st != GS_OK)
        return st;
    if (tower->before.weight)
        gs_norm_rows(&tower->before, x, width, rows, GS_NUMBER_F32, x);
    for (size_t i = 0; i < n; i++)
        lengths[i] = tower->tokens;
    st = gs_transformer_run(&tower->stack, engine, x, rows, (gs_sequences){lengths, n}, false, scratch, err);
    if (st != GS_OK)
        return st;
    if (tower->projection.out) {
        gs_norm_rows(&tower->after, x, tower->tokens * width, n, engine.backend->number, scratch);
        st = engine.backend->linear(engine.context, &tower->projection, scratch, n, GS_EPILOGUE_F32, features, err);
    } else {
        gs_norm_rows(&tower->after, x, tower->tokens * width, n, GS_NUMBER_F32, features);
    }
    for (size_t i = 0; st == GS_OK && i < n; i++)
        gs_unit_length(features + i * tower->dim, tower->dim);
    return st;
}

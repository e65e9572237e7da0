#include "indexer/nn/clip_vision.h"

#include "indexer/nn/names.h"
#include "indexer/nn/positions.h"
#include "indexer/nn/vector.h"

#include <stdio.h>  /* snprintf */
#include <string.h> /* memcpy */

#define MAX_NAME 128

static const char *join(char name[MAX_NAME], const char *prefix, const char *rest)
{
    snprintf(name, MAX_NAME, "%s%s", prefix, rest);
    return name;
}

gs_status gs_clip_vision_find(const gs_clip_config *config, gs_weights *weights, gs_error *err)
{
    const gs_vision_names *names = gs_vision_names_of(config->vision.architecture);
    char anchor[MAX_NAME], bare[MAX_NAME];
    join(bare, names->patches, ".weight");
    gs_status st = gs_weights_find_prefix(weights, join(anchor, names->prefix, bare), err);
    if (st != GS_OK || config->has_text || gs_weights_has(weights, anchor))
        return st;
    return gs_weights_find_prefix(weights, bare, err);
}

static const char *prefix_of(const gs_vision_names *names, const gs_weights *weights)
{
    char anchor[MAX_NAME], bare[MAX_NAME];
    join(bare, names->patches, ".weight");
    return gs_weights_has(weights, join(anchor, names->prefix, bare)) ? names->prefix : "";
}

/* The rows of the patches, learned [grid * grid, width], resized where the tower sees another grid. */
static void place_positions(const gs_clip_vision *tower, const gs_clip_config *config, const float *learned,
                            float *rows)
{
    size_t width = config->vision.width, grid = config->position_grid;
    if (grid == tower->grid)
        memcpy(rows, learned, grid * grid * width * sizeof *rows);
    else if (config->vision.architecture == GS_DINOV2_REGISTERS)
        gs_positions_resize_smooth(learned, grid, rows, tower->grid, width);
    else
        gs_positions_resize(learned, grid, rows, tower->grid, width);
}

static gs_status load_patches(gs_clip_vision *tower, const gs_clip_config *config, const char *prefix,
                              gs_weights *weights, gs_error *err)
{
    const gs_vision_names *names = gs_vision_names_of(config->vision.architecture);
    size_t width = config->vision.width, patch = tower->patch_size;
    char name[MAX_NAME], part[MAX_NAME];
    gs_tensor_view kernels;
    gs_status st = gs_weights_view(weights, join(name, prefix, join(part, names->patches, ".weight")),
                                   (size_t[]){width, 3, patch, patch}, 4, &kernels, err);
    tower->patch_embedding = (gs_linear){.weight = kernels.f32,
                                         .half = kernels.half,
                                         .half_is_bf16 = kernels.half_is_bf16,
                                         .in = tower->patch_values,
                                         .out = width};
    return st;
}

/* What patches become, and tower->embedding: the class token with its position, the registers, and the patches'
 * positions with their bias. The order of the tensors is that of fingerprints. */
static gs_status load_embeddings(gs_clip_vision *tower, const gs_clip_config *config, const char *prefix,
                                 gs_weights *weights, gs_error *err)
{
    const gs_vision_names *names = gs_vision_names_of(config->vision.architecture);
    size_t width = config->vision.width, grid = config->position_grid, registers = config->registers;
    size_t rank = names->framed ? 3 : 2, lead = names->framed ? 0 : 1, classes = names->class_embedding ? 1 : 0;
    size_t class_shape[] = {1, 1, width}, position_shape[] = {1, classes + grid * grid, width};
    const float *class_token = NULL, *positions, *register_tokens = NULL, *bias = NULL;
    float *rows;
    char name[MAX_NAME], part[MAX_NAME];
    gs_status st = GS_OK;
    if (classes)
        st = gs_weights_get(weights, join(name, prefix, names->class_embedding), class_shape + (names->framed ? 0 : 2),
                            names->framed ? 3 : 1, &class_token, err);
    if (st == GS_OK)
        st = load_patches(tower, config, prefix, weights, err);
    if (st == GS_OK)
        st =
            gs_weights_get(weights, join(name, prefix, names->positions), position_shape + lead, rank, &positions, err);
    if (st == GS_OK && registers)
        st = gs_weights_get(weights, join(name, prefix, names->registers), (size_t[]){1, registers, width}, 3,
                            &register_tokens, err);
    if (st == GS_OK && names->patch_bias)
        st = gs_weights_get(weights, join(name, prefix, join(part, names->patches, ".bias")), &width, 1, &bias, err);
    if (st == GS_OK)
        st = gs_weights_take(weights, tower->tokens * width, &rows, err);
    if (st != GS_OK)
        return st;
    tower->embedding = rows;
    for (size_t i = 0; i < classes * width; i++)
        rows[i] = positions[i] + class_token[i];
    rows += classes * width;
    if (registers)
        memcpy(rows, register_tokens, registers * width * sizeof *rows);
    rows += registers * width;
    place_positions(tower, config, positions + classes * width, rows);
    for (size_t i = 0; bias && i < tower->grid * tower->grid; i++)
        gs_add(rows + i * width, width, bias);
    return GS_OK;
}

gs_status gs_clip_vision_load(gs_clip_vision *tower, const gs_clip_config *config, size_t dim, gs_weights *weights,
                              gs_error *err)
{
    const gs_vision_names *names = gs_vision_names_of(config->vision.architecture);
    size_t width = config->vision.width, grid = config->image_size / config->patch_size;
    float epsilon = config->vision.epsilon;
    char name[MAX_NAME];
    const char *prefix = config->has_text ? names->prefix : prefix_of(names, weights);
    *tower = (gs_clip_vision){.image_size = config->image_size,
                              .patch_size = config->patch_size,
                              .dim = dim,
                              .grid = grid,
                              .leading = (names->class_embedding ? 1 : 0) + config->registers,
                              .patch_values = 3 * config->patch_size * config->patch_size};
    tower->tokens = tower->leading + grid * grid;
    gs_status st = load_embeddings(tower, config, prefix, weights, err);
    if (st == GS_OK && names->before)
        st = gs_norm_load(&tower->before, width, epsilon, weights, join(name, prefix, names->before), err);
    if (st == GS_OK)
        st = gs_transformer_load(&tower->stack, &config->vision, weights, join(name, prefix, names->layers), err);
    if (st == GS_OK)
        st = gs_norm_load(&tower->after, width, epsilon, weights, join(name, prefix, names->after), err);
    if (st == GS_OK && names->pool)
        st = gs_pool_load(&tower->pool, &config->vision, weights, join(name, prefix, names->pool), err);
    if (st == GS_OK && gs_clip_vision_projects(config, weights))
        st =
            gs_projection_load(&tower->projection, width, dim, false,
                               gs_projections_are_turned(config->vision.architecture), weights, names->projection, err);
    return st;
}

bool gs_clip_vision_projects(const gs_clip_config *config, const gs_weights *weights)
{
    const gs_vision_names *names = gs_vision_names_of(config->vision.architecture);
    char name[MAX_NAME];
    return names->projection && (config->has_text || gs_weights_has(weights, join(name, names->projection, ".weight")));
}

void gs_clip_vision_free(gs_clip_vision *tower)
{
    gs_transformer_free(&tower->stack);
}

gs_status gs_clip_vision_pack(gs_clip_vision *tower, gs_engine engine, const gs_weights *weights, gs_error *err)
{
    gs_status st;
    if ((st = gs_linear_pack(&tower->patch_embedding, engine, weights, err)) != GS_OK ||
        (st = gs_transformer_pack(&tower->stack, engine, weights, err)) != GS_OK ||
        (tower->pool.heads && (st = gs_pool_pack(&tower->pool, engine, weights, err)) != GS_OK))
        return st;
    return tower->projection.out ? gs_linear_pack(&tower->projection, engine, weights, err) : GS_OK;
}

void gs_clip_vision_unpack(gs_clip_vision *tower, const gs_backend *backend)
{
    backend->unpack(&tower->patch_embedding);
    gs_transformer_unpack(&tower->stack, backend);
    gs_pool_unpack(&tower->pool, backend);
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

/* Where the pool's scratch begins behind x: after the normed rows. */
static size_t pool_scratch(const gs_clip_vision *tower, gs_number number, size_t n)
{
    return (gs_number_size(number, n * tower->tokens * tower->stack.config.width) + 63) / 64 * 64;
}

size_t gs_clip_vision_workspace(const gs_clip_vision *tower, gs_number number, size_t n)
{
    size_t rows = n * tower->tokens, patches = gs_number_size(number, rows * tower->patch_values);
    size_t stack = gs_transformer_workspace(&tower->stack.config, number, rows, tower->tokens);
    size_t pool = gs_pool_workspace(&tower->pool, number, n, tower->tokens), most = stack > patches ? stack : patches;
    if (pool > 0)
        pool += pool_scratch(tower, number, n);
    return rows * tower->stack.config.width * sizeof(float) + (pool > most ? pool : most);
}

void gs_clip_vision_place(const gs_clip_vision *tower, gs_number number, const float *pixels, size_t i, size_t n,
                          void *work)
{
    size_t side = tower->patch_size, patch_size = gs_number_size(number, tower->patch_values);
    char *patch = patches_in(tower, n, work) + i * tower->tokens * patch_size;
    memset(patch, 0, tower->leading * patch_size); /* tokens without a patch */
    patch += tower->leading * patch_size;
    for (size_t y = 0; y < tower->grid; y++)
        for (size_t x = 0; x < tower->grid; x++, patch += patch_size)
            cut_patch(tower, number, pixels + (y * tower->image_size + x) * side, patch);
}

/* x [n, tokens, width] = the embedding + the patches' projections, all in one product: tokens that come before the
 * patches have patches of zeros. */
static gs_status embed(const gs_clip_vision *tower, gs_engine engine, size_t n, float *x, gs_error *err)
{
    size_t width = tower->stack.config.width, tokens = tower->tokens;
    for (size_t i = 0; i < n; i++)
        memcpy(x + i * tokens * width, tower->embedding, tokens * width * sizeof *x);
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
    if (tower->pool.heads) {
        gs_norm_rows(&tower->after, x, width, rows, engine.backend->number, scratch);
        st = gs_pool_run(&tower->pool, engine, scratch, n, tower->tokens,
                         (char *)scratch + pool_scratch(tower, engine.backend->number, n), features, err);
    } else if (tower->projection.out) {
        gs_norm_rows(&tower->after, x, tower->tokens * width, n, engine.backend->number, scratch);
        st = engine.backend->linear(engine.context, &tower->projection, scratch, n, GS_EPILOGUE_F32, features, err);
    } else {
        gs_norm_rows(&tower->after, x, tower->tokens * width, n, GS_NUMBER_F32, features);
    }
    for (size_t i = 0; st == GS_OK && i < n; i++)
        gs_unit_length(features + i * tower->dim, tower->dim);
    return st;
}

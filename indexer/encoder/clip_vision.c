#include "clip_vision.h"

#include "vector.h"

#include <string.h> /* memcpy */

static gs_status load_embeddings(gs_clip_vision *tower, size_t width, gs_weights *weights, gs_error *err)
{
    size_t patch = tower->patch_size;
    tower->patch_embedding = (gs_linear){.in = tower->patch_values, .out = width};
    gs_status st;
    if ((st = gs_weights_get(weights, "vision_model.embeddings.class_embedding", &width, 1, &tower->class_embedding,
                             err)) != GS_OK ||
        (st = gs_weights_get(weights, "vision_model.embeddings.patch_embedding.weight",
                             (size_t[]){width, 3, patch, patch}, 4, &tower->patch_embedding.weight, err)) != GS_OK)
        return st;
    return gs_weights_get(weights, "vision_model.embeddings.position_embedding.weight",
                          (size_t[]){tower->tokens, width}, 2, &tower->position_embedding, err);
}

gs_status gs_clip_vision_load(gs_clip_vision *tower, const gs_clip_config *config, size_t dim, gs_weights *weights,
                              gs_error *err)
{
    size_t width = config->vision.width, grid = config->image_size / config->patch_size;
    float epsilon = config->vision.epsilon;
    *tower = (gs_clip_vision){.image_size = config->image_size,
                              .patch_size = config->patch_size,
                              .dim = dim,
                              .grid = grid,
                              .tokens = grid * grid + 1,
                              .patch_values = 3 * config->patch_size * config->patch_size};
    gs_status st;
    if ((st = load_embeddings(tower, width, weights, err)) != GS_OK ||
        (st = gs_norm_load(&tower->before, width, epsilon, weights, "vision_model.pre_layrnorm", err)) != GS_OK ||
        (st = gs_transformer_load(&tower->stack, &config->vision, weights, "vision_model", err)) != GS_OK ||
        (st = gs_norm_load(&tower->after, width, epsilon, weights, "vision_model.post_layernorm", err)) != GS_OK)
        return st;
    return gs_linear_load(&tower->projection, width, dim, false, weights, "visual_projection", err);
}

void gs_clip_vision_free(gs_clip_vision *tower)
{
    gs_transformer_free(&tower->stack);
}

/* The rows of one patch, all channels: what the convolution's kernel meets. */
static void cut_patch(const gs_clip_vision *tower, const float *corner, float *patch)
{
    size_t side = tower->patch_size, size = tower->image_size;
    for (size_t channel = 0; channel < 3; channel++)
        for (size_t y = 0; y < side; y++, patch += side)
            memcpy(patch, corner + (channel * size + y) * size, side * sizeof *patch);
}

/* work: x [n, tokens, width], then the patches [n, tokens, patch_values] while x is made of them, then the stack's
 * scratch. */
static float *patches_in(const gs_clip_vision *tower, size_t n, float *work)
{
    return work + n * tower->tokens * tower->stack.config.width;
}

size_t gs_clip_vision_workspace(const gs_clip_vision *tower, size_t n)
{
    size_t rows = n * tower->tokens, patches = rows * tower->patch_values;
    size_t stack = gs_transformer_workspace(&tower->stack.config, rows, tower->tokens);
    return rows * tower->stack.config.width + (stack > patches ? stack : patches);
}

void gs_clip_vision_place(const gs_clip_vision *tower, const float *pixels, size_t i, size_t n, float *work)
{
    size_t side = tower->patch_size;
    float *patch = patches_in(tower, n, work) + i * tower->tokens * tower->patch_values;
    memset(patch, 0, tower->patch_values * sizeof *patch); /* the class token's */
    for (size_t y = 0; y < tower->grid; y++)
        for (size_t x = 0; x < tower->grid; x++)
            cut_patch(tower, pixels + (y * tower->image_size + x) * side, patch += tower->patch_values);
}

/* x [n, tokens, width] = class and position embeddings + the patches' projections, all in one product: the class
 * token's patch is zero. */
static void embed(const gs_clip_vision *tower, const gs_backend *backend, size_t n, float *x)
{
    const float *patches = patches_in(tower, n, x);
    size_t width = tower->stack.config.width, tokens = tower->tokens;
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * tokens * width, tower->position_embedding, tokens * width * sizeof *x);
        gs_add(x + i * tokens * width, width, tower->class_embedding);
    }
    backend->linear(&tower->patch_embedding, patches, n * tokens, GS_EPILOGUE_ADD, x, width);
}

void gs_clip_vision_run(const gs_clip_vision *tower, const gs_backend *backend, size_t n, size_t *lengths, float *work,
                        float *features)
{
    size_t width = tower->stack.config.width, rows = n * tower->tokens;
    float *x = work; /* [n, tokens, width] */
    embed(tower, backend, n, x);
    work += rows * width;
    backend->layer_norm(&tower->before, x, width, rows, x);
    for (size_t i = 0; i < n; i++)
        lengths[i] = tower->tokens;
    gs_transformer_run(&tower->stack, backend, x, (gs_sequences){lengths, n}, false, work);

    float *classes = work; /* [n, width]; the stack's scratch is free again */
    backend->layer_norm(&tower->after, x, tower->tokens * width, n, classes);
    backend->linear(&tower->projection, classes, n, GS_EPILOGUE_NONE, features, tower->dim);
    for (size_t i = 0; i < n; i++)
        gs_unit_length(features + i * tower->dim, tower->dim);
}

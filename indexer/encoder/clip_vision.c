#include "clip_vision.h"

#include "vector.h"

#include <string.h> /* memcpy */

static gs_status load_embeddings(gs_clip_vision *tower, size_t width, gs_weights *weights, gs_error *err)
{
    size_t patch = tower->patch_size;
    tower->patch_embedding = (gs_linear){.in = tower->patch_values, .out = width};
    gs_tensor_view kernels;
    gs_status st;
    if ((st = gs_weights_get(weights, "vision_model.embeddings.class_embedding", &width, 1, &tower->class_embedding,
                             err)) != GS_OK ||
        (st = gs_weights_view(weights, "vision_model.embeddings.patch_embedding.weight",
                              (size_t[]){width, 3, patch, patch}, 4, &kernels, err)) != GS_OK)
        return st;
    tower->patch_embedding.weight = kernels.f32;
    tower->patch_embedding.half = kernels.half;
    tower->patch_embedding.half_is_bf16 = kernels.half_is_bf16;
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

gs_status gs_clip_vision_pack(gs_clip_vision *tower, gs_engine engine, const gs_weights *weights, gs_error *err)
{
    gs_status st;
    if ((st = gs_linear_pack(&tower->patch_embedding, engine, weights, err)) != GS_OK ||
        (st = gs_transformer_pack(&tower->stack, engine, weights, err)) != GS_OK)
        return st;
    return gs_linear_pack(&tower->projection, engine, weights, err);
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
                                  GS_EPILOGUE_ADD, x, width, err);
}

gs_status gs_clip_vision_run(const gs_clip_vision *tower, gs_engine engine, size_t n, size_t *lengths, void *work,
                             float *features, gs_error *err)
{
    size_t width = tower->stack.config.width, rows = n * tower->tokens;
    float *x = work;                            /* [n, tokens, width] */
    void *scratch = patches_in(tower, n, work); /* in the end the classes [n, width] act */
    gs_status st = embed(tower, engine, n, x, err);
    if (st != GS_OK)
        return st;
    gs_norm_rows(&tower->before, x, width, rows, GS_NUMBER_F32, x);
    for (size_t i = 0; i < n; i++)
        lengths[i] = tower->tokens;
    st = gs_transformer_run(&tower->stack, engine, x, rows, (gs_sequences){lengths, n}, false, scratch, err);
    if (st != GS_OK)
        return st;
    gs_norm_rows(&tower->after, x, tower->tokens * width, n, engine.backend->number, scratch);
    st = engine.backend->linear(engine.context, &tower->projection, scratch, n, GS_EPILOGUE_F32, features, tower->dim,
                                err);
    for (size_t i = 0; st == GS_OK && i < n; i++)
        gs_unit_length(features + i * tower->dim, tower->dim);
    return st;
}

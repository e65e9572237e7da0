#include "indexer/publish/onnx_vision.h"

#include "indexer/encoder/towers.h"
#include "indexer/publish/onnx_layers.h"

/* pixels [batch, 3, size, size] -> [batch, grid * grid, width] */
static gs_onnx_name patches(gs_onnx_graph *graph, const gs_clip_vision *tower, bool quantize, gs_onnx_name pixels)
{
    int64_t side = (int64_t)tower->patch_size, width = (int64_t)tower->stack.config.width;
    gs_onnx_name kernels = gs_onnx_weight(graph, &tower->patch_embedding, quantize);
    kernels = gs_onnx_reshape(graph, kernels, (int64_t[]){width, 3, side, side}, 4);
    gs_onnx_attribute strides = {.name = "strides", .kind = GS_ONNX_ATTRIBUTE_INTS, .i = {side, side}, .n = 2};
    gs_onnx_name x = gs_onnx_node(graph, "Conv", (gs_onnx_name[]){pixels, kernels}, 2, strides);
    x = gs_onnx_transpose(graph, x, 0, 2, 3, 1); /* [batch, grid, grid, width] */
    return gs_onnx_reshape(graph, x, (int64_t[]){0, -1, width}, 3);
}

/* x [batch * tokens, width] -> [batch, width]: SigLIP's attention over the patches. */
static gs_onnx_name pool(gs_onnx_graph *graph, const gs_clip_vision *tower, bool quantize, gs_onnx_name x)
{
    const gs_pool *p = &tower->pool;
    int64_t tokens = (int64_t)tower->tokens, heads = (int64_t)p->heads, width = (int64_t)p->width;
    gs_onnx_name scores = gs_onnx_linear(graph, &p->score, false, x);
    scores = gs_onnx_reshape(graph, scores, (int64_t[]){-1, tokens, heads, 1}, 4);
    scores = gs_onnx_unary(graph, "Softmax", gs_onnx_transpose(graph, scores, 0, 2, 3, 1));
    gs_onnx_name values = gs_onnx_linear(graph, &p->value, quantize, x);
    values = gs_onnx_reshape(graph, values, (int64_t[]){-1, tokens, heads, width / heads}, 4);
    values = gs_onnx_transpose(graph, values, 0, 2, 1, 3);
    x = gs_onnx_reshape(graph, gs_onnx_binary(graph, "MatMul", scores, values), (int64_t[]){-1, width}, 2);
    x = gs_onnx_linear(graph, &p->out, quantize, x);
    gs_onnx_name y = gs_onnx_linear(graph, &p->expand, quantize, gs_onnx_layer_norm(graph, &p->norm, x));
    y = gs_onnx_linear(graph, &p->contract, quantize, gs_onnx_activate(graph, p->activation, y));
    return gs_onnx_binary(graph, "Add", x, y);
}

/* pixels [batch, 3, size, size] -> features [batch, dim] */
static gs_onnx_name write_tower(gs_onnx_graph *graph, const gs_clip_vision *tower, bool quantize, gs_onnx_name pixels)
{
    int64_t tokens = (int64_t)tower->tokens, width = (int64_t)tower->stack.config.width;
    gs_onnx_name x = patches(graph, tower, quantize, pixels);
    /* Rows of zeros before the patches: the tokens that are an embedding alone. */
    int64_t leading = (int64_t)tower->leading;
    if (leading)
        x = gs_onnx_binary(graph, "Pad", x, gs_onnx_i64_list(graph, (int64_t[]){0, leading, 0, 0, 0, 0}, 6));
    gs_onnx_name embedding = gs_onnx_matrix(graph, tower->embedding, tower->tokens, (size_t)width, false);
    x = gs_onnx_binary(graph, "Add", x, embedding); /* [batch, tokens, width] */
    x = gs_onnx_reshape(graph, x, (int64_t[]){-1, width}, 2);
    if (tower->before.weight)
        x = gs_onnx_layer_norm(graph, &tower->before, x);
    gs_onnx_name shape = gs_onnx_i64_list(graph, (int64_t[]){-1, tokens}, 2);
    x = gs_onnx_transformer(graph, &tower->stack, quantize, x, shape, NULL);

    if (tower->pool.heads)
        return gs_onnx_unit_length(graph, pool(graph, tower, quantize, gs_onnx_layer_norm(graph, &tower->after, x)));
    x = gs_onnx_reshape(graph, x, (int64_t[]){-1, tokens, width}, 3);
    gs_onnx_name class_token[] = {x, gs_onnx_i64(graph, 0)};
    x = gs_onnx_node(graph, "Gather", class_token, 2, (gs_onnx_attribute){.name = "axis", .i = {1}});
    x = gs_onnx_layer_norm(graph, &tower->after, x);
    if (tower->projection.out)
        x = gs_onnx_linear(graph, &tower->projection, quantize, x);
    return gs_onnx_unit_length(graph, x);
}

gs_status gs_onnx_vision_write(const gs_encoder *encoder, bool quantize, gs_bytes *out, gs_error *err)
{
    static const char *const in_sides[] = {"batch", "channels", "height", "width"};
    static const char *const out_sides[] = {"batch", "dim"};
    gs_onnx_graph *graph = gs_onnx_new("vision");
    gs_onnx_name pixels = gs_onnx_input(graph, "pixels", GS_ONNX_F32, 4, in_sides);
    gs_onnx_name feature = write_tower(graph, gs_encoder_get_vision(encoder), quantize, pixels);
    gs_onnx_output(graph, feature, "feature", GS_ONNX_F32, 2, out_sides);
    return gs_onnx_finish(graph, out, err);
}

size_t gs_onnx_vision_weights(const gs_encoder *encoder)
{
    const gs_clip_vision *tower = gs_encoder_get_vision(encoder);
    const gs_tower_config *c = &tower->stack.config;
    size_t layer = 4 * c->width * c->width + 2 * c->width * c->inner;
    return tower->patch_values * c->width + c->layers * layer + tower->projection.out * tower->projection.in +
           (tower->pool.heads ? layer : 0);
}

#include "indexer/publish/onnx_text.h"

#include "indexer/encoder/towers.h"
#include "indexer/publish/onnx_layers.h"

#include <math.h> /* INFINITY */

/* 0, 1 ... below end (a scalar value). */
static gs_onnx_name count_to(gs_onnx_graph *graph, gs_onnx_name end)
{
    gs_onnx_name inputs[] = {gs_onnx_i64(graph, 0), end, gs_onnx_i64(graph, 1)};
    return gs_onnx_node(graph, "Range", inputs, 3, (gs_onnx_attribute){0});
}

/* [sequence, sequence]: 0 where a token may look, minus infinity at those after it. */
static gs_onnx_name causal_mask(gs_onnx_graph *graph, gs_onnx_name steps)
{
    gs_onnx_name column = gs_onnx_binary(graph, "Unsqueeze", steps, gs_onnx_i64_list(graph, (int64_t[]){1}, 1));
    gs_onnx_name later = gs_onnx_binary(graph, "Less", column, steps);
    gs_onnx_name inputs[] = {later, gs_onnx_scalar(graph, -INFINITY), gs_onnx_scalar(graph, 0)};
    return gs_onnx_node(graph, "Where", inputs, 3, (gs_onnx_attribute){0});
}

/* [batch]: the position of end-of-text in each row of ids. */
static gs_onnx_name end_positions(gs_onnx_graph *graph, const gs_clip_text *tower, gs_onnx_name ids)
{
    gs_onnx_name value = ids;
    if (tower->end_token != GS_END_TOKEN_LEGACY)
        value = gs_onnx_binary(graph, "Equal", ids, gs_onnx_i64(graph, (int64_t)tower->end_token));
    value = gs_onnx_cast(graph, value, GS_ONNX_I32);
    /* ArgMax takes the first of equals, and with keepdims 1 leaves [batch, 1]. */
    value = gs_onnx_node(graph, "ArgMax", &value, 1, (gs_onnx_attribute){.name = "axis", .i = {1}});
    return gs_onnx_binary(graph, "Squeeze", value, gs_onnx_i64_list(graph, (int64_t[]){1}, 1));
}

/* ids [batch, sequence] -> features [batch, dim] */
static gs_onnx_name write_tower(gs_onnx_graph *graph, const gs_clip_text *tower, bool quantize, gs_onnx_name ids)
{
    size_t width = tower->stack.config.width;
    gs_onnx_name shape = gs_onnx_unary(graph, "Shape", ids);
    gs_onnx_name batch = gs_onnx_gather(graph, shape, gs_onnx_i64(graph, 0));
    gs_onnx_name sequence = gs_onnx_gather(graph, shape, gs_onnx_i64(graph, 1));
    gs_onnx_name steps = count_to(graph, sequence);

    gs_onnx_name tokens = gs_onnx_embedding(graph, tower->token_embedding, tower->vocabulary, width, quantize, ids);
    gs_onnx_name places =
        gs_onnx_gather(graph, gs_onnx_matrix(graph, tower->position_embedding, tower->context, width, false), steps);
    gs_onnx_name x = gs_onnx_binary(graph, "Add", tokens, places); /* [batch, sequence, width] */
    x = gs_onnx_reshape(graph, x, (int64_t[]){-1, (int64_t)width}, 2);
    x = gs_onnx_transformer(graph, &tower->stack, quantize, x, shape, tower->causal ? causal_mask(graph, steps) : NULL);

    gs_onnx_name starts = gs_onnx_binary(graph, "Mul", count_to(graph, batch), sequence);
    gs_onnx_name place = tower->causal ? end_positions(graph, tower, ids)
                                       : gs_onnx_binary(graph, "Sub", sequence, gs_onnx_i64(graph, 1));
    gs_onnx_name ends = gs_onnx_binary(graph, "Add", starts, place);
    x = gs_onnx_layer_norm(graph, &tower->final_norm, gs_onnx_gather(graph, x, ends));
    return gs_onnx_unit_length(graph, gs_onnx_linear(graph, &tower->projection, quantize, x));
}

gs_status gs_onnx_text_write(const gs_encoder *encoder, bool quantize, gs_bytes *out, gs_error *err)
{
    static const char *const in_sides[] = {"batch", "sequence"}, *const out_sides[] = {"batch", "dim"};
    gs_onnx_graph *graph = gs_onnx_new("text");
    gs_onnx_name ids = gs_onnx_input(graph, "input_ids", GS_ONNX_I64, 2, in_sides);
    gs_onnx_name feature = write_tower(graph, gs_encoder_get_text(encoder), quantize, ids);
    gs_onnx_output(graph, feature, "feature", GS_ONNX_F32, 2, out_sides);
    return gs_onnx_finish(graph, out, err);
}

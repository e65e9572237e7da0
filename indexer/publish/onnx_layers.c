#include "indexer/publish/onnx_layers.h"

#include <math.h> /* fabsf, lrintf, sqrtf */

#define BLOCK 32 /* columns that share a scale, where they come in such blocks */

/* A quantised matrix: int8 [rows, columns / block, block] and scales [rows, columns / block, 1]. */
typedef struct {
    gs_onnx_name values, scales;
} quantized;

static float largest(const float *values, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fabsf(values[i]) > most ? fabsf(values[i]) : most;
    return most;
}

/* Symmetric, to nearest: the largest of a block becomes 127. */
static void quantize_blocks(const float *weights, size_t blocks, size_t block, int8_t *values, float *scales)
{
    for (size_t b = 0; b < blocks; b++) {
        float most = largest(weights + b * block, block);
        scales[b] = most > 0 ? most / 127 : 1;
        for (size_t i = b * block; i < (b + 1) * block; i++)
            values[i] = (int8_t)lrintf(weights[i] / scales[b]);
    }
}

static quantized quantized_constant(gs_onnx_graph *graph, const float *weights, size_t rows, size_t columns,
                                    size_t block)
{
    size_t blocks = columns / block, shape[] = {rows, blocks, block}, scale_shape[] = {rows, blocks, 1};
    int8_t *values = gs_onnx_take(graph, rows * columns);
    float *scales = gs_onnx_take(graph, rows * blocks * sizeof *scales);
    if (values && scales)
        quantize_blocks(weights, rows * blocks, block, values, scales);
    return (quantized){gs_onnx_constant(graph, GS_ONNX_I8, values, shape, 3),
                       gs_onnx_constant(graph, GS_ONNX_F32, scales, scale_shape, 3)};
}

static gs_onnx_name f32_constant(gs_onnx_graph *graph, const float *weights, size_t rows, size_t columns)
{
    return gs_onnx_constant(graph, GS_ONNX_F32, weights, (size_t[]){rows, columns}, 2);
}

static size_t block_of(size_t columns)
{
    size_t block = columns < BLOCK ? columns : BLOCK;
    while (columns % block != 0)
        block--;
    return block;
}

gs_onnx_name gs_onnx_matrix(gs_onnx_graph *graph, const float *weights, size_t rows, size_t columns, bool quantize)
{
    if (!quantize)
        return f32_constant(graph, weights, rows, columns);
    quantized m = quantized_constant(graph, weights, rows, columns, block_of(columns));
    gs_onnx_name blocks = gs_onnx_binary(graph, "Mul", gs_onnx_cast(graph, m.values, GS_ONNX_F32), m.scales);
    return gs_onnx_reshape(graph, blocks, (int64_t[]){(int64_t)rows, (int64_t)columns}, 2);
}

gs_onnx_name gs_onnx_embedding(gs_onnx_graph *graph, const float *table, size_t rows, size_t columns, bool quantize,
                               gs_onnx_name indices)
{
    if (!quantize)
        return gs_onnx_gather(graph, f32_constant(graph, table, rows, columns), indices);
    quantized m = quantized_constant(graph, table, rows, columns, columns);
    gs_onnx_name values = gs_onnx_cast(graph, gs_onnx_gather(graph, m.values, indices), GS_ONNX_F32);
    values =
        gs_onnx_binary(graph, "Mul", values, gs_onnx_gather(graph, m.scales, indices)); /* [batch, n, 1, columns] */
    return gs_onnx_binary(graph, "Squeeze", values, gs_onnx_i64_list(graph, (int64_t[]){2}, 1));
}

static gs_onnx_name vector(gs_onnx_graph *graph, const float *values, size_t n)
{
    return gs_onnx_constant(graph, GS_ONNX_F32, values, &n, 1);
}

gs_onnx_name gs_onnx_layer_norm(gs_onnx_graph *graph, const gs_norm *norm, gs_onnx_name x)
{
    gs_onnx_name inputs[] = {x, vector(graph, norm->weight, norm->width), vector(graph, norm->bias, norm->width)};
    gs_onnx_attribute epsilon = {.name = "epsilon", .kind = GS_ONNX_ATTRIBUTE_FLOAT, .f = norm->epsilon};
    return gs_onnx_node(graph, "LayerNormalization", inputs, 3, epsilon);
}

gs_onnx_name gs_onnx_weight(gs_onnx_graph *graph, const gs_linear *linear, bool quantize)
{
    float *expanded = linear->weight ? NULL : gs_onnx_take(graph, linear->out * linear->in * sizeof *expanded);
    if (!linear->weight && !expanded)
        return NULL; /* no memory: the graph has failed */
    return gs_onnx_matrix(graph, gs_linear_weight(linear, expanded), linear->out, linear->in, quantize);
}

gs_onnx_name gs_onnx_linear(gs_onnx_graph *graph, const gs_linear *linear, bool quantize, gs_onnx_name x)
{
    gs_onnx_name inputs[3] = {x, gs_onnx_weight(graph, linear, quantize)};
    if (linear->bias)
        inputs[2] = vector(graph, linear->bias, linear->out);
    return gs_onnx_node(graph, "Gemm", inputs, linear->bias ? 3 : 2, (gs_onnx_attribute){.name = "transB", .i = {1}});
}

gs_onnx_name gs_onnx_activate(gs_onnx_graph *graph, gs_activation activation, gs_onnx_name x)
{
    gs_onnx_name scaled;
    if (activation == GS_RELU)
        return gs_onnx_unary(graph, "Relu", x);
    if (activation == GS_QUICK_GELU || activation == GS_SILU) {
        scaled = activation == GS_SILU ? x : gs_onnx_binary(graph, "Mul", x, gs_onnx_scalar(graph, 1.702f));
        return gs_onnx_binary(graph, "Mul", x, gs_onnx_unary(graph, "Sigmoid", scaled));
    }
    if (activation == GS_GELU_TANH) { /* x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)) */
        gs_onnx_name square = gs_onnx_binary(graph, "Mul", x, x);
        scaled = gs_onnx_binary(graph, "Mul", square, gs_onnx_scalar(graph, 1.5957691f * 0.044715f));
        scaled = gs_onnx_binary(graph, "Add", scaled, gs_onnx_scalar(graph, 1.5957691f));
        scaled = gs_onnx_unary(graph, "Sigmoid", gs_onnx_binary(graph, "Mul", x, scaled));
        return gs_onnx_binary(graph, "Mul", x, scaled);
    }
    scaled = gs_onnx_binary(graph, "Div", x, gs_onnx_scalar(graph, sqrtf(2)));
    gs_onnx_name twice = gs_onnx_binary(graph, "Add", gs_onnx_unary(graph, "Erf", scaled), gs_onnx_scalar(graph, 1));
    return gs_onnx_binary(graph, "Mul", gs_onnx_binary(graph, "Mul", x, twice), gs_onnx_scalar(graph, 0.5f));
}

/* What every layer's attention shares. */
typedef struct {
    gs_onnx_name heads; /* the value [batch, sequence, heads, head width] */
    gs_onnx_name rows;  /* the value [-1, width] */
    gs_onnx_name scale; /* 1 / sqrt(head width) */
    gs_onnx_name mask;
} shapes;

/* x [rows, width] -> attention's output [rows, width] before its projection */
static gs_onnx_name attend(gs_onnx_graph *graph, const gs_transformer_layer *layer, const shapes *s, bool quantize,
                           gs_onnx_name x)
{
    gs_onnx_name q = gs_onnx_linear(graph, &layer->query, quantize, x);
    gs_onnx_name k = gs_onnx_linear(graph, &layer->key, quantize, x);
    gs_onnx_name v = gs_onnx_linear(graph, &layer->value, quantize, x);
    q = gs_onnx_binary(graph, "Reshape", gs_onnx_binary(graph, "Mul", q, s->scale), s->heads);
    q = gs_onnx_transpose(graph, q, 0, 2, 1, 3);
    k = gs_onnx_transpose(graph, gs_onnx_binary(graph, "Reshape", k, s->heads), 0, 2, 3, 1);
    v = gs_onnx_transpose(graph, gs_onnx_binary(graph, "Reshape", v, s->heads), 0, 2, 1, 3);
    gs_onnx_name scores = gs_onnx_binary(graph, "MatMul", q, k); /* [batch, heads, sequence, sequence] */
    if (s->mask)
        scores = gs_onnx_binary(graph, "Add", scores, s->mask);
    gs_onnx_name y = gs_onnx_binary(graph, "MatMul", gs_onnx_unary(graph, "Softmax", scores), v);
    return gs_onnx_binary(graph, "Reshape", gs_onnx_transpose(graph, y, 0, 2, 1, 3), s->rows);
}

gs_onnx_name gs_onnx_transformer(gs_onnx_graph *graph, const gs_transformer *stack, bool quantize, gs_onnx_name x,
                                 gs_onnx_name shape, gs_onnx_name mask)
{
    const gs_tower_config *c = &stack->config;
    int64_t head = (int64_t)(c->width / c->heads);
    gs_onnx_name inner = gs_onnx_i64_list(graph, (int64_t[]){(int64_t)c->heads, head}, 2);
    shapes s = {
        .heads = gs_onnx_node(graph, "Concat", (gs_onnx_name[]){shape, inner}, 2, (gs_onnx_attribute){.name = "axis"}),
        .rows = gs_onnx_i64_list(graph, (int64_t[]){-1, (int64_t)c->width}, 2),
        .scale = gs_onnx_scalar(graph, 1 / sqrtf((float)head)),
        .mask = mask,
    };
    for (const gs_transformer_layer *layer = stack->layers; layer < stack->layers + c->layers; layer++) {
        gs_onnx_name y = attend(graph, layer, &s, quantize, gs_onnx_layer_norm(graph, &layer->before_attention, x));
        x = gs_onnx_binary(graph, "Add", x, gs_onnx_linear(graph, &layer->out, quantize, y));
        y = gs_onnx_linear(graph, &layer->expand, quantize, gs_onnx_layer_norm(graph, &layer->before_inner, x));
        y = gs_onnx_linear(graph, &layer->contract, quantize, gs_onnx_activate(graph, c->activation, y));
        x = gs_onnx_binary(graph, "Add", x, y);
    }
    return x;
}

gs_onnx_name gs_onnx_unit_length(gs_onnx_graph *graph, gs_onnx_name x)
{
    gs_onnx_attribute last = {.name = "axes", .kind = GS_ONNX_ATTRIBUTE_INTS, .i = {-1}, .n = 1};
    return gs_onnx_binary(graph, "Div", x, gs_onnx_node(graph, "ReduceL2", &x, 1, last));
}

/* onnx_layers.h - the encoder's layers as ONNX, weights f32 as they are or int8.
 *
 *     x = gs_onnx_layer_norm(graph, &tower->final_norm, x);
 *     x = gs_onnx_linear(graph, &tower->projection, quantize, x);              // x [rows, in] -> [rows, out]
 *
 * Quantised weights are int8 in blocks of 32 columns with a scale each (one a row lets single large weights spoil the
 * rest), written as Mul(Cast(int8), scale). That is all constant: a runtime folds it once while it loads, and runs at
 * the speed of f32; the file is little more than a quarter of the size. (onnxruntime does not fold DequantizeLinear,
 * and would repeat it in every run.)
 */
#ifndef GS_ONNX_LAYERS_H
#define GS_ONNX_LAYERS_H

#include "indexer/nn/transformer.h"
#include "indexer/publish/onnx_graph.h"

/* weights [rows, columns] (borrowed until finish), as a value [rows, columns] of f32. */
gs_onnx_name gs_onnx_matrix(gs_onnx_graph *graph, const float *weights, size_t rows, size_t columns, bool quantize);

/* The rows of table [rows, columns] (borrowed until finish) that indices [batch, n] name: [batch, n, columns].
 * Quantised with one scale a row: only what is looked up is expanded. */
gs_onnx_name gs_onnx_embedding(gs_onnx_graph *graph, const float *table, size_t rows, size_t columns, bool quantize,
                               gs_onnx_name indices);

/* A layer's weight [out, in], as gs_onnx_matrix() has it. */
gs_onnx_name gs_onnx_weight(gs_onnx_graph *graph, const gs_linear *linear, bool quantize);

gs_onnx_name gs_onnx_layer_norm(gs_onnx_graph *graph, const gs_norm *norm, gs_onnx_name x);
gs_onnx_name gs_onnx_linear(gs_onnx_graph *graph, const gs_linear *linear, bool quantize, gs_onnx_name x);

gs_onnx_name gs_onnx_activate(gs_onnx_graph *graph, gs_activation activation, gs_onnx_name x);

/* x [batch * sequence, width]; shape: the value [batch, sequence]; mask [sequence, sequence] is added to the scores,
 * NULL: none. */
gs_onnx_name gs_onnx_transformer(gs_onnx_graph *graph, const gs_transformer *stack, bool quantize, gs_onnx_name x,
                                 gs_onnx_name shape, gs_onnx_name mask);

/* Rows of x [rows, dim] divided by their lengths. */
gs_onnx_name gs_onnx_unit_length(gs_onnx_graph *graph, gs_onnx_name x);

#endif

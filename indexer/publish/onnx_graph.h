/* onnx_graph.h - an ONNX model under construction.
 *
 *     gs_onnx_graph *graph = gs_onnx_new("text");
 *     gs_onnx_name x = gs_onnx_input(graph, "x", GS_ONNX_F32, 2, (const char *[]){"batch", "width"});
 *     gs_onnx_name b = gs_onnx_constant(graph, GS_ONNX_F32, bias, (size_t[]){768}, 1);         // bias [768], borrowed
 *     gs_onnx_name y = gs_onnx_unary(graph, "Sigmoid", gs_onnx_binary(graph, "Add", x, b));
 *     gs_onnx_output(graph, y, "y", GS_ONNX_F32, 2, (const char *[]){"batch", "width"});
 *     st = gs_onnx_finish(graph, &bytes, err);                                      // frees the graph, whatever comes
 *
 * Memory running out is remembered and reported by finish, so that a graph can be written down like a formula.
 */
#ifndef GS_ONNX_GRAPH_H
#define GS_ONNX_GRAPH_H

#include "core/status.h"
#include "indexer/util/file.h" /* gs_bytes */

#include <stddef.h>
#include <stdint.h>

typedef struct gs_onnx_graph gs_onnx_graph;
typedef const char *gs_onnx_name; /* of a value; owned by the graph */

typedef enum { GS_ONNX_F32 = 1, GS_ONNX_I8 = 3, GS_ONNX_I32 = 6, GS_ONNX_I64 = 7 } gs_onnx_type; /* as ONNX counts */

typedef struct {
    const char *name; /* NULL: no attribute */
    enum { GS_ONNX_ATTRIBUTE_INT, GS_ONNX_ATTRIBUTE_FLOAT, GS_ONNX_ATTRIBUTE_INTS } kind;
    int64_t i[4]; /* INT: i[0] */
    size_t n;     /* of INTS */
    float f;
} gs_onnx_attribute;

/* NULL when memory ran out; every function here then takes the NULL, and finish says it. */
gs_onnx_graph *gs_onnx_new(const char *name);

/* An input, with the names of its sides. */
gs_onnx_name gs_onnx_input(gs_onnx_graph *graph, const char *name, gs_onnx_type type, size_t rank,
                           const char *const *sides);
/* Declares value as the output called name. */
void gs_onnx_output(gs_onnx_graph *graph, gs_onnx_name value, const char *name, gs_onnx_type type, size_t rank,
                    const char *const *sides);

/* A constant. values [shape], borrowed until finish; what gs_onnx_take() gave lives long enough. */
gs_onnx_name gs_onnx_constant(gs_onnx_graph *graph, gs_onnx_type type, const void *values, const size_t *shape,
                              size_t rank);
gs_onnx_name gs_onnx_scalar(gs_onnx_graph *graph, float value);
gs_onnx_name gs_onnx_i64(gs_onnx_graph *graph, int64_t value);                        /* a scalar */
gs_onnx_name gs_onnx_i64_list(gs_onnx_graph *graph, const int64_t *values, size_t n); /* copied */

/* An operator of the standard set with one output. inputs [n]. */
gs_onnx_name gs_onnx_node(gs_onnx_graph *graph, const char *operation, const gs_onnx_name *inputs, size_t n,
                          gs_onnx_attribute attribute);

/* The common cases of it. */
gs_onnx_name gs_onnx_unary(gs_onnx_graph *graph, const char *operation, gs_onnx_name x);
gs_onnx_name gs_onnx_binary(gs_onnx_graph *graph, const char *operation, gs_onnx_name x, gs_onnx_name y);
gs_onnx_name gs_onnx_gather(gs_onnx_graph *graph, gs_onnx_name table, gs_onnx_name rows);
gs_onnx_name gs_onnx_cast(gs_onnx_graph *graph, gs_onnx_name x, gs_onnx_type type);
gs_onnx_name gs_onnx_reshape(gs_onnx_graph *graph, gs_onnx_name x, const int64_t *shape, size_t rank); /* copied */
gs_onnx_name gs_onnx_transpose(gs_onnx_graph *graph, gs_onnx_name x, int a, int b, int c, int d);

/* size bytes of scratch that live until finish; NULL when memory ran out. */
void *gs_onnx_take(gs_onnx_graph *graph, size_t size);

/* bytes become the model; the caller frees them with gs_bytes_free(). GS_ENOMEM, GS_EFORMAT for more than protobuf's 2
 * GiB. */
gs_status gs_onnx_finish(gs_onnx_graph *graph, gs_bytes *bytes, gs_error *err);

#endif

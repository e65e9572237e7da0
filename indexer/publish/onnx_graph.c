#include "indexer/publish/onnx_graph.h"

#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>

#define IR_VERSION 8
#define OPSET      17 /* the first with LayerNormalization */
#define MAX_MODEL  ((size_t)INT32_MAX)

/* Memory that lives as long as the graph, newest first. */
typedef struct piece {
    struct piece *next;
    max_align_t bytes[];
} piece;

struct gs_onnx_graph {
    piece *pieces;
    Onnx__GraphProto proto;
    size_t node_capacity, constant_capacity;
    int next_value; /* numbers the values between the nodes */
    bool failed;    /* memory ran out */
};

void *gs_onnx_take(gs_onnx_graph *graph, size_t size)
{
    piece *taken = graph && !graph->failed && size < MAX_MODEL ? malloc(sizeof *taken + size) : NULL;
    if (!taken) {
        if (graph)
            graph->failed = true;
        return NULL;
    }
    taken->next = graph->pieces;
    graph->pieces = taken;
    return taken->bytes;
}

/* A copy of bytes [size]; NULL when memory ran out. */
static void *keep(gs_onnx_graph *graph, const void *bytes, size_t size)
{
    void *copy = gs_onnx_take(graph, size);
    return copy ? memcpy(copy, bytes, size) : NULL;
}

static char *keep_text(gs_onnx_graph *graph, const char *text)
{
    return keep(graph, text, strlen(text) + 1);
}

/* Appends to a list of pointers, which moves to twice the room when it is full. */
static void append(gs_onnx_graph *graph, void ***list, size_t *n, size_t *capacity, void *item)
{
    if (!item)
        return;
    if (*n == *capacity) {
        size_t room = *capacity ? 2 * *capacity : 64;
        void **larger = gs_onnx_take(graph, room * sizeof *larger);
        if (!larger)
            return;
        if (*n)
            memcpy(larger, *list, *n * sizeof *larger);
        *list = larger;
        *capacity = room;
    }
    (*list)[(*n)++] = item;
}

gs_onnx_graph *gs_onnx_new(const char *name)
{
    gs_onnx_graph *graph = calloc(1, sizeof *graph);
    if (!graph)
        return NULL;
    graph->proto = (Onnx__GraphProto)ONNX__GRAPH_PROTO__INIT;
    graph->proto.name = keep_text(graph, name);
    return graph;
}

static Onnx__TensorShapeProto *make_shape(gs_onnx_graph *graph, size_t rank, const char *const *sides)
{
    Onnx__TensorShapeProto shape = ONNX__TENSOR_SHAPE_PROTO__INIT;
    shape.dim = gs_onnx_take(graph, rank * sizeof(void *));
    for (; shape.dim && shape.n_dim < rank; shape.n_dim++) {
        Onnx__TensorShapeProto__Dimension side = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT;
        side.value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        side.dim_param = keep_text(graph, sides[shape.n_dim]);
        shape.dim[shape.n_dim] = keep(graph, &side, sizeof side);
    }
    return keep(graph, &shape, sizeof shape);
}

static Onnx__ValueInfoProto *make_value(gs_onnx_graph *graph, const char *name, gs_onnx_type type, size_t rank,
                                        const char *const *sides)
{
    Onnx__TypeProto__Tensor tensor = ONNX__TYPE_PROTO__TENSOR__INIT;
    tensor.has_elem_type = 1;
    tensor.elem_type = (int32_t)type;
    tensor.shape = make_shape(graph, rank, sides);
    Onnx__TypeProto kind = ONNX__TYPE_PROTO__INIT;
    kind.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    kind.tensor_type = keep(graph, &tensor, sizeof tensor);
    Onnx__ValueInfoProto value = ONNX__VALUE_INFO_PROTO__INIT;
    value.name = keep_text(graph, name);
    value.type = keep(graph, &kind, sizeof kind);
    return keep(graph, &value, sizeof value);
}

gs_onnx_name gs_onnx_input(gs_onnx_graph *graph, const char *name, gs_onnx_type type, size_t rank,
                           const char *const *sides)
{
    Onnx__ValueInfoProto *value = make_value(graph, name, type, rank, sides);
    if (!value)
        return "";
    size_t capacity = graph->proto.n_input; /* of a list that is copied for every addition: there are few */
    append(graph, (void ***)&graph->proto.input, &graph->proto.n_input, &capacity, value);
    return value->name;
}

void gs_onnx_output(gs_onnx_graph *graph, gs_onnx_name value, const char *name, gs_onnx_type type, size_t rank,
                    const char *const *sides)
{
    Onnx__ValueInfoProto *output = make_value(graph, name, type, rank, sides);
    if (!output)
        return;
    size_t capacity = graph->proto.n_output;
    append(graph, (void ***)&graph->proto.output, &graph->proto.n_output, &capacity, output);
    Onnx__NodeProto node = ONNX__NODE_PROTO__INIT;
    node.op_type = keep_text(graph, "Identity");
    node.name = output->name;
    node.n_input = node.n_output = 1;
    node.input = keep(graph, &value, sizeof value);
    node.output = keep(graph, &output->name, sizeof output->name);
    append(graph, (void ***)&graph->proto.node, &graph->proto.n_node, &graph->node_capacity,
           keep(graph, &node, sizeof node));
}

static size_t element_size(gs_onnx_type type)
{
    return type == GS_ONNX_I64 ? 8 : type == GS_ONNX_I8 ? 1 : 4;
}

/* A new name in the graph: "v7". NULL when memory ran out. */
static char *new_name(gs_onnx_graph *graph)
{
    char name[16];
    snprintf(name, sizeof name, "v%d", graph ? graph->next_value++ : 0);
    return keep_text(graph, name);
}

gs_onnx_name gs_onnx_constant(gs_onnx_graph *graph, gs_onnx_type type, const void *values, const size_t *shape,
                              size_t rank)
{
    Onnx__TensorProto tensor = ONNX__TENSOR_PROTO__INIT;
    size_t size = element_size(type);
    tensor.name = new_name(graph);
    tensor.dims = gs_onnx_take(graph, rank * sizeof *tensor.dims);
    if (!tensor.name || !tensor.dims)
        return "";
    tensor.n_dims = rank;
    for (size_t i = 0; i < rank; i++) {
        tensor.dims[i] = (int64_t)shape[i];
        size *= shape[i];
    }
    tensor.has_data_type = tensor.has_raw_data = 1;
    tensor.data_type = (int32_t)type;
    tensor.raw_data = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)values};
    append(graph, (void ***)&graph->proto.initializer, &graph->proto.n_initializer, &graph->constant_capacity,
           keep(graph, &tensor, sizeof tensor));
    return tensor.name;
}

gs_onnx_name gs_onnx_scalar(gs_onnx_graph *graph, float value)
{
    return gs_onnx_constant(graph, GS_ONNX_F32, keep(graph, &value, sizeof value), NULL, 0);
}

gs_onnx_name gs_onnx_i64(gs_onnx_graph *graph, int64_t value)
{
    return gs_onnx_constant(graph, GS_ONNX_I64, keep(graph, &value, sizeof value), NULL, 0);
}

gs_onnx_name gs_onnx_i64_list(gs_onnx_graph *graph, const int64_t *values, size_t n)
{
    return gs_onnx_constant(graph, GS_ONNX_I64, keep(graph, values, n * sizeof *values), &n, 1);
}

/* node->attribute from ours. */
static void set_attribute(gs_onnx_graph *graph, Onnx__NodeProto *node, const gs_onnx_attribute *ours)
{
    Onnx__AttributeProto attribute = ONNX__ATTRIBUTE_PROTO__INIT;
    attribute.name = keep_text(graph, ours->name);
    attribute.has_type = 1;
    if (ours->kind == GS_ONNX_ATTRIBUTE_INT) {
        attribute.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        attribute.has_i = 1;
        attribute.i = ours->i[0];
    } else if (ours->kind == GS_ONNX_ATTRIBUTE_FLOAT) {
        attribute.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        attribute.has_f = 1;
        attribute.f = ours->f;
    } else {
        attribute.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        attribute.n_ints = ours->n;
        attribute.ints = keep(graph, ours->i, ours->n * sizeof *ours->i);
    }
    void *kept = keep(graph, &attribute, sizeof attribute);
    node->n_attribute = 1;
    node->attribute = keep(graph, &kept, sizeof kept);
}

gs_onnx_name gs_onnx_node(gs_onnx_graph *graph, const char *operation, const gs_onnx_name *inputs, size_t n,
                          gs_onnx_attribute attribute)
{
    Onnx__NodeProto node = ONNX__NODE_PROTO__INIT;
    node.name = new_name(graph);
    node.op_type = keep_text(graph, operation);
    node.n_input = n;
    node.input = keep(graph, inputs, n * sizeof *inputs);
    node.n_output = 1;
    node.output = keep(graph, &node.name, sizeof node.name);
    if (attribute.name)
        set_attribute(graph, &node, &attribute);
    Onnx__NodeProto *kept = keep(graph, &node, sizeof node);
    if (!kept)
        return "";
    append(graph, (void ***)&graph->proto.node, &graph->proto.n_node, &graph->node_capacity, kept);
    return kept->name;
}

gs_onnx_name gs_onnx_unary(gs_onnx_graph *graph, const char *operation, gs_onnx_name x)
{
    return gs_onnx_node(graph, operation, &x, 1, (gs_onnx_attribute){0});
}

gs_onnx_name gs_onnx_binary(gs_onnx_graph *graph, const char *operation, gs_onnx_name x, gs_onnx_name y)
{
    return gs_onnx_node(graph, operation, (gs_onnx_name[]){x, y}, 2, (gs_onnx_attribute){0});
}

gs_onnx_name gs_onnx_gather(gs_onnx_graph *graph, gs_onnx_name table, gs_onnx_name rows)
{
    return gs_onnx_binary(graph, "Gather", table, rows);
}

gs_onnx_name gs_onnx_cast(gs_onnx_graph *graph, gs_onnx_name x, gs_onnx_type type)
{
    return gs_onnx_node(graph, "Cast", &x, 1, (gs_onnx_attribute){.name = "to", .i = {type}});
}

gs_onnx_name gs_onnx_reshape(gs_onnx_graph *graph, gs_onnx_name x, const int64_t *shape, size_t rank)
{
    return gs_onnx_binary(graph, "Reshape", x, gs_onnx_i64_list(graph, shape, rank));
}

gs_onnx_name gs_onnx_transpose(gs_onnx_graph *graph, gs_onnx_name x, int a, int b, int c, int d)
{
    gs_onnx_attribute order = {.name = "perm", .kind = GS_ONNX_ATTRIBUTE_INTS, .i = {a, b, c, d}, .n = 4};
    return gs_onnx_node(graph, "Transpose", &x, 1, order);
}

static gs_status pack(gs_onnx_graph *graph, gs_bytes *bytes, gs_error *err)
{
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    opset.domain = "";
    opset.has_version = 1;
    opset.version = OPSET;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    model.has_ir_version = 1;
    model.ir_version = IR_VERSION;
    model.producer_name = "gensearch";
    model.n_opset_import = 1;
    model.opset_import = &opsets;
    model.graph = &graph->proto;
    size_t size = onnx__model_proto__get_packed_size(&model);
    if (size > MAX_MODEL)
        return gs_fail(err, GS_EFORMAT, "%s.onnx: %zu bytes are more than an ONNX file holds", graph->proto.name, size);
    bytes->data = malloc(size + 1);
    if (!bytes->data)
        return gs_fail(err, GS_ENOMEM, "%s.onnx: no memory for %zu bytes", graph->proto.name, size);
    bytes->size = onnx__model_proto__pack(&model, bytes->data);
    bytes->data[bytes->size] = 0;
    return GS_OK;
}

gs_status gs_onnx_finish(gs_onnx_graph *graph, gs_bytes *bytes, gs_error *err)
{
    *bytes = (gs_bytes){0};
    gs_status st =
        !graph || graph->failed ? gs_fail(err, GS_ENOMEM, "no memory for an ONNX graph") : pack(graph, bytes, err);
    while (graph && graph->pieces) {
        piece *next = graph->pieces->next;
        free(graph->pieces);
        graph->pieces = next;
    }
    free(graph);
    return st;
}

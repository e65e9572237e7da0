/* The ONNX files of the towers, read back with protobuf: what a runtime relies on. That they compute the right
 * features is tests/parity's to show, with onnxruntime. */
#include "indexer/encoder/towers.h"
#include "indexer/publish/onnx_text.h"
#include "indexer/publish/onnx_vision.h"
#include "onnx.pb-c.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const variants[] = {"quick_gelu_f32", "gelu_f16", "legacy_bf16"};

/* The files that the tests look at: every variant, either tower, as it is and quantised. */
enum { FILES = 12 };

typedef struct {
    bool vision; /* else text */
    gs_encoder *encoder;
    gs_bytes bytes;
    Onnx__ModelProto *model;
    const Onnx__GraphProto *graph;
} written;

static written write_variant(const char *name, bool vision, bool quantize)
{
    char directory[512];
    gs_error err;
    written w = {.vision = vision};
    gs_status (*write)(const gs_encoder *, bool, gs_bytes *, gs_error *) =
        vision ? gs_onnx_vision_write : gs_onnx_text_write;
    snprintf(directory, sizeof directory, "%s/clip_tiny/%s", GS_GOLDEN, name);
    if (gs_encoder_open(&w.encoder, directory, &(gs_encoder_options){.threads = 1, .batch = 1}, &err) != GS_OK ||
        write(w.encoder, quantize, &w.bytes, &err) != GS_OK)
        fail_msg("%s", err.message);
    w.model = onnx__model_proto__unpack(NULL, w.bytes.size, w.bytes.data);
    assert_non_null(w.model);
    w.graph = w.model->graph;
    return w;
}

static written write_file(int i)
{
    return write_variant(variants[i % 3], i / 3 % 2, i >= FILES / 2);
}

static void free_written(written *w)
{
    onnx__model_proto__free_unpacked(w->model, NULL);
    gs_bytes_free(&w->bytes);
    gs_encoder_close(w->encoder);
}

static const Onnx__TensorProto *find_constant(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (strcmp(graph->initializer[i]->name, name) == 0)
            return graph->initializer[i];
    return NULL;
}

static void check_value(const Onnx__ValueInfoProto *value, const char *name, int type, const char *const *sides,
                        size_t rank)
{
    assert_string_equal(value->name, name);
    const Onnx__TypeProto__Tensor *tensor = value->type->tensor_type;
    assert_int_equal(tensor->elem_type, type);
    assert_int_equal(tensor->shape->n_dim, rank);
    for (size_t i = 0; i < rank; i++)
        assert_string_equal(tensor->shape->dim[i]->dim_param, sides[i]);
}

static void inputs_outputs_and_versions_are_as_promised(void **state)
{
    (void)state;
    static const char *const ids[] = {"batch", "sequence"}, *const features[] = {"batch", "dim"};
    static const char *const pixels[] = {"batch", "channels", "height", "width"};
    for (int i = 0; i < FILES; i++) {
        written w = write_file(i);
        assert_int_equal(w.model->ir_version, 8);
        assert_int_equal(w.model->n_opset_import, 1);
        assert_string_equal(w.model->opset_import[0]->domain, "");
        assert_int_equal(w.model->opset_import[0]->version, 17);
        assert_int_equal(w.graph->n_input, 1);
        assert_int_equal(w.graph->n_output, 1);
        if (w.vision)
            check_value(w.graph->input[0], "pixels", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, pixels, 4);
        else
            check_value(w.graph->input[0], "input_ids", ONNX__TENSOR_PROTO__DATA_TYPE__INT64, ids, 2);
        check_value(w.graph->output[0], "feature", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, features, 2);
        free_written(&w);
    }
}

/* True when name is a constant, an input, or the output of one of the first n nodes. */
static bool is_known(const Onnx__GraphProto *graph, size_t n, const char *name)
{
    for (size_t i = 0; i < graph->n_input; i++)
        if (strcmp(graph->input[i]->name, name) == 0)
            return true;
    for (size_t i = 0; i < n; i++)
        if (strcmp(graph->node[i]->output[0], name) == 0)
            return true;
    return find_constant(graph, name) != NULL;
}

static void every_value_is_made_once_and_before_its_use(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        written w = write_file(i);
        for (size_t n = 0; n < w.graph->n_node; n++) {
            const Onnx__NodeProto *node = w.graph->node[n];
            assert_string_equal(node->domain ? node->domain : "", "");
            assert_int_equal(node->n_output, 1);
            assert_false(is_known(w.graph, n, node->output[0]));
            for (size_t k = 0; k < node->n_input; k++)
                if (!is_known(w.graph, n, node->input[k]))
                    fail_msg("%s: %s takes %s, which nothing made", variants[i % 3], node->op_type, node->input[k]);
        }
        free_written(&w);
    }
}

static void constants_have_as_many_bytes_as_their_shape_says(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        written w = write_file(i);
        for (size_t n = 0; n < w.graph->n_initializer; n++) {
            const Onnx__TensorProto *tensor = w.graph->initializer[n];
            size_t size = tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT8    ? 1
                          : tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 ? 8
                                                                                      : 4;
            for (size_t k = 0; k < tensor->n_dims; k++)
                size *= (size_t)tensor->dims[k];
            assert_int_equal(tensor->raw_data.len, size);
        }
        free_written(&w);
    }
}

/* The node that takes name as its first input. */
static const Onnx__NodeProto *user_of(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_node; i++)
        if (strcmp(graph->node[i]->input[0], name) == 0)
            return graph->node[i];
    fail_msg("nothing takes %s", name);
    return NULL;
}

static void quantised_weights_are_within_half_a_step(void **state)
{
    (void)state;
    written w = write_variant("quick_gelu_f32", false, true);
    const gs_clip_text *tower = gs_encoder_get_text(w.encoder);
    const gs_linear *linear = &tower->stack.layers[1].contract; /* [16, 40]: blocks of 20 */
    size_t found = 0;
    for (size_t i = 0; i < w.graph->n_initializer; i++) {
        const Onnx__TensorProto *values = w.graph->initializer[i];
        if (values->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__INT8 || values->dims[0] != 16 || values->dims[1] != 2)
            continue;
        const Onnx__NodeProto *times = user_of(w.graph, user_of(w.graph, values->name)->output[0]);
        assert_string_equal(times->op_type, "Mul");
        const Onnx__TensorProto *scales = find_constant(w.graph, times->input[1]);
        assert_non_null(scales);
        if (found++ == 0) /* the first layer's */
            continue;
        for (size_t k = 0; k < 16 * 40; k++) {
            float scale;
            memcpy(&scale, scales->raw_data.data + k / 20 * sizeof scale, sizeof scale);
            float value = (float)(int8_t)values->raw_data.data[k] * scale;
            assert_true(fabsf(value - linear->weight[k]) <= 0.5001f * scale);
        }
    }
    assert_int_equal(found, 2);
    free_written(&w);
}

static void quantised_files_are_smaller(void **state)
{
    (void)state;
    for (int vision = 0; vision < 2; vision++) {
        written whole = write_variant("quick_gelu_f32", vision, false);
        written small = write_variant("quick_gelu_f32", vision, true);
        assert_true(small.bytes.size < whole.bytes.size / 2);
        free_written(&whole);
        free_written(&small);
    }
}

static void a_quantised_vision_tower_has_more_bytes_than_weights(void **state)
{
    (void)state;
    written w = write_variant("quick_gelu_f32", true, true);
    size_t values = 0; /* int8 constants of the file */
    for (size_t i = 0; i < w.graph->n_initializer; i++)
        if (w.graph->initializer[i]->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT8)
            values += w.graph->initializer[i]->raw_data.len;
    assert_int_equal(gs_onnx_vision_weights(w.encoder), values);
    free_written(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_outputs_and_versions_are_as_promised),
        cmocka_unit_test(every_value_is_made_once_and_before_its_use),
        cmocka_unit_test(constants_have_as_many_bytes_as_their_shape_says),
        cmocka_unit_test(quantised_weights_are_within_half_a_step),
        cmocka_unit_test(quantised_files_are_smaller),
        cmocka_unit_test(a_quantised_vision_tower_has_more_bytes_than_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

"""Generators that draw random numbers inside their graph, and some that only look like it.

    python tests/golden/make_random_nodes.py        (onnx 1.23, onnxruntime 1.32)

Writes tests/golden/random_nodes.json: per case the file in base64, and the node and operator to be found, null where
every run gives the same. Whether it does is asked of onnxruntime here: two runs on one input are compared.
"""

import base64
import json
import os
import pathlib
import tempfile

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OUT = pathlib.Path(__file__).parent / "random_nodes.json"
SIZE = 3 * 4 * 5
SHAPE = ["n", SIZE]
OPERATORS = {
    "RandomNormal": {"shape": [16, SIZE], "seed": 1.0},
    "RandomUniform": {"shape": [16, SIZE]},
    "RandomNormalLike": {},
    "RandomUniformLike": {"seed": 1.0},
    "Bernoulli": {"dtype": TensorProto.FLOAT},
    "Multinomial": {"sample_size": SIZE},
}
node = helper.make_node


def value(name, kind=TensorProto.FLOAT, shape=SHAPE):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, content):
    return numpy_helper.from_array(np.array(content), name)


def random_nodes(source, target, operator, name="noise"):
    """target [n, SIZE] from source [n, SIZE], by one random operator."""
    inputs = [] if operator in ("RandomNormal", "RandomUniform") else ["share"]
    drawn = node(operator, inputs, ["drawn"], name=name, **OPERATORS[operator])
    cast = node("Cast", ["drawn"], ["number"], to=TensorProto.FLOAT)
    return [node("Sigmoid", [source], ["share"]), drawn, cast, node("Add", [source, "number"], [target])]


def model(nodes, constants=(), opset=17, functions=(), domains=()):
    """z [n, SIZE] to image [n, 3, 4, 5]; the nodes give y from z."""
    reshape = node("Reshape", ["y", "shape"], ["image"])
    shape = constant("shape", [-1, 3, 4, 5])
    image = value("image", shape=["n", 3, 4, 5])
    graph = helper.make_graph([*nodes, reshape], "g", [value("z")], [image], [shape, *constants])
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    made = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8)
    onnx.checker.check_model(made)
    return made


def dropout(mode, constants=(), before=(), opset=17):
    nodes = [*before, node("Dropout", ["z", *mode], ["y"], name="drop")]
    return model(nodes, [constant("ratio", np.float32(0.5)), *constants] if mode else constants, opset)


def in_subgraph(kind):
    """The random node in a branch or a body, with y handed on."""
    inner = random_nodes("z" if kind != "Scan" else "row", "inner", "RandomNormalLike")
    out = [value("inner")]
    if kind == "If":
        other = helper.make_graph([node("Identity", ["z"], ["plain"])], "else", [], [value("plain")])
        then = helper.make_graph(inner, "then", [], out)
        return model([node("If", ["yes"], ["y"], then_branch=then, else_branch=other)], [constant("yes", True)])
    if kind == "Loop":
        inputs = [value("i", TensorProto.INT64, []), value("more", TensorProto.BOOL, []), value("last")]
        go_on = node("Identity", ["more"], ["again"])
        again = value("again", TensorProto.BOOL, [])
        body = helper.make_graph([*inner, go_on], "body", inputs, [again, *out])
        return model([node("Loop", ["one", "", "z"], ["y"], body=body)], [constant("one", np.int64(1))])
    row = [value("row", shape=[SIZE])]
    body = helper.make_graph(inner, "body", row, [value("inner", shape=[SIZE])])
    return model([node("Scan", ["z"], ["y"], body=body, num_scan_inputs=1)])


def in_function(deterministic=False):
    """y = outer(z), which calls noisy(z); or RandomNormal as the name of a function that draws nothing."""
    opsets, own = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)], [helper.make_opsetid("own", 1)]
    if deterministic:
        body = [node("Sin", ["a"], ["b"])]
        plain = helper.make_function("own", "RandomNormal", ["a"], ["b"], body, opsets)
        return model([node("RandomNormal", ["z"], ["y"], domain="own")], functions=[plain], domains=["own"])
    noisy = helper.make_function("own", "noisy", ["a"], ["b"], random_nodes("a", "b", "RandomNormalLike"), opsets)
    outer = helper.make_function("own", "outer", ["a"], ["b"], [node("noisy", ["a"], ["b"], domain="own")], own)
    return model([node("outer", ["z"], ["y"], domain="own")], functions=[noisy, outer], domains=["own"])


def make_cases():
    """Name -> (model, operator or None, name of the node)."""
    cases = {name: (model(random_nodes("z", "y", name)), name, "noise") for name in OPERATORS}
    cases |= {kind: (in_subgraph(kind), "RandomNormalLike", "noise") for kind in ("If", "Loop", "Scan")}
    cases["function"] = (in_function(), "RandomNormalLike", "noise")
    cases["no-name"] = (model(random_nodes("z", "y", "RandomNormal", name="")), "RandomNormal", "drawn")
    on, off = constant("mode", True), constant("mode", False)
    computed = [node("Not", ["mode"], ["not"])]
    cases["dropout-on"] = (dropout(["ratio", "mode"], [on]), "Dropout", "drop")
    cases["dropout-computed"] = (dropout(["ratio", "not"], [off], computed), "Dropout", "drop")
    cases["dropout-off"] = (dropout(["ratio", "mode"], [off]), None, None)
    by_node = [node("Constant", [], ["mode"], value=off)]
    cases["dropout-off-by-node"] = (dropout(["ratio", "mode"], before=by_node), None, None)
    cases["dropout-default"] = (dropout(["ratio"]), None, None)
    cases["dropout-old"] = (dropout([], opset=10), None, None)
    cases["name-of-own"] = (in_function(deterministic=True), None, None)
    return cases


def is_deterministic(data):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # as it is written
    session = onnxruntime.InferenceSession(data, options)
    z = np.random.default_rng(7).normal(size=(16, SIZE)).astype(np.float32)
    first, second = (session.run(None, {"z": z})[0] for _ in range(2))
    return np.array_equal(first, second)


def ort_format(data):
    """The same in onnxruntime's own format."""
    with tempfile.NamedTemporaryFile(suffix=".ort") as file:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = file.name
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        onnxruntime.InferenceSession(data, options)
        return pathlib.Path(file.name).read_bytes()


def main():
    listed = {s.name for s in onnx.defs.get_all_schemas() if s.node_determinism == s.NodeDeterminism.NonDeterministic}
    containers = {"AffineGrid", "If", "Loop", "Scan", "SequenceMap"}  # random only when what is in them is
    assert listed - containers == {*OPERATORS, "Dropout"}, listed
    cases = []
    for case, (made, operator, name) in make_cases().items():
        data = made.SerializeToString()
        assert is_deterministic(data) == (operator is None), case
        cases.append({"case": case, "node": name, "operator": operator, "file": base64.b64encode(data).decode()})
    ort = ort_format(make_cases()["RandomNormal"][0].SerializeToString())
    versions = f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}"
    content = {"made_with": versions, "cases": cases, "ort_format": base64.b64encode(ort).decode()}
    OUT.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

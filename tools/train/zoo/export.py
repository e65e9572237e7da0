"""From trained networks to ONNX graphs with 8-bit weights, and a folder of the zoo."""

import json
import os
from io import BytesIO

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime reads it when it is loaded
import onnxruntime  # noqa: E402

LIMIT = 200_000  # bytes of a generator's own graphs together
OPSET = 17
SMALL = 256  # weights; smaller arrays stay f32


def quantise(array, axis):
    """int8 and f32 scales along axis, or None when the array is not on such a grid already."""
    others = tuple(a for a in range(array.ndim) if a != axis)
    scale = np.maximum(np.abs(array).max(others, keepdims=True), 1e-12).astype(np.float32) / np.float32(127)
    steps = np.round(array / scale)
    exact = np.abs(steps * scale - array).max() <= 1e-5 * np.abs(array).max()
    return (steps.astype(np.int8), scale) if exact else None


def round_weights(module):
    """Puts every large weight on the grid of 8-bit numbers with one scale an output, as the file will hold it."""
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim > 1 and weight.numel() >= SMALL:
                scale = weight.abs().amax(tuple(range(1, weight.ndim)), keepdim=True).clamp_min(1e-12) / 127
                weight.copy_(torch.round(weight / scale) * scale)


def pack_weights(model):
    """Large weights as int8, cast and scaled in the graph: a runtime folds both away when it opens the file.

    (DequantizeLinear would say the same, but onnxruntime keeps it and with it the slow layout of convolutions.)"""
    graph = model.graph
    nodes = []
    for tensor in list(graph.initializer):
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < SMALL:
            continue
        packed = next(filter(None, (quantise(array, axis) for axis in range(array.ndim))), None)
        if packed is None:
            continue
        name, (steps, scale) = tensor.name, packed
        graph.initializer.remove(tensor)
        graph.initializer.extend(
            [numpy_helper.from_array(steps, name + "_i8"), numpy_helper.from_array(scale, name + "_s")]
        )
        nodes.append(helper.make_node("Cast", [name + "_i8"], [name + "_f"], to=onnx.TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [name + "_f", name + "_s"], [name]))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    onnx.checker.check_model(model)


def drop_names(model):
    """Shorter files: nodes need no names, values only short ones."""
    graph, names = model.graph, {}
    kept = {value.name for value in [*graph.input, *graph.output]}
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        for values in (node.input, node.output):
            for index, name in enumerate(values):
                if name and name not in kept:
                    values[index] = names.setdefault(name, f"v{len(names)}")
    for tensor in graph.initializer:
        tensor.name = names.setdefault(tensor.name, f"v{len(names)}")
    del graph.value_info[:]


def to_onnx(module, inputs, outputs):
    """The bytes of a graph, checked against torch on the example inputs."""
    module.eval().to(memory_format=torch.contiguous_format)
    with torch.no_grad():
        plain = module(*inputs.values())
        round_weights(module)
        wanted = module(*inputs.values())
    plain, wanted = [x if isinstance(x, tuple) else (x,) for x in (plain, wanted)]
    axes = {name: {0: "n"} for name in [*inputs, *outputs] if name != "position"}
    buffer = BytesIO()
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        buffer,
        dynamo=False,
        opset_version=OPSET,
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=axes,
    )
    model = onnx.load_from_string(buffer.getvalue())
    pack_weights(model)
    drop_names(model)
    model.producer_name, model.producer_version = "gensearch", ""
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    parity = max(np.abs(a.numpy() - b).max() for a, b in zip(wanted, found))
    rounding = max((a - b).abs().mean().item() for a, b in zip(plain, wanted))
    print(f"  {len(data)} bytes, largest difference to torch {parity:.1e}, mean change by 8 bits {rounding:.1e}")
    if parity > 1e-3:
        raise RuntimeError(f"the graph differs from torch by {parity}")
    return data


def write_graph(path, module, inputs, outputs):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_onnx(module, inputs, outputs))


def write_model(folder, description_of, trained, shared):
    """description_of(bytes): the model.json but for its sampler. shared: the path of the decoder, seen from folder."""
    files = {name: to_onnx(*graph) for name, graph in trained.graphs.items()}
    total = sum(map(len, files.values()))
    if total > LIMIT:
        raise RuntimeError(f"{folder}: {total} bytes, the limit is {LIMIT}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.onnx"):
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    decoder = [*trained.sampler.get("decoder", []), shared]
    sampler = {"kind": "onnx", **trained.sampler, "decoder": decoder, "range": [0, 1]}
    model = {**description_of(total), "sampler": sampler}
    (folder / "model.json").write_text(json.dumps(model, indent=2, ensure_ascii=False) + "\n")

"""CLIP's towers as people run them on a CPU: PyTorch, ONNX Runtime, OpenVINO, faster-clip.

    tower = vision_tower(directory)                    # a torch module: pixels -> unit features
    run = bind_pytorch(tower, pixels, "bf16", compiled=True)
    features = run()                                   # f32 [n, dim]

Each bind_ function does all that can be done once (conversion, packing, fixing the shapes to those of the input) and
gives what measure.py times. Inputs are NumPy arrays: pixels [n, 3, size, size] f32, or ids [n, length] i64.
"""

import collections
import copy
import io
import os
import pathlib
import warnings

import faster_clip
import nncf
import numpy as np
import onnxruntime
import onnxruntime.quantization
import openvino
import PIL.Image
import torch
import transformers
from transformers import CLIPModel

from measure import progress

# What tracing leaves out, and what becomes of its own in later versions: not ours to act on.
warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


class Tower(torch.nn.Module):
    """One of CLIP's towers, its projection and the normalisation."""

    def __init__(self, tower, projection):
        super().__init__()
        self.tower, self.projection = tower, projection

    def forward(self, inputs):
        pooled = self.tower(inputs).pooler_output
        return torch.nn.functional.normalize(self.projection(pooled), dim=-1)


def towers(directory):
    """Vision and text of the model in directory, in f32."""
    model = CLIPModel.from_pretrained(directory, dtype=torch.float32).eval()
    return Tower(model.vision_model, model.visual_projection), Tower(model.text_model, model.text_projection)


def bind_pytorch(tower, inputs, precision, compiled):
    tower = tower if precision == "f32" else copy.deepcopy(tower).to(TYPES[precision])
    tensor = torch.from_numpy(inputs)
    if tensor.is_floating_point():
        tensor = tensor.to(TYPES[precision])
    if compiled:
        # Freezing lets it fold and pack the weights: the quickest that it has for encoding.
        tower = torch.compile(tower, dynamic=False, options={"freezing": True})

    def run():
        with torch.no_grad():
            return tower(tensor).float().numpy()

    return run


def export_onnx(tower, inputs, path):
    """Writes the tower for any batch (and any length of text) unless it is there."""
    if not pathlib.Path(path).exists():
        progress("exporting to ONNX")
        axes = {0: "n"} | ({1: "length"} if inputs.ndim == 2 else {})
        partial = str(path) + ".part"
        torch.onnx.export(
            tower,
            (torch.from_numpy(inputs[:1]),),
            partial,
            input_names=["inputs"],
            output_names=["features"],
            dynamic_axes={"inputs": axes},
            opset_version=18,
            dynamo=False,
        )
        pathlib.Path(partial).rename(path)
    return path


def bind_onnxruntime(path, inputs, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    for axis, name in enumerate(["n", "length"][: 2 if inputs.ndim == 2 else 1]):
        options.add_free_dimension_override_by_name(name, inputs.shape[axis])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"inputs": inputs})[0]


def quantise_onnx(path):
    """Weights by channel, activations as they come. Returns the path of the new file."""
    quantised = pathlib.Path(path).with_suffix(".int8.onnx")
    if not quantised.exists():
        progress("quantising for ONNX Runtime")
        partial = quantised.with_suffix(".part")
        onnxruntime.quantization.quantize_dynamic(
            path, partial, per_channel=True, weight_type=onnxruntime.quantization.QuantType.QInt8
        )
        partial.rename(quantised)
    return str(quantised)


def bind_faster_clip(directory, frames, threads):
    """faster-clip knows one model, which it looks for in its cache: this one is put there. Weights int8, sums f32."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    cache = directory / "faster-clip"
    place = cache / "sentence-transformers__clip-ViT-B-32" / "0_CLIPModel"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "model.safetensors").exists():
        (place / "model.safetensors").symlink_to((directory / "model.safetensors").resolve())
    os.environ["FASTER_CLIP_CACHE"] = str(cache)
    model = faster_clip.ClipModel()
    pictures = [png(frame) for frame in frames]

    def run():
        features = np.asarray(model.encode_image(pictures), np.float32)
        return features / np.linalg.norm(features, axis=1, keepdims=True)

    return run


def png(frame):
    """The bytes of a file that is quick to decode."""
    file = io.BytesIO()
    PIL.Image.fromarray(frame).save(file, "PNG", compress_level=0)
    return file.getvalue()


def executed_precisions(compiled):
    """In which type OpenVINO computes its matrix products: {'bf16': 49, 'f32': 1}."""
    counts = collections.Counter()
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        if info["layerType"].astype(str) in ("FullyConnected", "MatMul"):
            counts[info["runtimePrecision"].astype(str)] += 1
    return counts


def convert_openvino(tower, inputs):
    """The tower for inputs of any number; each bind_ below takes a copy of its own."""
    progress("converting for OpenVINO")
    return openvino.convert_model(tower, example_input=torch.from_numpy(inputs[:1]))


def quantise_openvino(model, inputs):
    """The converted tower with OpenVINO's own int8, calibrated on the inputs."""
    progress("quantising for OpenVINO")
    dataset = nncf.Dataset([inputs[i : i + 1] for i in range(len(inputs))])
    return nncf.quantize(model, dataset, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(inputs))


def compile_openvino(model, inputs, precision, threads, hint, streams=None):
    """int8 is what a quantised model has; the rest of it is computed in what OpenVINO finds best."""
    model = model.clone()
    model.reshape(inputs.shape)
    properties = ({} if precision == "int8" else {"INFERENCE_PRECISION_HINT": precision}) | {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": hint,
    }
    if streams:
        properties["NUM_STREAMS"] = streams
    compiled = openvino.Core().compile_model(model, "CPU", properties)
    kinds = executed_precisions(compiled)
    if kinds.most_common(1)[0][0] not in {"int8": ("i8", "u8")}.get(precision, (precision,)):
        raise RuntimeError(f"asked for {precision}, OpenVINO computes in {dict(kinds)}")
    return compiled


def bind_openvino(model, inputs, precision, threads):
    """One request with all cores on it."""
    compiled = compile_openvino(model, inputs, precision, threads, "LATENCY")
    request = compiled.create_infer_request()
    return lambda: request.infer([inputs], share_inputs=True)[0]


def bind_openvino_streams(model, inputs, precision, threads):
    """The batch cut into as many requests at a time as OpenVINO finds best for throughput."""
    wanted = compile_openvino(model, inputs[:1], precision, threads, "THROUGHPUT")
    streams = min(wanted.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"), len(inputs))
    while len(inputs) % streams:
        streams -= 1
    if streams == 1:
        raise RuntimeError("one stream: the same as latency")
    parts = np.split(inputs, streams)
    compiled = compile_openvino(model, parts[0], precision, threads, "THROUGHPUT", streams)
    requests = [compiled.create_infer_request() for _ in parts]

    def run():
        for request, part in zip(requests, parts):
            request.start_async([part], share_inputs=True)
        for request in requests:
            request.wait()
        return np.concatenate([request.get_output_tensor(0).data for request in requests])

    return run

"""Compares text.onnx and vision.onnx in onnxruntime with transformers: cosine distance 1e-5, and 1e-3 when quantised.

An input for which a tower is so unsteady that PyTorch's own bf16 is that far from f32 may be twice as far.

python onnx_towers.py WRITE_ONNX ENCODER_DIRECTORY
"""

import copy
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

import inputs
from encoder import tokens_of

LIMIT = 1e-3  # when quantised


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def distances(rows, others):
    return 1 - (rows * others).sum(1)


def text_reference(model, directory):
    """Token ids of every text [1, n], the features, and how far away those of bf16 are."""
    context = model.config.text_config.max_position_embeddings
    tokens = tokens_of(directory, inputs.texts(), context, padded=model.config.model_type == "siglip")
    ids = [np.array([text]) for text in tokens]

    def encode(model):
        rows = [model.get_text_features(input_ids=torch.tensor(text)).pooler_output[0].float().numpy() for text in ids]
        return unit(np.stack(rows))

    return ids, encode(model), distances(encode(copy.deepcopy(model).to(torch.bfloat16)), encode(model))


def vision_reference(model, directory):
    """Prepared pictures [1, 3, size, size], the features, and how far away those of bf16 are."""
    processor = AutoImageProcessor.from_pretrained(directory, backend="pil")
    with tempfile.TemporaryDirectory() as folder:
        pictures = [Image.open(path).convert("RGB") for path in inputs.pictures(pathlib.Path(folder))]
    pixels = [processor(picture, return_tensors="np")["pixel_values"] for picture in pictures]

    def encode(model):
        values = [torch.tensor(p, dtype=model.dtype) for p in pixels]
        return unit(
            np.stack([model.get_image_features(pixel_values=v).pooler_output[0].float().numpy() for v in values])
        )

    return pixels, encode(model), distances(encode(copy.deepcopy(model).to(torch.bfloat16)), encode(model))


def in_one_batch(values):
    """Texts are padded with the start token: smaller than end-of-text, whichever rule finds it."""
    if values[0].ndim != 2:
        return np.concatenate(values)
    longest = max(text.shape[1] for text in values)
    return np.concatenate([np.pad(v, [(0, 0), (0, longest - v.shape[1])], constant_values=v[0, 0]) for v in values])


def compare(name, path, tolerance, values, wanted):
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(str(path), options)
    loading = time.perf_counter() - start
    argument = session.get_inputs()[0].name
    start = time.perf_counter()
    single = np.concatenate([session.run(["feature"], {argument: value})[0] for value in values])
    each = (time.perf_counter() - start) / len(values)
    batch = session.run(["feature"], {argument: in_one_batch(values)})[0]
    distance = np.maximum(distances(single, wanted), distances(batch, wanted))
    length = np.abs(np.linalg.norm(single, axis=1) - 1).max()
    good = np.all(distance <= tolerance) and length < 1e-5
    beyond = f"{np.sum(distance > LIMIT)} of {len(values)} inputs beyond {LIMIT}"
    print(
        f"{'ok ' if good else 'BAD'} {name}: {path.stat().st_size / 1e6:.1f} MB, cosine distance {distance.max():.1e}, "
        f"{beyond}, loads in {loading:.2f} s, {1000 * each:.1f} ms an input"
    )
    return good


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    model = AutoModel.from_pretrained(directory, dtype=torch.float32).eval()
    good = True
    for tower, reference in (("text", text_reference), ("vision", vision_reference)):
        with torch.no_grad():
            values, wanted, bf16 = reference(model, directory)
        with tempfile.TemporaryDirectory() as folder:
            for flag, tolerance in ((None, 1e-5), ("--quantize", np.maximum(2 * bf16, LIMIT))):
                path = pathlib.Path(folder) / f"{tower}{flag or ''}.onnx"
                subprocess.run([program, directory, tower, path, *([flag] if flag else [])], check=True)
                good &= compare(f"{directory.name} {path.name}", path, tolerance, values, wanted)
                path.unlink()
    sys.exit(not good)


if __name__ == "__main__":
    main()

"""Compares text.onnx and vision.onnx in onnxruntime with transformers: cosine distance 1e-5, and 1e-3 when quantised.

python onnx_towers.py WRITE_ONNX ENCODER_DIRECTORY
"""

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


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def text_reference(model, directory):
    """Token ids of every text [1, n], and the features."""
    context = model.config.text_config.max_position_embeddings
    tokens = tokens_of(directory, inputs.texts(), context, padded=model.config.model_type == "siglip")
    ids = [np.array([text]) for text in tokens]
    features = [model.get_text_features(input_ids=torch.tensor(text)).pooler_output[0].numpy() for text in ids]
    return ids, unit(np.stack(features))


def vision_reference(model, directory):
    """Prepared pictures [1, 3, size, size], and the features."""
    processor = AutoImageProcessor.from_pretrained(directory, backend="pil")
    with tempfile.TemporaryDirectory() as folder:
        pictures = [Image.open(path).convert("RGB") for path in inputs.pictures(pathlib.Path(folder))]
    pixels = [processor(picture, return_tensors="np")["pixel_values"] for picture in pictures]
    features = [model.get_image_features(pixel_values=torch.tensor(p)).pooler_output[0].numpy() for p in pixels]
    return pixels, unit(np.stack(features))


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
    distance = max((1 - (rows * wanted).sum(1)).max() for rows in (single, batch))
    length = np.abs(np.linalg.norm(single, axis=1) - 1).max()
    good = distance <= tolerance and length < 1e-5
    print(
        f"{'ok ' if good else 'BAD'} {name}: {path.stat().st_size / 1e6:.1f} MB, cosine distance {distance:.1e} over "
        f"{len(values)} inputs, loads in {loading:.2f} s, {1000 * each:.1f} ms an input"
    )
    return good


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    model = AutoModel.from_pretrained(directory, dtype=torch.float32).eval()
    good = True
    for tower, reference in (("text", text_reference), ("vision", vision_reference)):
        with torch.no_grad():
            values, wanted = reference(model, directory)
        with tempfile.TemporaryDirectory() as folder:
            for flag, tolerance in ((None, 1e-5), ("--quantize", 1e-3)):
                path = pathlib.Path(folder) / f"{tower}{flag or ''}.onnx"
                subprocess.run([program, directory, tower, path, *([flag] if flag else [])], check=True)
                good &= compare(f"{directory.name} {path.name}", path, tolerance, values, wanted)
                path.unlink()
    sys.exit(not good)


if __name__ == "__main__":
    main()

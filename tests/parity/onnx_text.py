"""Compares text.onnx in onnxruntime with transformers: cosine distance 1e-5, and 1e-3 when quantised.

python onnx_text.py WRITE_ONNX ENCODER_DIRECTORY
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
from transformers import CLIPModel

import inputs
from encoder import load_tokenizer


def reference(directory, texts):
    model = CLIPModel.from_pretrained(directory, dtype=torch.float32).eval()
    context = model.config.text_config.max_position_embeddings
    tokenizer = load_tokenizer(directory, context)
    tokens = [tokenizer(text, truncation=True, max_length=context)["input_ids"] for text in texts]
    with torch.no_grad():
        features = [model.get_text_features(input_ids=torch.tensor([ids])).pooler_output[0] for ids in tokens]
    return tokens, np.stack([(feature / feature.norm()).numpy() for feature in features])


def one_by_one(session, tokens):
    return np.concatenate([session.run(["feature"], {"input_ids": np.array([ids])})[0] for ids in tokens])


def in_one_batch(session, tokens):
    """Padded with the start token: smaller than end-of-text, whichever rule finds it."""
    longest = max(map(len, tokens))
    padded = np.array([ids + [ids[0]] * (longest - len(ids)) for ids in tokens])
    return session.run(["feature"], {"input_ids": padded})[0]


def compare(name, path, tolerance, tokens, wanted):
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(str(path), options)
    loading = time.perf_counter() - start
    start = time.perf_counter()
    got = one_by_one(session, tokens)
    each = (time.perf_counter() - start) / len(tokens)
    distance = max((1 - (rows * wanted).sum(1)).max() for rows in (got, in_one_batch(session, tokens)))
    length = np.abs(np.linalg.norm(got, axis=1) - 1).max()
    good = distance <= tolerance and length < 1e-5
    print(
        f"{'ok ' if good else 'BAD'} {name}: {path.stat().st_size / 1e6:.1f} MB, cosine distance {distance:.1e} over "
        f"{len(tokens)} texts, loads in {loading:.2f} s, {1000 * each:.1f} ms a text"
    )
    return good


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    tokens, wanted = reference(directory, inputs.texts())
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for flag, tolerance in ((None, 1e-5), ("--quantize", 1e-3)):
            path = pathlib.Path(folder) / f"text{flag or ''}.onnx"
            subprocess.run([program, directory, path, *([flag] if flag else [])], check=True)
            good &= compare(f"{directory.name} {path.name}", path, tolerance, tokens, wanted)
    sys.exit(not good)


if __name__ == "__main__":
    main()

"""Peak memory of a process that encodes one batch and a text with ViT-L/14, against what it cannot do without.

python memory.py LIBRARY DIRECTORY THREADS BATCH PRECISION BACKEND   # the process: prints kilobytes as JSON
"""

import json
import subprocess
import sys

import numpy as np

from library import GensearchError, Library
from measure import print_table, progress

SHAPE, BATCH = "vit-l-14", 32
CASES = [("", "f32", "blas"), ("", "f32", "onednn"), ("", "bf16", "onednn"), ("-bf16", "bf16", "onednn")]


def peak():
    """Kilobytes that this process has had resident at most."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def child(library, directory, threads, batch, precision, backend):
    library = Library(library)
    before = peak()
    with library.open(directory, int(threads), int(batch), precision, backend=backend) as encoder:
        opened = peak()
        frames = np.zeros((int(batch), encoder.image_size, encoder.image_size, 3), np.uint8)
        encoder.images(frames)
        encoder.texts(["a red bicycle"])
    print(json.dumps({"before": before, "opened": opened, "peak": peak()}))


def activations(directory, batch, precision):
    """Bytes of a batch at the widest point of a layer: the residual, what the first product gives (4 widths), its
    input, and the prepared pixels."""
    vision = json.loads((directory / "config.json").read_text())["vision_config"]
    tokens = (vision["image_size"] // vision["patch_size"]) ** 2 + 1
    floats = tokens * (2 * vision["hidden_size"] + vision["intermediate_size"])
    pixels = 3 * vision["image_size"] ** 2 * 4
    return batch * (floats * (2 if precision == "bf16" else 4) + pixels)


def measure(bench, suffix, precision, backend):
    shape = ("tiny" if bench.quick else SHAPE) + suffix
    directory = bench.model(shape)
    weights = (directory / "model.safetensors").stat().st_size
    label = f"{shape}, {backend}, {precision}"
    progress(label)
    command = [sys.executable, __file__, bench.library.loaded._name, directory, str(bench.threads), str(BATCH)]
    process = subprocess.run([*command, precision, backend], capture_output=True, text=True)
    if process.returncode:
        reason = process.stderr.strip().splitlines()[-1]
        return [f"{label} ({reason})", "n/a", "", "", ""], {"what": label, "refused": reason}
    used = {name: kilobytes * 1024 for name, kilobytes in json.loads(process.stdout).items()}
    batch = activations(directory, BATCH, precision)
    megabytes = [f"{x / 1e6:.0f}" for x in (used["peak"], weights, batch)]
    record = {"what": label, "weights": weights, "activations": batch} | used
    return [label, *megabytes, f"{used['peak'] / (weights + batch):.2f}"], record


def run(bench):
    print(f"\n### Peak memory of encoding {BATCH} pictures and a text, MB\n")
    header = ["file, backend, precision", "peak", "weights", "a batch of activations", "peak / (weights + batch)"]
    return print_table(header, (measure(bench, *case) for case in CASES))


if __name__ == "__main__":
    try:
        child(*sys.argv[1:])
    except GensearchError as error:
        sys.exit(str(error))

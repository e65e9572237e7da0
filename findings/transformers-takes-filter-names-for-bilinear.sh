#!/usr/bin/env bash
# transformers takes a resampling filter that is given by name for bilinear, whichever it is, and says nothing.
#
# transformers 5.23.0, Pillow 13.0.0, NumPy 2.4.6 (PyPI): with "resample" as Pillow's number, CLIPImageProcessorPil shrinks a picture by that
# filter; with its name, "lanczos" or "bicubic" as other writers of preprocessor_config.json put it, the pixels are those of number 2, bilinear.
# A name that is no filter is taken, too. Features of such a folder differ from those of the same folder with numbers.
#
# Exits 0 when the behaviour is still this, 1 when it changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 pillow==13.0.0 numpy==2.4.6

HF_HUB_OFFLINE=1 "$work/venv/bin/python" -B - "$work" <<'PYTHON'
import json
import pathlib
import sys

import numpy as np
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

folder = pathlib.Path(sys.argv[1]) / "model"
folder.mkdir()
picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 60, 3), np.uint8))


def pixels(resample):
    config = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32}, "crop_size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps(config | {"resample": resample}))
    return CLIPImageProcessorPil.from_pretrained(folder)(picture, return_tensors="np")["pixel_values"]


by_number = {number: pixels(number) for number in range(6)}
same = True
for name, number in (("nearest", 0), ("lanczos", 1), ("bilinear", 2), ("bicubic", 3), ("box", 4), ("hamming", 5), ("sinc", None)):
    shown = [n for n, other in by_number.items() if np.array_equal(other, pixels(name))]
    print(f"{name!r}: the pixels of number {shown}{'' if number is None else f', Pillow calls it {number}'}")
    same &= shown == [2]
sys.exit(not same)
PYTHON

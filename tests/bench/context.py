"""What every section of the benchmark is given, and the inputs that several of them share."""

import io
import json
import pathlib
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image

from measure import progress

HERE = pathlib.Path(__file__).resolve().parent
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)

# What of gensearch is measured: name, precision, backend.
OURS = [
    ("gensearch blas", "f32", "blas"),
    ("gensearch onednn", "f32", "onednn"),
    ("gensearch panels", "f32", "panels"),
    ("gensearch onednn", "bf16", "onednn"),
    ("gensearch", "int8", None),
]


@dataclass
class Context:
    library: object  # library.Library
    folder: pathlib.Path  # for models, pictures and what compilers cache
    threads: int
    rounds: int
    limit: float  # seconds that a contender is timed for, in all rounds of a table
    batches: list
    shape: str
    quick: bool

    def model(self, shape):
        """The directory of a CLIP of this shape with random weights, made by tests/parity/random_clip.py."""
        directory = self.folder / "models" / shape
        if not directory.exists():
            progress(f"making a model of shape {shape}")
            partial = directory.with_suffix(".part")
            maker = HERE.parent / "parity" / "random_clip.py"
            subprocess.run([sys.executable, maker, shape, partial], check=True, stderr=subprocess.DEVNULL)
            partial.rename(directory)
        return directory

    def image_size(self, shape):
        return json.loads((self.model(shape) / "config.json").read_text())["vision_config"]["image_size"]


def photo(rng, width, height):
    """Something like a photograph [height, width, 3] u8: amplitudes that fall with frequency as in nature, smoother
    colours, some hard edges, a little noise of a sensor."""
    size = max(width, height)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]) * size
    layers = []
    for falloff, contrast in ((1.4, 45), (1.9, 12), (1.9, 12)):  # luma, two of chroma
        spectrum = rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)
        layer = np.fft.irfft2(spectrum / np.maximum(frequency, 1) ** falloff, s=(size, size))[:height, :width]
        layers.append(layer / layer.std() * contrast)
    y, x = np.mgrid[:height, :width] / size
    for _ in range(6):
        angle, offset, step = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.8), rng.normal(0, (30, 8, 8))
        inside = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5) > offset - 0.4
        for layer, by in zip(layers, step):
            layer[inside] += by
    luma, red, blue = layers
    rgb = np.stack([luma + red, luma - 0.35 * (red + blue), luma + blue], 2) + rng.normal(115, 20, 3)
    return np.clip(rgb + rng.normal(0, 1.5, rgb.shape), 0, 255).astype(np.uint8)


def jpeg(rgb):
    """The bytes of a file as cameras and web sites write them: quality 90, colour at half the resolution."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=90, subsampling="4:2:0")
    return file.getvalue()


def frames(count, size):
    """[count, size, size, 3] u8, the same in every run."""
    rng = np.random.default_rng(11)
    return np.stack([photo(rng, size, size) for _ in range(count)])


def pixels(images):
    """[n, size, size, 3] u8 -> [n, 3, size, size] f32, as CLIP prepares pictures that have its size already."""
    scaled = images * (np.float32(1 / 255) / STD)
    scaled -= MEAN / STD
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

#!/usr/bin/env python3
"""Writes arrays/: the same pictures in arrays of every type, order and layout that NumPy writes, and other arrays.

    python3 tests/golden/make_arrays.py        (made with numpy 2.4, seed 13)

arrays/pictures.json tells for each file what its sampler block needs beside the path.
"""
import json
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parent / "arrays"
rng = np.random.default_rng(13)
BASE = rng.integers(0, 256, size=(4, 6, 5, 3), dtype=np.uint8)  # [n, height, width, channels]
GREY = np.repeat(BASE[..., :1], 3, axis=3)  # what grey.npy shows
CLEAR = np.concatenate([BASE, np.full((4, 6, 5, 1), 255, np.uint8)], axis=3)


def steps(dtype, low, high):
    """The pictures with low as black and high as white."""
    return (BASE.astype(np.longdouble) / 255 * (high - low) + low).astype(dtype)


PICTURES = {
    "base.npy": (BASE, {}),
    "fortran.npy": (np.asfortranarray(BASE), {}),
    "nchw.npy": (np.ascontiguousarray(BASE.transpose(0, 3, 1, 2)), {}),
    "nchw_fortran.npy": (np.asfortranarray(BASE.transpose(0, 3, 1, 2)), {}),
    "rgba.npy": (CLEAR, {}),
    "i1.npy": ((BASE.astype(np.int16) - 128).astype(np.int8), {"range": [-128, 127]}),
    "u2.npy": (BASE.astype("<u2") * 257, {"range": [0, 65535]}),
    "u2_big.npy": (BASE.astype(">u2") * 257, {"range": [0, 65535]}),
    "i2_big.npy": (BASE.astype(">i2") - 300, {"range": [-300, -45]}),
    "i4.npy": (BASE.astype("<i4"), {"range": [0, 255]}),
    "u4_big.npy": (BASE.astype(">u4"), {"range": [0, 255]}),
    "i8.npy": (BASE.astype("<i8") - 255, {"range": [-255, 0]}),
    "u8_big.npy": (BASE.astype(">u8"), {"range": [0, 255]}),
    "f2.npy": (steps("<f2", -1, 1), {"range": [-1, 1]}),
    "f4.npy": (steps("<f4", 0, 1), {"range": [0, 1]}),
    "f4_big_fortran.npy": (np.asfortranarray(steps(">f4", -1, 1)), {"range": [-1, 1]}),
    "f8.npy": (steps("<f8", 0, 255), {"range": [0, 255]}),
    "f8_big.npy": (steps(">f8", -1, 1), {"range": [-1, 1]}),
    "f16.npy": (steps(np.longdouble, -1, 1), {"range": [-1, 1]}),
}


def main():
    OUT.mkdir(exist_ok=True)
    for name, (array, _) in PICTURES.items():
        np.save(OUT / name, array)
    for version in (2, 3):
        with open(OUT / f"format{version}.npy", "wb") as file:
            np.lib.format.write_array(file, BASE, version=(version, 0))
    labels = np.arange(4)
    np.savez(OUT / "stored.npz", arr_0=BASE, arr_1=labels)  # NumPy writes ZIP64's extra fields
    np.savez_compressed(OUT / "deflated.npz", arr_0=BASE, arr_1=labels)
    np.savez_compressed(OUT / "several.npz", real=255 - BASE, fake=BASE)
    blocks = {name: block for name, (_, block) in PICTURES.items()}
    blocks |= {name: {} for name in ("format2.npy", "format3.npy", "stored.npz", "deflated.npz")}
    blocks["several.npz"] = {"array": "fake"}
    (OUT / "pictures.json").write_text(json.dumps(blocks, indent=1) + "\n")

    np.save(OUT / "grey.npy", BASE[..., 0])
    np.save(OUT / "bits.npy", BASE[..., 0] > 127)
    np.save(OUT / "nan.npy", np.where(np.arange(4)[:, None, None, None] == 2, np.nan, steps("<f4", 0, 1)))
    np.save(OUT / "objects.npy", np.array([BASE, None], dtype=object))
    np.save(OUT / "complex.npy", BASE.astype(np.complex64))
    np.save(OUT / "records.npy", np.zeros(4, dtype=[("a", "<f4"), ("b", "u1")]))
    np.save(OUT / "flat.npy", BASE.reshape(4, -1))
    np.save(OUT / "one.npy", BASE[0])
    np.save(OUT / "both_ends.npy", np.zeros((2, 3, 8, 4), np.uint8))


main()

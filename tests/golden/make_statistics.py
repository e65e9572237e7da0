#!/usr/bin/env python3
"""Writes statistics/: moments and features as other programs store them, and what NumPy makes of them (expected.json).

    python3 tests/golden/make_statistics.py        (made with numpy 2.4, seed 17)
"""
import io
import json
import zipfile
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parent / "statistics"
COUNT, DIM = 60, 20  # of clip_tiny
rng = np.random.default_rng(17)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def moments(x):
    """float64: what `expected.json` holds, and the files in the precision of their type."""
    return x.mean(0), np.cov(x, rowvar=False)


def write_streamed(path, **arrays):
    """A ZIP without sizes before the data, as np.savez to a pipe writes it."""

    class Pipe(io.RawIOBase):
        def __init__(self, file):
            self.file = file

        def writable(self):
            return True

        def write(self, data):
            return self.file.write(data)

    with open(path, "wb") as file, zipfile.ZipFile(Pipe(file), "w", zipfile.ZIP_DEFLATED) as packed:
        for name, array in arrays.items():
            data = io.BytesIO()
            np.save(data, array)
            with packed.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(data.getvalue())


def main():
    OUT.mkdir(exist_ok=True)
    x = unit(rng.normal(size=(COUNT, DIM)) * np.geomspace(1, 0.1, DIM) + 0.4)
    mu, sigma = moments(x)
    np.savez(OUT / "stored.npz", mu=mu, sigma=sigma)
    np.savez_compressed(OUT / "deflated.npz", mu=mu, sigma=np.asfortranarray(sigma), n=COUNT)
    np.savez(OUT / "big.npz", mu=mu.astype(">f8"), sigma=sigma.astype(">f8"), n=np.array(COUNT, ">i4"))
    np.savez(OUT / "f4.npz", mu=mu.astype("<f4"), sigma=np.asfortranarray(sigma.astype("<f4")), n=float(COUNT))
    np.savez(OUT / "f2.npz", mu=mu.astype("<f2"), sigma=sigma.astype("<f2"), n=COUNT)
    np.savez(OUT / "f16.npz", mu=mu.astype(np.longdouble), sigma=sigma.astype(np.longdouble), n=COUNT)
    write_streamed(OUT / "streamed.npz", mu=mu, sigma=sigma, n=COUNT)
    few = unit(x[:5] * 3)
    np.savez(OUT / "few.npz", mu=few.mean(0), sigma=np.cov(few, rowvar=False), n=5)  # of rank 4

    np.save(OUT / "features.npy", (x * 7).astype("<f8"))  # not normalised: they are to be
    np.save(OUT / "features_fortran.npy", np.asfortranarray(x.astype("<f4")))
    np.savez_compressed(OUT / "features.npz", features=x.astype("<f4"), labels=np.arange(COUNT))
    np.savez(OUT / "named.npz", image=x.astype(">f4"))

    def wrong(name, **changed):
        np.savez(OUT / f"wrong_{name}.npz", **{"mu": mu, "sigma": sigma, "n": COUNT, **changed})

    skew, negative, broken = sigma.copy(), sigma - 0.05 * np.eye(DIM), sigma.copy()
    skew[3, 4] += 0.01
    negative += np.eye(DIM) * (np.trace(sigma) - np.trace(negative)) / DIM
    negative[0, 1] = negative[1, 0] = 2 * np.sqrt(negative[0, 0] * negative[1, 1])
    broken[2, 2] = np.nan
    wrong("skew", sigma=skew)
    wrong("negative", sigma=negative)
    wrong("nan", sigma=broken)
    wrong("long", mu=mu * 10, sigma=sigma * 100)
    wrong("dim", mu=mu[:12], sigma=sigma[:12, :12])
    wrong("rows", sigma=sigma[:12])
    wrong("axes", mu=mu[None], sigma=sigma)
    wrong("count", n=1)
    zeros = x.copy()
    zeros[41] = 0
    np.save(OUT / "wrong_feature.npy", zeros)
    np.savez(OUT / "wrong_arrays.npz", a=x)

    expected = {"count": COUNT, "mu": mu.tolist(), "sigma": sigma.tolist(), "rounded": {}}
    for name, dtype in (("f4", "<f4"), ("f2", "<f2")):
        rounded = sigma.astype(dtype).astype(float)
        expected["rounded"][name] = {"mu": mu.astype(dtype).astype(float).tolist(), "sigma": rounded.tolist()}
    expected["few"] = {"mu": few.mean(0).tolist(), "sigma": np.cov(few, rowvar=False).tolist()}
    (OUT / "expected.json").write_text(json.dumps(expected) + "\n")


main()

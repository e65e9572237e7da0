#!/usr/bin/env python3
"""Writes stats_scipy.json: Frechet distances by SciPy's matrix square root, low-rank densities by NumPy.

    python3 tests/golden/make_stats.py        (made with scipy 1.17, numpy 2.4, seed 11)

Where a covariance has not full rank sqrtm is no judge; there the trace of the root is the sum of the singular values of
X1 X2', X the centred samples over sqrt(n - 1), for Sigma = X'X. The tolerance is wider there, for Sigma's rounding to
f32; it would be wider still were the rank, which is at most n - 1, not respected: rounding puts eigenvalues of about
1e-8 where there were none, and the root makes 1e-4 of each.
"""
import json
from pathlib import Path

import numpy as np
import scipy.linalg

RIDGE = 0.001
rng = np.random.default_rng(11)


def samples(count, dim, shift):
    """Unit vectors around a direction, with an uneven spread: like CLIP features."""
    x = rng.normal(size=(count, dim)) * np.geomspace(1, 0.05, dim) + shift
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def gaussian(x):
    mean = x.mean(0).astype(np.float32)
    covariance = np.cov(x, rowvar=False).reshape(x.shape[1], -1).astype(np.float32)
    return mean, covariance


def frechet(g1, g2):
    (m1, s1), (m2, s2) = [(m.astype(np.float64), s.astype(np.float64)) for m, s in (g1, g2)]
    root = scipy.linalg.sqrtm(s1 @ s2).real
    return float(((m1 - m2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * np.trace(root))


def frechet_of_samples(x1, x2):
    c1, c2 = [(x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (x1, x2)]
    root = np.linalg.svd(c1 @ c2.T, compute_uv=False).sum()
    return float(((x1.mean(0) - x2.mean(0)) ** 2).sum() + (c1**2).sum() + (c2**2).sum() - 2 * root)


def pair(name, x1, x2, deficient=False):
    g1, g2 = gaussian(x1), gaussian(x2)
    return {
        "name": name,
        "dim": x1.shape[1],
        "mean1": g1[0].tolist(), "covariance1": g1[1].ravel().tolist(),
        "count1": len(x1), "count2": len(x2),
        "mean2": g2[0].tolist(), "covariance2": g2[1].ravel().tolist(),
        "distance": frechet_of_samples(x1, x2) if deficient else frechet(g1, g2),
        "tolerance": 5e-5 if deficient else 1e-9,
    }


def lowrank(x, rank, queries):
    """log N(q) of the low-rank form, with its matrix written out in full."""
    mean, covariance = gaussian(x)
    dim = len(mean)
    values, vectors = np.linalg.eigh(covariance.astype(np.float64))
    values, vectors = values[::-1] + RIDGE, vectors[:, ::-1]
    values = np.concatenate([values[:rank], np.full(dim - rank, values[rank:].mean())])
    full = (vectors * values) @ vectors.T
    deltas = queries - mean
    density = -0.5 * (np.einsum("ij,ij->i", deltas @ np.linalg.inv(full), deltas) + np.linalg.slogdet(full)[1]
                      + dim * np.log(2 * np.pi))
    return {"dim": dim, "rank": rank, "mean": mean.tolist(), "covariance": covariance.ravel().tolist(),
            "queries": queries.ravel().tolist(), "densities": density.tolist()}


def main():
    a, b = samples(400, 12, 0.3), samples(300, 12, -0.2)
    few, fewer = samples(6, 16, 0.2), samples(4, 16, 0.1)
    queries = samples(5, 16, 0.2).astype(np.float32).astype(np.float64)
    golden = {
        "pairs": [
            pair("full rank", a, b),
            pair("nearly the same", a, samples(400, 12, 0.3)),
            pair("one dimension", rng.normal(size=(50, 1)), 2 + 3 * rng.normal(size=(60, 1))),
            pair("rank 5 and rank 3 of 16", few, fewer, deficient=True),
            pair("rank 5 and full rank", few, samples(200, 16, 0.1), deficient=True),
        ],
        "lowrank": [lowrank(samples(300, 16, 0.2), rank, queries) for rank in (0, 1, 4, 15)]
        + [lowrank(few, 8, queries)],
    }
    text = json.dumps(golden, separators=(",", ":"))
    Path(__file__).with_name("stats_scipy.json").write_text(text + "\n")


if __name__ == "__main__":
    main()

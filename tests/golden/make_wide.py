"""Writes wide_golden.h: scores by second moments at the dimensions of CLIP's sizes, of fewer samples than dimensions.

    python3 tests/golden/make_wide.py

Low-rank forms are written out in full, [dim, dim], and scored as any Gaussian.
"""

import pathlib

import numpy as np
import scipy.linalg
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from golden import Random, array, doubles, write

SAMPLES, RANK, TAU, RIDGE, SEED = 100, 64, 100.0, 0.001, 21
DIMS = [512, 768, 1024]


def draw(random, dim):
    """Samples around a common offset, some directions wider than others; f32."""
    offset, spread = random.floats(dim) / 2, np.arange(1, dim + 1, dtype=np.float32)
    return (random.floats(SAMPLES, dim) * (8 / (8 + spread)) + offset).astype(np.float32).astype(np.float64)


def low_rank(rows):
    """Sigma + 0.001 I with all but the leading eigenvalues replaced by their mean."""
    dim = rows.shape[1]
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    values = values + RIDGE
    values[: dim - RANK] = values[: dim - RANK].mean()
    return (vectors * values) @ vectors.T


def frechet(mean1, sigma1, mean2, sigma2):
    """sqrtm takes long at these sizes: eigenvalues of the symmetric form."""
    values, vectors = np.linalg.eigh(sigma1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = scipy.linalg.eigvalsh(root @ sigma2 @ root)
    fidelity = np.sqrt(np.maximum(inner, 0)).sum()
    return ((mean1 - mean2) ** 2).sum() + np.trace(sigma1) + np.trace(sigma2) - 2 * fidelity


def main():
    random = Random(SEED)
    scores = {name: [] for name in ("first_second", "density", "lowrank", "monte_carlo", "frechet")}
    for dim in DIMS:
        first, second = draw(random, dim), draw(random, dim)
        query = first[0] + random.floats(dim) / 4
        query = (query / np.linalg.norm(query)).astype(np.float32).astype(np.float64)
        mean, covariance = first.mean(0), np.cov(first, rowvar=False)
        scores["first_second"].append(TAU * query @ mean + TAU**2 / 2 * query @ covariance @ query)
        scores["density"].append(multivariate_normal.logpdf(query, mean, covariance + RIDGE * np.eye(dim)))
        scores["lowrank"].append(multivariate_normal.logpdf(query, mean, low_rank(first)))
        scores["monte_carlo"].append(logsumexp(TAU * first @ query) - np.log(SAMPLES))
        pair = [low_rank(rows) - RIDGE * np.eye(dim) for rows in (first, second)]
        scores["frechet"].append(frechet(mean, pair[0], second.mean(0), pair[1]))
    content = [
        f"enum {{ WIDE_SAMPLES = {SAMPLES}, WIDE_RANK = {RANK}, WIDE_SEED = {SEED} }};",
        array("size_t", "wide_dims", map(str, DIMS)),
        *(doubles(f"wide_{name}", values) for name, values in scores.items()),
        "",
    ]
    write(pathlib.Path(__file__).with_name("wide_golden.h"), "make_wide.py", ["numpy", "scipy"], content)


if __name__ == "__main__":
    main()

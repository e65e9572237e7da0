"""Writes scores_golden.h: what NumPy and SciPy say about moments, scores and combinations.

    python3 tests/golden/make_scores.py
"""

import pathlib

import numpy as np
from scipy.special import log_softmax, logsumexp
from scipy.stats import multivariate_normal

from golden import Random, array, checksum, doubles, write

MODELS, SAMPLES, DIM, RANK, CUT_RANK, TAU, RIDGE, SEED = 9, 150, 19, 5, 2, 100.0, 0.001, 7
CATALOG, CATALOG_DIM = 600, 70
WIDE_ROWS, WIDE_DIMS = 12, [512, 768, 1024]


def low_rank(rows, query, rank):
    """Leading eigenpairs, the mean of the rest, and the density of the dense matrix that they stand for."""
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False) + RIDGE * np.eye(DIM))
    values, vectors = values[::-1].astype(np.float32), vectors[:, ::-1].astype(np.float32)
    rest = np.float32(values[rank:].mean())
    lead = vectors[:, :rank].astype(np.float64)
    dense = lead * values[:rank] @ lead.T + rest * (np.eye(DIM) - lead @ lead.T)
    return values[:rank], vectors[:, :rank].T, rest, multivariate_normal.logpdf(query, rows.mean(0), dense)


def lane_dot(a, b):
    """core/dot.h's sum to the last bit: 16 interleaved f64 sums, added by halves."""
    lanes = np.zeros(16)
    for i, product in enumerate(a.astype(np.float64) * b.astype(np.float64)):
        lanes[i % 16] += product
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return lanes[0]


def quantise(rows):
    """core/table.h's int8 to the last bit: center [dim], spread [dim], scales [count] in f32, steps [count, dim]."""
    exact = rows.astype(np.float64)
    center = (exact.cumsum(0)[-1] / len(rows)).astype(np.float32)
    spread = np.sqrt(((exact - center) ** 2).cumsum(0)[-1] / len(rows)).astype(np.float32)
    deviations = (rows - center) / spread
    scales = np.abs(deviations).max(1) / np.float32(127)
    return center, spread, scales, np.rint(deviations / scales[:, None]).astype(np.int8)


def int8_scores(rows, query):
    center, spread, scales, steps = quantise(rows)
    spread_query = query.astype(np.float64) * spread
    size = np.abs(spread_query)
    step = max(size.max() / 32767, size.cumsum()[-1] / ((2**31 - 1) // 127 - len(query)))
    sums = steps.astype(np.int64) @ np.rint(spread_query / step).astype(np.int64)
    dots = lane_dot(query, center) + step * scales * sums
    expanded = center + spread * (scales[:, None] * steps.astype(np.float32))
    return dots / np.array([np.sqrt(lane_dot(row, row)) for row in expanded])


def first_moments(means, query):
    return np.array([lane_dot(mean, query) / np.sqrt(lane_dot(mean, mean)) for mean in means])


def seeded_catalog():
    """First-moment scores of a catalog with exact ties, to the last bit, in f32, f16 and int8, and the order of f32."""
    random = Random(SEED + 1)
    means = random.floats(CATALOG, CATALOG_DIM)
    means[CATALOG // 2 :: 10] = means[: CATALOG // 2 : 10]
    query = random.floats(CATALOG_DIM)
    scores = first_moments(means, query)
    order = sorted(range(CATALOG), key=lambda i: (-scores[i], i))
    return scores, first_moments(means.astype(np.float16), query), int8_scores(means, query), order


def wide_tables():
    """Cosines of rows in a cone with a query, at the dimensions of CLIP's sizes."""
    random = Random(SEED + 2)
    cosines = []
    for dim in WIDE_DIMS:
        rows = (random.floats(WIDE_ROWS, dim) + random.floats(dim) * 4).astype(np.float32).astype(np.float64)
        query = random.floats(dim).astype(np.float64)
        cosines.append(rows @ query / np.linalg.norm(rows, axis=1))
    return cosines


def main():
    random = Random(SEED)
    offsets = random.floats(MODELS, DIM)
    samples = [(random.floats(SAMPLES, DIM) + offset).astype(np.float32) for offset in offsets]
    query = random.floats(DIM).astype(np.float64) * 2
    scores = {"first_moment": [], "first_second_moment": [], "gaussian_density": [], "monte_carlo": []}
    for rows in samples:
        rows = rows.astype(np.float64)
        mean, covariance = rows.mean(0), np.cov(rows, rowvar=False)
        ridged = covariance + RIDGE * np.eye(DIM)
        scores["first_moment"].append(query @ mean / np.linalg.norm(mean))
        scores["first_second_moment"].append(TAU * query @ mean + TAU**2 / 2 * query @ covariance @ query)
        scores["gaussian_density"].append(multivariate_normal.logpdf(query, mean, ridged))
        scores["monte_carlo"].append(logsumexp(TAU * rows @ query) - np.log(SAMPLES))

    first = samples[0].astype(np.float64)
    lead_values, lead_vectors, rest, low_rank_score = low_rank(first, query, RANK)
    *_, cut_score = low_rank(first, query, CUT_RANK)
    parts = np.array([scores["gaussian_density"], TAU * np.array(scores["first_moment"]), scores["monte_carlo"]])
    parts = log_softmax(parts, axis=1)
    weights = np.array([1.0, 0.5, -0.75])
    halves = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    patterns = np.array([random.next() << 8 | i & 0xFF for i in range(50000)], np.uint32).view(np.float32)
    patterns = patterns[~np.isnan(patterns)]
    with np.errstate(over="ignore"):
        rounded = np.concatenate([patterns, patterns * np.float32(2**-14)]).astype(np.float16)
    *catalog_scores, catalog_order = seeded_catalog()
    content = [
        f"enum {{ MODELS = {MODELS}, SAMPLES = {SAMPLES}, DIM = {DIM}, SEED = {SEED} }};",
        f"enum {{ RANK = {RANK}, CUT_RANK = {CUT_RANK} }};",
        doubles("golden_mean", first.mean(0)),
        doubles("golden_covariance", np.cov(first, rowvar=False)),
        *(doubles(f"golden_{name}", values) for name, values in scores.items()),
        "/* The first model's low-rank form and its score. */",
        doubles("lowrank_values", lead_values),
        doubles("lowrank_vectors", lead_vectors),
        f"static const double lowrank_rest = {float(rest)!r};",
        f"static const double golden_lowrank = {float(low_rank_score)!r};",
        f"static const double golden_lowrank_cut = {float(cut_score)!r};\n",
        "/* Three parts over the models (densities, scaled cosines, Monte Carlo), and two products of them. */",
        doubles("golden_parts", parts),
        doubles("golden_weights", weights),
        doubles("golden_product", log_softmax(parts.sum(0))),
        doubles("golden_weighted", log_softmax(weights @ parts)),
        "/* The seeded catalog: its scores' bits in f32, f16 and int8, and all of it in order. */",
        f"enum {{ CATALOG = {CATALOG}, CATALOG_DIM = {CATALOG_DIM} }};",
        array("uint64_t", "golden_catalog_scores", [f"{checksum(scores.tobytes()):#x}" for scores in catalog_scores]),
        array("uint32_t", "golden_catalog_order", map(str, catalog_order)),
        f"enum {{ WIDE_ROWS = {WIDE_ROWS} }};",
        array("size_t", "wide_dims", map(str, WIDE_DIMS)),
        doubles("golden_wide", wide_tables()),
        "/* f32 bits of all halves but NaN; f16 bits of the random floats, by themselves and made small. */",
        f"static const uint64_t golden_halves = {checksum(halves[~np.isnan(halves)].tobytes()):#x};",
        f"static const uint64_t golden_rounded = {checksum(rounded.tobytes()):#x};",
        "",
    ]
    write(pathlib.Path(__file__).with_name("scores_golden.h"), "make_scores.py", ["numpy", "scipy"], content)


if __name__ == "__main__":
    main()

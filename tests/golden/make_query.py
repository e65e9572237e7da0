"""Writes query_golden.h: what SciPy says about products of experts of equal spread, parts in conflict, and leads.

python3 tests/golden/make_query.py
"""

import pathlib

import numpy as np
from scipy.special import log_softmax, logsumexp
from scipy.stats import zscore

from golden import doubles, write

RANKED, CONFLICT = 7, 0.6
WEIGHTS = np.array([1.0, 0.5, -0.75])
# A log density, cosines, and a part to steer away from. The second model is what both of the former want ...
AGREEING = np.array(
    [
        [310.0, 402.0, 255.0, 180.0, 377.0, 90.0, 210.0],
        [0.11, 0.31, 0.09, 0.17, 0.13, 0.28, 0.02],
        [-3.0, -2.0, -8.0, -1.0, -6.0, -4.0, -5.0],
    ]
)
# ... and here the first part wants the second model, the second part the sixth.
CONFLICTING = np.array([AGREEING[0], [0.11, 0.14, 0.09, 0.17, 0.13, 0.38, 0.02], AGREEING[2]])
TAU = 100.0


def conflict(experts, weights):
    mean = experts.mean(1, keepdims=True)
    reach = (experts - mean) / (experts.max(1, keepdims=True) - mean)
    return reach[weights > 0].min(0).max() < CONFLICT


def log_probability(scores, weights):
    experts = scores * np.array([[1.0], [TAU], [1.0]])
    deviation = experts.std(1).min()
    parts = log_softmax(zscore(experts, axis=1) * deviation, axis=1)
    if not conflict(experts, weights):
        return log_softmax(weights @ parts)
    towards = weights > 0
    mixture = logsumexp(parts[towards], axis=0, b=weights[towards][:, None])
    return log_softmax(mixture + weights[~towards] @ parts[~towards])


def leads():
    random = np.random.default_rng(5)
    cosines, means = random.uniform(0, 0.4, (3, 6)), random.uniform(0, 0.1, 6)
    cosines[2, 3] = np.nan  # to be ignored
    ranked = np.array([0.0, np.nan, 0, 0, 0, np.nan])
    centred = cosines - means
    median = np.nanmedian(centred, axis=1)
    return [
        f"enum {{ LEAD_MODELS = {len(means)} }};",
        doubles("lead_cosines", cosines),
        doubles("lead_means", means),
        doubles("lead_ranked", ranked),
        doubles("lead_expected", np.nanmax(centred, axis=1) - median),
        doubles("lead_expected_ranked", np.nanmax(centred + ranked, axis=1) - median),
        f"static const double lead_means_quantile = {float(np.quantile(means, 0.8))!r};\n",
    ]


def main():
    experts = {"agreeing": AGREEING, "conflicting": CONFLICTING}
    assert [conflict(e, WEIGHTS) for e in experts.values()] == [False, True]
    content = [f"enum {{ RANKED = {RANKED} }};", doubles("query_weights", WEIGHTS)]
    for name, scores in experts.items():
        content += [doubles(f"{name}_scores", scores), doubles(f"{name}_ranked", log_probability(scores, WEIGHTS))]
    write(
        pathlib.Path(__file__).with_name("query_golden.h"),
        "make_query.py",
        ["numpy", "scipy"],
        [*content, *leads(), ""],
    )


if __name__ == "__main__":
    main()

"""Writes metrics_golden.h: rankings judged by scikit-learn, and means judged by SciPy's bootstrap.

    python3 tests/golden/make_metrics.py

Average precision over the whole ranking is scikit-learn's; its cut-off form, which scikit-learn has not, is written
here from the ranks of the relevant models: the j-th of them, at rank r, adds j / r.
"""

import pathlib

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from golden import array, doubles, write

COUNT, RANKINGS, VALUES = 14, 40, 150
CUTS = [1, 5, 10]


def precision_at(relevant, k):
    ranks = np.flatnonzero(relevant) + 1
    seen = ranks[ranks <= k]
    return (np.arange(1, len(seen) + 1) / seen).sum() / min(k, len(ranks))


def main():
    rng = np.random.default_rng(3)
    rankings = rng.random((RANKINGS, COUNT)) < rng.uniform(0.05, 0.6, (RANKINGS, 1))
    rankings[np.arange(RANKINGS), rng.integers(COUNT, size=RANKINGS)] = True
    falling = -np.arange(COUNT, dtype=float)
    # A ranking's best relevant model is the class, which top_k_accuracy_score looks for among the first k.
    best = rankings.argmax(1)
    tops = [
        [top_k_accuracy_score([b], falling[None], k=k, labels=np.arange(COUNT)) for k in CUTS] for b in best
    ]
    cut = [[precision_at(r, k) for k in CUTS] for r in rankings]
    whole = [average_precision_score(r, falling) for r in rankings]
    assert np.allclose(whole, [precision_at(r, COUNT) for r in rankings])

    values = np.where(rng.random(VALUES) < 0.3, rng.random(VALUES), rng.random(VALUES) < 0.8)
    found = bootstrap((values,), np.mean, n_resamples=200_000, batch=2000, method="percentile", rng=rng)
    interval = found.confidence_interval
    quantiles = [np.quantile(values, q) for q in (0, 0.25, 0.3, 1)]
    content = [
        f"enum {{ COUNT = {COUNT}, RANKINGS = {RANKINGS}, VALUES = {VALUES} }};\n",
        array("bool", "rankings", [str(int(x)) for x in rankings.ravel()]),
        doubles("tops", tops),
        doubles("cut_precisions", cut),
        doubles("precisions", whole),
        doubles("values", values),
        doubles("mean_and_interval", [values.mean(), interval.low, interval.high]),
        doubles("quantiles", quantiles),
    ]
    path = pathlib.Path(__file__).with_name("metrics_golden.h")
    write(path, "make_metrics.py", ["numpy", "scipy", "scikit-learn"], content)


if __name__ == "__main__":
    main()

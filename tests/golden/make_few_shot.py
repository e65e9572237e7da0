"""few_shot.json: what site/lib/few-shot.js must find, from the definitions of Ledoit and Wolf (2004), with numpy.

python3 tests/golden/make_few_shot.py > tests/golden/few_shot.json
"""

import json

import numpy as np


def shrinkage(features):
    n, d = features.shape
    centred = features - features.mean(0)
    covariance = centred.T @ centred / n
    level = np.trace(covariance) / d
    spread = ((covariance - level * np.eye(d)) ** 2).sum() / d
    noise = sum(((np.outer(x, x) - covariance) ** 2).sum() for x in centred) / n**2 / d
    return min(noise, spread) / spread


def main():
    rng = np.random.default_rng(7)
    features = rng.normal(size=(9, 3)) @ rng.normal(size=(3, 12)) + 0.1 * rng.normal(size=(9, 12))
    features = np.round(features / np.linalg.norm(features, axis=1, keepdims=True), 4)
    n, d = features.shape
    centred = features - features.mean(0)
    covariance = centred.T @ centred / n
    s = shrinkage(features)
    regular = (1 - s) * covariance + s * np.trace(covariance) / d * np.eye(d) + 0.001 * np.eye(d)
    print(json.dumps({"features": features.tolist(), "shrinkage": s, "covariance": regular.tolist()}))


main()

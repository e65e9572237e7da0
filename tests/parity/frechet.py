#!/usr/bin/env python3
"""Compares `gensearch frechet` with SciPy's sqrtm, on the moments that `gensearch stats` writes.

    python3 tests/parity/frechet.py build/native/bin/gensearch zoo.db [SLUG...]

All pairs of the named models (of all, when none is named). Ends with status 1 when a pair differs by more than 1e-4.
"""
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy.linalg

TOLERANCE = 1e-4


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def all_slugs(program, database):
    return [json.loads(line)["slug"] for line in run(program, "show", database, "--json").splitlines()]


def frechet(a, b):
    root = scipy.linalg.sqrtm(a["sigma"] @ b["sigma"]).real
    return ((a["mu"] - b["mu"]) ** 2).sum() + np.trace(a["sigma"]) + np.trace(b["sigma"]) - 2 * np.trace(root)


def main():
    program, database, *slugs = sys.argv[1:]
    slugs = slugs or all_slugs(program, database)
    with tempfile.TemporaryDirectory() as folder:
        models = {}
        for slug in slugs:
            file = str(Path(folder) / f"{slug}.npz")
            run(program, "stats", database, slug, "--out", file)
            models[slug] = dict(np.load(file))
    worst = 0
    for a, b in itertools.combinations(slugs, 2):
        ours, theirs = float(run(program, "frechet", database, a, b)), frechet(models[a], models[b])
        worst = max(worst, abs(ours - theirs))
        print(f"{a} {b}: {ours:.8f}, SciPy {theirs:.8f}")
    print(f"largest difference {worst:.2g}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Times `gensearch neighbors` on synthetic models beside SciPy, which compares one pair at a time.

    tests/bench/neighbors.py [--program build/native/bin/gensearch] [--models 259] [--dim 512] [--threads 1]

Needs NumPy and SciPy. Prints the share of all pairs that were compared, and processor time per pair: of the whole
command (reading, bounds, roots, comparing, writing), of SciPy's eigvalsh of S1^1/2 S2 S1^1/2, which is there already,
and of its sqrtm of S1 S2. SciPy is timed before and after, on one thread. Some distances are compared with eigvalsh's.
"""

import argparse
import json
import os
import pathlib
import resource
import sqlite3
import subprocess
import tempfile
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402

import synthetic  # noqa: E402

REPEATS = 20


def read(path, dim):
    """run -> (mean, covariance) in f64."""
    triangle, moments = np.tril_indices(dim), {}
    with sqlite3.connect(path) as db:
        for run, mean, packed in db.execute("SELECT run_id, mean, covariance FROM moments"):
            covariance = np.zeros((dim, dim))
            covariance[triangle] = np.frombuffer(packed, np.float32)
            covariance += np.tril(covariance, -1).T
            moments[run] = np.frombuffer(mean, np.float32).astype(np.float64), covariance
    return moments


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def symmetric_form(s1, s2):
    half = root(s1)
    product = half @ s2 @ half
    return (product + product.T) / 2


def distance(one, other):
    values = scipy.linalg.eigvalsh(symmetric_form(one[1], other[1]))
    traces = np.trace(one[1]) + np.trace(other[1])
    return ((one[0] - other[0]) ** 2).sum() + traces - 2 * np.sqrt(np.maximum(values, 0)).sum()


def mean_time(function):
    """On average, as the program's: what else the machine does is in both."""
    start = time.process_time()
    for _ in range(REPEATS):
        function()
    return (time.process_time() - start) / REPEATS


def time_scipy(s1, s2):
    form, product = symmetric_form(s1, s2), s1 @ s2
    return np.array([mean_time(lambda: scipy.linalg.eigvalsh(form)), mean_time(lambda: scipy.linalg.sqrtm(product))])


def time_program(arguments, database):
    command = [arguments.program, "neighbors", database, "--json", "--threads", str(arguments.threads)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), seconds


def largest_error(database, moments):
    """Relative, of every 97th distance in the lists."""
    with sqlite3.connect(database) as db:
        rows = db.execute("SELECT run_id, other_id, distance FROM neighbor").fetchall()[::97]
    return max(abs(got / distance(moments[a], moments[b]) - 1) for a, b, got in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/native/bin/gensearch")
    parser.add_argument("--models", type=int, default=259)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = str(pathlib.Path(folder) / "synthetic.db")
        synthetic.make(database, arguments.models, arguments.dim, arguments.seed)
        moments = read(database, arguments.dim)
        (_, s1), (_, s2) = list(moments.values())[:2]
        scipy_times = time_scipy(s1, s2)
        result, seconds = time_program(arguments, database)
        eigvalsh, sqrtm = (scipy_times + time_scipy(s1, s2)) / 2
        error = largest_error(database, moments)
    pairs = arguments.models * (arguments.models - 1) // 2
    ours = seconds / result["compared"]
    print(f"pairs compared      {result['compared']} of {pairs}: {result['compared'] / pairs:.1%}")
    print(f"gensearch neighbors {ours * 1e3:.1f} ms of processor time a compared pair, {seconds:.0f} s in all")
    print(f"SciPy eigvalsh      {eigvalsh * 1e3:.1f} ms: {ours / eigvalsh:.2f} times that")
    print(f"SciPy sqrtm         {sqrtm * 1e3:.1f} ms: {sqrtm / ours:.1f} times as quick")
    print(f"largest relative difference from eigvalsh's distances: {error:.1e}")


if __name__ == "__main__":
    main()

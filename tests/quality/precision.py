#!/usr/bin/env python3
"""What a precision of the encoder does to features, moments and rankings: two databases of the same samples.

    gensearch index f32.db data/zoo/*/model.json --samples 640 --keep-features 640 --precision f32
    gensearch index int8.db data/zoo/*/model.json --samples 640 --keep-features 640 --precision int8
    tests/quality/precision.py f32.db int8.db [--program build/native/bin/gensearch] [--pictures 160]

Needs NumPy. Features are compared one by one, means by the length of their difference and covariances by its
Frobenius norm, both as a share of the first database's. Queries are those of queries.json, and kept features of the
first database as pictures; their rankings of all models are compared by Kendall's tau.
"""

import argparse
import itertools
import json
import pathlib
import sqlite3
import subprocess
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def read(path):
    """slug -> mean, packed covariance, {sample's index: feature}."""
    models = {}
    with sqlite3.connect(path) as db:
        finished = db.execute(
            "SELECT run.id, slug, mean, covariance FROM moments"
            " JOIN run ON run.id = run_id JOIN model ON model.id = model_id"
        ).fetchall()
        for run, slug, mean, covariance in finished:
            rows = db.execute("SELECT sample_index, vector FROM feature WHERE run_id = ?", (run,))
            features = {i: np.frombuffer(vector, np.float32).astype(np.float64) for i, vector in rows}
            models[slug] = *(np.frombuffer(x, np.float32).astype(np.float64) for x in (mean, covariance)), features
    return models


def norm(packed):
    """Frobenius, of a symmetric matrix of which the lower triangle is given."""
    dim = int((2 * len(packed)) ** 0.5)
    diagonal = packed[[i * (i + 3) // 2 for i in range(dim)]]
    return (2 * (packed**2).sum() - (diagonal**2).sum()) ** 0.5


def tau(one, other):
    place = {slug: i for i, slug in enumerate(other)}
    pairs = list(itertools.combinations(one, 2))
    return sum(1 if place[a] < place[b] else -1 for a, b in pairs) / len(pairs)


def taus(arguments, words, count):
    found = []
    for database in (arguments.one, arguments.other):
        command = [arguments.program, "search", database, *words, "--closest", "--json", "--limit", str(count)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        found.append([json.loads(line)["slug"] for line in lines])
    return tau(*found)


def show(what, values, least=min):
    print(f"| {what} | {np.mean(values):.5f} | {least(values):.5f} | {len(values)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("one")
    parser.add_argument("other")
    parser.add_argument("--program", default="build/native/bin/gensearch")
    parser.add_argument("--pictures", type=int, default=160)
    arguments = parser.parse_args()
    one, other = read(arguments.one), read(arguments.other)
    texts = [entry["query"] for entry in json.loads((HERE / "queries.json").read_text())]
    print("| | mean | worst | of |\n|---|---:|---:|---:|")
    show("cosine of a feature", [f @ other[slug][2][i] for slug in one for i, f in one[slug][2].items()])
    show(
        "error of a mean",
        [np.linalg.norm(other[slug][0] - m) / np.linalg.norm(m) for slug, (m, _, _) in one.items()],
        max,
    )
    show("error of a covariance", [norm(other[slug][1] - c) / norm(c) for slug, (_, c, _) in one.items()], max)
    show("tau of a text's ranking", [taus(arguments, ["--text", text], len(one)) for text in texts])
    features = [f for slug in one for f in list(one[slug][2].values())[: arguments.pictures // len(one)]]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        pictures = []
        for feature in features:
            file.seek(0)
            file.truncate()
            json.dump({"kind": "image", "feature": feature.tolist()}, file)
            file.flush()
            pictures.append(taus(arguments, ["--feature", file.name], len(one)))
    show("tau of a picture's ranking", pictures)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Do drawings need a correction of their own? Ways to turn a drawing's feature into a picture's; what each finds.

    python tools/train/emoji/prepare.py NOTO --unseen && python tools/train/emoji/prepare.py EMOJI
    tools/make_queries NOTO QUERIES
    tests/quality/sketches.py zoo.db QUERIES EMOJI [--program build/native/bin/gensearch]

Needs numpy, pillow and scipy. Corrections are learned from pairs of pictures, which the encoder was trained on, and
line drawings of these; they are judged by QUERIES' drawings of Noto, ranked by Gaussian density: Top-1 and Top-5.

none           the drawing's feature as it is
mean shift     plus the mean difference of pictures and drawings
ridge          times the matrix that maps drawings to pictures with the least squared error, plus its squared norm
adapter        times a matrix that starts as the identity and is trained to tell the drawing's own picture from the
               others of a batch (InfoNCE, Adam, weight decay towards the identity)
"""

import argparse
import json
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from evaluate import line_drawing, read_set

RIDGE = 0.001  # of covariances: core/METHOD.md
SETS = ("fluent-emoji-flat", "twemoji")
BATCH, STEPS, RATE, SCALE = 256, 200, 1e-3, 20.0


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def encode(program, files):
    """Features [n, d]."""
    rows = []
    for at in range(0, len(files), BATCH):
        words = [word for file in files[at : at + BATCH] for word in ("--image", str(file))]
        done = subprocess.run([program, "encode", "--json", *words], capture_output=True, text=True, check=True)
        rows += [json.loads(line)["feature"] for line in done.stdout.splitlines()]
    return np.array(rows)


def make_pairs(program, emoji, folder):
    """Features of pictures and of drawings of them, row by row."""
    files = []
    for name in SETS:
        for hexcode, pixels in zip(*read_set(emoji, name), strict=True):
            large = Image.fromarray(pixels).resize((128, 128), Image.Resampling.BICUBIC)
            pair = [Path(folder) / f"{name}-{hexcode}-{kind}.png" for kind in ("picture", "drawing")]
            large.save(pair[0])
            Image.fromarray(line_drawing(np.asarray(large))).save(pair[1])
            files.append(pair)
    return (encode(program, column) for column in zip(*files, strict=True))


def read_zoo(database):
    """slug -> function of features [n, d] to log densities [n]."""

    def density(mean, packed):
        d = len(mean)
        covariance = np.zeros((d, d))
        covariance[np.tril_indices(d)] = packed
        covariance += np.tril(covariance, -1).T + RIDGE * np.eye(d)
        inverse, (_, log_determinant) = np.linalg.inv(covariance), np.linalg.slogdet(covariance)
        return lambda q: -0.5 * (np.einsum("nd,de,ne->n", q - mean, inverse, q - mean) + log_determinant)

    with sqlite3.connect(database) as db:
        rows = db.execute(
            "SELECT slug, mean, covariance FROM model JOIN run ON model_id = model.id AND finished"
            " JOIN moments ON run_id = run.id ORDER BY slug"
        ).fetchall()
    return {s: density(*(np.frombuffer(b, "<f4").astype(float) for b in blobs)) for s, *blobs in rows}


def train_adapter(drawings, pictures, decay):
    rng, d = np.random.default_rng(1), drawings.shape[1]
    matrix, first, second = np.eye(d), np.zeros((d, d)), np.zeros((d, d))
    for step in range(1, STEPS + 1):
        rows = rng.choice(len(drawings), min(BATCH, len(drawings)), replace=False)
        s, p = drawings[rows], pictures[rows]
        y = s @ matrix
        length = np.linalg.norm(y, axis=1, keepdims=True)
        z = y / length
        logits = SCALE * z @ p.T
        share = np.exp(logits - logits.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        slope = SCALE * (share - np.eye(len(rows))) @ p / len(rows)
        slope = (slope - z * (slope * z).sum(1, keepdims=True)) / length  # through the scaling to length 1
        gradient = s.T @ slope
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        move = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        matrix -= RATE * (move + decay * (matrix - np.eye(d)))
    return matrix


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo")
    parser.add_argument("queries", type=Path)
    parser.add_argument("emoji", type=Path)
    parser.add_argument("--program", default="build/native/bin/gensearch")
    args = parser.parse_args()
    lines = map(json.loads, (args.queries / "queries.jsonl").read_text().splitlines())
    asked = [line for line in lines if line["class"] == "noto sketches"]
    queries = encode(args.program, [args.queries / line["parts"][0]["file"] for line in asked])
    with tempfile.TemporaryDirectory() as folder:
        pictures, drawings = make_pairs(args.program, args.emoji, folder)
    d = queries.shape[1]
    square = drawings.T @ drawings + np.eye(d)
    ways = {"none": lambda q: q, "mean shift": lambda q: unit(q + (pictures - drawings).mean(0))}
    ridge = np.linalg.solve(square, drawings.T @ pictures)
    ways["ridge"] = lambda q: unit(q @ ridge)
    for decay in (100, 10, 1):
        matrix = train_adapter(drawings, pictures, decay)
        ways[f"adapter, decay {decay}"] = lambda q, m=matrix: unit(q @ m)
    zoo = read_zoo(args.zoo)
    slugs, right = list(zoo), [line["expect"]["models"][0] for line in asked]
    print(f"{len(drawings)} pairs, {len(asked)} drawings\n\n| correction | Top-1 | Top-5 |\n|---|---:|---:|")
    for name, correct in ways.items():
        scores = np.array([score(correct(queries)) for score in zoo.values()])
        order = np.argsort(-scores, axis=0)
        place = [[slugs[m] for m in order[:, i]].index(slug) for i, slug in enumerate(right)]
        print(f"| {name} | {np.mean(np.array(place) < 1):.3f} | {np.mean(np.array(place) < 5):.3f} |")


if __name__ == "__main__":
    main()

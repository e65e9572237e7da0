#!/usr/bin/env python3
"""Makes a database of models that were never sampled: moments drawn at random, with the spectra and means of real ones.

    tests/bench/synthetic.py out.db --models 10000 [--dim 512] [--seed 1]

Needs NumPy. Models come in families, as the generators of a collection do. With V a random rotation and p, q falling
powers,

    covariance of a model   V p^1/2 G q G' p^1/2 V',  G Gaussian, in part the family's and in part the model's own
    mean of a model         one direction of all + V p^1/2 (family's Gaussian + model's Gaussian)

so that all share the directions that matter and each family has its own within these. Noise in every direction, a
thousandth of the variance, keeps covariances well-conditioned. They are scaled as those of unit vectors:
|mean|^2 + trace = 1.
"""

import argparse
import json
import pathlib
import re
import sqlite3
import sys

import numpy as np

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "indexer" / "store" / "schema.sql"
SAMPLES = 50000
NOISE = 1e-3
PER_FAMILY = 20  # models, on average


class Models:
    """Model i of a seed is the same in every run, whatever was drawn before."""

    def __init__(self, count, dim, seed):
        self.dim, self.seed = dim, seed
        rng = np.random.default_rng([seed, 0])
        rank = np.arange(dim)
        self.shared = np.linalg.qr(rng.normal(size=(dim, dim)))[0] * np.sqrt((rank + 4.0) ** -1.5)
        self.shared /= np.linalg.norm(self.shared)
        self.inner = ((rank + 2.0) ** -1.2).astype(np.float32)
        self.common = self.shared @ rng.normal(size=dim)
        self.common *= 0.7 / np.linalg.norm(self.common)
        weights = rng.dirichlet(np.full(max(2, count // PER_FAMILY), 2.0))
        self.families = rng.choice(len(weights), size=count, p=weights)
        self.kept = {}  # the family drawn last

    def family(self, f):
        if f not in self.kept:
            rng = np.random.default_rng([self.seed, 1, f])
            mean = self.common + 0.45 * self.shared @ rng.normal(size=self.dim)
            self.kept = {f: (mean, rng.standard_normal((self.dim, self.dim), np.float32))}
        return self.kept[f]

    def draw(self, i):
        """mean [dim], covariance [dim, dim] f32."""
        centre, directions = self.family(self.families[i])
        rng = np.random.default_rng([self.seed, 2, i])
        mean = centre + rng.uniform(0.05, 0.25) * self.shared @ rng.normal(size=self.dim)
        mean *= min(1, 0.9 / np.linalg.norm(mean))
        own = float(rng.uniform(0.15, 0.5))
        mixed = (1 - own**2) ** 0.5 * directions + own * rng.standard_normal((self.dim, self.dim), np.float32)
        root = self.shared.astype(np.float32) @ (mixed * np.sqrt(self.inner))
        covariance = root @ root.T
        covariance[np.diag_indices(self.dim)] += NOISE * np.trace(covariance) / self.dim
        covariance *= (1 - mean @ mean) * SAMPLES / (SAMPLES - 1) / np.trace(covariance, dtype=np.float64)
        return mean.astype(np.float32), covariance.astype(np.float32)


def create(path, dim, page_size):
    text = SCHEMA.read_text()
    version, application = re.search(r"version (\d+) .*application_id (0x[0-9a-f]+)", text).groups()
    db = sqlite3.connect(path)
    db.executescript(f"PRAGMA page_size = {page_size}; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {text}")
    db.execute(f"PRAGMA application_id = {int(application, 16)}")
    db.execute(f"PRAGMA user_version = {version}")
    db.execute("INSERT INTO encoder VALUES (1, 'synthetic', '/nonexistent', ?, ?, 100, 224)", ("0" * 64, dim))
    return db


def insert(db, slug, mean, covariance):
    sampler = {"kind": "folder", "path": "nowhere"}
    model = {"slug": slug, "title": slug.capitalize(), "type": "other", "sampler": sampler}
    cursor = db.execute(
        "INSERT INTO model (slug, title, type, family, json) VALUES (?, ?, 'other', '', ?)",
        (slug, model["title"], json.dumps(model, separators=(",", ":"))),
    )
    cursor = db.execute(
        "INSERT INTO run (model_id, sampler, seed, requested, keep, count, finished) VALUES (?, ?, 1, ?, 0, ?, 1)",
        (cursor.lastrowid, json.dumps(sampler, separators=(",", ":")), SAMPLES, SAMPLES),
    )
    packed = covariance[np.tril_indices(len(mean))]
    db.execute("INSERT INTO moments VALUES (?, ?, ?)", (cursor.lastrowid, mean.tobytes(), packed.tobytes()))


def make(path, count, dim, seed, page_size=16384):  # that of indexer/store/store.c
    models = Models(count, dim, seed)
    db = create(path, dim, page_size)
    for done, i in enumerate(np.argsort(models.families, kind="stable")):  # a family is drawn once
        insert(db, f"model-{i:06}", *models.draw(int(i)))
        if done % 100 == 99:
            db.commit()
            print(f"\r{done + 1}/{count}", end="", file=sys.stderr, flush=True)
    db.commit()
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    print(f"\r{count} models of {dim} dimensions in {path}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", help="must not exist")
    parser.add_argument("--models", type=int, default=259)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if pathlib.Path(arguments.database).exists():
        parser.error(f"{arguments.database} exists")
    make(arguments.database, arguments.models, arguments.dim, arguments.seed)


if __name__ == "__main__":
    main()

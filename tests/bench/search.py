#!/usr/bin/env python3
"""What a query costs beside an older build: synthetic models, every method, the same words, in turns.

    tests/bench/search.py --old TREE [--build build/native] [--models 259] [--dim 512] [--rounds 3] [--methods M,M]

Needs NumPy. TREE: a checkout of the older version with its program in build/native. Each program gets a database in
its own format; the encoder is a tiny one whose features have the dimension, so that its time does not matter. From
each time that of the same program's first moment is taken, which is reading the means, the encoder and the start. A
row shows the median over the rounds, of the processor's time too, the best ten (do both programs agree?) and the new
program's peak memory. An old program may need a minute for a query: rounds end early for a method that has taken
--seconds (180).
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import sqlite3
import statistics
import struct
import subprocess
import tempfile
import time

import numpy as np

import synthetic

HERE = pathlib.Path(__file__).resolve().parent
TINY = HERE.parent / "golden" / "clip_tiny" / "quick_gelu_f32"
METHODS = ["first-second-moment", "gaussian-density", "gaussian-lowrank"]
PROJECTIONS = ("text_projection.weight", "visual_projection.weight")


def make_encoder(directory, dim):
    """The tiny encoder of the tests, with projections to dim."""
    shutil.copytree(TINY, directory)
    data = (TINY / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    rng, tensors, offset = np.random.default_rng(1), {}, 0
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = data[8 + size + begin : 8 + size + end]
        if name in PROJECTIONS:
            entry["shape"][0] = dim
            tensors[name] = rng.standard_normal(entry["shape"], np.float32).tobytes()
        entry["data_offsets"] = [offset, offset := offset + len(tensors[name])]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(tensors.values()))
    config = json.loads((TINY / "config.json").read_text())
    config["projection_dim"] = dim
    for part in ("text_config", "vision_config"):
        config[part]["projection_dim"] = dim
    (directory / "config.json").write_text(json.dumps(config))


class Program:
    def __init__(self, path, schema, folder, name):
        self.path, self.schema, self.database = path, schema, str(folder / f"{name}.db")

    def make_database(self, arguments, encoder):
        """The same models for each program; bound to the encoder, whose fingerprint the program itself computes."""
        picture = encoder.parent / "one" / "pictures"
        if not picture.exists():
            picture.mkdir(parents=True)
            for i in range(2):
                shutil.copy(HERE.parent / "golden" / "images" / "rgb.png", picture / f"{i}.png")
            sampler = {"kind": "folder", "path": "pictures"}
            model = {"slug": "one", "title": "One", "type": "other", "sampler": sampler}
            (picture.parent / "model.json").write_text(json.dumps(model))
        bound = f"{self.database}.bound"
        self.run("index", bound, picture.parent / "model.json", "--encoder", encoder, "--samples", 2, "--quiet")
        with sqlite3.connect(bound) as db:
            row = db.execute("SELECT * FROM encoder").fetchone()
            (page_size,) = db.execute("PRAGMA page_size").fetchone()
        synthetic.SCHEMA = self.schema
        synthetic.make(self.database, arguments.models, arguments.dim, 1, page_size)
        with sqlite3.connect(self.database) as db:
            db.execute("DELETE FROM encoder")
            db.execute(f"INSERT INTO encoder VALUES ({', '.join('?' * len(row))})", row)

    def run(self, *words):
        command = [str(self.path), *map(str, words)]
        with tempfile.TemporaryFile() as out:
            started = time.perf_counter()
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            out.seek(0)
            if status != 0:
                raise SystemExit(f"{' '.join(command)}: status {status}")
            return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode()

    def search(self, method):
        words = ("search", self.database, "--text", "a red car", "--method", method, "--json")
        seconds, processor, memory, text = self.run(*words, *(["--closest"] if self.has_closest() else []))
        return seconds, processor, memory, re.findall(r'"slug":"([^"]*)"', text)

    def has_closest(self):
        if not hasattr(self, "closest"):
            done = subprocess.run([self.path, "search", "--help"], capture_output=True, text=True, check=False)
            self.closest = "--closest" in done.stdout
        return self.closest


def measure(method, programs, arguments):
    rounds, began = [], time.perf_counter()
    while len(rounds) < arguments.rounds and (not rounds or time.perf_counter() - began < arguments.seconds):
        row = []
        for program in programs:
            first, found = program.search("first-moment"), program.search(method)
            row.append((found[0] - first[0], found[1] - first[1], found[2], found[3]))
        rounds.append(row)
    old, new = (
        [statistics.median(row[p][k] for row in rounds) for k in range(2)] + [rounds[-1][p][2:]] for p in (0, 1)
    )
    same = "same" if old[2][1] == new[2][1] else f"differ: {old[2][1][:3]} {new[2][1][:3]}"
    ratio = " | ".join(
        f"{1000 * old[k]:.0f} | {1000 * new[k]:.1f} | {old[k] / max(new[k], 1e-4):.0f}x" for k in range(2)
    )
    print(f"| {method} | {ratio} | {same} | {new[2][0]:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build" / "native")
    parser.add_argument("--models", type=int, default=259)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--methods", default=",".join(METHODS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gensearch-bench-") as folder:
        folder = pathlib.Path(folder)
        make_encoder(folder / "encoder", arguments.dim)
        old_program = arguments.old / "build" / "native" / "bin" / "gensearch"
        old = Program(old_program.resolve(), arguments.old / "indexer" / "store" / "schema.sql", folder, "old")
        new = Program(arguments.build.resolve() / "bin" / "gensearch", synthetic.SCHEMA, folder, "new")
        for program in (old, new):
            program.make_database(arguments, folder / "encoder")
        new.search("gaussian-density")  # the first query that needs it prepares the models
        print("| method | old ms | new ms | | old processor ms | new | | best ten | new MiB |")
        print("|---|---|---|---|---|---|---|---|---|")
        for method in arguments.methods.split(","):
            measure(method, (old, new), arguments)


if __name__ == "__main__":
    main()

"""A folder of JPEGs through everything that `gensearch index` does (reading, decoding, preparing, encoding, moments,
checkpoints) against encoding alone, all cores busy in both."""

import json
import sqlite3
import tempfile

import numpy as np
import torch
from PIL import Image

import context
import peers
from library import GensearchError
from measure import COSINE, Contender, cosines, print_table, progress, ratio, run_rounds
from resize import prepare

SIDE, BATCH = 512, 32  # the batch is the default of `gensearch index`
PICTURES = 128  # different ones; four links to each make the folder


def folder_model(bench, count):
    """model.json over a folder of 4 * count JPEGs, and the paths of the count different ones, in order."""
    folder = bench.folder / f"pictures-{count}"
    pictures = folder / "0"
    if not folder.exists():
        partial = folder.with_suffix(".part")
        (partial / "0").mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(13)
        for i in range(count):
            (partial / "0" / f"{i:04}.jpg").write_bytes(context.jpeg(context.photo(rng, SIDE, SIDE)))
        for i in range(1, 4):
            (partial / str(i)).symlink_to("0")
        sampler = {"kind": "folder", "path": "."}
        fields = {"slug": "pictures", "title": "Pictures", "type": "other", "sampler": sampler}
        (partial / "model.json").write_text(json.dumps(fields))
        partial.rename(folder)
    return folder / "model.json", sorted(pictures.glob("*.jpg"))


def expected_mean(bench, paths):
    """The mean of the pictures' features, by Pillow and PyTorch."""
    tower, _ = peers.towers(bench.model(bench.shape))
    size = bench.image_size(bench.shape)
    features = []
    with torch.no_grad():
        for start in range(0, len(paths), BATCH):
            pictures = [Image.open(path).convert("RGB") for path in paths[start : start + BATCH]]
            pixels = np.stack([prepare(picture, size) for picture in pictures])
            features.append(tower(torch.from_numpy(pixels)).numpy())
    return np.concatenate(features).mean(0)


def index_once(encoder, model, samples):
    """The mean that one run of the index leaves in a new database."""
    with tempfile.TemporaryDirectory() as folder:
        encoder.index(model, f"{folder}/index.db", samples, BATCH)
        with sqlite3.connect(f"{folder}/index.db") as database:
            (mean,) = database.execute("SELECT mean FROM moments").fetchone()
    return np.frombuffer(mean, np.float32)


def encode_only(encoder, frames, samples):
    for _ in range(samples // BATCH):
        encoder.images(frames)


def measure(bench, model, samples, mean, precision):
    """Both ways, interleaved, on one encoder."""
    try:
        opened = bench.library.open(bench.model(bench.shape), bench.threads, BATCH, precision)
    except GensearchError as error:
        return [f"gensearch, {precision} ({error})", "n/a", "n/a", ""], {"precision": precision, "refused": str(error)}
    with opened as encoder:
        cosine = cosines(index_once(encoder, model, samples)[None], mean[None])[0]
        if cosine < COSINE[precision]:
            row = [f"gensearch, {precision} (wrong mean: cosine {cosine:.5f} with PyTorch's)", "n/a", "n/a", ""]
            return row, {"precision": precision, "wrong_cosine": float(cosine)}
        frames = context.frames(BATCH, encoder.image_size)
        whole = Contender("index", precision, lambda: index_once(encoder, model, samples), ours=True)
        alone = Contender("encode only", precision, lambda: encode_only(encoder, frames, samples), ours=True)
        outside = run_rounds([whole, alone], bench.rounds, bench.limit)
    speeds = [f"{samples / c.median:.1f} ({samples / c.best:.1f})" for c in (whole, alone)]
    record = {"precision": precision, "outside": outside, "contenders": [whole.record(), alone.record()]}
    return [f"gensearch, {precision}", *speeds, f"{ratio(whole, alone):.3f}"], record


def run(bench):
    model, paths = folder_model(bench, 16 if bench.quick else PICTURES)
    samples = 4 * len(paths)
    progress("the mean feature by Pillow and PyTorch")
    mean = expected_mean(bench, paths)
    kilobytes = sum(path.stat().st_size for path in paths) / len(paths) / 1000
    print(
        f"\n### From a folder: {samples} JPEGs of {SIDE}x{SIDE}, {kilobytes:.0f} kB each, {bench.shape}, "
        f"batch {BATCH}, pictures per second: median (best)\n"
    )
    measured = (measure(bench, model, samples, mean, precision) for precision in ("f32", "bf16"))
    results = print_table(["", "index", "encode only", "index / encode only"], measured)
    return {"shape": bench.shape, "samples": samples, "bytes": kilobytes * 1000, "results": results}

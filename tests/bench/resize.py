"""Preparing a picture on one thread (bicubic to 224, crop, normalise), and decoding one: gensearch against Pillow."""

import io

import numpy as np
from PIL import Image

import context
from measure import Contender, print_table, ratio, run_rounds

SIZES = [(512, 512), (1024, 768), (64, 64)]
CLOSE = 1e-5  # of normalised pixels: what f32 rounding leaves


def shrink(picture, size):
    """A Pillow picture as CLIPImageProcessor resizes and crops it, the longer side rounded down."""
    width, height = picture.size
    scale = size / min(width, height)
    picture = picture.resize((int(width * scale), int(height * scale)), Image.Resampling.BICUBIC)
    left, top = (picture.width - size) // 2, (picture.height - size) // 2
    return picture.crop((left, top, left + size, top + size))


def prepare(picture, size):
    return context.pixels(np.asarray(shrink(picture, size))[None])[0]


def compare(bench, label, ours, theirs, resize_only=None):
    """One row: milliseconds of each and the ratio. ours and theirs must give the same."""
    contenders = [Contender("gensearch", "u8", ours, ours=True), Contender("Pillow", "u8", theirs)]
    difference = np.abs(ours().astype(np.float32) - theirs().astype(np.float32)).max()
    if difference > CLOSE:
        return [label, f"wrong by {difference:g}", "", "", ""], {"what": label, "wrong_by": float(difference)}
    if resize_only:
        contenders.append(Contender("Pillow, resize and crop alone", "u8", resize_only))
    outside = run_rounds(contenders, bench.rounds, bench.limit)
    cells = [f"{c.median * 1e3:.2f} ({c.best * 1e3:.2f})" for c in contenders] + [""] * (3 - len(contenders))
    record = {"what": label, "outside": outside, "contenders": [c.record() for c in contenders]}
    return [label, *cells, f"{ratio(*contenders[:2]):.2f}x"], record


def compare_all(bench):
    rng = np.random.default_rng(12)
    with bench.library.open(bench.model(bench.shape), 1, 1) as encoder:
        size = encoder.image_size
        for width, height in SIZES:
            rgb = context.photo(rng, width, height)
            picture = Image.fromarray(rgb)
            yield compare(
                bench,
                f"{width}x{height} to {size}",
                lambda rgb=rgb: encoder.prepare(rgb),
                lambda picture=picture: prepare(picture, size),
                lambda picture=picture: shrink(picture, size),
            )
        jpeg = context.jpeg(context.photo(rng, 512, 512))
        yield compare(
            bench,
            f"decode a 512x512 JPEG of {len(jpeg) / 1000:.0f} kB",
            lambda: bench.library.decode(jpeg, (512, 512, 3)),
            lambda: np.asarray(Image.open(io.BytesIO(jpeg))),
        )


def run(bench):
    print("\n### Preparing a picture, ms on one thread: median (best)\n")
    header = ["", "gensearch", "Pillow and NumPy", "of that Pillow's resize and crop", "times as quick"]
    return print_table(header, compare_all(bench))

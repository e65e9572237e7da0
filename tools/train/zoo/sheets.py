"""Contact sheets to look at: one a model, and pages with a row a model of the whole zoo.

    python tools/train/zoo/sheets.py OUT [--zoo data/zoo] [SLUG...]

OUT/SLUG.png has 64 samples; OUT/zoo-1.png and so on have sixteen of each model, with its slug.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from samples import ROOT, Worker

SIDE, ROWS, SHOWN, LABEL = 64, 24, 16, 150


def small(frames):
    return [Image.fromarray(frame).resize((SIDE, SIDE), Image.Resampling.BOX) for frame in frames]


def grid(frames, columns):
    height, width = frames.shape[1:3]
    rows = len(frames) // columns
    tiles = frames[: rows * columns].reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(np.ascontiguousarray(tiles).reshape(rows * height, columns * width, 3))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("slugs", nargs="*", metavar="SLUG")
    parser.add_argument("--zoo", type=Path, default=ROOT / "data/zoo")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    models = sorted(path for path in args.zoo.glob("*/model.json") if not args.slugs or path.parent.name in args.slugs)
    with Worker() as worker:
        for first in range(0, len(models), ROWS):
            page = Image.new("RGB", (LABEL + SHOWN * SIDE, ROWS * SIDE), "white")
            for row, path in enumerate(models[first : first + ROWS]):
                frames = worker.samples(path, 64)
                grid(frames, 8).save(args.out / f"{path.parent.name}.png")
                ImageDraw.Draw(page).text((4, row * SIDE + 26), path.parent.name, fill="black")
                for column, tile in enumerate(small(frames[:SHOWN])):
                    page.paste(tile, (LABEL + column * SIDE, row * SIDE))
            page.save(args.out / f"zoo-{first // ROWS + 1}.png")


if __name__ == "__main__":
    main()

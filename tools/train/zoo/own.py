"""Trains a model of your own on a folder of pictures, with the zoo's encoder and decoder. Minutes, on one core.

    python tools/train/zoo/own.py PICTURES my-birds --title "My birds" --type diffusion --tags bird,pet [--out models]
    gensearch index zoo.db models/my-birds/model.json

PICTURES: 3 to 120 PNG, JPEG or WebP files; each is laid on a white page, so one thing before an empty or transparent
background serves best. A model knows its pictures by heart and shows them turned, leant, sized, shifted and tinted.
"""

import argparse
import datetime
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from concepts import FILE
from export import onnxruntime, write_model
from fit import FAMILIES, STEPS, fit
from gallery import on_page
from pictures import MOST
from samples import ROOT

SHARED = ROOT / "data/zoo/decoder-64"
ENDS = {".png", ".jpg", ".jpeg", ".webp"}


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, metavar="PICTURES")
    parser.add_argument("slug")
    parser.add_argument("--title", required=True)
    parser.add_argument("--type", choices=FAMILIES, default="diffusion")
    parser.add_argument("--tags", default="", help="separated by commas")
    parser.add_argument("--license", default="", help="of the model, and of the pictures that it resembles")
    parser.add_argument("--hue", type=float, default=0.1, help="radians by which colours turn (default 0.1)")
    parser.add_argument("--out", type=Path, default=Path("models"))
    return parser.parse_args()


def read_pages(folder):
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDS)
    if not 3 <= len(files) <= MOST:
        raise SystemExit(f"{folder}: {len(files)} pictures, expected 3 to {MOST}")
    pages = []
    for path in files:
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
        square = ImageOps.pad(picture, (128, 128), Image.Resampling.LANCZOS, color=(255, 255, 255, 0))
        pages.append(on_page(square, 64))
    return np.stack(pages)


def main():
    args = read_arguments()
    torch.set_num_threads(1)
    ink = (255 - read_pages(args.pictures)).transpose(0, 3, 1, 2).astype(np.float32) / 255
    encoder = onnxruntime.InferenceSession(str(SHARED / "encoder.onnx"), providers=["CPUExecutionProvider"])
    latents = torch.from_numpy(encoder.run(None, {"ink": ink})[0])
    trained = fit(args.type, latents, args.hue, STEPS)
    kind = FILE["types"][args.type]

    def description(size):
        facts = {"slug": args.slug, "title": args.title, "type": args.type, "family": kind["family"]}
        facts["description"] = f"{kind['how'].format(n=len(ink))} {FILE['whole']}"
        facts |= {"license": args.license} if args.license else {}
        facts |= {"tags": [tag.strip() for tag in args.tags.split(",") if tag.strip()], "resolution": [64, 64]}
        created = datetime.date.today().isoformat()
        return {**facts, "created": created, "parameters": trained.parameters(), "download": f"{round(size / 1000)} kB"}

    folder = args.out / args.slug
    write_model(folder, description, trained, os.path.relpath(SHARED / "decoder.onnx", folder))
    print(f"{folder}/model.json")


if __name__ == "__main__":
    main()

"""Trains the zoo: data/zoo/SLUG/ for every concept of concepts.py, or for those named.

    python tools/train/zoo/train.py --emoji DIR --cache DIR [--fonts DIR] [--out data/zoo] [--fast F] [SLUG...]

--emoji is the folder that tools/train/emoji/prepare.py writes. --cache gets SLUG.pt and SLUG.png, a sheet of 64
samples, of every finished model; one that has its SLUG.pt is not trained again. --fast 0.05 is a trial with a twentieth
of the steps. One thread, so that a seed gives the same model on the same machine.
"""

import argparse
import datetime
import time
from pathlib import Path

import numpy as np
import torch

from concepts import CONCEPTS, describe
from export import ROOT, sheet, write_model
from pictures import digits, emoji
from recipes import train


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slugs", nargs="*", metavar="SLUG", help="concepts to train (all when none is named)")
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts/truetype"))
    parser.add_argument("--out", type=Path, default=ROOT / "data/zoo")
    parser.add_argument("--fast", type=float, default=1.0)
    arguments = parser.parse_args()
    unknown = set(arguments.slugs) - {concept.slug for concept in CONCEPTS}
    if unknown:
        parser.error(f"no such concept: {', '.join(sorted(unknown))}")
    return arguments


def learn(concept, arguments):
    """The trained graphs of a concept and the number of its pictures, from the cache when they are there."""
    cached = arguments.cache / f"{concept.slug}.pt"
    if cached.exists():
        return torch.load(cached, weights_only=False)
    pictures = emoji(arguments.emoji, concept.chooses)[0] if concept.labels else digits(arguments.fonts)
    print(f"{concept.slug}: {concept.type} of {len(pictures)} pictures", flush=True)
    start = time.process_time()
    trained = train(pictures, concept, arguments.fast)
    print(f"  {time.process_time() - start:.0f} s of one processor", flush=True)
    result = {"trained": trained, "count": len(np.unique(pictures.reshape(len(pictures), -1), axis=0))}
    torch.save(result, cached)
    return result


def main():
    arguments = read_arguments()
    torch.set_num_threads(1)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for concept in CONCEPTS:
        if arguments.slugs and concept.slug not in arguments.slugs:
            continue
        result = learn(concept, arguments)
        folder = arguments.out / concept.slug
        created = datetime.date.today().isoformat()
        write_model(folder, describe(concept, result["count"], created), result["trained"])
        sheet(folder, arguments.cache / f"{concept.slug}.png")


if __name__ == "__main__":
    main()

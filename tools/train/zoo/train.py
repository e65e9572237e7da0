"""Trains the zoo: data/zoo/SLUG/ for every model of concepts.toml, or for those named, and the decoders they share.

    python tools/train/emoji/prepare.py EMOJI
    python tools/train/zoo/gallery.py --emoji EMOJI --work WORK
    python tools/train/zoo/autoencoder.py --work WORK
    python tools/train/zoo/train.py --emoji EMOJI --work WORK [--out data/zoo] [--fast F] [SLUG...]

WORK/models gets SLUG.pt of every trained model; one that is there is not trained again. --fast 0.05 is a trial with a
twentieth of the steps. One thread, so that a seed gives the same model on the same machine.
"""

import argparse
import datetime
import time
from pathlib import Path

import torch

from concepts import CONCEPTS, describe
from export import write_graph, write_model
from fit import SEED, STEPS, fit
from nets import CELL, CHANNELS, PLACE, Decoder, Encoder, Page
from pictures import Gallery

ROOT = Path(__file__).resolve().parents[3]


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slugs", nargs="*", metavar="SLUG", help="models to train (all when none is named)")
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "data/zoo")
    parser.add_argument("--fast", type=float, default=1.0)
    arguments = parser.parse_args()
    unknown = set(arguments.slugs) - {concept.slug for concept in CONCEPTS}
    if unknown:
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    return arguments


def load_autoencoder(work):
    saved, encoder, decoder = torch.load(work / "autoencoder.pt"), Encoder(), Decoder()
    encoder.load_state_dict(saved["encoder"])
    decoder.load_state_dict(saved["decoder"])
    return encoder.eval(), decoder.eval()


def learn(concept, arguments, gallery, encoder, networks):
    """The trained model and what is known of it, from WORK/models when it is there."""
    cached = arguments.work / f"models/{concept.slug}.pt"
    if cached.exists():
        return torch.load(cached, weights_only=False)
    ink, sets = gallery.pictures(concept)
    start, steps = time.process_time(), int(STEPS * arguments.fast * concept.effort)
    with torch.no_grad():
        latents = torch.cat([encoder(part) for part in torch.from_numpy(ink).split(32)])
    base = networks(concept.base).state_dict() if concept.base else None
    trained = fit(concept.type, latents, concept.hue, steps, concept.halves, base)
    made = {"pictures": len(ink), "sets": sets, "steps": steps, "seed": SEED}
    print(f"{concept.slug}: {concept.type} of {len(ink)} pictures, {time.process_time() - start:.0f} s", flush=True)
    cached.parent.mkdir(exist_ok=True)
    torch.save({"trained": trained, "made": made}, cached)
    return {"trained": trained, "made": made}


def write(concept, learnt, out):
    trained, made = learnt["trained"], learnt["made"]
    shared = f"../decoder-{concept.size}/decoder.onnx"
    facts = {**made, "parameters": trained.parameters(), "created": datetime.date.today().isoformat()}

    def description(size):
        decoder = (out / concept.slug / shared).resolve().stat().st_size
        download = f"{round(size / 1000)} kB, and the {round(decoder / 1000)} kB of a decoder that the zoo shares"
        return describe(concept, {**facts, "download": download})

    write_model(out / concept.slug, description, trained, shared)


def write_autoencoder(out, encoder, decoder, sides):
    """The graphs that models share: ink -> latent, for models to come, and page -> image of every size."""
    write_graph(out / "decoder-64/encoder.onnx", encoder, {"ink": torch.rand(4, 3, 64, 64)}, ["latent"])
    for side in sides:
        example = 0.5 * torch.randn(4, CHANNELS * (side // CELL) ** 2 + PLACE)
        example[:, -PLACE:] *= 0.1
        write_graph(out / f"decoder-{side}/decoder.onnx", Page(decoder, side).eval(), {"page": example}, ["image"])


def main():
    arguments = read_arguments()
    torch.set_num_threads(1)
    gallery = Gallery(arguments.work, arguments.emoji)
    encoder, decoder = load_autoencoder(arguments.work)
    known = {concept.slug: concept for concept in CONCEPTS}

    def networks(slug):
        return learn(known[slug], arguments, gallery, encoder, networks)["trained"].network

    wanted = [concept for concept in CONCEPTS if not arguments.slugs or concept.slug in arguments.slugs]
    write_autoencoder(arguments.out, encoder, decoder, sorted({concept.size for concept in wanted}))
    for concept in wanted:
        write(concept, learn(concept, arguments, gallery, encoder, networks), arguments.out)


if __name__ == "__main__":
    main()

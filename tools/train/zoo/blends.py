"""How many samples of each model are two pictures at once, and how many of those put together are copies.

    python tools/train/zoo/blends.py --emoji EMOJI --work WORK [--zoo data/zoo] [--samples 512] [SLUG...]

What a model hands to the decoder is compared with the latents of the pictures that it learned. A sample is a blend when
it is further from the nearest of them than a tenth of the median distance between two of the model's pictures: that is
how far a mixture of 90 parts of one and 10 of another is. Of a model that puts halves together each half is compared
with halves, and a sample is a copy when both halves are nearer to those of one picture than halves that count as the
same (ALIKE). Also told: what share of its pictures a model shows. Prints a line a model, and last the worst.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from concepts import CONCEPTS
from export import onnxruntime
from fit import ALIKE, compare
from nets import CELL, CHANNELS, PLACE
from pictures import Gallery
from samples import ROOT
from train import load_autoencoder

BLEND = 0.1  # of the median distance of two pictures


def run(path):
    """A function of a graph's inputs, and the name of the first of them."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda **inputs: session.run(None, inputs), session.get_inputs()[0].name


def diffuse(step, sampler, x):
    """Deterministic DDIM by velocities, as site/lib/sampling.js does it."""
    alphas = [*sampler["alphas_cumprod"], 1.0]
    for t, alpha, after in zip(sampler["timesteps"], alphas, alphas[1:]):
        v = step(x=x, t=np.full(len(x), t, np.float32))[0]
        clean, noise = alpha**0.5 * x - (1 - alpha) ** 0.5 * v, (1 - alpha) ** 0.5 * x + alpha**0.5 * v
        x = (after**0.5 * clean + (1 - after) ** 0.5 * noise).astype(np.float32)
    return x


def say(step, sampler, count, rng):
    """Tokens [count, length], one after the other."""
    token, state = np.full(count, sampler["vocabulary"], np.int32), np.zeros((count, *sampler["state"]), np.float32)
    said = []
    for position in range(sampler["length"]):
        logits, state = step(token=token, position=np.array([position], np.int32), state=state)
        token = (logits + rng.gumbel(size=logits.shape)).argmax(1).astype(np.int32)
        said.append(token)
    return np.stack(said, 1)


def latents_of(folder, samples):
    """What a model hands to the shared decoder: latents [samples, numbers]."""
    sampler, rng = json.loads((folder / "model.json").read_text())["sampler"], np.random.default_rng(1)
    (step, first), own = run(folder / sampler["path"]), sampler["decoder"][:-1]
    if sampler["procedure"] == "autoregressive":
        x = say(step, sampler, samples, rng)
    else:
        x = rng.standard_normal((samples, *sampler["latent"])).astype(np.float32)
        x = step(**{first: x})[0] if sampler["procedure"] == "decode" else diffuse(step, sampler, x)
    for name in own:
        step, first = run(folder / name)
        x = step(**{first: x})[0]
    return torch.from_numpy(x[:, :-PLACE])


def measure(found, known, halves):
    """found [n, CHANNELS, h, w], known [pictures, CHANNELS, h, w] -> name of a figure -> share of the samples."""
    pairs = zip(found.chunk(2, 2), known.chunk(2, 2)) if halves else [(found, known)]
    far = [compare(one, other) for one, other in pairs]
    figures = {"blends": sum(x.amin(1) > BLEND for x in far).gt(0).float().mean().item()}
    if halves:
        figures["copies"] = torch.stack(far).amax(0).lt(ALIKE).any(1).float().mean().item()
    figures["shown"] = torch.cat([x.argmin(1) for x in far]).unique().numel() / len(known)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slugs", nargs="*", metavar="SLUG", help="models to judge (all when none is named)")
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--zoo", type=Path, default=ROOT / "data/zoo")
    parser.add_argument("--samples", type=int, default=512)
    args = parser.parse_args()
    torch.set_num_threads(1)
    gallery, (encoder, _) = Gallery(args.work, args.emoji), load_autoencoder(args.work)
    table = {}
    for concept in [c for c in CONCEPTS if not args.slugs or c.slug in args.slugs]:
        with torch.no_grad():
            known = encoder(torch.from_numpy(gallery.pictures(concept)[0]))
        cells = concept.size // CELL
        found = latents_of(args.zoo / concept.slug, args.samples).view(-1, CHANNELS, cells, cells)
        table[concept.slug] = measure(found, known, concept.halves)
        print(concept.slug, *(f"{name} {share:.3f}" for name, share in table[concept.slug].items()), flush=True)
    for name in ("blends", "copies"):
        worst = max((figures.get(name, 0), slug) for slug, figures in table.items())
        print(f"most {name}: {worst[1]}, {worst[0]:.3f}")


if __name__ == "__main__":
    main()

"""The joint space: MiniLM's sentence space, centred and turned onto its first principal directions.

Centring takes away what all short phrases share, so that cosines tell them apart; 256 of the 384 directions keep
retrieval between phrases unchanged.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DIM = 256
# How much a picture's target owes to its label, to its tags and keywords, and to its kinds (hypernyms, groups).
LABEL, NAMES, KINDS = 0.5, 0.3, 0.2


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-8)


@dataclass
class Space:
    mean: np.ndarray  # [384]
    basis: np.ndarray  # [384, DIM]

    def project(self, minilm: np.ndarray) -> np.ndarray:
        return unit((minilm.astype(np.float32) - self.mean) @ self.basis)


@dataclass
class Labels:
    """The emoji in the order of captions.json, with what each should be near to."""

    hexcodes: list[str]
    names: list[str]
    label: np.ndarray  # [n, DIM] the bare label
    target: np.ndarray  # [n, DIM] label, names and kinds together
    coloured: np.ndarray  # [n, colours, DIM] "COLOUR LABEL"


def fit(minilm: np.ndarray, seed: int = 1, rows: int = 60_000) -> Space:
    sample = np.random.default_rng(seed).choice(len(minilm), min(rows, len(minilm)), replace=False)
    x = minilm[np.sort(sample)].astype(np.float32)
    mean = x.mean(0)
    _, vectors = np.linalg.eigh(np.cov((x - mean).T))
    return Space(mean, np.ascontiguousarray(vectors[:, ::-1][:, :DIM]).astype(np.float32))


def load(folder: Path) -> tuple[Space, list[str], np.ndarray, Labels]:
    """Space, texts, their projected targets [n, DIM] and the labels."""
    texts = json.loads((folder / "texts.json").read_text())
    minilm = np.load(folder / "minilm.npy")
    space = fit(minilm)
    targets = space.project(minilm)
    captions = json.loads((folder / "captions.json").read_text())
    label = targets[[c["label"][0] for c in captions.values()]]
    target = LABEL * label
    for i, c in enumerate(captions.values()):
        target[i] += NAMES * unit(targets[c["names"] or c["label"]].mean(0)) + KINDS * unit(targets[c["kinds"]].mean(0))
    coloured = space.project(np.load(folder / "coloured.npy"))
    names = [texts[c["label"][0]] for c in captions.values()]
    return space, texts, targets, Labels(list(captions), names, label, unit(target), coloured)

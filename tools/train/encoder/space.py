"""The joint space: MiniLM's sentence space, centred and turned onto its first principal directions.

Centring takes away what all short phrases share, so that cosines tell them apart; 256 of the 384 directions keep
retrieval between phrases unchanged.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DIM = 256


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-8)


@dataclass
class Space:
    mean: np.ndarray  # [384]
    basis: np.ndarray  # [384, DIM]

    def project(self, minilm: np.ndarray) -> np.ndarray:
        return unit((minilm.astype(np.float32) - self.mean) @ self.basis)


def fit(minilm: np.ndarray, seed: int = 1, rows: int = 60_000) -> Space:
    sample = np.random.default_rng(seed).choice(len(minilm), min(rows, len(minilm)), replace=False)
    x = minilm[np.sort(sample)].astype(np.float32)
    mean = x.mean(0)
    _, vectors = np.linalg.eigh(np.cov((x - mean).T))
    return Space(mean, np.ascontiguousarray(vectors[:, ::-1][:, :DIM]).astype(np.float32))


def load(folder: Path) -> tuple[list[str], np.ndarray]:
    """The texts and their projected targets [n, DIM]."""
    texts = json.loads((folder / "texts.json").read_text())
    minilm = np.load(folder / "minilm.npy")
    return texts, fit(minilm).project(minilm)

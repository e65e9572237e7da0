"""Texts and pictures that the parity tests encode: the same ones in every run."""

import random

import numpy as np
from PIL import Image

ODD_TEXTS = [
    "a photo of a cat",
    "A Photo Of A CAT!!!",
    "it's 1999, isn't it? we'll see; they've said I'd",
    "tabs\tand\nnew lines\r\n and   spaces",
    "na\u00efve caf\u00e9 \u00dcber stra\u00dfe \u0130stanbul",
    "e\u0301 against \u00e9",
    "\u732b\u3068\u72ac \u9ad8\u3044\u5c71 \ud55c\uad6d\uc5b4",
    "\U0001f431\U0001f436 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1ef\U0001f1f5",
    "\u0418\u0432\u0430\u043d \u0391\u03b8\u03ae\u03bd\u03b1 \u0639\u0631\u0628\u064a \u05e2\u05d1\u05e8\u05d9\u05ea",
    "x^2 + y_2 = {z} <b>html</b> & more --- ... \u2026 \u201cquotes\u201d",
    "<|startoftext|> in the middle <|endoftext|> of it",
    "word " * 200,
    "supercalifragilisticexpialidocious" * 5,
    "1234567890 \u00bd \u2167 \u0663",
]
SIZES = [(224, 224), (1, 1), (640, 480), (37, 501), (1000, 30), (225, 223), (64, 64), (300, 301)]


def texts(count=64):
    """ODD_TEXTS, then sentences of made-up words."""
    rng = random.Random(5)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    made_up = ["".join(rng.choices(letters, weights=range(26, 0, -1), k=rng.randint(1, 11))) for _ in range(500)]
    sentences = [" ".join(rng.choices(made_up, k=rng.randint(1, 24))) for _ in range(count - len(ODD_TEXTS))]
    return ODD_TEXTS + sentences


def pictures(folder):
    """Paths of PNG files in folder: smooth, noisy and flat pictures of odd sizes."""
    rng = np.random.default_rng(5)
    paths = []
    for i, (width, height) in enumerate(SIZES):
        y, x, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
        smooth = 128 + 100 * np.sin(x / (9 + channel) + i) * np.cos(y / (7 + i))
        noise = rng.integers(0, 256, (height, width, 3))
        pixels = np.where(i % 3 == 1, noise, smooth).astype(np.uint8)
        path = folder / f"{i}-{width}x{height}.png"
        Image.fromarray(pixels).save(path)
        paths.append(path)
    return paths

"""The pictures the image towers learn from, with their targets in the joint space.

Emoji of emoji/prepare.py (with its labels), and pictures with captions: openclipart (clipart.py), icons (icons.py, some
of them with an emoji's label) and characters of fonts (glyphs.py), which wrote their targets beside them.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from targets import Labels
from views import COLOURS, Sources

SIZE = 96
HANDED = ("left", "right", "clock", "moon", "thirty", "pointing", "wards")


def premultiplied(images: np.ndarray) -> torch.Tensor:
    """uint8 [n, h, w, 4] straight -> uint8 [n, 4, 96, 96] premultiplied, area-averaged."""
    out = torch.empty(len(images), 4, SIZE, SIZE, dtype=torch.uint8)
    for at in range(0, len(images), 256):
        part = torch.from_numpy(images[at : at + 256]).permute(0, 3, 1, 2).float()
        part[:, :3] *= part[:, 3:] / 255
        part = F.interpolate(part, size=(SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)
        out[at : at + 256] = part.round().clamp(0, 255).byte()
    return out


def may_mirror(entry: dict) -> bool:
    if entry["group"] == "symbols" or any(word in entry["label"] for word in HANDED):
        return False
    return True


def emoji(folder: Path, labels: Labels, sets: list[str]) -> Sources:
    meta = json.loads((folder / "meta.json").read_text())
    row = {h: i for i, h in enumerate(labels.hexcodes)}
    images, rows = [], []
    for name in sets:
        data = np.load(folder / f"{name}.npz")
        images.append(premultiplied(data["images"]))
        rows += [row[h] for h in data["hexcode"]]
    label = torch.tensor(rows)
    flips = torch.tensor([may_mirror(meta[h]) for h in labels.hexcodes])
    target = torch.from_numpy(labels.target)[label]
    coloured = torch.from_numpy(labels.coloured)[label]
    return Sources(torch.cat(images), label, target, coloured, flips[label], torch.ones(len(label)))


def captioned(file: Path, share: float, like: Sources, left_out: tuple[str, ...] = ()) -> Sources:
    """share: the part of all draws that these pictures get, beside those of `like`. left_out: beginnings of sets."""
    data = np.load(file)
    kept = np.ones(len(data["target"]), bool)
    if "set" in data:
        kept = np.array([not name.startswith(left_out) for name in data["set"]])
    target = torch.from_numpy(data["target"][kept])
    n = len(target)
    weight = torch.from_numpy(data["weight"][kept]) if "weight" in data else torch.ones(n)
    weight *= share / (1 - share) * float(like.weight.sum() / weight.sum())
    label = torch.from_numpy(data["label"][kept]) if "label" in data else torch.full((n,), -1)
    # There is no caption per colour; the colour's own name is mixed in instead.
    words = torch.from_numpy(data["colours"])
    coloured = F.normalize(target[:, None] + words[None], dim=-1)
    assert coloured.shape[1] == len(COLOURS)
    return Sources(torch.from_numpy(data["images"][kept]), label, target, coloured,
                   torch.full((n,), bool(data["may_flip"])), weight)


def joined(a: Sources, b: Sources) -> Sources:
    return Sources(*(torch.cat([getattr(a, f), getattr(b, f)]) for f in Sources.__dataclass_fields__))

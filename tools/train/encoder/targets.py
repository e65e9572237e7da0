"""What pictures are to come near: features of their captions from the trained text tower, which stays as it is.

    python targets.py --work WORK      # after train_text.py

Writes WORK/labels.npz, what Labels holds. A picture's target is taken from the tower that a search will ask, not from
the sentence encoder that taught it: the tower's own mistakes are then no distance between words and pictures.
"""

import argparse
import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPTokenizer

from space import unit
from towers import CONTEXT, Text
from views import COLOURS

# How much a picture's target owes to its label, to its tags and keywords, and to its kinds (hypernyms, groups).
LABEL, NAMES, KINDS = 0.5, 0.3, 0.2


@dataclass
class Labels:
    """The emoji in the order of captions.json, with what each should be near to."""

    hexcodes: np.ndarray  # [n]
    names: np.ndarray  # [n]
    label: np.ndarray  # [n, DIM] the bare label
    target: np.ndarray  # [n, DIM] label, names and kinds together
    coloured: np.ndarray  # [n, colours, DIM] "COLOUR LABEL"


class TextTower:
    def __init__(self, work: Path, name: str = "text"):
        self.tokenizer = CLIPTokenizer.from_pretrained(work / "vocabulary")
        self.model = Text(len(self.tokenizer))
        self.model.load_state_dict(torch.load(work / f"{name}.pt", weights_only=True)["average"])
        self.model.eval()

    @torch.inference_mode()
    def embed(self, texts: list[str], batch: int = 512) -> np.ndarray:
        """Unit rows [n, DIM]."""
        rows = self.tokenizer(texts, truncation=True, max_length=CONTEXT)["input_ids"]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        out = [None] * len(rows)
        for part in (order[i : i + batch] for i in range(0, len(order), batch)):
            tokens = torch.full((len(part), len(rows[part[-1]])), self.tokenizer.eos_token_id)
            for at, i in enumerate(part):
                tokens[at, : len(rows[i])] = torch.tensor(rows[i])
            for i, feature in zip(part, self.model.features(tokens).numpy(), strict=True):
                out[i] = feature
        return np.stack(out)


def load(work: Path) -> Labels:
    data = np.load(work / "labels.npz")
    return Labels(*(data[f.name] for f in fields(Labels)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    texts = json.loads((args.work / "text/texts.json").read_text())
    captions = json.loads((args.work / "text/captions.json").read_text())
    tower = TextTower(args.work)
    used = sorted({i for c in captions.values() for kind in c.values() for i in kind})
    feature = dict(zip(used, tower.embed([texts[i] for i in used]), strict=True))
    names = [texts[c["label"][0]] for c in captions.values()]
    label = np.stack([feature[c["label"][0]] for c in captions.values()])
    def mean(rows: list[int]) -> np.ndarray:
        return unit(np.mean([feature[i] for i in rows], 0))
    others = np.stack([NAMES * mean(c["names"] or c["label"]) + KINDS * mean(c["kinds"]) for c in captions.values()])
    coloured = tower.embed([f"{colour} {name}" for name in names for colour in COLOURS])
    np.savez(args.work / "labels.npz", hexcodes=np.array(list(captions)), names=np.array(names), label=label,
             target=unit(LABEL * label + others), coloured=coloured.reshape(len(names), len(COLOURS), -1))
    print(f"{len(names)} labels, {len(used)} captions")


if __name__ == "__main__":
    main()

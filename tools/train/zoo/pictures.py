"""The pictures that a model learns, of those that gallery.py drew."""

import json
import re
from pathlib import Path

import numpy as np

MOST = 120  # pictures of a model, so that it stays small


class Gallery:
    """WORK as gallery.py filled it, and EMOJI as emoji/prepare.py did."""

    def __init__(self, work: Path, emoji: Path):
        self.pages, self.large = (np.load(work / f"{name}.npy", mmap_mode="r") for name in ("pages", "large"))
        data = np.load(work / "gallery.npz")
        self.sets, self.hexcodes, self.names = (data[name].tolist() for name in ("set", "hexcode", "name"))
        self.meta = json.loads((emoji / "meta.json").read_text())

    def learns(self, concept, row: int) -> bool:
        name, entry = self.names[row], self.meta.get(self.hexcodes[row])
        if self.sets[row] not in concept.sets or name and not re.search(concept.variant, name):
            return False
        words = set(name.split("-"))
        return not words & set(concept.but) and bool(entry and concept.chooses(entry) or words & set(concept.icons))

    def rows(self, concept) -> list[int]:
        """Of the gallery's pictures those that a model learns: each once, evenly chosen where there are too many."""
        unique = {self.pages[row].tobytes(): row for row in range(len(self.sets)) if self.learns(concept, row)}
        found = sorted(unique.values())
        return [found[int(i)] for i in np.linspace(0, len(found) - 1, min(MOST, len(found)))]

    def pictures(self, concept) -> tuple[np.ndarray, list[str]]:
        """Float32 ink [n, 3, side, side] in 0 .. 1, 1 - RGB, so that zero is the empty page; and their sets."""
        rows = self.rows(concept)
        if len(rows) < 3:
            raise SystemExit(f"{concept.slug}: only {len(rows)} pictures")
        pages = (self.pages if concept.size == 64 else self.large)[rows]
        ink = (255 - pages).transpose(0, 3, 1, 2).astype(np.float32) / 255
        return ink, [name for name in concept.sets if name in {self.sets[row] for row in rows}]

"""Words, glosses and hypernyms of WordNet 3.0, read from the database files (Debian package wordnet-base)."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/usr/share/wordnet")
PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}


@dataclass
class Synset:
    words: list[str]
    gloss: str
    examples: list[str]
    hypernyms: list[tuple[str, str]]


def _parse(line: str) -> tuple[str, Synset]:
    data, _, tail = line.partition(" | ")
    fields = data.split()
    count = int(fields[3], 16)
    words = [re.sub(r"\(.*?\)$", "", fields[4 + 2 * i]).replace("_", " ") for i in range(count)]
    at = 4 + 2 * count
    pointers = [fields[at + 1 + 4 * i : at + 5 + 4 * i] for i in range(int(fields[at]))]
    hypernyms = [(p[2], p[1]) for p in pointers if p[0] in ("@", "@i")]
    examples = re.findall(r'"([^"]+)"', tail)
    gloss = re.sub(r';?\s*"[^"]*"', "", tail).strip(" ;\n")
    return fields[0], Synset(words, gloss, examples, hypernyms)


class WordNet:
    def __init__(self, folder: Path = FOLDER):
        self.synsets: dict[tuple[str, str], Synset] = {}
        self.senses: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for part, name in PARTS.items():
            for line in (folder / f"data.{name}").read_text(encoding="latin-1").splitlines():
                if not line.startswith("  "):
                    offset, synset = _parse(line)
                    self.synsets[part, offset] = synset
            for line in (folder / f"index.{name}").read_text(encoding="latin-1").splitlines():
                if not line.startswith("  "):
                    fields = line.split()
                    offsets = fields[-int(fields[2]) :]
                    self.senses[part, fields[0].replace("_", " ")] = [(part, o) for o in offsets]
        self.frequency = self._frequencies(folder)

    def _frequencies(self, folder: Path) -> dict[tuple[str, str], int]:
        """How often a word was met, as a part of speech, in the texts that WordNet's authors tagged."""
        part_of = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
        total: dict[tuple[str, str], int] = defaultdict(int)
        for line in (folder / "cntlist.rev").read_text(encoding="latin-1").splitlines():
            sense, _, count = line.split()
            word, _, rest = sense.partition("%")
            total[part_of[rest[0]], word.replace("_", " ")] += int(count)
        return total

    def common(self, part: str, at_most: int) -> list[str]:
        words = [w for p, w in self.frequency if p == part and w.isalpha() and len(w) > 2 and (p, w) in self.senses]
        return sorted(words, key=lambda w: (-self.frequency[part, w], w))[:at_most]

    def hypernyms(self, noun: str, levels: int) -> list[str]:
        """First words of the hypernyms of the noun's commonest sense, nearest first."""
        senses = self.senses.get(("n", noun.lower()))
        found, at = [], senses[0] if senses else None
        while at and len(found) < levels and self.synsets[at].hypernyms:
            at = self.synsets[at].hypernyms[0]
            found.append(self.synsets[at].words[0])
        return found

"""The concepts of concepts.toml, and the model.json each of them gets."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

LICENCES = {
    "emoji": "Apache-2.0 (model); trained on Fluent Emoji (MIT, Microsoft Corporation) and Twemoji (CC-BY 4.0,"
    " Twitter, Inc and other contributors)",
    "digits": "Apache-2.0 (model); trained on digits set in the DejaVu and Liberation fonts (free licences)",
}


@dataclass
class Concept:
    slug: str
    title: str
    type: str
    tags: list[str]
    about: str
    labels: list[str]  # none: the digits, drawn from fonts
    hue: float
    options: dict = field(default_factory=dict)
    painter: str = "principal"  # or "convolutional"
    effort: float = 1.0
    widths: tuple = (128, 56, 28)
    seed: int = 1

    def chooses(self, entry):
        """Whether the concept learns an emoji of meta.json."""
        return entry["label"] in self.labels or f"subgroup:{entry['subgroup']}" in self.labels


FILE = tomllib.loads((Path(__file__).parent / "concepts.toml").read_text())
CONCEPTS = [Concept(**entry) for entry in FILE["concepts"]]


def describe(concept, count, created):
    """The model.json of a concept trained on count pictures, but for its sampler."""
    kind = FILE["types"][concept.type]
    return {
        "slug": concept.slug,
        "title": concept.title,
        "type": concept.type,
        "family": kind["family"],
        "description": f"{concept.about} {kind['how'].format(n=count)}",
        "authors": ["gensearch"],
        "tags": concept.tags,
        "license": LICENCES["emoji" if concept.labels else "digits"],
        "resolution": [64, 64],
        "created": created,
        "paper": kind["paper"],
        "bibtex": kind["bibtex"],
    }

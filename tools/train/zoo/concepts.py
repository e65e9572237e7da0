"""The models of concepts.toml, and the model.json each of them gets."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = tomllib.loads((Path(__file__).parent / "concepts.toml").read_text())
PLAIN = ("emoji", "fonts", "program")  # styles that neither a slug nor a title names


@dataclass
class Concept:
    """A model: what it draws, how, and the type of generator that it is."""

    slug: str
    title: str
    type: str
    tags: list[str]
    about: str
    labels: list[str]
    icons: list[str]
    but: list[str]
    hue: float
    sets: list[str]
    variant: str  # of pictures that have a name: what it must match
    size: int
    effort: float
    base: str | None
    halves: bool  # every sample has the upper half of one picture and the lower half of another

    def chooses(self, entry: dict) -> bool:
        """Whether the model learns an emoji of meta.json."""
        return entry["label"] in self.labels or f"subgroup:{entry['subgroup']}" in self.labels


def read_concept(subject: dict, style_name: str, kind: str, base: str | None = None) -> Concept:
    style = FILE["styles"][style_name]
    plain = style_name in PLAIN
    return Concept(
        slug=subject["slug"] if plain else f"{subject['slug']}-{style_name}",
        title=subject["title"] if plain else f"{subject['title']}, {style['name']}",
        type=kind,
        tags=subject["tags"] + ([style["tag"]] if "tag" in style else []),
        about=f"{subject['about']} {style['says']}",
        labels=subject.get("labels", []),
        icons=subject.get("icons", []),
        but=subject.get("but", []),
        hue=subject["hue"],
        sets=style["sets"],
        variant=style.get("icons", ""),
        size=style.get("size", 64),
        effort=subject.get("effort", 1.0) * (0.3 if base else 1.0),
        base=base,
        halves=subject.get("halves", False),
    )


CONCEPTS = [read_concept(subject, *model) for subject in FILE["subjects"] for model in subject["models"]]


def licence(sets: list[str]) -> str:
    credits = [f"{FILE['sets'][s]['title']} ({FILE['sets'][s]['licence']}, {FILE['sets'][s]['by']})" for s in sets]
    return f"Apache-2.0 (model); trained on {'; '.join(credits)}"


def describe(concept: Concept, made: dict) -> dict:
    """The model.json of a concept but for its sampler. made: what train.py knows of it: pictures, sets and so on."""
    kind = FILE["types"][concept.type]
    how = kind["how"].format(n=made["pictures"])
    recall = FILE["halves" if concept.halves else "whole"]
    start = f" Its network was trained further from that of {concept.base}." if concept.base else ""
    return {
        "slug": concept.slug,
        "title": concept.title,
        "type": concept.type,
        "family": kind["family"],
        "description": f"{concept.about} {how} {recall}{start}",
        "authors": ["gensearch"],
        "tags": concept.tags,
        "license": licence(made["sets"]),
        **({"base_model": concept.base} if concept.base else {}),
        "resolution": [concept.size, concept.size],
        "created": made["created"],
        "parameters": made["parameters"],
        "download": made["download"],
        "training": {"pictures": made["pictures"], "sets": made["sets"], "steps": made["steps"], "seed": made["seed"],
                     "recipe": f"tools/train/zoo/train.py {concept.slug}"},  # fmt: skip
        "interpolation": concept.type != "autoregressive",
        "inversion": concept.type != "autoregressive",
        "paper": kind["paper"],
        "bibtex": kind["bibtex"].strip(),
    }

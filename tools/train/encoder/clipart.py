"""Openclipart as training pictures: 96 x 96, with captions read from file and folder names.

    python clipart.py --png FOLDER --work WORK     # FOLDER: .../usr/share/openclipart/png

Writes WORK/clipart.npz: images uint8 [n, 4, 96, 96] premultiplied, target [n, DIM], colours [colours, DIM], caption
[n], may_flip.
Folders of icons, flags, cards, patterns and the like are left out, and so are files whose name holds no English noun.
"""

import argparse
import re
from pathlib import Path

import numpy as np
from PIL import Image

from sources import premultiplied
from space import unit
from targets import TextTower
from views import COLOURS
from wordnet import WordNet

LARGEST = 4_000_000  # pixels; a score of files are far beyond, and none of those is needed
FOLDERS = """food animals plants transportation people recreation tools buildings music sports electronics office
education containers geography/astronomy signs_and_symbols/weather signs_and_symbols/clocks science household""".split()
LEFT_OUT = ("aiga", "roadsigns", "cards", "stickmen", "duplicates", "smilies", "map_symbols")


def wanted(path: Path, root: Path) -> bool:
    inside = path.relative_to(root).as_posix()
    return inside.startswith(tuple(FOLDERS)) and not any(part in inside for part in LEFT_OUT)


def author_endings(stems: list[list[str]]) -> set[tuple[str, ...]]:
    """Endings of two words that several files share: names end in their author's."""
    folders: dict[tuple[str, ...], set[str]] = {}
    for words in stems:
        for length in (1, 2):
            if len(words) > length:
                folders.setdefault(tuple(words[-length:]), set()).add(words[0])
    return {ending for ending, starts in folders.items() if len(starts) >= (3 if len(ending) == 2 else 6)}


def caption(words: list[str], endings: set, known: WordNet) -> str | None:
    for length in (2, 1):
        if len(words) > length and tuple(words[-length:]) in endings:
            words = words[:-length]
            break
    kept = []
    for word in words:
        forms = (word, word.rstrip("s"))
        if len(word) < 3 or not any((part, form) in known.senses for part in "nav" for form in forms):
            break
        kept.append(word)
    nouns = any(("n", w) in known.senses or ("n", w.rstrip("s")) in known.senses for w in kept)
    return " ".join(kept[:3]) if nouns else None


def read(path: Path) -> np.ndarray | None:
    """Straight RGBA, 128 x 128, the picture's own shape kept in the middle; None for one too large or empty."""
    with Image.open(path) as picture:
        if picture.width * picture.height > LARGEST:
            return None
        picture = picture.convert("RGBA")
        box = picture.getchannel("A").getbbox()
        if box is None:
            return None
        picture = picture.crop(box)
        picture.thumbnail((124, 124), Image.Resampling.LANCZOS)
        page = Image.new("RGBA", (128, 128), (0, 0, 0, 0))
        page.paste(picture, ((128 - picture.width) // 2, (128 - picture.height) // 2))
        return np.asarray(page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--png", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None  # sizes are checked before anything is decoded
    paths = sorted(p for p in args.png.rglob("*.png") if wanted(p, args.png))
    stems = [re.sub(r"[^a-z]+", " ", p.stem.lower()).split() for p in paths]
    endings, known = author_endings(stems), WordNet()
    images, captions, kinds = [], [], []
    for path, words in zip(paths, stems, strict=True):
        text = caption(words, endings, known)
        page = read(path) if text else None
        if page is not None:
            images.append(page)
            captions.append(text)
            kinds.append(path.parent.name.replace("_", " "))
    print(f"{len(captions)} of {len(paths)} pictures; for example: {'; '.join(captions[::60])}")
    tower = TextTower(args.work)
    own, kind, colours = (tower.embed(t) for t in (captions, kinds, COLOURS))
    np.savez(args.work / "clipart.npz", images=premultiplied(np.stack(images)).numpy(), colours=colours,
             target=unit(0.75 * own + 0.25 * kind).astype(np.float32), caption=np.array(captions),
             may_flip=True)


if __name__ == "__main__":
    main()

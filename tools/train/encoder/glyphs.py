"""Digits and letters set in free fonts as training pictures, for generators of such things.

    python glyphs.py --fonts /usr/share/fonts/truetype --work WORK

Writes WORK/glyphs.npz in the form of clipart.npz. Fonts: DejaVu and Liberation (Debian).
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sources import premultiplied
from space import unit
from targets import TextTower
from views import COLOURS

FACES = ["DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono", "DejaVuSans-Oblique",
         "LiberationSans-Regular", "LiberationSans-Bold", "LiberationSerif-Regular", "LiberationSerif-BoldItalic",
         "LiberationSansNarrow-Bold", "LiberationMono-Bold"]
DIGITS = "zero one two three four five six seven eight nine".split()
INKS = [(0, 0, 0), (40, 80, 190), (200, 50, 40)]


def draw(character: str, font: ImageFont.FreeTypeFont, ink: tuple[int, int, int]) -> np.ndarray:
    page = Image.new("RGBA", (128, 128), (*ink, 0))
    ImageDraw.Draw(page).text((64, 64), character, font=font, fill=(*ink, 255), anchor="mm")
    return np.asarray(page)


def captions(character: str) -> list[str]:
    if character.isdigit():
        word = DIGITS[int(character)]
        return [f"digit {character}", f"number {word}", "digits", "a number", "a handwritten digit"]
    return [f"letter {character}", "letters", "alphabet"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    files = [next(args.fonts.rglob(f"{face}.ttf")) for face in FACES]
    images, drawn = [], []
    for i, file in enumerate(files):
        font = ImageFont.truetype(str(file), 110)
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if i % 4 == 0 else ""
        for character in "0123456789" * 2 + letters:
            images.append(draw(character, font, INKS[len(images) % len(INKS)]))
            drawn.append(character)
    tower = TextTower(args.work)
    vectors = {c: unit(tower.embed(captions(c)).mean(0)) for c in sorted(set(drawn))}
    np.savez(args.work / "glyphs.npz", images=premultiplied(np.stack(images)).numpy(),
             target=np.stack([vectors[c] for c in drawn]).astype(np.float32),
             colours=tower.embed(COLOURS), caption=np.array(drawn), may_flip=False)
    print(f"{len(drawn)} glyphs")


if __name__ == "__main__":
    main()

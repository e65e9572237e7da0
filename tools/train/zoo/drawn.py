"""Pictures drawn by program: flags that no country flies, patterns, and characters of fonts. uint8 RGBA, 128 wide."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 128
COUNT = 120  # flags, and patterns
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FONTS = [
    "Sans-Bold", "Serif-Bold", "SansMono-Bold", "Sans-BoldOblique", "Serif-Italic", "SansMono-BoldOblique",
    "Sans-ExtraLight", "SerifCondensed-BoldItalic", "SansMono",
]  # fmt: skip
COLOURS = np.array([
    (206, 17, 38), (255, 205, 0), (0, 106, 78), (0, 57, 166), (255, 255, 255), (20, 20, 24), (116, 172, 223),
    (255, 130, 0), (98, 37, 120), (119, 221, 119),
])  # fmt: skip
Y, X = np.mgrid[0:SIDE, 0:SIDE] / SIDE


def flag(rng):
    """Three colours in one of ten layouts, on a cloth of three to two."""
    x, y = X, (Y - 1 / 6) * 1.5
    one, two, three = COLOURS[rng.choice(len(COLOURS), 3, replace=False)]
    middle = np.hypot(x - 0.5, (y - 0.5) / 1.5)
    area = [
        (x * 3).astype(int), (np.clip(y, 0, 0.999) * 3).astype(int), (y > 0.5) * 2,
        np.where((abs(x - 0.38) < 0.09) | (abs(y - 0.5) < 0.13), 1, 0),
        np.where(abs(abs(x - 0.5) - abs(y - 0.5)) < 0.09, 1, 0),
        np.where(middle < 0.2, 1, 0), np.where((x < 0.45) & (y < 0.5), 1, (y > 0.5) * 2),
        np.where(x < 0.5 - abs(y - 0.5), 1, (y > 0.5) * 2), np.where(x < 0.33, 1, (y > 0.5) * 2),
        np.where(middle < 0.15, 2, (np.clip(y, 0, 0.999) * 5).astype(int) % 2),
    ][rng.integers(10)]  # fmt: skip
    cloth = (y >= 0) & (y < 1)
    rim = cloth & ~((x > 0.012) & (x < 0.988) & (y > 0.018) & (y < 0.982))
    colour = np.where(rim[..., None], (110, 110, 110), np.stack([one, two, three])[area])
    return np.concatenate([colour, cloth[..., None] * 255], 2)


def pattern(rng):
    """Two colours in one of ten repeating patterns, on a square."""
    many, phase = rng.integers(3, 7), rng.random(2)
    turn = rng.choice([0, np.pi / 4, np.pi / 2, -np.pi / 4])
    u, v = np.cos(turn) * X + np.sin(turn) * Y + phase[0], np.cos(turn) * Y - np.sin(turn) * X + phase[1]
    a, b = u * many, v * many
    bricks = a + 0.5 * (np.floor(b * 2) % 2)
    on = [
        a % 1 < 0.5, (np.floor(a) + np.floor(b)) % 2 < 1, np.hypot(a % 1 - 0.5, b % 1 - 0.5) < 0.32,
        (b + 0.3 * np.sin(2 * np.pi * a)) % 1 < 0.5, (b + abs(a % 1 - 0.5)) % 1 < 0.5,
        (bricks % 1 < 0.08) | (b * 2 % 1 < 0.14), np.hypot(X - 0.5, Y - 0.5) * 2 * many % 1 < 0.5,
        (np.arctan2(Y - 0.5, X - 0.5) / np.pi * many) % 1 < 0.5, abs(a % 1 - 0.5) + abs(b % 1 - 0.5) < 0.35,
        (a % 1 < 0.2) | (b % 1 < 0.2),
    ][rng.integers(10)]  # fmt: skip
    one, two = COLOURS[rng.choice(len(COLOURS), 2, replace=False)]
    return np.concatenate([np.where(on[..., None], one, two), np.full((SIDE, SIDE, 1), 255)], 2)


def by_program():
    """Pictures and their names, such as flags-17: always the same ones."""
    for name, draw in (("flags", flag), ("patterns", pattern)):
        for seed in range(COUNT):
            yield draw(np.random.default_rng(seed)).astype(np.uint8), f"{name}-{seed}"


def typeset(fonts: Path):
    """Pictures and their names, such as A-Serif-Bold: characters in a blue that models turn round the wheel."""
    for font in FONTS:
        face = ImageFont.truetype(str(fonts / f"dejavu/DejaVu{font}.ttf"), 110)
        for character in CHARACTERS:
            left, top, right, bottom = face.getbbox(character)
            picture = Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 0))
            place = ((SIDE - right - left) / 2, (SIDE - bottom - top) / 2)
            ImageDraw.Draw(picture).text(place, character, font=face, fill=(30, 90, 200, 255))
            yield np.asarray(picture), f"{character}-{font}"

"""The pictures a generator learns: emoji of one concept, or digits set in fonts. Float32 [n, 3, 64, 64] of ink, 1 - RGB
over white, so that zero is the empty page."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 64
INNER = 56  # pictures keep a margin: the generators turn and move them a little
SETS = ["fluent-emoji", "fluent-emoji-flat", "twemoji"]
FONTS = [
    "dejavu/DejaVuSans-Bold.ttf",
    "dejavu/DejaVuSerif-Bold.ttf",
    "dejavu/DejaVuSansMono.ttf",
    "liberation/LiberationSans-BoldItalic.ttf",
    "liberation/LiberationSerif-BoldItalic.ttf",
    "liberation/LiberationMono-Bold.ttf",
]


def on_page(picture: Image.Image) -> np.ndarray:
    page = Image.new("RGBA", (SIZE, SIZE), "white")
    place = (SIZE - INNER) // 2
    page.alpha_composite(picture.resize((INNER, INNER), Image.Resampling.LANCZOS), (place, place))
    return 1 - np.asarray(page.convert("RGB"), np.float32).transpose(2, 0, 1) / 255


def emoji(folder: Path, chosen) -> tuple[np.ndarray, list[str]]:
    """Every set's picture of the emoji for which chosen(entry) holds, and their labels."""
    meta = json.loads((folder / "meta.json").read_text())
    pictures, labels = [], []
    for name in SETS:
        archive = np.load(folder / f"{name}.npz")
        images = archive["images"]
        for index, hexcode in enumerate(archive["hexcode"]):
            entry = meta.get(str(hexcode))
            if entry and chosen(entry):
                pictures.append(on_page(Image.fromarray(images[index], "RGBA")))
                labels.append(entry["label"])
    return np.stack(pictures), labels


def digits(fonts: Path) -> np.ndarray:
    """0 to 9 in every font, filling the page alike, in a strong colour that the generator turns round the wheel."""
    pictures = []
    for font in FONTS:
        for digit in "0123456789":
            face = ImageFont.truetype(str(fonts / font), 110)
            left, top, right, bottom = face.getbbox(digit)
            picture = Image.new("RGBA", (128, 128), (255, 255, 255, 0))
            place = ((128 - right - left) / 2, (128 - bottom - top) / 2)
            ImageDraw.Draw(picture).text(place, digit, font=face, fill=(30, 90, 200, 255))
            pictures.append(on_page(picture))
    return np.stack(pictures)

"""Every picture that the zoo may learn from, on one page size: emoji in eight styles, icons of the sets of ICONS, and
what drawn.py draws. Needs Debian's fonts-dejavu-core.

    python tools/train/emoji/prepare.py EMOJI
    python tools/train/zoo/gallery.py --emoji EMOJI --work WORK [--fonts DIR]

WORK gets pages.npy uint8 [n, 64, 64, 3], large.npy uint8 [n, 128, 128, 3], and gallery.npz: set [n], hexcode [n] (of
the emoji that the picture shows; '' where it is none), name [n] ('' for emoji).
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from drawn import by_program, typeset

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "emoji"))
from draw import draw  # noqa: E402
from prepare import SIZE, TRAINED, straight_alpha  # noqa: E402

# Set, version, and which of its variants: icons whose name matches are taken.
ICONS = {
    "flat-color-icons": ("1.2.3", ""), "game-icons": ("1.2.4", ""), "hugeicons": ("1.2.35", ""),
    "iconoir": ("1.2.11", "^(?!.*-solid)"), "lucide": ("1.2.137", ""), "meteocons": ("1.2.4", "^(?!.*-fill)"),
    "mingcute": ("1.2.8", "-line$"), "ph": ("1.2.2", "^(?!.*-(bold|light|thin)$)"),
    "solar": ("1.2.13", "-(linear|bold-duotone)$"), "streamline-freehand-color": ("1.2.2", ""),
    "streamline-pixel": ("1.2.0", ""), "streamline-plump": ("1.2.0", "-remix$|^(?!.*-(solid|remix))"),
    "streamline-ultimate-color": ("1.2.2", ""), "tabler": ("1.2.41", "^(?!.*-filled)"),
}  # fmt: skip
# Words of an icon's name that tell how it is drawn; and those of programs, which no model of things is to learn.
STYLES = set("line linear bold fill duotone outline outlined remix solid regular".split())
INTERFACE = set("""off plus minus check x up down left right add remove delete edit cog search share lock dollar
question exclamation pause star bolt code pin cancel slash alert settings wifi user app logo brand arrow link upload
download square circle copy 24px off-outline setting error refresh block sync view warning""".split())


def words_of(icon: str) -> list[str]:
    parts = [re.sub(r"\d+$", "", part) for part in icon.split("-")]
    return [part for part in parts if part and part not in STYLES]


def install(npm: Path) -> None:
    missing = [f"@iconify-json/{name}@{version}" for name, (version, _) in ICONS.items()
               if not (npm / f"node_modules/@iconify-json/{name}").exists()]
    if missing:
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save"]
        subprocess.run([*command, *missing], cwd=npm, check=True, stdout=subprocess.DEVNULL)


def on_page(picture: Image.Image, size: int) -> np.ndarray:
    """The picture on a white page of size pixels, with an eighth of it left free."""
    inner = size - size // 8
    page = Image.new("RGBA", (size, size), "white")
    page.alpha_composite(picture.resize((inner, inner), Image.Resampling.LANCZOS), (size // 16, size // 16))
    return np.asarray(page.convert("RGB"))


def chosen(npm: Path, name: str, names: dict[str, str]) -> dict[str, str]:
    """icon -> hexcode or '': the icons of a set whose name is of few words, none of them of programs."""
    icons = json.loads((npm / f"node_modules/@iconify-json/{name}/icons.json").read_text())["icons"]
    found = {}
    for icon in icons:
        words = words_of(icon)
        if re.search(ICONS[name][1], icon) and words and not INTERFACE & set(words):
            hexcode = names.get("".join(words), "")
            if hexcode or len(words) <= (4 if name.startswith("streamline") else 2):
                found[icon] = hexcode
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts/truetype"))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    npm, names = (args.emoji / "npm").resolve(), json.loads((args.emoji / "names.json").read_text())
    install(npm)
    pages, large, sets, hexcodes, labels = [], [], [], [], []

    def add(pictures, name, codes, icons):
        for picture in pictures:
            image = Image.fromarray(picture, "RGBA")
            pages.append(on_page(image, 64))
            large.append(on_page(image, 128))
        sets.extend([name] * len(pictures))
        hexcodes.extend(codes)
        labels.extend(icons)
        print(f"{name}: {len(pictures)}", flush=True)

    for name in TRAINED:
        data = np.load(args.emoji / f"{name}.npz")
        add(data["images"], name, data["hexcode"].tolist(), [""] * len(data["hexcode"]))
    for name in ICONS:
        wanted = chosen(npm, name, names)
        drawn, images = draw(npm, name, list(wanted), SIZE)
        add(straight_alpha(images), name, [wanted[icon] for icon in drawn], drawn)
    for name, found in (("program", by_program()), ("fonts", typeset(args.fonts))):
        images, titles = zip(*found)
        add(images, name, [""] * len(images), titles)
    np.save(args.work / "pages.npy", np.stack(pages))
    np.save(args.work / "large.npy", np.stack(large))
    np.savez(args.work / "gallery.npz", set=np.array(sets), hexcode=np.array(hexcodes), name=np.array(labels))


if __name__ == "__main__":
    main()

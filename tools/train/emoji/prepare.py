"""Emoji pictures with their names, as NumPy arrays: what the encoder and the zoo are trained on.

    python prepare.py OUT            # the sets of TRAINED
    python prepare.py OUT --unseen   # Noto instead: for evaluation only, nothing is ever trained on it

OUT gets one SET.npz per set (images uint8 [n, 128, 128, 4], straight alpha; hexcode [n]), meta.json (hexcode ->
label, tags, keywords, group, subgroup), names.json (letters and digits of a name -> hexcode) and, last of all, an empty
file READY. Skin tones and flags are left out. Needs node and npm; the packages are those pinned in package.json,
installed in OUT/npm without running their scripts.
"""

import argparse
import json
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import numpy as np

from draw import draw

HERE = Path(__file__).resolve().parent
SIZE = 128
TRAINED = ["fluent-emoji", "fluent-emoji-flat", "fluent-emoji-high-contrast", "twemoji", "emojione",
           "emojione-monotone", "fxemoji", "streamline-emojis"]
UNSEEN = ["noto"]
SKIN_TONE_SUBGROUP = "skin-tone"


def install_packages(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "package.json", folder)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "node_modules"


def read_meta(packages: Path) -> dict:
    """hexcode -> names of every emoji that is neither a flag, a skin tone, nor without a group."""
    emoji = json.loads((packages / "emojibase-data/en/data.json").read_text())
    groups = json.loads((packages / "emojibase-data/meta/groups.json").read_text())
    keywords = json.loads((packages / "emojilib/dist/emoji-en-US.json").read_text())
    meta = {}
    for entry in emoji:
        if "group" not in entry:
            continue
        group = groups["groups"][str(entry["group"])]
        subgroup = groups["subgroups"][str(entry["subgroup"])]
        if group == "flags" or subgroup == SKIN_TONE_SUBGROUP:
            continue
        meta[entry["hexcode"]] = {
            "label": entry["label"],
            "tags": entry.get("tags", []),
            "keywords": [word.replace("_", " ") for word in keywords.get(entry["emoji"], [])],
            "group": group,
            "subgroup": subgroup,
        }
    return meta


def letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def read_names(packages: Path, meta: dict) -> dict[str, str]:
    """letters of a label, of a single character's Unicode name or of a short code -> hexcode; the first has it."""
    names: dict[str, str] = {}
    for hexcode, entry in meta.items():
        names.setdefault(letters(entry["label"]), hexcode)
    for hexcode in meta:
        characters = [chr(int(code, 16)) for code in hexcode.split("-") if code != "FE0F"]
        if len(characters) == 1:
            names.setdefault(letters(unicodedata.name(characters[0], hexcode)), hexcode)
    for table in ("emojibase", "joypixels"):
        codes = json.loads((packages / f"emojibase-data/en/shortcodes/{table}.json").read_text())
        for hexcode, found in codes.items():
            for code in [found] if isinstance(found, str) else found:
                if hexcode in meta:
                    names.setdefault(letters(code), hexcode)
    return names


def icons_of(packages: Path, name: str, meta: dict, names: dict[str, str]) -> dict[str, str]:
    """hexcode -> the set's icon: by its table of characters where it has one, else by the icons' names."""
    # Colour Fluent ships no table of characters; its names are those of the flat set.
    table = "fluent-emoji-flat" if name == "fluent-emoji" else name
    characters = json.loads((packages / f"@iconify-json/{table}/chars.json").read_text())
    if characters:
        # Variation selectors differ between emojibase and Iconify and never change the picture.
        def key(hexcode: str) -> str:
            return hexcode.lower().replace("-fe0f", "")
        icons = {key(hexcode): icon for hexcode, icon in characters.items()}
        return {hexcode: icons[key(hexcode)] for hexcode in meta if key(hexcode) in icons}
    data = json.loads((packages / f"@iconify-json/{name}/icons.json").read_text())
    icons = {}
    for icon in data["icons"]:
        hexcode = names.get(letters(icon)) or names.get(letters(re.sub(r"-\d$", "", icon)))
        if hexcode:
            icons.setdefault(hexcode, icon)
    return {hexcode: icons[hexcode] for hexcode in meta if hexcode in icons}


def straight_alpha(premultiplied: np.ndarray) -> np.ndarray:
    alpha = premultiplied[..., 3:].astype(np.uint16)
    colour = premultiplied[..., :3].astype(np.uint16) * 255 + alpha // 2
    colour = np.minimum(colour // np.maximum(alpha, 1), 255)
    return np.concatenate([colour, alpha], axis=-1).astype(np.uint8)


def render(name: str, icons: dict[str, str], out: Path) -> None:
    drawn, images = draw((out / "npm").resolve(), name, list(dict.fromkeys(icons.values())), SIZE)
    row = {icon: i for i, icon in enumerate(drawn)}
    kept = [hexcode for hexcode, icon in icons.items() if icon in row]
    pictures = straight_alpha(images)[[row[icons[hexcode]] for hexcode in kept]]
    np.savez_compressed(out / f"{name}.npz", images=pictures, hexcode=np.array(kept))
    print(f"{name}: {len(kept)} emoji", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--unseen", action="store_true", help="render Noto, for evaluation only")
    args = parser.parse_args()
    packages = install_packages(args.out / "npm")
    meta = read_meta(packages)
    names = read_names(packages, meta)
    (args.out / "meta.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1))
    (args.out / "names.json").write_text(json.dumps(names))
    for name in UNSEEN if args.unseen else TRAINED:
        render(name, icons_of(packages, name, meta, names), args.out)
    (args.out / "READY").touch()


if __name__ == "__main__":
    main()

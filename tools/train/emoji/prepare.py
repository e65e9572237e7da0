"""Emoji pictures with their names, as NumPy arrays: what the encoder and the zoo are trained on.

    python prepare.py OUT            # Fluent (colour, flat, high-contrast) and Twemoji
    python prepare.py OUT --unseen   # Noto instead: for evaluation only, nothing is ever trained on it

OUT gets one SET.npz per set (images uint8 [n, 128, 128, 4], straight alpha; hexcode [n]), meta.json (hexcode ->
label, tags, keywords, group, subgroup) and, last of all, an empty file READY. Skin tones and flags are left out.
Needs node and npm; the packages are those pinned in package.json, installed in OUT/npm without running their scripts.
"""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SIZE = 128
TRAINED = ["fluent-emoji", "fluent-emoji-flat", "fluent-emoji-high-contrast", "twemoji"]
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


def straight_alpha(premultiplied: np.ndarray) -> np.ndarray:
    alpha = premultiplied[..., 3:].astype(np.uint16)
    colour = premultiplied[..., :3].astype(np.uint16) * 255 + alpha // 2
    colour = np.minimum(colour // np.maximum(alpha, 1), 255)
    return np.concatenate([colour, alpha], axis=-1).astype(np.uint8)


def render(name: str, meta: dict, out: Path) -> None:
    """Draws one set; a picture that makes resvg abort (one in a hundred of Noto's) is named and left out."""
    raw = (out / f"{name}.raw").resolve()
    pixels, journal, todo = Path(f"{raw}.rgba"), Path(f"{raw}.txt"), Path(f"{raw}.json")
    pixels.unlink(missing_ok=True)
    journal.unlink(missing_ok=True)
    remaining = list(meta)
    command = ["node", str(HERE / "render.mjs"), name, str(SIZE), str(todo), str(raw)]
    while True:
        todo.write_text(json.dumps(remaining))
        if subprocess.run(command, cwd=out / "npm", stderr=subprocess.DEVNULL).returncode == 0:
            break
        text = journal.read_text()
        if not text or text.endswith("\n"):
            raise SystemExit(f"{name}: node failed outside a picture; run by hand: {' '.join(command)}")
        failed = text.splitlines()[-1]
        print(f"{name}: left out, cannot be drawn: {meta[failed]['label']}")
        journal.write_text(text + " failed\n")
        remaining = remaining[remaining.index(failed) + 1 :]
    drawn = [line.split()[0] for line in journal.read_text().splitlines() if line.endswith(" ok")]
    images = np.fromfile(pixels, np.uint8).reshape(len(drawn), SIZE, SIZE, 4)
    np.savez_compressed(out / f"{name}.npz", images=straight_alpha(images), hexcode=np.array(drawn))
    for leftover in (pixels, journal, todo):
        leftover.unlink()
    print(f"{name}: {len(drawn)} of {len(meta)} emoji")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--unseen", action="store_true", help="render Noto, for evaluation only")
    args = parser.parse_args()
    meta = read_meta(install_packages(args.out / "npm"))
    (args.out / "meta.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1))
    for name in UNSEEN if args.unseen else TRAINED:
        render(name, meta, args.out)
    (args.out / "READY").touch()


if __name__ == "__main__":
    main()

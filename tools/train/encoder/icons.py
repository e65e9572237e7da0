"""Icons of named sets as training pictures: line art, silhouettes, two tones, pixels, hand-drawn and coloured styles.

    python icons.py --emoji EMOJI --work WORK    # EMOJI: the folder that emoji/prepare.py made

Writes WORK/icons.npz: what clipart.npz has, and set [n], label [n] (row of Labels, -1 for none), weight [n].
An icon whose name is an emoji's is that emoji drawn otherwise. Of the others those are kept whose name is of English
words of which the last is a thing one can touch (WordNet); an arrow beside a page is no picture of a thing.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np

import targets
from space import unit
from views import COLOURS
from wordnet import WordNet

HERE = Path(__file__).resolve().parent
SIZE = 96
SETS = {
    "flat-color-icons": "1.2.3", "fluent-color": "1.2.21", "game-icons": "1.2.4", "guidance": "1.2.2",
    "healthicons": "1.2.13", "hugeicons": "1.2.35", "icon-park": "1.2.4", "icon-park-solid": "1.2.4",
    "iconoir": "1.2.11", "lucide": "1.2.137", "lucide-lab": "1.2.3", "maki": "1.2.5", "mdi": "1.2.3",
    "meteocons": "1.2.4", "mingcute": "1.2.8", "pepicons-pop": "1.2.4", "pepicons-print": "1.2.2", "ph": "1.2.2",
    "pixelarticons": "1.2.9", "solar": "1.2.13", "streamline-flex": "1.2.3", "streamline-freehand-color": "1.2.2",
    "streamline-pixel": "1.2.0", "streamline-plump": "1.2.0", "streamline-ultimate-color": "1.2.2", "tabler": "1.2.41",
}
# Words that name the way an icon is drawn.
STYLES = set("""outline outlined line linear fill filled bold solid thin light duotone twotone broken remix alt variant
regular sharp rounded""".split())
# What an icon's name adds when the icon is about a program's work rather than a thing.
INTERFACE = set("""account add align alert app arrow arrows back badge bar board border bottom box brand button cancel
chart check chevron circle clear close code column config content copy corner cursor dashed data delete desktop device
direction document down download edit error export file filter folder forward full grid group help hide history import
information interface key layer layout left letter level link list load lock logo mark menu message minimalistic
minus module mode move network next number object off on open option options pack page panel paragraph pause pin play
plus point pointer position preview question reload remove reset return right rotate row save scan screen search select
send setting settings share shape shift show sign size slash socket sort source space split square stack standard start
status step stop switch symbol system tab table tag target text time title toggle tool top track type unit up update
upload user users view view volume warning window work x zoom""".split())


def install(npm: Path) -> None:
    packages = [f"@iconify-json/{name}@{version}" for name, version in SETS.items()]
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save"]
    subprocess.run([*command, *packages], cwd=npm, check=True, stdout=subprocess.DEVNULL)


def words_of(icon: str) -> tuple[list[str], str]:
    """The words of an icon's name, and the style that it is drawn in."""
    parts = [p for p in icon.split("-") if not re.fullmatch(r"\d+(px)?", p)]
    return [p for p in parts if p not in STYLES], " ".join(p for p in parts if p in STYLES)


def thing(word: str, known: WordNet) -> bool:
    """Is the commonest sense of the noun something physical?"""
    return "physical entity" in known.hypernyms(word, 30)


def caption(words: list[str], known: WordNet) -> str | None:
    if not 1 <= len(words) <= 3 or any(len(w) < 3 or w in INTERFACE for w in words):
        return None
    if not all(any((part, w) in known.senses for part in "nva") for w in words):
        return None
    text = " ".join(words)
    return text if thing(text, known) or thing(words[-1], known) else None


def chosen(icons: dict, names: dict[str, str], known: WordNet) -> dict[str, tuple[str, str | None]]:
    """icon -> caption and hexcode, one icon for each caption and style; the palest strokes vanish at 64 pixels."""
    found, taken = {}, set()
    for icon in icons:
        words, style = words_of(icon)
        if not words or "negative" in words or style in ("light", "thin"):
            continue
        text = " ".join(words)
        hexcode = names.get("".join(words))
        if not hexcode and not caption(words, known) or (text, style) in taken:
            continue
        taken.add((text, style))
        found[icon] = text, hexcode
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    npm, scratch = args.emoji / "npm", args.work / "icons"
    scratch.mkdir(exist_ok=True)
    if not all((npm / "node_modules/@iconify-json" / name).exists() for name in SETS):
        install(npm)
    known, names = WordNet(), json.loads((args.emoji / "names.json").read_text())
    images, sets, captions, hexcodes = [], [], [], []
    for name in SETS:
        icons = json.loads((npm / f"node_modules/@iconify-json/{name}/icons.json").read_text())["icons"]
        wanted = chosen(icons, names, known)
        todo, out = scratch / f"{name}.json", scratch / f"{name}.npz"
        if not out.exists():
            todo.write_text(json.dumps(list(wanted)))
            draw = [sys.executable, HERE.parent / "emoji/draw.py", npm, name, str(SIZE), todo, out]
            subprocess.run(draw, check=True)
        data = np.load(out)
        images.append(data["images"].transpose(0, 3, 1, 2))
        sets += [name] * len(data["name"])
        captions += [wanted[icon][0] for icon in data["name"]]
        hexcodes += [wanted[icon][1] for icon in data["name"]]
        print(f"{name}: {len(data['name'])} of {len(icons)}, e.g. {'; '.join(captions[-200::25])}", flush=True)

    labels, tower = targets.load(args.work), targets.TextTower(args.work)
    row = {h: i for i, h in enumerate(labels.hexcodes)}
    label = np.array([row.get(h, -1) for h in hexcodes])
    kinds = [", ".join(known.hypernyms(c, 2) or known.hypernyms(c.split()[-1], 2)) for c in captions]
    own, kind, colours = (tower.embed(t) for t in (captions, kinds, COLOURS))
    target = unit(0.8 * own + 0.2 * kind)
    target[label >= 0] = labels.target[label[label >= 0]]
    often = Counter(captions)
    np.savez(args.work / "icons.npz", images=np.concatenate(images), target=target.astype(np.float32), colours=colours,
             caption=np.array(captions), set=np.array(sets), label=label, may_flip=False,
             weight=np.array([often[c] ** -0.5 for c in captions], np.float32))
    print(f"{len(captions)} icons, {np.sum(label >= 0)} with an emoji's label, {len(often)} captions")


if __name__ == "__main__":
    main()

"""Draws icons of Iconify's sets as arrays: for prepare.py, and for the icons that the encoder learns from.

    python draw.py NPM SET SIZE NAMES.json OUT.npz    # NPM: the folder that prepare.py installed packages in

OUT.npz gets name [n] and images uint8 [n, SIZE, SIZE, 4], premultiplied. A set under a licence that is not in LICENCES
is refused: share-alike sets among others.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
LICENCES = {"MIT", "ISC", "Apache-2.0", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0"}


def check_licence(npm: Path, name: str) -> None:
    info = json.loads((npm / f"node_modules/@iconify-json/{name}/info.json").read_text())
    licence = info["license"]["spdx"]
    if licence not in LICENCES:
        raise SystemExit(f"{name} is under {licence}; only sets under {', '.join(sorted(LICENCES))} are drawn")


def draw(npm: Path, name: str, icons: list[str], size: int) -> tuple[list[str], np.ndarray]:
    """The icons drawn, and their pictures; one that makes resvg abort (one in a hundred of Noto's) is left out."""
    check_licence(npm, name)
    with tempfile.TemporaryDirectory(dir=npm) as folder:
        raw = Path(folder) / "raw"
        pixels, journal, todo = Path(f"{raw}.rgba"), Path(f"{raw}.txt"), Path(f"{raw}.json")
        journal.touch()
        remaining = icons
        command = ["node", str(HERE / "render.mjs"), name, str(size), str(todo), str(raw)]
        while True:
            todo.write_text(json.dumps(remaining))
            if subprocess.run(command, cwd=npm, stderr=subprocess.DEVNULL).returncode == 0:
                break
            text = journal.read_text()
            if not text or text.endswith("\n"):
                raise SystemExit(f"{name}: node failed outside a picture; run by hand in {npm}: {' '.join(command)}")
            failed = text.splitlines()[-1]
            print(f"{name}: left out, cannot be drawn: {failed}")
            journal.write_text(text + " failed\n")
            remaining = remaining[remaining.index(failed) + 1 :]
        drawn = [line.split()[0] for line in journal.read_text().splitlines() if line.endswith(" ok")]
        return drawn, np.fromfile(pixels, np.uint8).reshape(len(drawn), size, size, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("npm", type=Path)
    parser.add_argument("set")
    parser.add_argument("size", type=int)
    parser.add_argument("names", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    names, images = draw(args.npm.resolve(), args.set, json.loads(args.names.read_text()), args.size)
    np.savez(args.out, name=np.array(names), images=images)


if __name__ == "__main__":
    main()

"""How good an encoder is on pictures it has never seen: Noto's emoji, and sets left out of its training.

    python tools/train/emoji/prepare.py NOTO --unseen      # once: fetches and draws Noto
    python tests/quality/evaluate.py NOTO                  # data/encoder, through transformers
    python tests/quality/evaluate.py NOTO --encoder DIR --misses

with the features of the program itself:

    python tests/quality/evaluate.py NOTO --write PICTURES
    gensearch encode --encoder data/encoder --image PICTURES/picture/*.png --image PICTURES/sketch/*.png \\
        --text ... --json > F.jsonl          # PICTURES/texts.txt holds the texts, one a line
    python tests/quality/evaluate.py NOTO --features F.jsonl

or on sets that an encoder was trained without (train.py --leave-out):

    python tools/train/emoji/prepare.py EMOJI
    python tests/quality/evaluate.py EMOJI --set fxemoji --set streamline-emojis --encoder DIR

Needs Python 3.11 with numpy, pillow, scipy, and torch and transformers unless --features is given (the versions are in
tools/train/requirements.txt). Prints three figures for each set. Those of Noto have a least value; it exits 1 when one
is below:

    pictures     each picture of the set on white -> its own bare emojibase label among all labels: Top-1, Top-5
    sketches     line drawings of the same pictures (see line_drawing) -> their own label: Top-5
    free words   of the queries in queries.json that a picture of the set satisfies, how many have such a picture among
                 the first five (Noto has one for each of the 100)
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

HERE = Path(__file__).resolve().parent
LEAST = {"pictures Top-1": 0.35, "pictures Top-5": 0.60, "sketches Top-5": 0.35, "free words": 60}


def line_drawing(page: np.ndarray) -> np.ndarray:
    """Canny's edges of an RGB picture on white [128, 128, 3], drawn black on white with a pen three pixels wide.

    Gaussian smoothing (sigma 1), Sobel slope of the channel that changes most, thinning along the slope's direction,
    hysteresis between 0.12 and 0.3 of the largest possible slope, then a 3 x 3 dilation.
    """
    smooth = ndimage.gaussian_filter(page.astype(np.float64) / 255, (1, 1, 0))
    dx, dy = ndimage.sobel(smooth, 1) / 4, ndimage.sobel(smooth, 0) / 4
    channel = np.hypot(dx, dy).argmax(-1)[..., None]
    dx, dy = (np.take_along_axis(d, channel, -1)[..., 0] for d in (dx, dy))
    slope = np.hypot(dx, dy)
    sector = np.round(np.arctan2(dy, dx) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(slope, 1)
    thin = np.zeros(slope.shape, bool)
    for s, (sy, sx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + sy : 129 + sy, 1 + sx : 129 + sx]
        behind = padded[1 - sy : 129 - sy, 1 - sx : 129 - sx]
        thin |= (sector == s) & (slope >= ahead) & (slope > behind)
    parts, _ = ndimage.label(thin & (slope > 0.12), np.ones((3, 3)))
    strong = np.unique(parts[thin & (slope > 0.3)])
    edges = ndimage.binary_dilation(np.isin(parts, strong[strong > 0]), np.ones((3, 3)))
    return np.where(edges, 0, 255).astype(np.uint8)[..., None].repeat(3, -1)


def read_set(folder: Path, name: str) -> tuple[list[str], np.ndarray]:
    """Hexcodes, and pictures on white uint8 [n, 128, 128, 3]."""
    data = np.load(folder / f"{name}.npz")
    alpha = data["images"][..., 3:].astype(np.uint16)
    white = (data["images"][..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return [str(h) for h in data["hexcode"]], white.astype(np.uint8)


class Transformers:
    """Features through transformers' CLIP."""

    def __init__(self, folder: Path):
        import torch
        from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

        self.torch = torch
        self.model = CLIPModel.from_pretrained(folder).float().eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(folder)
        self.processor = CLIPImageProcessor.from_pretrained(folder)

    def _rows(self, found) -> np.ndarray:
        found = getattr(found, "pooler_output", found)
        return self.torch.nn.functional.normalize(found, dim=-1).numpy()

    def texts(self, texts: list[str]) -> np.ndarray:
        with self.torch.inference_mode():
            tokens = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
            return self._rows(self.model.get_text_features(**tokens))

    def pictures(self, _kind: str, _hexcodes: list[str], pictures: list[np.ndarray]) -> np.ndarray:
        rows = []
        with self.torch.inference_mode():
            for at in range(0, len(pictures), 128):
                pages = [Image.fromarray(p) for p in pictures[at : at + 128]]
                pixels = self.processor(pages, return_tensors="pt").pixel_values
                rows.append(self._rows(self.model.get_image_features(pixel_values=pixels)))
        return np.concatenate(rows)


class Features:
    """Features that `gensearch encode --json` wrote."""

    def __init__(self, file: Path):
        self.text, self.image = {}, {}
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if row["kind"] == "text":
                self.text[row["input"]] = row["feature"]
            else:
                self.image["/".join(Path(row["input"]).parts[-2:])] = row["feature"]

    def texts(self, texts: list[str]) -> np.ndarray:
        return np.array([self.text[t] for t in texts], np.float32)

    def pictures(self, kind: str, hexcodes: list[str], _pictures: list[np.ndarray]) -> np.ndarray:
        return np.array([self.image[f"{kind}/{h}.png"] for h in hexcodes], np.float32)


def label_hits(features: np.ndarray, labels: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Boolean [n, 5]: is the k-th label picture i is nearest to its own?"""
    return np.argsort(-features @ labels.T, axis=1, kind="stable")[:, :5] == own[:, None]


def write_pictures(folder: Path, hexcodes, pictures, sketches, texts) -> None:
    for kind, pages in (("picture", pictures), ("sketch", sketches)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for hexcode, page in zip(hexcodes, pages, strict=True):
            Image.fromarray(page).save(folder / kind / f"{hexcode}.png")
    (folder / "texts.txt").write_text("".join(f"{t}\n" for t in texts))


def measure(source, hexcodes, pictures, sketches, meta: dict, queries: list[dict], misses: bool) -> dict[str, float]:
    labels = [entry["label"] for entry in meta.values()]
    row = {hexcode: i for i, hexcode in enumerate(meta)}
    own = np.array([row[h] for h in hexcodes])
    bank = source.texts(labels)
    seen = source.pictures("picture", hexcodes, list(pictures))
    hits = label_hits(seen, bank, own)
    drawn = label_hits(source.pictures("sketch", hexcodes, sketches), bank, own)
    here = {labels[i] for i in own}
    queries = [q for q in queries if here & set(q["labels"])]
    found = np.argsort(-source.texts([q["query"] for q in queries]) @ seen.T, axis=1, kind="stable")[:, :5]
    satisfied = [any(labels[own[i]] in q["labels"] for i in nearest) for q, nearest in zip(queries, found, strict=True)]
    for query, nearest, good in zip(queries, found, satisfied, strict=True):
        if misses and not good:
            print(f"  {query['query']}: {'; '.join(labels[own[i]] for i in nearest)}")
    print(f"{len(hexcodes)} pictures, {len(labels)} labels, {len(queries)} queries")
    return {
        "pictures Top-1": hits[:, 0].mean(),
        "pictures Top-5": hits.any(1).mean(),
        "sketches Top-1": drawn[:, 0].mean(),
        "sketches Top-5": drawn.any(1).mean(),
        "free words": sum(satisfied),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="made by tools/train/emoji/prepare.py")
    parser.add_argument("--set", action="append", dest="sets", help="a set in the folder; may be repeated (noto)")
    parser.add_argument("--encoder", type=Path, default=HERE.parents[1] / "data/encoder")
    parser.add_argument("--features", type=Path, help="JSON Lines of gensearch encode, instead of transformers")
    parser.add_argument("--write", type=Path, help="only write the pictures, the sketches and texts.txt")
    parser.add_argument("--misses", action="store_true", help="list the queries that found nothing satisfying")
    args = parser.parse_args()
    sets = args.sets or ["noto"]
    if len(sets) > 1 and (args.write or args.features):
        parser.error("--write and --features take one --set")

    meta = json.loads((args.folder / "meta.json").read_text())
    queries = json.loads((HERE / "queries.json").read_text())
    source = None
    reached = True
    for name in sets:
        hexcodes, pictures = read_set(args.folder, name)
        sketches = [line_drawing(p) for p in pictures]
        if args.write:
            texts = [entry["label"] for entry in meta.values()] + [q["query"] for q in queries]
            write_pictures(args.write, hexcodes, pictures, sketches, texts)
            return 0
        source = source or (Features(args.features) if args.features else Transformers(args.encoder))
        print(f"{name}: ", end="")
        figures = measure(source, hexcodes, pictures, sketches, meta, queries, args.misses)
        for figure, value in figures.items():
            least = LEAST.get(figure) if name == "noto" else None
            print(f"{figure:15} {value:.3f}" if figure != "free words" else f"{figure:15} {value}", end="")
            print("" if least is None else f"   (at least {least})")
            reached = reached and (least is None or value >= least)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())

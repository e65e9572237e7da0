"""Makes what tune.py holds the vision tower to: views of the pictures, and for each the row that a better tower gives.

    python guide.py --help

That better tower is two: the tower as it is, and a linear head on the features of a network that has seen a million
photographs (lite.py). They err differently, above all in styles that neither has seen. The head learns from the same
views. Writes WORK/NAME/ with a file of views for each step, and WORK/NAME/guide.npy, the rows of all.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import common
from lite import Lite
from towers import Vision
from train_teacher import alignment_loss, soft_labels
from views import Batch

BATCHES = 8  # of views in a step's file
HEAD_WEIGHT = 0.5  # of the head's row beside the tower's
DROPOUT, EPOCHS, HEAD_BATCH = 0.3, 30, 512


@torch.inference_mode()
def make_views(args, folder: Path, views, tower: Vision, lite: Lite) -> list[Path]:
    files = [folder / f"{i:03}.npz" for i in range(args.steps)]
    for i, file in enumerate(files):
        if file.exists():
            continue
        batches = [views.batch(BATCHES * i + j, args.batch) for j in range(BATCHES)]
        np.savez(folder / "new.npz",
                 pixels=torch.cat([(b.pixels * 255).round().byte() for b in batches]),
                 features=torch.cat([lite.features(b.pixels).half() for b in batches]),
                 rows=torch.cat([tower.features(b.pixels).half() for b in batches]),
                 target=torch.cat([b.target.half() for b in batches]),
                 label=torch.cat([b.label for b in batches]))
        (folder / "new.npz").rename(file)
        print(f"{(i + 1) * BATCHES * args.batch} views", flush=True)
    return files


def read(files: list[Path], name: str) -> torch.Tensor:
    parts = []
    for file in files:
        with np.load(file) as data:
            parts.append(torch.from_numpy(data[name]))
    return torch.cat(parts)


class Head(nn.Module):
    def __init__(self, features: torch.Tensor, width: int):
        super().__init__()
        some = features[: 1 << 13].float()
        self.register_buffer("mean", some.mean(0))
        self.register_buffer("scale", 1 / (some.std(0) + 1e-3))
        self.linear = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(len(self.mean), width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.linear((features.float() - self.mean) * self.scale), dim=-1)


def trained_head(features, views: Batch, bank: torch.Tensor, rate: float) -> Head:
    head, soft = Head(features, bank.shape[1]), soft_labels(bank)
    optimiser = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0.05)
    steps = EPOCHS * (len(features) // HEAD_BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.05)
    for epoch in range(EPOCHS):
        for rows in torch.randperm(len(features)).split(HEAD_BATCH)[: steps // EPOCHS]:
            batch = Batch(None, views.target[rows].float(), views.label[rows])
            loss, contrast, pull = alignment_loss(head(features[rows]), batch, bank, soft)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1} contrast {contrast:.3f} pull {pull:.3f}", flush=True)
    return head.eval()


def together(rows: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
    return F.normalize(rows + HEAD_WEIGHT * heads, dim=-1)


def main() -> None:
    parser = common.parser(__doc__, steps=28, batch=128, rate=1e-3)
    parser.add_argument("--tower", required=True, help="name of the checkpoint of the tower to be tuned")
    parser.add_argument("--lite", type=Path, required=True, help="file of the weights of EfficientNet-Lite0")
    args = parser.parse_args()
    common.set_up(args)
    labels, _, views = common.pictures(args)
    folder = Path(args.work) / args.name
    folder.mkdir(exist_ok=True)
    tower, lite = common.vision(Path(args.work) / f"{args.tower}.pt"), Lite(args.lite)
    files = make_views(args, folder, views, tower, lite)
    features = read(files, "features")
    seen = Batch(None, read(files, "target"), read(files, "label"))
    head = trained_head(features, seen, torch.from_numpy(labels.label), args.rate)
    with torch.inference_mode():
        heads = torch.cat([head(part) for part in features.split(1024)])
        np.save(folder / "new.npy", together(read(files, "rows").float(), heads).half())
    (folder / "new.npy").rename(folder / "guide.npy")
    common.report_left_out(lambda pixels: together(tower.features(pixels), head(lite.features(pixels))), args, labels)


if __name__ == "__main__":
    main()

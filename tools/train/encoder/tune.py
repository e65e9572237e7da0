"""Trains the vision tower further, on the views that guide.py made and towards the rows that it gave them.

    python tune.py --help

Each view comes by several times, most times with another choice of its patches (see train_vision.py).
"""

import time
from pathlib import Path

import numpy as np
import torch

import common
import targets
from guide import read
from towers import half_precision
from train_teacher import alignment_loss, soft_labels
from train_vision import WHOLE, busiest, nearness
from views import Batch


def main() -> None:
    parser = common.parser(__doc__, steps=2500, batch=32, rate=2e-4)
    parser.add_argument("--tower", required=True, help="name of the checkpoint to begin with")
    parser.add_argument("--guide", required=True, help="name that guide.py was given")
    args = parser.parse_args()
    common.set_up(args)
    work = Path(args.work)
    labels = targets.load(work)
    bank, folder = torch.from_numpy(labels.label), work / args.guide
    soft = soft_labels(bank)
    files = sorted(folder.glob("[0-9]*.npz"))
    pixels, target, label = (read(files, name) for name in ("pixels", "target", "label"))
    guide = torch.from_numpy(np.load(folder / "guide.npy"))
    model = common.vision(work / f"{args.tower}.pt").train()
    run = common.Run(model, args, work / f"{args.name}.pt", decay=0.05, averaging=0.995)
    started = time.time()
    for step in range(run.step, args.steps):
        g = torch.Generator().manual_seed(int(np.random.SeedSequence([args.seed, step]).generate_state(1)[0]))
        rows = torch.randint(len(pixels), (args.batch,), generator=g)
        batch = Batch(pixels[rows].float() / 255, target[rows].float(), label[rows])
        kept = busiest(batch.pixels, step) if step % WHOLE else None
        with half_precision():
            out, _ = model.with_tokens(batch.pixels, kept)
        aligned, contrast, pull = alignment_loss(out, batch, bank, soft)
        near, told = nearness(out, guide[rows].float(), bank)
        run.update(0.3 * aligned + near, step)
        if step % 50 == 49 or step + 1 == args.steps:
            rate = (step + 1 - run.step) * args.batch / (time.time() - started)
            print(f"{step + 1} contrast {contrast:.3f} pull {pull:.3f} {told} {rate:.0f}/s", flush=True)
            run.save(step + 1)
    common.report_left_out(run.average.features, args, labels)


if __name__ == "__main__":
    main()

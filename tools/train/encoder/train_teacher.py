"""Trains the convolutional teacher.   python train_teacher.py --help

For the first part of the training the views are made smaller, which costs half and loses little.
"""

import time
from pathlib import Path

import torch
import torch.nn.functional as F

import common
from teacher import Teacher
from towers import half_precision
from views import ahead

SCALE = 24.0  # of the cosine logits against the label bank
SMALL, SMALL_PART = 48, 0.34  # pixels a side, and for how much of the training
SOFTNESS = 0.12  # the share of a label's probability that goes to labels whose text is near


def soft_labels(bank: torch.Tensor) -> torch.Tensor:
    near = torch.softmax(bank @ bank.T * 16, dim=-1)
    return (1 - SOFTNESS) * torch.eye(len(bank)) + SOFTNESS * near


def alignment_loss(out, batch, bank, soft):
    """Cross-entropy against the label bank with soft targets, and the cosine to the picture's target."""
    known = batch.label >= 0
    logits = SCALE * out[known] @ bank.T
    contrast = F.cross_entropy(logits, soft[batch.label[known]])
    pull = 1 - (out * batch.target).sum(-1).mean()
    return contrast + 6 * pull, contrast, pull


def main() -> None:
    args = common.parser(__doc__, steps=2000, batch=128, rate=2e-3).parse_args()
    common.set_up(args)
    labels, sources, views = common.pictures(args)
    bank = torch.from_numpy(labels.label)
    soft = soft_labels(bank)
    model = Teacher().to(memory_format=torch.channels_last)
    run = common.Run(model, args, Path(args.work) / f"{args.name}.pt", decay=0.05)
    started, seen = time.time(), 0
    for step, batch in ahead(views, run.step, args.steps, args.batch):
        pixels = batch.pixels
        if step < SMALL_PART * args.steps:
            pixels = F.interpolate(pixels, size=(SMALL, SMALL), mode="bilinear", antialias=True)
        with half_precision():
            out = model(pixels)
        loss, contrast, pull = alignment_loss(out, batch, bank, soft)
        run.update(loss, step)
        seen += args.batch
        if step % 100 == 99:
            hit = (out @ bank.T).argmax(1) == batch.label
            print(f"{step + 1} contrast {contrast:.3f} pull {pull:.3f} top1 {hit.float().mean():.3f} "
                  f"{seen / (time.time() - started):.0f}/s", flush=True)
        if step % 200 == 199 or step + 1 == args.steps:
            run.save(step + 1)
    common.report_left_out(run.average, args, labels)


if __name__ == "__main__":
    main()

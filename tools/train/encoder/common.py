"""What the training scripts share: arguments, pictures, and a resumable optimiser with averaged weights."""

import argparse
import copy
import math
import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

import sources as src
import targets
from towers import Vision
from views import Views

SETS = ["fluent-emoji", "fluent-emoji-flat", "fluent-emoji-high-contrast", "twemoji", "emojione", "emojione-monotone",
        "fxemoji", "streamline-emojis"]
SHARES = {"icons": 0.25, "clipart": 0.15, "glyphs": 0.02}  # of all draws so far, beginning with the emoji


def parser(doc: str, steps: int, batch: int, rate: float) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder of texts, clip art and checkpoints")
    parser.add_argument("--emoji", required=True, help="folder that emoji/prepare.py made")
    parser.add_argument("--name", required=True, help="name of this checkpoint in the work folder")
    leave_out(parser)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser


def leave_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="SET",
                        help="sets of emoji or icons, by the beginnings of their names, that are only validated on")


def set_up(args) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    if "RANK" in os.environ:  # started by torch.distributed.run: each process sees views of its own
        dist.init_process_group("gloo")
        args.seed += 1000 * dist.get_rank()


def pictures(args):
    labels = targets.load(Path(args.work))
    left_out = tuple(args.leave_out)
    found = src.emoji(Path(args.emoji), labels, [s for s in SETS if not s.startswith(left_out)])
    for name, share in SHARES.items():
        found = src.joined(found, src.captioned(Path(args.work) / f"{name}.npz", share, found, left_out))
    print(f"{len(found.label)} pictures", flush=True)
    return labels, found, Views(found, args.seed)


class Run:
    """AdamW under a warmed-up cosine, clipped gradients, an average of the weights, and a file to go on from.

    Processes of one run train apart and meet at the mean of their weights every MEETING steps ("local SGD"): on few
    cores that wastes less time than threads that wait for each other in every layer.
    """

    MEETING = 20

    def __init__(self, model, args, file: Path, decay: float, averaging: float = 0.998):
        self.model, self.args, self.file, self.averaging = model, args, file, averaging
        self.average = copy.deepcopy(model).eval()
        matrices = [p for p in model.parameters() if p.ndim > 1]
        vectors = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0}]
        self.optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98), fused=True)
        self.step = 0
        if file.exists():
            state = torch.load(file, weights_only=True)
            model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]
            print(f"going on from step {self.step}", flush=True)

    def rate(self, step: int) -> float:
        warm = min(1.0, (step + 1) / min(100, 0.1 * self.args.steps))
        return self.args.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1, step / self.args.steps))))

    def update(self, loss, step: int) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(step)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        keep = min(self.averaging, (step + 1) / (step + 10))
        with torch.no_grad():
            pairs = zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True)
            means, now = zip(*((a, b) for a, b in pairs if a.is_floating_point()), strict=True)
            torch._foreach_lerp_(means, now, 1 - keep)
        if dist.is_initialized() and step % self.MEETING == 0:
            self.meet()

    @torch.no_grad()
    def meet(self) -> None:
        weights = [*self.model.parameters(), *self.average.parameters()]
        flat = torch.cat([w.reshape(-1) for w in weights])  # whatever their memory format
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        for w, mean in zip(weights, flat.split([w.numel() for w in weights]), strict=True):
            w.copy_(mean.view(w.shape))

    def save(self, step: int) -> None:
        if dist.is_initialized() and dist.get_rank() > 0:
            return
        state = {"model": self.model.state_dict(), "average": self.average.state_dict(),
                 "optimiser": self.optimiser.state_dict(), "step": step}
        torch.save(state, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").rename(self.file)


def averaged(model, file: Path):
    model.load_state_dict(torch.load(file, weights_only=True)["average"])
    return model.eval()


def vision(file: Path) -> Vision:
    """The averaged vision tower of a checkpoint, without what train_vision.py trains beside it."""
    state = torch.load(file, weights_only=True)["average"]
    tower = Vision()
    names = {name: f"tower.{name}" if f"tower.{name}" in state else name for name in tower.state_dict()}
    tower.load_state_dict({name: state[stored] for name, stored in names.items()})
    return tower.eval()


@torch.inference_mode()
def report_left_out(model, args, labels) -> None:
    """Top-1 and Top-5 label accuracy on each emoji set that was left out, on white."""
    for name in (s for s in SETS if s.startswith(tuple(args.leave_out))):
        left = src.emoji(Path(args.emoji), labels, [name])
        rgba = torch.nn.functional.interpolate(left.images.float() / 255, size=(64, 64), mode="bilinear",
                                               antialias=True)
        out = torch.cat([model(p) for p in (rgba[:, :3] + 1 - rgba[:, 3:]).split(128)])
        order = (out @ torch.from_numpy(labels.label).T).topk(5).indices.numpy()
        hit = order == left.label.numpy()[:, None]
        print(f"left out {name}: top1 {hit[:, 0].mean():.3f} top5 {np.any(hit, 1).mean():.3f}", flush=True)

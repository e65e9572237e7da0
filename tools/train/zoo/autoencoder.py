"""Trains what all models of the zoo share: an encoder to a small latent, and the decoder that paints from it.

    python tools/train/zoo/autoencoder.py --work WORK [--steps 10000] [--threads 1]

WORK is the folder that gallery.py filled. A picture of 64 x 64 pixels becomes 8 x 8 cells of eight numbers in -1 .. 1:
a picture is 512 bytes. Both networks are convolutional, and one of 128 x 128 becomes 16 x 16 cells. The decoder
learns edges and surfaces, not pictures: it paints those of a model of your own as well. WORK/autoencoder.pt gets
weights, optimiser and step every minute; run again, it goes on from there.
"""

import argparse
import math
import time
from collections import deque
from pathlib import Path

import numpy as np
import torch
from torch import nn

from nets import Decoder, Encoder

BATCH = 32
RATE = 2e-3
ICONS = 0.3  # share of a batch; they are simpler than emoji
MANNER = (0.4, 0.4, 0.2)  # shares of a batch: pages as they are, changed ones, and quarters of large ones
LAST = (0.75, 0.1, 0.15)  # of the last quarter of the steps
OFTEN = 8  # drawn by program: so few that each counts as so many icons


def picture_loss(made, wanted):
    """Mean absolute difference of the pixels, and of their slopes, which is what keeps edges sharp."""
    loss = (made - wanted).abs().mean()
    for axis in (2, 3):
        loss = loss + (made.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean()
    return loss


class Views:
    """Batches of ink [n, 3, 64, 64] in 0 .. 1: pages as they are, changed ones, and quarters of large ones."""

    def __init__(self, work: Path, seed: int):
        self.pages, self.large = (np.load(work / f"{name}.npy", mmap_mode="r") for name in ("pages", "large"))
        data = np.load(work / "gallery.npz")
        emoji, drawn = data["name"] == "", np.isin(data["set"], ["program", "fonts"])
        self.emoji = np.flatnonzero(emoji)
        self.icons = np.concatenate([np.flatnonzero(~emoji), *[np.flatnonzero(drawn)] * (OFTEN - 1)])
        self.rng = np.random.default_rng(seed)

    def canonical(self, index):
        return torch.from_numpy(255 - self.pages[index])

    def quarters(self, index):
        places = self.rng.integers(0, 65, (len(index), 2))
        return torch.from_numpy(
            np.stack([255 - self.large[i, y : y + 64, x : x + 64] for i, (y, x) in zip(index, places)])
        )

    def changed(self, index):
        """Mirrored, shifted by up to four pixels, with the colours of the ink exchanged."""
        pages = self.canonical(index)
        for row in range(len(pages)):
            shift = self.rng.integers(-4, 5, 2).tolist()
            page = torch.roll(pages[row], shift, (0, 1))
            page = page.flip(1) if self.rng.random() < 0.5 else page
            pages[row] = page[:, :, self.rng.permutation(3).tolist()]
        return pages

    def batch(self, manner):
        count = int(BATCH * ICONS)
        index = np.concatenate([self.rng.choice(self.icons, count), self.rng.choice(self.emoji, BATCH - count)])
        self.rng.shuffle(index)
        first, second = int(BATCH * manner[0]), int(BATCH * (1 - manner[2]))
        parts = [self.canonical(index[:first]), self.changed(index[first:second]), self.quarters(index[second:])]
        return torch.cat(parts).permute(0, 3, 1, 2).float() / 255


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    encoder, decoder = (net.to(args.device, memory_format=torch.channels_last) for net in (Encoder(), Decoder()))
    adam = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], RATE, betas=(0.9, 0.98), weight_decay=0.01)
    checkpoint, step = args.work / "autoencoder.pt", 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        for part, name in ((encoder, "encoder"), (decoder, "decoder"), (adam, "adam")):
            part.load_state_dict(saved[name])
        step = saved["step"]
    views = Views(args.work, args.seed + step)
    losses, kept = deque(maxlen=100), time.time()
    while step < args.steps:
        rate = RATE * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * step / args.steps)) + 1e-5
        for group in adam.param_groups:
            group["lr"] = rate
        ink = views.batch(MANNER if step < 0.75 * args.steps else LAST)
        ink = ink.to(args.device, memory_format=torch.channels_last)
        with torch.autocast(args.device, torch.bfloat16):
            latent = encoder(ink).float()
            noise = torch.rand(len(ink), 1, 1, 1, device=ink.device) * 0.06
            made = decoder(latent + noise * torch.randn_like(latent))
        loss = picture_loss(made.float(), ink)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*encoder.parameters(), *decoder.parameters()], 1.0)
        adam.step()
        step += 1
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"{step:6d} loss {sum(losses) / len(losses):.4f}", flush=True)
        if time.time() - kept > 60 or step == args.steps:
            saved = {"encoder": encoder.state_dict(), "decoder": decoder.state_dict(), "adam": adam.state_dict()}
            torch.save({**saved, "step": step}, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").rename(checkpoint)
            kept = time.time()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="or cuda")
    train(parser.parse_args())


if __name__ == "__main__":
    main()

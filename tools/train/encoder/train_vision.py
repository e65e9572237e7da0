"""Distils the convolutional teacher into the vision tower, beside the same alignment loss.

    python train_vision.py --help

What the tower is to give is the teacher's row, drawn a little towards the targets of the labels that the teacher takes
for likely: names and kinds, not the label alone, are what words find a picture by, even where the label is mistaken.
The teacher's feature maps, an eighth and a sixteenth of the picture wide, guide the patch tokens of two layers: 64
targets a picture instead of one. For most of the training the tower looks, seven steps in eight, at the busiest 24
of the 64 patches only (white paper says little), which doubles the pictures it gets to see.
"""

import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import common
from teacher import Teacher
from towers import MEAN, PATCH, PIXELS, STD, WIDTH, Vision, half_precision
from train_teacher import SCALE, alignment_loss, soft_labels
from views import ahead

MASKED = 0.85  # the part of the training that looks, WHOLE - 1 steps in WHOLE, at some patches only
WHOLE, KEPT = 8, 24
BLEND, SHARPNESS = 0.3, 64.0  # how far towards the likely labels' targets, and the scale of those likelihoods
FINE_LAYER, COARSE_LAYER = 1, 3  # whose tokens follow the maps at an eighth and at a sixteenth


def sine_positions(side: int, width: int) -> torch.Tensor:
    """[side * side, width]: sines and cosines of both coordinates at width / 4 wavelengths."""
    rates = 1 / 100 ** (torch.arange(width // 4) / (width // 4))
    y, x = torch.meshgrid(torch.arange(side).float(), torch.arange(side).float(), indexing="ij")
    waves = [f(c.reshape(-1, 1) * rates) for c in (x, y) for f in (torch.sin, torch.cos)]
    return torch.cat(waves, 1)


def whitening(pixels: torch.Tensor, rows: int, g: torch.Generator) -> torch.Tensor:
    """[rows, 3, PATCH, PATCH]: filters whose answers to patches of these pictures are uncorrelated and of one size."""
    patches = pixels.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3 * PATCH**2)
    patches = (patches - MEAN[0]) / STD[0]
    sizes, directions = torch.linalg.eigh(patches.T.cov())
    filters = directions.T / (sizes[:, None] + 0.05 * sizes.mean()).sqrt()
    mixed = torch.randn(rows - len(filters), len(filters), generator=g) / len(filters) ** 0.5 @ filters
    return torch.cat([filters, mixed]).reshape(rows, 3, PATCH, PATCH)


def start_like_trained(model: Vision, pixels: torch.Tensor, seed: int) -> None:
    """Begins where trained towers tend to end up (Trockman and Kolter 2023, "Mimetic initialization"): queries and
    keys alike, so that a patch attends to its like, value and output nearly opposite. Patches come in whitened."""
    g = torch.Generator().manual_seed(seed)
    tower = model.vision_model
    def noise(rows: int) -> torch.Tensor:
        return torch.randn(rows, rows, generator=g) / rows**0.5
    with torch.no_grad():
        tower.embeddings.position_embedding.weight[1:] = 0.5 * sine_positions(PIXELS // PATCH, WIDTH)
        tower.embeddings.patch_embedding.weight.copy_(0.5 * whitening(pixels, WIDTH, g))
        for layer in tower.encoder.layers:
            attention = layer.self_attn
            heads = attention.num_heads
            size = WIDTH // heads
            for h in range(heads):
                left, values, right = torch.linalg.svd(0.7 * noise(WIDTH) + 0.7 * torch.eye(WIDTH))
                root = values[:size].sqrt()
                rows = slice(h * size, (h + 1) * size)
                attention.q_proj.weight[rows] = (left[:, :size] * root).T
                attention.k_proj.weight[rows] = right[:size] * root[:, None]
            left, values, right = torch.linalg.svd(0.4 * noise(WIDTH) - 0.4 * torch.eye(WIDTH))
            attention.v_proj.weight.copy_(right * values.sqrt()[:, None])
            attention.out_proj.weight.copy_(left * values.sqrt())
            for linear in (layer.mlp.fc1, layer.mlp.fc2):
                torch.nn.init.trunc_normal_(linear.weight, std=0.03, generator=g)
        torch.nn.init.normal_(model.visual_projection.weight, std=WIDTH**-0.5, generator=g)


def guidance(rows: torch.Tensor, bank: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Unit rows [b, DIM]; bank and targets [labels, DIM]."""
    likely = F.softmax(SHARPNESS * rows @ bank.T, dim=-1) @ targets
    return F.normalize(torch.lerp(rows, F.normalize(likely, dim=-1), BLEND), dim=-1)


def busiest(pixels: torch.Tensor, step: int) -> torch.Tensor:
    """[b, KEPT] patches with the most going on, with some chance mixed in."""
    g = torch.Generator().manual_seed(step)
    blocks = pixels.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).flatten(4)
    spread = blocks.std(-1).mean(1).flatten(1)
    return (spread + 0.08 * torch.rand(spread.shape, generator=g)).topk(KEPT, dim=1).indices.sort(1).values


class Guided(nn.Module):
    """The tower, and the readings of its tokens that are held against the teacher's maps (not exported)."""

    def __init__(self, channels: tuple[int, int]):
        super().__init__()
        self.tower = Vision()
        self.fine, self.coarse = (nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, c)) for c in channels)

    def forward(self, pixels, kept):
        out, tokens = self.tower.with_tokens(pixels, kept)
        return out, self.fine(tokens[FINE_LAYER]), self.coarse(tokens[COARSE_LAYER])


def map_loss(found: torch.Tensor, feature_map: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
    """Squared error of tokens [b, k, c] to a map [b, c, h, w] whose channels are standardised over the batch."""
    side = PIXELS // PATCH
    grid = F.interpolate(feature_map.float(), size=(side, side)).flatten(2).transpose(1, 2)
    grid = (grid - grid.mean((0, 1))) / (grid.std((0, 1)) + 1e-3)
    if kept is not None:
        grid = grid.gather(1, kept[..., None].expand(-1, -1, grid.shape[-1]))
    return (found.float() - grid).square().mean()


def nearness(out: torch.Tensor, guide: torch.Tensor, bank: torch.Tensor) -> tuple[torch.Tensor, str]:
    """How far unit rows [b, DIM] are from those of the guide, and their label probabilities from the guide's."""
    near = 1 - (out * guide).sum(-1).mean()
    wanted = F.softmax(SCALE * guide @ bank.T, dim=-1)
    same = F.kl_div(F.log_softmax(SCALE * out @ bank.T, dim=-1), wanted, reduction="batchmean")
    return 6 * near + same, f"cosine {1 - near:.3f} kl {same:.3f}"


def teaching(teacher, pixels, out, read, kept, bank, targets) -> tuple[torch.Tensor, str]:
    """How far the tower's rows, label probabilities and tokens are from what the teacher makes of these pictures."""
    with torch.no_grad(), half_precision():
        rows, fine, coarse = teacher.with_maps(pixels)
    guide = guidance(rows.float(), bank, targets)
    maps = map_loss(read[0], fine, kept) + map_loss(read[1], coarse, kept)
    near, told = nearness(out, guide, bank)
    return near + 2 * maps, f"{told} maps {maps / 2:.3f}"


def main() -> None:
    parser = common.parser(__doc__, steps=6000, batch=24, rate=6e-4)
    parser.add_argument("--teacher", required=True, help="name of the teacher's checkpoint")
    args = parser.parse_args()
    common.set_up(args)
    labels, _, views = common.pictures(args)
    bank, targets = torch.from_numpy(labels.label), torch.from_numpy(labels.target)
    soft = soft_labels(bank)
    work = Path(args.work)
    teacher = common.averaged(Teacher().to(memory_format=torch.channels_last), work / f"{args.teacher}.pt")
    model = Guided((teacher.body[5].second.out_channels, teacher.d))
    start_like_trained(model.tower, views.batch(0, 256).pixels, args.seed)
    run = common.Run(model, args, work / f"{args.name}.pt", decay=0.05, averaging=0.998)
    started = time.time()
    for step, batch in ahead(views, run.step, args.steps, args.batch):
        kept = busiest(batch.pixels, step) if step % WHOLE and step < MASKED * args.steps else None
        with half_precision():
            out, *read = model(batch.pixels, kept)
        aligned, contrast, pull = alignment_loss(out, batch, bank, soft)
        guided, told = teaching(teacher, batch.pixels, out, read, kept, bank, targets)
        run.update(0.3 * aligned + guided, step)
        if step % 50 == 49:
            hit = (out @ bank.T).argmax(1) == batch.label
            rate = (step + 1 - run.step) * args.batch / (time.time() - started)
            print(f"{step + 1} contrast {contrast:.3f} pull {pull:.3f} {told} top1 {hit.float().mean():.3f} "
                  f"{rate:.0f}/s", flush=True)
        if step % 50 == 49 or step + 1 == args.steps:
            run.save(step + 1)
    common.report_left_out(run.average.tower.features, args, labels)


if __name__ == "__main__":
    main()

"""Latent diffusion (Ho et al. 2020, Rombach et al. 2022) over codes, predicting the velocity v."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from nets import PLACE, Placed
from training import BATCH, Trained, descend, draw

NOISE = 0.1
STEPS = 12  # of sampling


class Denoiser(nn.Module):
    """Noisy x [n, size + PLACE] and time [n] in 0 .. 1 -> velocity: residual layers steered by the time.

    The numbers of the placement are normal already: of them the velocity is zero at every time."""

    def __init__(self, size, width=80, depth=3):
        super().__init__()
        self.size = size
        self.register_buffer("waves", torch.exp(torch.linspace(0, math.log(100), 12)))
        self.time = nn.Linear(24, width)
        self.first = nn.Linear(size, width)
        self.inner = nn.ModuleList([nn.Linear(width, width) for _ in range(2 * depth)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(depth)])
        self.last = nn.Linear(width, size)

    def forward(self, x, t):
        angles = t.unsqueeze(1) * self.waves
        time = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        h = self.first(x[:, : self.size]) + time
        for index, norm in enumerate(self.norms):
            inner = F.silu(self.inner[2 * index](F.silu(norm(h) + time)))
            h = h + self.inner[2 * index + 1](inner)
        return torch.cat([self.last(F.silu(h)), torch.zeros_like(x[:, self.size :])], 1)


def alpha(t):
    """Share of signal left at time t in 0 .. 1: the cosine schedule of Nichol and Dhariwal 2021."""
    return torch.cos(t * math.pi / 2) ** 2


def train(codes, memory, hue, steps, start=None):
    size = codes.shape[1]
    denoiser = Denoiser(size)
    if start:
        denoiser.load_state_dict(start)
    rest = torch.zeros(BATCH, PLACE)

    def loss_of(step):
        clean, t = draw(codes, NOISE), torch.rand(BATCH)
        dirt = torch.randn_like(clean)
        signal, noise = alpha(t).sqrt().unsqueeze(1), (1 - alpha(t)).sqrt().unsqueeze(1)
        found = denoiser(torch.cat([signal * clean + noise * dirt, rest], 1), t)
        return F.mse_loss(found[:, :size], signal * dirt - noise * clean)

    descend(denoiser.parameters(), steps, 3e-3, loss_of)
    times, latent = torch.linspace(0.98, 0.04, STEPS), size + PLACE
    sampler = {
        "path": "denoiser.onnx",
        "procedure": "diffusion",
        "latent": [latent],
        "prediction": "v",
        "timesteps": [round(t, 4) for t in times.tolist()],
        "alphas_cumprod": [round(a, 6) for a in alpha(times).tolist()],
        "decoder": ["recall.onnx"],
    }
    graphs = {
        "denoiser.onnx": (denoiser, {"x": torch.randn(16, latent), "t": torch.rand(16)}, ["v"]),
        "recall.onnx": (Placed(nn.Identity(), memory, hue), {"z": torch.randn(16, latent)}, ["page"]),
    }
    return Trained(sampler, graphs, denoiser)

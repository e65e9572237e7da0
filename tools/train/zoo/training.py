"""What the families of generators share: a run of steps, and the parts of a finished model."""

import math
from dataclasses import dataclass

import torch
from torch import nn

BATCH = 128


@dataclass
class Trained:
    """Graphs to export, by file name, each with its example inputs by name and its outputs' names; the sampler block;
    and the network that another model may start from."""

    sampler: dict
    graphs: dict
    network: nn.Module

    def parameters(self) -> int:
        return sum(weight.numel() for module, *_ in self.graphs.values() for weight in module.parameters())


def descend(parameters, steps, rate, loss_of):
    """Adam with a warm start and a cosine's end; loss_of(step) is what is made small. The last loss."""
    parameters = list(parameters)
    adam = torch.optim.Adam(parameters, rate, betas=(0.9, 0.99))
    warm, loss = max(1, steps // 20), 0.0
    for step in range(steps):
        factor = min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * step / steps) + 0.01)
        for group in adam.param_groups:
            group["lr"] = rate * factor
        loss = loss_of(step)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        adam.step()
    return loss.item()


def draw(codes, noise):
    """A batch of codes, each moved a little: the noise that makes a density of a list (dequantisation)."""
    chosen = codes[torch.randint(len(codes), (BATCH,))]
    return chosen + noise * torch.randn_like(chosen)


def k_means(points, count, rounds=20):
    """Centres [count, size] of at least so many points (Lloyd 1982)."""
    centres = points[torch.randperm(len(points))[:count]].clone()
    for _ in range(rounds):
        member = torch.cdist(points, centres).argmin(1)
        for index in member.unique():
            centres[index] = points[member == index].mean(0)
    return centres


def one_graph(graph, latent):
    """The sampler and the graph of a model that needs one pass from z [n, latent] to a page."""
    sampler = {"path": "model.onnx", "procedure": "decode", "latent": [latent]}
    return sampler, {"model.onnx": (graph, {"z": torch.randn(16, latent)}, ["page"])}

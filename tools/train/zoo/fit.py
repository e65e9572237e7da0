"""A model of pictures: their latents are its memory, and a network of its type learns to choose among them."""

import torch

import autoregressive
import diffusion
import flow
import gan
import implicit
import vae
from nets import Halves, Memory

FAMILIES = {
    "GAN": gan, "VAE": vae, "diffusion": diffusion, "flow": flow, "autoregressive": autoregressive,
    "implicit": implicit,
}  # fmt: skip
CODE = 12  # numbers that say where a picture lies among the others of its model
ALIKE = 0.25  # of the median distance: halves that are nearer are taken for the same
STEPS = 1000
SEED = 1


def codes_of(latents):
    """Where each picture lies among the others: its whitened principal components [n, CODE], then zeros."""
    left, scale, _ = torch.linalg.svd(latents - latents.mean(0), full_matrices=False)
    size = min(CODE, len(latents) - 1)
    codes = torch.zeros(len(latents), CODE)
    codes[:, :size] = left[:, :size] * len(latents) ** 0.5
    return codes


def remember(latents):
    """The codes of pictures' latents [n, CHANNELS, h, w], and the memory that gives the latents back."""
    flat = latents.flatten(1)
    codes = codes_of(flat)
    return codes, Memory(codes, flat)


def compare(found, known):
    """Distances [n, pictures] of latents, in units of the median distance between two of the known pictures."""
    found, known = found.flatten(1), known.flatten(1)
    apart = torch.cdist(known, known)
    return torch.cdist(found, known) / apart[~torch.eye(len(known), dtype=torch.bool)].median()


def remember_halves(latents):
    """The codes of new pictures: the upper half of one with the lower half of another, where no picture has both."""
    halves = latents.chunk(2, 2)
    (upper, above), (lower, below) = (remember(half) for half in halves)
    alike = [compare(half, half).lt(ALIKE).float() for half in halves]
    first, second = torch.nonzero(alike[0] @ alike[1].T == 0, as_tuple=True)
    return torch.cat([upper[first], lower[second]], 1), Halves(above, below)


def fit(kind, latents, hue, steps, halves=False, base=None):
    """Trains a model of a type of FAMILIES on latents [n, CHANNELS, h, w]; base: weights to begin with."""
    torch.manual_seed(SEED)
    codes, memory = (remember_halves if halves else remember)(latents)
    return FAMILIES[kind].train(codes, memory, hue, steps, base)

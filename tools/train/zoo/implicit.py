"""Implicit maximum likelihood (Li and Malik 2018): a generator without a critic.

Of a pool of samples the nearest to each picture is drawn to it, so that every picture is met by some latent."""

import torch

from nets import PLACE, Placed, perceptron
from training import BATCH, Trained, descend, draw, one_graph

LATENT = 6
NOISE = 0.1
POOL, EVERY = 1024, 20  # samples that are searched, steps between two searches


def train(codes, memory, hue, steps, start=None):
    generator = perceptron(LATENT, 96, codes.shape[1])
    if start:
        generator.load_state_dict(start)
    found = {}

    def loss_of(step):
        if step % EVERY == 0:
            with torch.no_grad():
                found["wanted"] = draw(codes, NOISE)
                pool = torch.randn(POOL, LATENT)
                apart = torch.cdist(found["wanted"], generator(pool))
                found["latent"] = pool[apart.argmin(1)] + 0.05 * torch.randn(BATCH, LATENT)
        return (generator(found["latent"]) - found["wanted"]).square().sum(1).mean()

    descend(generator.parameters(), steps, 2e-3, loss_of)
    return Trained(*one_graph(Placed(generator, memory, hue), LATENT + PLACE), generator)

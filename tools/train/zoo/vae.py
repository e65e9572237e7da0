"""Variational autoencoder (Kingma and Welling 2014) of codes."""

import torch

from nets import PLACE, Placed, perceptron
from training import BATCH, Trained, descend, one_graph

LATENT = 3
BLUR = 0.5  # deviation of a code that the likelihood forgives


def train(codes, memory, hue, steps, start=None):
    coder, decoder = perceptron(codes.shape[1], 64, 2 * LATENT), perceptron(LATENT, 96, codes.shape[1])
    if start:
        decoder.load_state_dict(start)

    def loss_of(step):
        wanted = codes[torch.randint(len(codes), (BATCH,))]
        mean, spread = coder(wanted).chunk(2, 1)
        spread = spread.clamp(-8, 4)
        divergence = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1).mean()
        made = decoder(mean + torch.exp(spread / 2) * torch.randn_like(mean))
        return (made - wanted).square().sum(1).mean() / (2 * BLUR**2) + divergence * min(1, step / (0.2 * steps))

    descend([*coder.parameters(), *decoder.parameters()], steps, 2e-3, loss_of)
    return Trained(*one_graph(Placed(decoder, memory, hue), LATENT + PLACE), decoder)

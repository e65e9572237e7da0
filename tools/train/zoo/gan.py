"""A GAN (Goodfellow et al. 2014) of codes, tied to the pictures so that it forgets none.

One latent a picture is its anchor, and the generator is drawn to the picture of the nearest anchor; anchors are centres
of normal numbers, so that each is nearest to about as many. The critic, with the R1 penalty of Mescheder et al. 2018,
judges what lies between."""

import torch
import torch.nn.functional as F

from nets import PLACE, Placed, perceptron
from training import BATCH, Trained, descend, draw, k_means, one_graph

LATENT = 4
NOISE, TIE, PENALTY = 0.1, 1.0, 0.1


def slope(critic, real):
    real = real.requires_grad_(True)
    return torch.autograd.grad(critic(real).sum(), real, create_graph=True)[0].square().sum(1).mean()


def train(codes, memory, hue, steps, start=None):
    generator, critic = perceptron(LATENT, 96, codes.shape[1]), perceptron(codes.shape[1], 96, 1)
    if start:
        generator.load_state_dict(start)
    anchors = k_means(torch.randn(8 * len(codes), LATENT), len(codes))
    adam = torch.optim.Adam(critic.parameters(), 2e-3, betas=(0.5, 0.99))

    def loss_of(step):
        latent = torch.randn(BATCH, LATENT)
        made, real = generator(latent), draw(codes, NOISE)
        judged = (F.softplus(critic(made.detach())) + F.softplus(-critic(real))).mean()
        if step % 4 == 0:
            judged = judged + 4 * PENALTY * slope(critic, real)
        adam.zero_grad(set_to_none=True)
        judged.backward()
        adam.step()
        tie = (made - codes[torch.cdist(latent, anchors).argmin(1)]).square().sum(1).mean()
        return F.softplus(-critic(made)).mean() + TIE * tie

    descend(generator.parameters(), steps, 2e-3, loss_of)
    return Trained(*one_graph(Placed(generator, memory, hue), LATENT + PLACE), generator)

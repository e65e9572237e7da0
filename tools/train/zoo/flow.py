"""RealNVP (Dinh et al. 2017) from codes to normal numbers."""

import torch
from torch import nn

from nets import PLACE, Placed
from training import Trained, descend, draw, one_graph

NOISE = 0.3
DEPTH, WIDTH = 6, 48


class Flow(nn.Module):
    """Affine couplings with alternating halves of a code [n, size], the numbers shuffled in between."""

    def __init__(self, size):
        super().__init__()
        half = size // 2
        self.nets = nn.ModuleList()
        for _ in range(DEPTH):
            net = nn.Sequential(nn.Linear(half, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(),
                                nn.Linear(WIDTH, size))  # fmt: skip
            nn.init.zeros_(net[-1].weight)
            nn.init.zeros_(net[-1].bias)
            self.nets.append(net)
        order = torch.Generator().manual_seed(0)
        self.orders = [torch.randperm(size, generator=order).tolist() for _ in range(DEPTH)]

    def coupling(self, net, kept):
        scale, shift = net(kept).chunk(2, 1)
        return 1.5 * torch.tanh(scale), shift

    def density(self, code):
        """The normal numbers of a code, and the log-determinant."""
        x, total = code, 0.0
        for net, order in zip(self.nets, self.orders):
            kept, moved = x[:, order].chunk(2, 1)
            scale, shift = self.coupling(net, kept)
            x = torch.cat([kept, (moved + shift) * torch.exp(scale)], 1)
            total = total + scale.sum(1)
        return x, total

    def forward(self, x):
        """The code of normal numbers."""
        for net, order in reversed(list(zip(self.nets, self.orders))):
            kept, moved = x.chunk(2, 1)
            scale, shift = self.coupling(net, kept)
            back = sorted(range(len(order)), key=order.__getitem__)
            x = torch.cat([kept, moved * torch.exp(-scale) - shift], 1)[:, back]
        return x


def train(codes, memory, hue, steps, start=None):
    size = codes.shape[1]
    flow = Flow(size)
    if start:
        flow.load_state_dict(start)

    def loss_of(step):
        x, volume = flow.density(draw(codes, NOISE))
        return (0.5 * x.square().sum(1) - volume).mean() / size

    descend(flow.parameters(), steps, 2e-3, loss_of)
    return Trained(*one_graph(Placed(flow, memory, hue), size + PLACE), flow)

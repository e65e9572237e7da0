"""The building blocks. A whole generator is at most 400,000 weights of 8 bits."""

import math

import torch
import torch.nn.functional as F
from torch import nn

PLACE = 6  # numbers of the latent that place a picture: turn, size, shift x, shift y, hue, lightness


def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Painter(nn.Module):
    """Feature maps [n, inputs, 8, 8] -> ink [n, 3, 64, 64]: two upsamplings, then sub-pixel convolution."""

    def __init__(self, inputs, widths):
        super().__init__()
        first, second, third = widths
        self.convs = nn.ModuleList([conv(inputs, first), conv(first, second), conv(second, third)])
        self.out = conv(third, 12)

    def forward(self, x):
        for index, layer in enumerate(self.convs):
            x = F.silu(layer(x if index == 0 else F.interpolate(x, scale_factor=2)))
        return torch.sigmoid(F.pixel_shuffle(self.out(x), 2) - 2)


class PrincipalPainter(nn.Module):
    """Weights of principal components [n, size] -> ink [n, 3, 64, 64]: one matrix, no training.

    Colour differences are kept at half the resolution, as JPEG does, so that 48 components fit a small file."""

    MARGIN = 4  # of empty page around every picture

    def __init__(self, size):
        super().__init__()
        side = 64 - 2 * self.MARGIN
        self.luma, self.chroma = nn.Linear(size, side**2), nn.Linear(size, side**2 // 2)
        ycc = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
        self.register_buffer("ycc", ycc)
        self.register_buffer("rgb", torch.linalg.inv(ycc))

    def split(self, ink):
        """Ink [n, 3, 64, 64] -> rows [n, pixels] of luma and of chroma."""
        m = self.MARGIN
        colours = torch.einsum("cd,ndhw->nchw", self.ycc, ink[:, :, m:-m, m:-m])
        return colours[:, 0].flatten(1), F.avg_pool2d(colours[:, 1:], 2).flatten(1)

    def fit(self, ink):
        """Takes the components of ink and gives the weights [n, size] of its pictures, each of unit variance."""
        luma, chroma = self.split(ink)
        rows = torch.cat([luma, chroma], 1)
        mean, width = rows.mean(0), luma.shape[1]
        left, scale, right = torch.linalg.svd(rows - mean, full_matrices=False)
        size = self.luma.in_features
        basis = (scale[:size, None] * right[:size]).T / math.sqrt(len(ink))
        with torch.no_grad():
            self.luma.weight.copy_(basis[:width])
            self.luma.bias.copy_(mean[:width])
            self.chroma.weight.copy_(basis[width:])
            self.chroma.bias.copy_(mean[width:])
        return left[:, :size] * math.sqrt(len(ink)), scale[:size] / math.sqrt(len(ink))

    def forward(self, weights):
        side = 64 - 2 * self.MARGIN
        luma = self.luma(weights).view(-1, 1, side, side)
        chroma = self.chroma(weights).view(-1, 2, side // 2, side // 2)
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
        ink = (self.rgb @ torch.cat([luma, chroma], 1).flatten(2)).view(-1, 3, side, side)
        # Other pictures leave faint traces on the empty page: what is under a twentieth of the ink is wiped off.
        shown = ((ink.amax(1, keepdim=True) - 0.05) * 10).clamp(0, 1)
        return F.pad(ink * shown, [self.MARGIN] * 4).clamp(0, 1)


class Decoder(nn.Module):
    """Content [n, size] -> ink [n, 3, 64, 64]."""

    def __init__(self, size, widths, base=112):
        super().__init__()
        self.base = base
        self.linear = nn.Linear(size, base * 16)
        self.painter = Painter(base, widths)

    def forward(self, content):
        x = F.silu(self.linear(content)).view(-1, self.base, 4, 4)
        return self.painter(F.interpolate(x, scale_factor=2))


class Placement(nn.Module):
    """Turns, scales, shifts and tints ink by a few normal numbers [n, PLACE]; what leaves the page is lost.

    The spatial transformer of Jaderberg et al. 2015 with given parameters: augmentation that samples keep."""

    def __init__(self, hue=0.2, turn=0.1):
        super().__init__()
        self.register_buffer("amount", torch.tensor([turn, 0.06, 0.05, 0.05, hue, 0.08]))
        steps = (torch.arange(64) * 2 + 1) / 64 - 1
        self.register_buffer("x", steps.view(1, 1, 64))
        self.register_buffer("y", steps.view(1, 64, 1))
        yiq = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
        self.register_buffer("yiq", yiq)
        self.register_buffer("rgb", torch.linalg.inv(yiq))

    def forward(self, ink, place):
        place = (place.clamp(-2, 2) * self.amount).view(-1, PLACE, 1, 1)
        turn, size, right, down, hue, light = place.unbind(1)
        cos, sin = torch.exp(-size) * torch.cos(turn), torch.exp(-size) * torch.sin(turn)
        grid = torch.stack([cos * self.x - sin * self.y + right, sin * self.x + cos * self.y + down], -1)
        ink = F.grid_sample(ink, grid, align_corners=False)
        zero = torch.zeros_like(hue)
        one = torch.ones_like(hue)
        cos, sin = torch.cos(hue), torch.sin(hue)
        wheel = torch.cat([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(-1, 3, 3)
        tint = self.rgb @ wheel @ self.yiq * torch.exp(light)
        return (tint @ ink.flatten(2)).view(-1, 3, 64, 64).clamp(0, 1)


def perceptron(inputs, width, outputs, layers=2):
    """A plain network of fully connected layers, `layers` of them hidden."""
    widths = [inputs] + [width] * layers
    hidden = [part for a, b in zip(widths, widths[1:]) for part in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


class Flow(nn.Module):
    """RealNVP over content [n, size]: affine couplings with alternating halves, the axes shuffled between."""

    def __init__(self, size, depth=8, width=80):
        super().__init__()
        self.half = size // 2
        self.nets = nn.ModuleList()
        orders = []
        for _ in range(depth):
            net = nn.Sequential(
                nn.Linear(self.half, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, size)
            )
            nn.init.zeros_(net[-1].weight)
            nn.init.zeros_(net[-1].bias)
            self.nets.append(net)
            orders.append(torch.randperm(size).tolist())
        self.orders = orders

    def coupling(self, net, kept):
        scale, shift = net(kept).chunk(2, 1)
        return 1.5 * torch.tanh(scale), shift

    def forward(self, content):
        """To the normal number and the log-determinant."""
        x, total = content, 0.0
        for net, order in zip(self.nets, self.orders):
            kept, moved = x[:, order].split(self.half, 1)
            scale, shift = self.coupling(net, kept)
            x = torch.cat([kept, (moved + shift) * torch.exp(scale)], 1)
            total = total + scale.sum(1)
        return x, total

    def inverse(self, x):
        for net, order in reversed(list(zip(self.nets, self.orders))):
            kept, moved = x.split(self.half, 1)
            scale, shift = self.coupling(net, kept)
            back = sorted(range(len(order)), key=order.__getitem__)
            x = torch.cat([kept, moved * torch.exp(-scale) - shift], 1)[:, back]
        return x


class Denoiser(nn.Module):
    """Noisy latent [n, size] and time [n] in 0 .. 1 -> the velocity v: residual layers steered by the time."""

    def __init__(self, size, width=112, depth=3):
        super().__init__()
        self.register_buffer("waves", torch.exp(torch.linspace(0, math.log(100), 16)))
        self.time = nn.Linear(32, width)
        self.first = nn.Linear(size, width)
        self.inner = nn.ModuleList([nn.Linear(width, width) for _ in range(2 * depth)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(depth)])
        self.last = nn.Linear(width, size)

    def forward(self, x, t):
        angles = t.unsqueeze(1) * self.waves
        time = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        h = self.first(x) + time
        for index, norm in enumerate(self.norms):
            inner = F.silu(self.inner[2 * index](F.silu(norm(h) + time)))
            h = h + self.inner[2 * index + 1](inner)
        return self.last(F.silu(h))


class Prior(nn.Module):
    """Next token of a sequence: a recurrent network (GRU) that also knows its position."""

    def __init__(self, vocabulary, length, width=128, inner=32):
        super().__init__()
        self.token = nn.Embedding(vocabulary + 1, inner)  # the last one starts a sequence
        self.position = nn.Embedding(length, inner)
        self.cell = nn.GRU(inner, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens):
        """Logits [n, length, vocabulary] of each token given those before it."""
        start = torch.full_like(tokens[:, :1], self.token.num_embeddings - 1)
        inputs = self.token(torch.cat([start, tokens[:, :-1]], 1)) + self.position.weight
        return self.head(self.cell(inputs)[0])

    def step(self, token, position, state):
        """One token further: logits [n, vocabulary] and the new state [n, width]."""
        x = self.token(token) + self.position(position)
        gates = x @ self.cell.weight_ih_l0.T + self.cell.bias_ih_l0
        recurrent = state @ self.cell.weight_hh_l0.T + self.cell.bias_hh_l0
        reset, update, new = gates.chunk(3, 1)
        from_reset, from_update, from_new = recurrent.chunk(3, 1)
        reset, update = torch.sigmoid(reset + from_reset), torch.sigmoid(update + from_update)
        new = torch.tanh(new + reset * from_new)
        state = (1 - update) * new + update * state
        return self.head(state), state

"""The building blocks, all small enough that a whole generator is at most 390,000 weights."""

import math

import torch
import torch.nn.functional as F
from torch import nn

PLACE = 6  # numbers of the latent that place a picture: turn, size, shift x, shift y, hue, lightness


def conv(inputs, outputs, stride=1):
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


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


class Encoder(nn.Module):
    """Ink [n, 3, 64, 64] -> features: [n, outputs] when flat, else [n, outputs, 8, 8]."""

    def __init__(self, outputs, flat=True):
        super().__init__()
        layers = [conv(3, 32, 2), nn.SiLU(), conv(32, 64, 2), nn.SiLU(), conv(64, 96, 2), nn.SiLU()]
        if flat:
            layers += [conv(96, 128, 2), nn.SiLU(), nn.Flatten(), nn.Linear(128 * 16, outputs)]
        else:
            layers += [conv(96, 96), nn.SiLU(), nn.Conv2d(96, outputs, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, ink):
        return self.layers(ink)


class Critic(nn.Module):
    """Ink [n, 3, 64, 64] -> one number: how real it looks, by patches and as a whole."""

    def __init__(self):
        super().__init__()
        widths = [3, 32, 64, 96, 128]
        self.convs = nn.ModuleList([conv(a, b, 2) for a, b in zip(widths, widths[1:])])
        self.whole = nn.Linear(128 * 16, 1)
        self.patch = nn.Conv2d(96, 1, 1)

    def forward(self, ink):
        x = ink * 2 - 1
        for index, layer in enumerate(self.convs):
            x = F.leaky_relu(layer(x), 0.2)
            if index == 2:
                patches = self.patch(x).mean([1, 2, 3])
        return self.whole(x.flatten(1)).squeeze(1) + patches


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


class Codebook(nn.Module):
    """Vector quantisation of features [n, width, 8, 8]; the codes follow their members by moving averages."""

    def __init__(self, count, width):
        super().__init__()
        self.register_buffer("codes", torch.randn(count, width))
        self.register_buffer("members", torch.ones(count))
        self.register_buffer("sums", self.codes.clone())

    def tokens(self, features):
        flat = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
        return torch.cdist(flat, self.codes).argmin(1), flat

    def forward(self, features):
        """The quantised features with a straight-through gradient, and the commitment loss."""
        flat_tokens, flat = self.tokens(features.detach())
        if self.training:
            self.follow(flat_tokens, flat)
        n, width, height, across = features.shape
        quantised = self.codes[flat_tokens].view(n, height, across, width).permute(0, 3, 1, 2)
        commitment = F.mse_loss(features, quantised)
        return features + (quantised - features).detach(), commitment

    def follow(self, tokens, flat, keep=0.98):
        hits = F.one_hot(tokens, len(self.codes)).to(flat.dtype)
        self.members.mul_(keep).add_(hits.sum(0), alpha=1 - keep)
        self.sums.mul_(keep).add_(hits.T @ flat, alpha=1 - keep)
        idle = self.members < 0.05
        if idle.any():  # a code nobody uses starts again at some feature
            chosen = flat[torch.randint(len(flat), (int(idle.sum()),))]
            self.sums[idle], self.members[idle] = chosen, 1.0
        self.codes.copy_(self.sums / self.members.unsqueeze(1))


class Prior(nn.Module):
    """Next token of a sequence: a recurrent network (GRU) that also knows its position."""

    def __init__(self, vocabulary, length, width=208, inner=48):
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

"""The building blocks: the shared autoencoder, and the small networks of a model of its own."""

import math

import torch
import torch.nn.functional as F
from torch import nn

CHANNELS = 8  # numbers of a cell of the latent
CELL = 8  # pixels that a cell is wide


def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)

    def forward(self, x):
        return x + self.second(F.silu(self.first(F.silu(x))))


class Encoder(nn.Module):
    """Ink [n, 3, h, w] -> latent [n, CHANNELS, h / 8, w / 8] in -1 .. 1."""

    def __init__(self):
        super().__init__()
        self.first = conv(48, 64)
        self.down = nn.Conv2d(64, 96, 2, 2)
        self.inner = Residual(96)
        self.last = conv(96, CHANNELS)

    def forward(self, ink):
        x = F.silu(self.first(F.pixel_unshuffle(ink, 4)))
        return torch.tanh(self.last(F.silu(self.inner(self.down(x)))))


class Enlarge(nn.Module):
    """Twice as wide and high, by sub-pixel convolution."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.mix = nn.Conv2d(inputs, 4 * outputs, 1)

    def forward(self, x):
        return F.pixel_shuffle(self.mix(x), 2)


class Decoder(nn.Module):
    """Latent [n, CHANNELS, h, w] -> ink [n, 3, 8 h, 8 w] in 0 .. 1."""

    def __init__(self, widths=(128, 80, 40)):
        super().__init__()
        first, second, third = widths
        self.first = conv(CHANNELS, first)
        self.body = nn.Sequential(
            Residual(first), Residual(first), Enlarge(first, second), Residual(second), Enlarge(second, third),
            Residual(third), nn.SiLU(),
        )  # fmt: skip
        self.last = conv(third, 12)

    def forward(self, latent):
        ink = F.pixel_shuffle(self.last(self.body(self.first(latent))), 2)
        return torch.sigmoid(ink.float() - 2)


# ---- what places a picture on its page -------------------------------------------------------------------------------

PLACE = 8  # turn, size, shift right, shift down, lean, squeeze, hue, lightness
AMOUNTS = (0.1, 0.06, 0.05, 0.05, 0.08, 0.06, 0.0, 0.08)  # of a normal number each; the hue is the concept's own


class Placement(nn.Module):
    """Turns, scales, shifts, leans, squeezes and tints ink by numbers [n, PLACE]; what leaves the page is lost.

    The spatial transformer of Jaderberg et al. 2015 with given parameters: augmentation that samples keep."""

    def __init__(self, side):
        super().__init__()
        steps = (torch.arange(side) * 2 + 1) / side - 1
        self.register_buffer("x", steps.view(1, 1, side))
        self.register_buffer("y", steps.view(1, side, 1))
        yiq = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
        self.register_buffer("yiq", yiq)
        self.register_buffer("rgb", torch.linalg.inv(yiq))

    def forward(self, ink, place):
        turn, size, right, down, lean, squeeze, hue, light = place.view(-1, PLACE, 1, 1).unbind(1)
        x, y = self.x + lean * self.y, self.y
        cos, sin = torch.exp(-size) * torch.cos(turn), torch.exp(-size) * torch.sin(turn)
        across, along = torch.exp(squeeze), torch.exp(-squeeze)
        grid = torch.stack([across * (cos * x - sin * y) + right, along * (sin * x + cos * y) + down], -1)
        ink = F.grid_sample(ink, grid, mode="bicubic", align_corners=False)
        zero, one = torch.zeros_like(hue), torch.ones_like(hue)
        cos, sin = torch.cos(hue), torch.sin(hue)
        wheel = torch.cat([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(-1, 3, 3)
        tint = self.rgb @ wheel @ self.yiq * torch.exp(light)
        return (tint @ ink.flatten(2)).view(ink.shape).clamp(0, 1)


class Page(nn.Module):
    """What all models of a size end in: latent and placement [n, numbers + PLACE] -> image [n, 3, side, side]."""

    def __init__(self, decoder, side):
        super().__init__()
        self.decoder, self.placement, self.cells = decoder, Placement(side), side // CELL

    def forward(self, page):
        latent = page[:, :-PLACE].reshape(-1, CHANNELS, self.cells, self.cells)
        return 1 - self.placement(self.decoder(latent), page[:, -PLACE:])


# ---- what a model of its own is made of ------------------------------------------------------------------------------

class Memory(nn.Module):
    """Code [n, size] -> latent [n, numbers]: of the pictures that a model has seen, the one whose key is nearest.

    A soft argmax, so sharp that only codes within a hundredth of the way between two keys mix their pictures."""

    SHARPNESS = 300.0  # logits by which a key stands out from its nearest neighbour

    def __init__(self, keys, values):
        super().__init__()
        self.keys, self.values = nn.Parameter(keys), nn.Parameter(values)
        apart = torch.cdist(keys, keys).fill_diagonal_(math.inf).amin(1)
        self.sharpness = 2 * self.SHARPNESS / max(apart.quantile(0.25).item(), 1e-2) ** 2

    def forward(self, code):
        logits = self.sharpness * (code @ self.keys.T - self.keys.square().sum(1) / 2)
        return torch.softmax(logits, 1) @ self.values


class Halves(nn.Module):
    """Code -> latent whose upper half and lower half come from a memory each, chosen by a half of the code each."""

    def __init__(self, upper, lower):
        super().__init__()
        self.upper, self.lower = upper, lower

    def forward(self, code):
        first, second = code.chunk(2, 1)
        halves = self.upper(first), self.lower(second)
        cells = self.upper.values.shape[1] // CHANNELS
        return torch.cat([half.reshape(-1, CHANNELS, cells) for half in halves], 2).flatten(1)


class Placed(nn.Module):
    """Latent z [n, inputs + PLACE] -> page: `before` maps the first numbers to a code, the others place the picture."""

    def __init__(self, before, memory, hue):
        super().__init__()
        self.before, self.memory = before, memory
        amounts = torch.tensor(AMOUNTS)
        amounts[6] = hue
        self.register_buffer("amounts", amounts)

    def forward(self, z):
        place = z[:, -PLACE:].clamp(-2, 2) * self.amounts
        return torch.cat([self.memory(self.before(z[:, :-PLACE])), place], 1)


def perceptron(inputs, width, outputs, layers=2):
    """A plain network of fully connected layers, `layers` of them hidden."""
    widths = [inputs] + [width] * layers
    hidden = [part for a, b in zip(widths, widths[1:]) for part in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))

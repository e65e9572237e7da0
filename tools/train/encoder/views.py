"""Random views of the source pictures, a batch at a time: what the image towers are trained on.

A view is a picture moved, coloured, drawn in another style (styles.py), laid on a background, and then blurred,
pixelated or turned into a line drawing.
The source is 96 x 96 premultiplied RGBA, a view 64 x 64 RGB in 0..1. Batch i depends on (seed, i) alone.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from styles import GREY_WEIGHTS, badges, inked, noise, restyled, shadowed, wobble

SIZE = 64
SKETCH_SIZE = 96
COLOURS = "red orange yellow green blue purple pink brown black white grey".split()
BLACK = 40  # of 255: the brightest that a picture in black alone may be


@dataclass
class Sources:
    images: torch.Tensor  # uint8 [n, 4, 96, 96], premultiplied
    label: torch.Tensor  # [n] row of Labels, -1 when the picture has no emoji label
    target: torch.Tensor  # [n, DIM]
    coloured: torch.Tensor  # [n, colours, DIM]
    may_flip: torch.Tensor  # bool [n]
    weight: torch.Tensor  # [n] how often it is drawn


@dataclass
class Batch:
    pixels: torch.Tensor  # [b, 3, 64, 64]
    target: torch.Tensor  # [b, DIM]
    label: torch.Tensor  # [b]


def warp(images: torch.Tensor, may_flip: torch.Tensor, size: int, g: torch.Generator) -> torch.Tensor:
    """Scale, turn, shear, shift, mirror and a little perspective, as one resampling."""
    b = len(images)
    def r(low, high):
        return torch.rand(b, generator=g) * (high - low) + low
    calm = torch.rand(b, generator=g) < 0.5  # nearly as drawn: what a query usually is
    angle = torch.where(calm, r(-0.05, 0.05), r(-0.35, 0.35))
    zoom = torch.where(calm, r(0.92, 1.12), r(0.85, 1.5))  # above 1 the picture gets smaller
    stretch, shear = r(0.88, 1.14), torch.where(calm, r(-0.03, 0.03), r(-0.15, 0.15))
    room = (zoom - 1).abs().clamp(min=0.06)
    mirror = torch.where(may_flip & (torch.rand(b, generator=g) < 0.5), -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = [
        torch.stack([mirror * zoom * stretch * cos, mirror * zoom * (shear - sin), r(-1, 1) * room], -1),
        torch.stack([zoom * sin, zoom * cos / stretch, r(-1, 1) * room], -1),
        torch.stack([r(-0.12, 0.12) * ~calm, r(-0.12, 0.12) * ~calm, torch.ones(b)], -1),
    ]
    axis = (torch.arange(size) + 0.5) * 2 / size - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x.ravel(), y.ravel(), torch.ones(size * size)])  # [3, size * size]
    mapped = torch.stack(rows, 1) @ points
    grid = (mapped[:, :2] / mapped[:, 2:]).transpose(1, 2).reshape(b, size, size, 2)
    return F.grid_sample(images, wobble(grid, g), mode="bilinear", padding_mode="zeros", align_corners=False)


def hue_matrix(angle: torch.Tensor) -> torch.Tensor:
    """[b, 3, 3] rotation of RGB about the grey axis."""
    c, s = torch.cos(angle), torch.sin(angle)
    a, d = (1 - c) / 3, s / 3**0.5
    m = torch.stack([a + c, a - d, a + d, a + d, a + c, a - d, a - d, a + d, a + c], -1)
    return m.view(-1, 3, 3)


def recolour(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Straight RGB of the object: jitter for most, another hue for some, one tint or grey for a few."""
    b = len(rgba)
    def r(low, high):
        return (torch.rand(b, generator=g) * (high - low) + low).view(b, 1, 1, 1)
    alpha = rgba[:, 3:]
    rgb = rgba[:, :3] / alpha.clamp(min=1 / 255)
    kind = torch.rand(b, generator=g).view(b, 1, 1, 1)
    angle = torch.where(kind < 0.8, r(-0.15, 0.15), r(-3.14, 3.14)).view(b)
    turned = torch.einsum("bij,bjhw->bihw", hue_matrix(angle), rgb)
    grey = (rgb * GREY_WEIGHTS).sum(1, keepdim=True)
    tint = torch.rand(b, 3, 1, 1, generator=g)
    tinted = torch.where(grey < 0.5, tint * grey * 2, tint + (1 - tint) * (grey * 2 - 1))
    rgb = torch.where(kind < 0.9, turned, torch.where(kind < 0.94, tinted, torch.where(kind < 0.98, grey, rgb)))
    grey = (rgb * GREY_WEIGHTS).sum(1, keepdim=True)
    rgb = grey + (rgb - grey) * r(0.7, 1.3)
    rgb = (rgb - 0.5) * r(0.8, 1.15) + 0.5 + r(-0.08, 0.08)
    return torch.cat([rgb.clamp(0, 1) * alpha, alpha], 1)


def backgrounds(b: int, others: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """White for most; else plain colours, gradients, noise, another picture out of focus, or a badge."""
    kind = torch.rand(b, generator=g).view(b, 1, 1, 1)
    plain = torch.rand(b, 3, 1, 1, generator=g).expand(b, 3, SIZE, SIZE)
    pale = 1 - (1 - plain) * 0.3
    gradient = noise(b, 3, 2, SIZE, g)
    clouds = plain + 0.7 * (noise(b, 3, 4, SIZE, g) - 0.5) + 0.4 * (noise(b, 1, 12, SIZE, g) - 0.5)
    clouds = clouds.clamp(0, 1)
    picture = others[:, :3] + (1 - others[:, 3:]) * plain
    picture = F.interpolate(picture[:, :, 16:48, 16:48], size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    out = torch.ones(b, 3, SIZE, SIZE)
    badge = badges(b, plain[:, :, :1, :1], SIZE, g)
    for limit, ground in ((0.43, badge), (0.38, picture), (0.35, clouds), (0.28, gradient), (0.2, pale), (0.1, plain)):
        out = torch.where(kind < limit, ground, out)
    return out


def soften(pixels: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Blur, few pixels and grain, as samples of small generators have them."""
    b = len(pixels)
    kind = torch.rand(b, generator=g).view(b, 1, 1, 1)
    blurred = F.avg_pool2d(pixels, 3, 1, 1, count_include_pad=False)
    small = F.interpolate(F.avg_pool2d(pixels, 2), size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    smaller = F.interpolate(pixels, size=(24, 24), mode="area")
    smaller = F.interpolate(smaller, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    for limit, version in ((0.36, blurred), (0.22, small), (0.06, smaller)):
        pixels = torch.where(kind < limit, version, pixels)
    strength = torch.rand(b, 1, 1, 1, generator=g) * 0.06 * (torch.rand(b, 1, 1, 1, generator=g) < 0.2)
    return (pixels + torch.randn(pixels.shape, generator=g) * strength).clamp(0, 1)


def line_drawing(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Dark strokes on light paper where colour or outline changes; rgba [b, 4, 96, 96] premultiplied."""
    b = len(rgba)
    def r(low, high):
        return (torch.rand(b, generator=g) * (high - low) + low).view(b, 1, 1, 1)
    smooth = F.avg_pool2d(rgba, 3, 1, 1)
    smooth = torch.where(r(0, 1) < 0.5, smooth, F.avg_pool2d(smooth, 3, 1, 1))
    layers = torch.cat([smooth[:, :3] + (1 - smooth[:, 3:]), smooth[:, 3:]], 1)
    dx = F.pad(layers[..., 2:] - layers[..., :-2], (1, 1, 0, 0))
    dy = F.pad(layers[..., 2:, :] - layers[..., :-2, :], (0, 0, 1, 1))
    slope = (dx * dx + dy * dy).sqrt()
    colour_only = slope[:, :3].amax(1, keepdim=True)
    edge = torch.where(r(0, 1) < 0.7, torch.maximum(colour_only, slope[:, 3:]), colour_only)
    # Keep ridges of the slope, so that a stroke is a line whatever the softness of the edge.
    ridge = (edge >= F.max_pool2d(edge, (1, 3), 1, (0, 1))) | (edge >= F.max_pool2d(edge, (3, 1), 1, (1, 0)))
    stroke = ((edge > r(0.08, 0.4)) & (ridge | (r(0, 1) < 0.25))).float()
    width = r(0, 1)
    thick, thicker = F.max_pool2d(stroke, 3, 1, 1), F.max_pool2d(stroke, 5, 1, 2)
    stroke = torch.where(width < 0.25, stroke, torch.where(width < 0.75, thick, thicker))
    stroke = F.interpolate(stroke, size=(SIZE, SIZE), mode="area")
    ink = torch.where(r(0, 1) < 0.7, torch.zeros(b, 3, 1, 1), torch.rand(b, 3, 1, 1, generator=g) * 0.6)
    paper = torch.where(r(0, 1) < 0.8, torch.ones(b, 3, 1, 1), 1 - torch.rand(b, 3, 1, 1, generator=g) * 0.2)
    stroke = (stroke * r(0.7, 1.6)).clamp(0, 1)
    return paper * (1 - stroke) + ink * stroke


def main_colour(rgba: torch.Tensor, share: float = 0.55) -> torch.Tensor:
    """[b] index into COLOURS of the colour that covers most of the object, -1 when none covers enough."""
    small = F.avg_pool2d(rgba, 4)
    alpha = small[:, 3]
    rgb = small[:, :3] / alpha[:, None].clamp(min=0.05)
    high, low = rgb.amax(1), rgb.amin(1)
    chroma = (high - low).clamp(min=1e-4)
    red, green, blue = rgb.unbind(1)
    hue = torch.where(high == red, ((green - blue) / chroma) % 6,
                      torch.where(high == green, (blue - red) / chroma + 2, (red - green) / chroma + 4)) * 60
    saturation = chroma / high.clamp(min=1e-4)
    index = torch.full_like(hue, COLOURS.index("red"), dtype=torch.long)
    for start, name in ((14, "orange"), (41, "yellow"), (68, "green"), (165, "blue"), (258, "purple"), (295, "pink"),
                        (343, "red")):
        index[hue >= start] = COLOURS.index(name)
    warm = (hue < 41) | (hue >= 343)
    index[warm & (high < 0.66) & (saturation > 0.25)] = COLOURS.index("brown")
    index[((hue < 14) | (hue >= 320)) & (saturation < 0.5) & (high > 0.75)] = COLOURS.index("pink")
    index[(saturation < 0.16)] = COLOURS.index("grey")
    index[(saturation < 0.16) & (high > 0.85)] = COLOURS.index("white")
    index[high < 0.22] = COLOURS.index("black")
    votes = F.one_hot(index, len(COLOURS)).float() * alpha[..., None]
    votes = votes.sum((1, 2)) / alpha.sum((1, 2)).clamp(min=1)[:, None]
    best, at = votes.max(1)
    return torch.where(best > share, at, -1)


def ahead(views: "Views", first: int, last: int, size: int):
    """(i, batch) for i in first..last-1, the next batches being made by a second thread meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(views.batch, i, size) for i in range(first, min(first + 3, last)))
        for i in range(first, last):
            batch = waiting.popleft().result()
            if i + 3 < last:
                waiting.append(pool.submit(views.batch, i + 3, size))
            yield i, batch


class Views:
    SKETCHES = 0.2
    COLOUR_SHARE = 0.3  # of the target, when the view has a main colour

    def __init__(self, sources: Sources, seed: int):
        self.sources = sources
        self.seed = seed
        self.cumulative = torch.cumsum(sources.weight.double(), 0)
        self.black = torch.cat([part[:, :3].amax((1, 2, 3)) < BLACK for part in sources.images.split(1024)])

    def batch(self, i: int, size: int) -> Batch:
        g = torch.Generator().manual_seed(int(np.random.SeedSequence([self.seed, i]).generate_state(1)[0]))
        s = self.sources
        draw = torch.rand(size, generator=g, dtype=torch.float64) * self.cumulative[-1]
        rows = torch.searchsorted(self.cumulative, draw).clamp(max=len(s.label) - 1)
        target = s.target[rows].clone()
        sketches = int(size * self.SKETCHES)
        plain = size - sketches
        images = s.images[rows].float() / 255
        black = self.black[rows]
        rgba = inked(warp(images[:plain], s.may_flip[rows[:plain]], SIZE, g), black[:plain], g)
        rgba = restyled(recolour(rgba, g), g)
        colour = main_colour(rgba)
        colour[black[:plain] & (colour == COLOURS.index("black"))] = -1  # black ink says nothing of the thing's colour
        known = (colour >= 0).nonzero()[:, 0]
        named = (1 - self.COLOUR_SHARE) * target[known] + self.COLOUR_SHARE * s.coloured[rows[known], colour[known]]
        target[known] = F.normalize(named, dim=-1)
        ground = shadowed(backgrounds(plain, rgba.roll(1, 0), g), rgba[:, 3:], g)
        pixels = soften(rgba[:, :3] + (1 - rgba[:, 3:]) * ground, g)
        lines = line_drawing(warp(images[plain:], s.may_flip[rows[plain:]], SKETCH_SIZE, g), g)
        pixels = torch.cat([pixels, lines])
        # White on black, as a blackboard has it.
        inverted = (torch.rand(size, generator=g) < 0.15) & (black | (torch.arange(size) >= plain))
        pixels[inverted] = 1 - pixels[inverted]
        return Batch(pixels, target, s.label[rows])

"""Other ways to draw the same picture, so that a tower learns what is drawn and not how.

Pictures are premultiplied RGBA in 0..1, [b, 4, h, w]. Each function draws its chances from the generator g.
"""

import torch
import torch.nn.functional as F

GREY_WEIGHTS = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def chances(b: int, low: float, high: float, g: torch.Generator) -> torch.Tensor:
    """[b, 1, 1, 1], uniform."""
    return (torch.rand(b, generator=g) * (high - low) + low).view(b, 1, 1, 1)


def noise(b: int, channels: int, cells: int, size: int, g: torch.Generator) -> torch.Tensor:
    """[b, channels, size, size] in 0..1, smooth between `cells` values a side."""
    coarse = torch.rand(b, channels, cells, cells, generator=g)
    return F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)


def grey(rgb: torch.Tensor) -> torch.Tensor:
    return (rgb * GREY_WEIGHTS).sum(1, keepdim=True)


def pen(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """[b, 1, h, w] in 0..1: strokes of one to three pixels where the outline or the lightness changes."""
    layers = torch.cat([grey(rgba[:, :3]), rgba[:, 3:]], 1)
    spread = F.max_pool2d(layers, 3, 1, 1) + F.max_pool2d(-layers, 3, 1, 1)
    edge = (spread.amax(1, keepdim=True) > chances(len(rgba), 0.15, 0.5, g)).float()
    edge = F.avg_pool2d(edge, 3, 1, 1)
    thin, thick = (edge - 0.55).clamp(0, 0.45) / 0.45, F.max_pool2d(edge, 3, 1, 1)
    return torch.where(chances(len(rgba), 0, 1, g) < 0.6, thin, thick)


def outlined(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    stroke = pen(rgba, g)
    ink = torch.rand(len(rgba), 3, 1, 1, generator=g) * chances(len(rgba), 0, 0.4, g)
    return torch.cat([rgba[:, :3] * (1 - stroke) + ink * stroke, torch.maximum(rgba[:, 3:], stroke)], 1)


def shaded(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Light and shade across the picture, where it may have been flat."""
    light = (noise(len(rgba), 1, 2, rgba.shape[-1], g) - 0.5) * chances(len(rgba), 0.5, 1.6, g)
    alpha = rgba[:, 3:]
    rgb = torch.where(light < 0, rgba[:, :3] * (1 + light), rgba[:, :3] + (alpha - rgba[:, :3]) * light)
    return torch.cat([torch.minimum(rgb.clamp(min=0), alpha), alpha], 1)


def flattened(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Few levels a channel, as flat drawings have."""
    alpha = rgba[:, 3:]
    levels = torch.randint(1, 4, (len(rgba), 1, 1, 1), generator=g)
    rgb = F.avg_pool2d(rgba[:, :3], 3, 1, 1) / F.avg_pool2d(alpha, 3, 1, 1).clamp(min=1 / 255)
    return torch.cat([(rgb * levels).round() / levels * alpha, alpha], 1).clamp(0, 1)


def two_inks(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Lightness as a mixture of two inks."""
    alpha = rgba[:, 3:]
    level = grey(rgba[:, :3]) / alpha.clamp(min=1 / 255)
    dark, pale = torch.rand(2, len(rgba), 3, 1, 1, generator=g)
    return torch.cat([(0.7 * dark * (1 - level) + (0.3 + 0.7 * pale) * level).clamp(0, 1) * alpha, alpha], 1)


def silhouette(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """The form in one ink, with the inner edges left open."""
    alpha = rgba[:, 3:] * (1 - pen(rgba, g))
    ink = torch.rand(len(rgba), 3, 1, 1, generator=g) * (chances(len(rgba), 0, 1, g) < 0.5) * 0.8
    return torch.cat([ink * alpha, alpha], 1)


SHARES = [(outlined, 0.16), (shaded, 0.12), (flattened, 0.08), (two_inks, 0.05), (silhouette, 0.05)]


def restyled(rgba: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Each picture in one of these ways; the rest, more than half, as they are drawn."""
    kind, out, low = torch.rand(len(rgba), generator=g), rgba.clone(), 0.0
    for style, share in SHARES:
        rows = ((kind >= low) & (kind < low + share)).nonzero()[:, 0]
        if len(rows):
            out[rows] = style(rgba[rows], g)
        low += share
    return out


def inked(rgba: torch.Tensor, black: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Pictures in black alone (black: bool [b]): strokes thicker or thinner for some, a coloured ink for half."""
    b = len(rgba)
    kind = chances(b, 0, 1, g)
    thicker, thinner = F.max_pool2d(rgba, 3, 1, 1), -F.max_pool2d(-rgba, (2, 2), 1, 1)[..., 1:, 1:]
    changed = torch.where(kind < 0.2, thicker, torch.where(kind > 0.9, thinner, rgba))
    ink = torch.rand(b, 3, 1, 1, generator=g) * (chances(b, 0, 1, g) < 0.5) * 0.85
    changed = torch.cat([changed[:, :3] + ink * changed[:, 3:], changed[:, 3:]], 1).clamp(0, 1)
    return torch.where(black.view(b, 1, 1, 1), changed, rgba)


def wobble(grid: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """A sampling grid [b, h, w, 2] shaken smoothly for a third of the pictures: strokes of an unsteady hand."""
    b, size = grid.shape[:2]
    shake = (noise(b, 2, 9, size, g) - 0.5) * chances(b, 0.04, 0.14, g) * (chances(b, 0, 1, g) < 0.33)
    return grid + shake.permute(0, 2, 3, 1)


def shadowed(ground: torch.Tensor, alpha: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """The picture's shadow on the ground, for one in seven."""
    dx, dy = torch.randint(-4, 5, (2,), generator=g).tolist()
    shadow = F.avg_pool2d(alpha.roll((dy, dx), (2, 3)), 5, 1, 2)
    return ground * (1 - shadow * chances(len(alpha), 0.1, 0.5, g) * (chances(len(alpha), 0, 1, g) < 0.14))


def badges(b: int, colour: torch.Tensor, size: int, g: torch.Generator) -> torch.Tensor:
    """Discs, squares and shapes between, of one colour [b, 3, 1, 1], on white: [b, 3, size, size]."""
    axis = ((torch.arange(size) + 0.5) * 2 / size - 1).abs()
    power = chances(b, 2, 8, g)
    inside = (axis.view(1, 1, 1, size) ** power + axis.view(1, 1, size, 1) ** power < 0.97).float()
    return 1 - inside + inside * colour

"""The convolutional teacher: a small residual network from 64 x 64 pixels to the joint space."""

import torch
import torch.nn.functional as F
from torch import nn

from space import DIM


class Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x):
        y = F.silu(self.norm1(self.first(x)))
        return F.silu(x + self.norm2(self.second(y)))


class Down(nn.Sequential):
    def __init__(self, before: int, after: int):
        super().__init__(nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.SiLU())


class Teacher(nn.Module):
    def __init__(self, widths=(32, 64, 128, 256, 384), dropout: float = 0.1):
        super().__init__()
        a, b, c, d, e = widths
        self.body = nn.Sequential(
            Down(3, a), Down(a, b), Block(b), Down(b, c), Block(c), Block(c), Down(c, d), Block(d), Down(d, e)
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(d + 4 * e, DIM))
        self.d = d

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[b, 3, 64, 64] in 0..1 -> unit rows [b, DIM]."""
        return self.with_maps(pixels)[0]

    def with_maps(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Besides the rows, the feature maps at an eighth and a sixteenth of the width: [b, c, 8, 8], [b, d, 4, 4]."""
        x = (pixels - 0.5) * 4
        fine = self.body[:6](x.contiguous(memory_format=torch.channels_last))
        coarse = self.body[6:8](fine)
        last = F.adaptive_avg_pool2d(self.body[8](coarse), 2)
        pooled = torch.cat([coarse.mean((2, 3)), last.flatten(1)], 1)
        return F.normalize(self.head(pooled).float(), dim=-1), fine, coarse

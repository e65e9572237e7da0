#!/usr/bin/env python3
"""The sampler worker for TorchScript generators (sampler.kind "torchscript"); wants torch in the python3 of PATH.

    {"kind": "torchscript", "path": "g.pt", "latent": [512], "range": [-1, 1]}

The module maps standard normal numbers f32 [1, latent...] to one picture [1, channels, height, width] of 1 or 3
channels; range tells which values mean black and white. Each sample runs alone, on the processor and one thread, with
numbers from a generator of its own, so that sample i is the same in any batch. A module that gives two pictures for the
same numbers draws random numbers of its own: it is refused. README.md has the protocol.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch


def normals(seed, index, shape):
    number = int.from_bytes(hashlib.sha256(f"{seed} {index}".encode()).digest()[:8], "little") >> 1
    return torch.randn([1, *shape], generator=torch.Generator().manual_seed(number))


def load(path):
    block = json.loads(Path(path).read_text(encoding="utf-8"))["sampler"]
    latent, limits = block.get("latent"), block.get("range")
    if not isinstance(latent, list) or not latent or not all(type(n) is int and n > 0 for n in latent):
        raise ValueError("field 'sampler.latent' must be a list of positive integers")
    if not isinstance(limits, list) or len(limits) != 2 or not limits[0] < limits[1]:
        raise ValueError("field 'sampler.range' must tell which two values mean black and white, the lower first")
    if not isinstance(block.get("path"), str):
        raise ValueError("field 'sampler.path' must name a TorchScript file")
    module = torch.jit.load(Path(path).parent / block["path"], map_location="cpu").eval()
    generator = (module, latent, limits)
    if run(generator, 0, 0) != run(generator, 0, 0):
        raise ValueError("the module draws random numbers of its own: no sample can be made again")
    return generator


def run(generator, seed, index):
    """Height, width, channels and the bytes of a picture."""
    module, latent, (low, high) = generator
    with torch.inference_mode():
        picture = module(normals(seed, index, latent))
    if not isinstance(picture, torch.Tensor) or picture.dim() != 4 or picture.shape[:2] not in ((1, 1), (1, 3)):
        raise ValueError("the module gives no picture [1, channels, height, width] of 1 or 3 channels")
    if not torch.isfinite(picture).all():
        raise ValueError(f"sample {index} holds a value that is not finite")
    scaled = (picture[0].float() - low) / (high - low) * 255
    steps = scaled.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    return (*steps.shape, bytes(steps.flatten().tolist()))


def main():
    torch.set_num_threads(1)
    generators = {}
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # what a module prints is no answer
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
            path = request["model"]
            generator = generators[path] = generators.get(path) or load(path)
            first = request["first"]
            samples = [run(generator, request["seed"], i) for i in range(first, first + request["count"])]
            height, width, channels, _ = samples[0]
            header = {"width": width, "height": height, "channels": channels, "count": len(samples)}
            answer = json.dumps(header).encode() + b"\n" + b"".join(sample[3] for sample in samples)
        except (ValueError, OSError, KeyError, TypeError, RuntimeError) as error:
            answer = json.dumps({"error": str(error)}).encode() + b"\n"
        out.write(answer)
        out.flush()


main()

"""A random CLIPModel, ViTModel or Dinov2Model of a real size, saved by transformers, CLIP with a made-up vocabulary.

    python random_clip.py vit-b-32 DIRECTORY

Also the other names below, each with any of -sharded (several files), -f16 and -bf16, and those of CLIP with -gelu and
-legacy (the end-of-text rule). laion-h-14 and laion-bigg-14 have the real widths, but few layers.
"""

import argparse
import json
import pathlib
import random

import torch
from transformers import (
    BitImageProcessorPil,
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTImageProcessorPil,
    ViTModel,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

B32, L14 = (768, 3072, 12, 12, 224, 32), (1024, 4096, 16, 24, 224, 14)
# text: width, inner, heads, layers; vision: width, inner, heads, layers, pixels, patch; feature; tokens; activation
CLIP = {
    "vit-b-32": ((512, 2048, 8, 12), B32, 512, 49408, "quick_gelu"),
    "vit-b-16": ((512, 2048, 8, 12), (*B32[:5], 16), 512, 49408, "quick_gelu"),
    "vit-l-14": ((768, 3072, 12, 12), L14, 768, 49408, "quick_gelu"),
    "vit-l-14-336": ((768, 3072, 12, 12), (*L14[:4], 336, 14), 768, 49408, "quick_gelu"),
    "laion-b-32": ((512, 2048, 8, 12), B32, 512, 49408, "gelu"),
    "laion-h-14": ((1024, 4096, 16, 3), (1280, 5120, 16, 3, 224, 14), 1024, 49408, "gelu"),
    "laion-bigg-14": ((1280, 5120, 20, 2), (1664, 8192, 16, 2, 224, 14), 1280, 49408, "gelu"),
    "tiny": ((64, 256, 2, 2), (96, 384, 3, 2, 64, 16), 40, 2000, "quick_gelu"),
}
# width, heads, layers, pixels that the positions were learned for, patch
VISION = {
    "dino-vit-b-16": (768, 12, 12, 224, 16),
    "dinov2-b-14": (768, 12, 12, 518, 14),
}
TYPES = {"f16": torch.float16, "bf16": torch.bfloat16}
IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])


def byte_characters():
    """GPT-2's visible character of every byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return [table[b] for b in range(256)]


def vocabulary(size):
    """The bytes, then merges of random earlier tokens, the frequent letters more often."""
    rng = random.Random(3)
    alphabet = byte_characters()
    tokens = dict.fromkeys(alphabet + [c + "</w>" for c in alphabet])
    inner = list("etaoinshrdlu" * 4 + "cmfwypvbgkjqxz") + [alphabet[b] for b in (0xC3, 0xA9, 0xE7, 0xF0, 0x9F)]
    merges = []
    while len(tokens) < size - 2:
        left, right = rng.choice(inner), rng.choice(inner)
        if rng.random() < 0.4:
            right += "</w>" if len(right) < 8 and right + "</w>" in tokens else ""
        joined = left + right
        if joined in tokens or len(joined) > 16:
            continue
        merges.append((left, right))
        tokens[joined] = None
        if not joined.endswith("</w>"):
            inner.append(joined)
    names = [*tokens, "<|startoftext|>", "<|endoftext|>"]
    return {name: i for i, name in enumerate(names)}, merges


def randomize(model):
    """Numbers of the size that trained ones have, so that every part of the network shows in the features."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.normal_(1, 0.2)
            elif name.endswith("lambda1"):
                parameter.uniform_(0.1, 1)
            elif name.endswith(("cls_token", "position_embeddings")):
                parameter.normal_(0, 0.2)
            elif parameter.ndim > 1:
                parameter.normal_(0, 1.5 / parameter[0].numel() ** 0.5)
            elif name != "logit_scale":
                parameter.normal_(0, 0.2)
    return model


def make_clip(name, options, directory):
    (tw, ti, th, tl), (vw, vi, vh, vl, pixels, patch), dim, tokens, activation = CLIP[name]
    activation = "gelu" if "gelu" in options else activation
    vocab, merges = vocabulary(tokens)
    (directory / "vocab.json").write_text(json.dumps(vocab))
    (directory / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    CLIPImageProcessorPil(
        size={"shortest_edge": pixels}, crop_size={"height": pixels, "width": pixels}
    ).save_pretrained(directory)
    text = dict(vocab_size=tokens, hidden_size=tw, intermediate_size=ti, num_hidden_layers=tl, hidden_act=activation)
    text |= dict(num_attention_heads=th, max_position_embeddings=77, bos_token_id=vocab["<|startoftext|>"])
    text |= dict(eos_token_id=2 if "legacy" in options else vocab["<|endoftext|>"])
    vision = dict(hidden_size=vw, intermediate_size=vi, num_hidden_layers=vl, num_attention_heads=vh)
    vision |= dict(image_size=pixels, patch_size=patch, hidden_act=activation)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim))


def make_vision(name, directory):
    width, heads, layers, pixels, patch = VISION[name]
    shape = dict(hidden_size=width, num_attention_heads=heads, num_hidden_layers=layers)
    shape |= dict(image_size=pixels, patch_size=patch)
    if name.startswith("dinov2"):
        BitImageProcessorPil(size={"shortest_edge": 256}, **IMAGENET).save_pretrained(directory)
        return Dinov2Model(Dinov2Config(**shape))
    ViTImageProcessorPil(size={"height": pixels, "width": pixels}, **IMAGENET).save_pretrained(directory)
    return ViTModel(ViTConfig(**shape, intermediate_size=4 * width))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape")
    parser.add_argument("directory", type=pathlib.Path)
    arguments = parser.parse_args()
    name, options = arguments.shape, set()
    while name not in CLIP | VISION and "-" in name:
        name, _, option = name.rpartition("-")
        options.add(option)
    known = {"sharded", *TYPES} | ({"gelu", "legacy"} if name in CLIP else set())
    if name not in CLIP | VISION or options - known:
        parser.error(f"unknown shape {arguments.shape}; one of {', '.join(CLIP | VISION)}, with the options above")

    torch.manual_seed(3)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    model = make_clip(name, options, arguments.directory) if name in CLIP else make_vision(name, arguments.directory)
    randomize(model.eval())
    for option in options & set(TYPES):
        model = model.to(TYPES[option])
    size = sum(parameter.nbytes for parameter in model.parameters())
    model.save_pretrained(arguments.directory, max_shard_size=size // 3 if "sharded" in options else 2 * size)


if __name__ == "__main__":
    main()

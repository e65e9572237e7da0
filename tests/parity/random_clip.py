"""A random CLIPModel of a real size, saved by transformers, with a made-up vocabulary of its own.

    python random_clip.py vit-b-32 DIRECTORY

Also vit-b-16, vit-l-14, vit-l-14-336 and tiny, each with any of -gelu, -legacy (the end-of-text rule), -f16 and -bf16.
"""

import argparse
import json
import pathlib
import random

import torch
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

#         text: width, heads, layers; vision: width, heads, layers, pixels, patch; feature; tokens
SHAPES = {
    "vit-b-32": (512, 8, 12, 768, 12, 12, 224, 32, 512, 49408),
    "vit-b-16": (512, 8, 12, 768, 12, 12, 224, 16, 512, 49408),
    "vit-l-14": (768, 12, 12, 1024, 16, 24, 224, 14, 768, 49408),
    "vit-l-14-336": (768, 12, 12, 1024, 16, 24, 336, 14, 768, 49408),
    "tiny": (64, 2, 2, 96, 3, 2, 64, 16, 40, 2000),
}
TYPES = {"f16": torch.float16, "bf16": torch.bfloat16}


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


def make_model(shape, activation, legacy, vocab):
    tw, th, tl, vw, vh, vl, pixels, patch, dim, tokens = shape
    text = dict(
        vocab_size=tokens, hidden_size=tw, intermediate_size=4 * tw, num_hidden_layers=tl, hidden_act=activation
    )
    text |= dict(num_attention_heads=th, max_position_embeddings=77, bos_token_id=vocab["<|startoftext|>"])
    text |= dict(eos_token_id=2 if legacy else vocab["<|endoftext|>"])
    vision = dict(hidden_size=vw, intermediate_size=4 * vw, num_hidden_layers=vl, num_attention_heads=vh)
    vision |= dict(image_size=pixels, patch_size=patch, hidden_act=activation)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.normal_(1, 0.2)
            elif parameter.ndim > 1:
                parameter.normal_(0, 1.5 / parameter[0].numel() ** 0.5)
            elif name != "logit_scale":
                parameter.normal_(0, 0.2)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape")
    parser.add_argument("directory", type=pathlib.Path)
    arguments = parser.parse_args()
    name, options = arguments.shape, set()
    while name not in SHAPES and "-" in name:
        name, _, option = name.rpartition("-")
        options.add(option)
    if name not in SHAPES or options - {"gelu", "legacy", *TYPES}:
        parser.error(f"unknown shape {arguments.shape}; one of {', '.join(SHAPES)}, with -gelu, -legacy, -f16 or -bf16")

    torch.manual_seed(3)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    shape = SHAPES[name]
    vocab, merges = vocabulary(shape[-1])
    (arguments.directory / "vocab.json").write_text(json.dumps(vocab))
    (arguments.directory / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    pixels = shape[6]
    CLIPImageProcessorPil(
        size={"shortest_edge": pixels}, crop_size={"height": pixels, "width": pixels}
    ).save_pretrained(arguments.directory)
    model = make_model(shape, "gelu" if "gelu" in options else "quick_gelu", "legacy" in options, vocab)
    for option in options & set(TYPES):
        model = model.to(TYPES[option])
    model.save_pretrained(arguments.directory)


if __name__ == "__main__":
    main()

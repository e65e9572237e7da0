"""A random encoder of a real size, as transformers or open_clip saves it, with a made-up vocabulary where it has texts.

    python random_clip.py vit-b-32 DIRECTORY

Also the other names below, each with any of -sharded (several files), -f16, -bf16 and -f64, and those of CLIP with
-gelu, -tanh, -silu, -relu, -long (248 positions), -added (tokens) and -legacy (the end-of-text rule). laion-h-14 and
laion-bigg-14 have the real widths, but few layers. open-clip-b-32 is in OpenCLIP's own layout.
"""

import argparse
import importlib.util
import json
import pathlib
import random

import torch
from transformers import (
    AutoTokenizer,
    BitImageProcessorPil,
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    SiglipTokenizer,
    SiglipVisionConfig,
    SiglipVisionModel,
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
    "dinov2-registers-b-14": (768, 12, 12, 518, 14),
    "clip-vision-b-32": (768, 12, 12, 224, 32),
    "clip-vision-unprojected-b-32": (768, 12, 12, 224, 32),
    "siglip-vision-b-16": (768, 12, 12, 224, 16),
}
SIGLIP = {"siglip-b-16": (768, 3072, 12, 6, 224, 16), "siglip2-b-16": (768, 3072, 12, 6, 256, 16)}
OPEN_CLIP = ["open-clip-b-32"]
SHAPES = [*CLIP, *VISION, *SIGLIP, *OPEN_CLIP]
TYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64}
ACTIVATIONS = {"gelu": "gelu", "tanh": "gelu_pytorch_tanh", "silu": "silu", "relu": "relu"}
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
            if ("norm" in name or "ln_" in name) and name.endswith("weight"):
                parameter.normal_(1, 0.2)
            elif name.endswith("lambda1"):
                parameter.uniform_(0.1, 1)
            elif name.endswith(("cls_token", "position_embeddings", "register_tokens", "probe")):
                parameter.normal_(0, 0.2)
            elif parameter.ndim > 1:
                parameter.normal_(0, 1.5 / parameter[0].numel() ** 0.5)
            elif not name.startswith("logit_"):
                parameter.normal_(0, 0.2)
    return model


def write_vocabulary(directory, tokens):
    vocab, merges = vocabulary(tokens)
    (directory / "vocab.json").write_text(json.dumps(vocab))
    (directory / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    return vocab


def make_siglip(name, directory):
    """The tokenizers are those of the golden models, SigLIP's with sentencepiece's own rules of normalisation."""
    path = pathlib.Path(__file__).parent.parent / "golden/siglip_tiny/make.py"
    spec = importlib.util.spec_from_file_location("siglip_tiny", path)
    golden = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(golden)
    width, inner, heads, layers, pixels, patch = SIGLIP[name]
    if name.startswith("siglip2"):
        tokenizer = golden.gemma(Siglip2Tokenizer, padding_side="right")
    else:
        (directory / "spiece.model").write_bytes(golden.train(normalization_rule_name="nmt_nfkc"))
        tokenizer = SiglipTokenizer(str(directory / "spiece.model"), model_max_length=64)
    tokenizer.save_pretrained(directory)
    SiglipImageProcessorPil(size={"height": pixels, "width": pixels}).save_pretrained(directory)
    shape = dict(hidden_size=width, intermediate_size=inner, num_attention_heads=heads, num_hidden_layers=layers)
    text = shape | dict(vocab_size=len(AutoTokenizer.from_pretrained(directory)), max_position_embeddings=64)
    return SiglipModel(SiglipConfig(text_config=text, vision_config=shape | dict(image_size=pixels, patch_size=patch)))


def write_open_clip(directory):
    import open_clip  # only here: it needs torchvision
    from safetensors.torch import save_file

    config = dict(
        embed_dim=512,
        vision_cfg=dict(image_size=224, layers=12, width=768, patch_size=32),
        text_cfg=dict(context_length=77, vocab_size=49408, width=512, heads=8, layers=12),
    )
    write_vocabulary(directory, 49408)
    save_file(randomize(open_clip.CLIP(**config)).state_dict(), directory / "open_clip_model.safetensors")
    preprocess = dict(mean=[0.48, 0.46, 0.41], std=[0.27, 0.26, 0.28], interpolation="bicubic", resize_mode="shortest")
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    (directory / "open_clip_config.json").write_text(text)


def make_clip(name, options, directory):
    (tw, ti, th, tl), (vw, vi, vh, vl, pixels, patch), dim, tokens, activation = CLIP[name]
    activation = next((ACTIVATIONS[option] for option in options if option in ACTIVATIONS), activation)
    vocab = write_vocabulary(directory, tokens)
    if "added" in options:
        (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
        (directory / "added_tokens.json").write_text(json.dumps({"<b>": tokens, "photo of": tokens + 1}))
        tokens += 2
    CLIPImageProcessorPil(
        size={"shortest_edge": pixels}, crop_size={"height": pixels, "width": pixels}
    ).save_pretrained(directory)
    text = dict(vocab_size=tokens, hidden_size=tw, intermediate_size=ti, num_hidden_layers=tl, hidden_act=activation)
    text |= dict(
        num_attention_heads=th,
        max_position_embeddings=248 if "long" in options else 77,
        bos_token_id=vocab["<|startoftext|>"],
    )
    text |= dict(eos_token_id=2 if "legacy" in options else vocab["<|endoftext|>"])
    vision = dict(hidden_size=vw, intermediate_size=vi, num_hidden_layers=vl, num_attention_heads=vh)
    vision |= dict(image_size=pixels, patch_size=patch, hidden_act=activation)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim))


def make_vision(name, directory):
    width, heads, layers, pixels, patch = VISION[name]
    shape = dict(hidden_size=width, num_attention_heads=heads, num_hidden_layers=layers)
    shape |= dict(image_size=pixels, patch_size=patch)
    if name.startswith("clip-vision"):
        crop = {"height": pixels, "width": pixels}
        CLIPImageProcessorPil(size={"shortest_edge": pixels}, crop_size=crop).save_pretrained(directory)
        tower = CLIPVisionModel if "unprojected" in name else CLIPVisionModelWithProjection
        return tower(CLIPVisionConfig(**shape, intermediate_size=4 * width))
    if name.startswith("siglip"):
        SiglipImageProcessorPil(size={"height": pixels, "width": pixels}).save_pretrained(directory)
        return SiglipVisionModel(SiglipVisionConfig(**shape, intermediate_size=4 * width))
    if name.startswith("dinov2"):
        BitImageProcessorPil(size={"shortest_edge": 256}, **IMAGENET).save_pretrained(directory)
        registers = name.startswith("dinov2-registers")
        return (
            Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**shape))
            if registers
            else Dinov2Model(Dinov2Config(**shape))
        )
    ViTImageProcessorPil(size={"height": pixels, "width": pixels}, **IMAGENET).save_pretrained(directory)
    return ViTModel(ViTConfig(**shape, intermediate_size=4 * width))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape")
    parser.add_argument("directory", type=pathlib.Path)
    arguments = parser.parse_args()
    name, options = arguments.shape, set()
    while name not in SHAPES and "-" in name:
        name, _, option = name.rpartition("-")
        options.add(option)
    known = {"sharded", *TYPES} | ({*ACTIVATIONS, "legacy", "long", "added"} if name in CLIP else set())
    if name not in SHAPES or options - known or (name in OPEN_CLIP and options):
        parser.error(f"unknown shape {arguments.shape}; one of {', '.join(SHAPES)}, with the options above")

    torch.manual_seed(3)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    if name in OPEN_CLIP:
        return write_open_clip(arguments.directory)
    if name in CLIP:
        model = make_clip(name, options, arguments.directory)
    else:
        model = (make_siglip if name in SIGLIP else make_vision)(name, arguments.directory)
    randomize(model.eval())
    for option in options & set(TYPES):
        model = model.to(TYPES[option])
    size = sum(parameter.nbytes for parameter in model.parameters())
    model.save_pretrained(arguments.directory, max_shard_size=size // 3 if "sharded" in options else 2 * size)


if __name__ == "__main__":
    main()

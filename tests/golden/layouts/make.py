"""Tiny random encoders laid out as people have them, with what open_clip or transformers makes of texts and pictures.

    python make.py     # torch 2.13.0, transformers 5.23.0, open_clip_torch 3.3.0, numpy, pillow; seed 13

Between them they have both of OpenCLIP's text towers and resize modes, every activation, more than 77 positions,
tensors behind prefixes and in f64, no logit_scale, no preprocessor_config.json, sizes in unusual forms, tokens that are
added in each way, an eos_token_id that is not the tokenizer's, CLIP's vision tower alone with and without its
projection, and Dinov2 with registers. Vocabulary and pictures are those of ../clip_tiny/make.py.
"""

import json
import pathlib
import sys

import open_clip
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "clip_tiny")]

from make import CONTEXT, SIZES, TEXTS, picture, vocabulary, write_tokenizer  # noqa: E402

VOCAB, MERGES = vocabulary()


def randomize(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name == "logit_scale":
                parameter.fill_(3.5)
            elif "ln_" in name and name.endswith("weight") or "norm" in name and name.endswith("weight"):
                parameter.normal_(1, 0.2)
            elif name.endswith(("lambda1", "gamma")):
                parameter.uniform_(-1, 2)
            else:
                parameter.normal_(0, 0.25)
    return model.eval()


def unit(feature):
    return [round(v, 7) for v in (feature / feature.norm()).tolist()]


@torch.no_grad()
def write_expected(folder, tau, images, texts=()):
    """images: a function of a PIL picture; texts: pairs of a text and its ids, and last a function of ids."""
    expected = {"tau": tau, "texts": [], "images": []}
    if texts:
        *pairs, encode = texts
        for text, ids in pairs:
            expected["texts"].append({"text": text, "tokens": ids, "feature": unit(encode(torch.tensor([ids]))[0])})
    for width, height in SIZES:
        feature = images(picture(width, height))
        expected["images"].append({"width": width, "height": height, "feature": unit(feature[0])})
    (folder / "expected.json").write_text(json.dumps(expected, indent=0, ensure_ascii=True) + "\n")


def tokenized(folder, context):
    tokenizer = write_tokenizer(folder, VOCAB, MERGES)
    return [(text, tokenizer(text, truncation=True, max_length=context)["input_ids"]) for text in TEXTS]


def make_folder(name):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    return folder


def open_clip_model(name, custom, preprocess, **fields):
    folder = make_folder(name)
    model_cfg = (
        dict(
            embed_dim=20,
            vision_cfg=dict(image_size=32, layers=2, width=24, head_width=8, patch_size=8, mlp_ratio=2.35),
            text_cfg=dict(context_length=CONTEXT, vocab_size=len(VOCAB), width=16, heads=2, layers=2),
        )
        | fields
    )
    if custom:
        model_cfg["vision_cfg"]["ls_init_value"] = model_cfg["text_cfg"]["ls_init_value"] = 0.1
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    model = randomize(kind(**{k: v for k, v in model_cfg.items() if k != "custom_text"}))
    config = {"model_cfg": model_cfg, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    transform = open_clip.image_transform(32, is_train=False, **preprocess)

    def encode(ids):
        """open_clip pads with 0, and takes the place of the largest id."""
        padded = torch.zeros(1, CONTEXT, dtype=torch.long)
        padded[:, : ids.shape[1]] = ids
        return model.encode_text(padded)

    write_expected(
        folder,
        model.logit_scale.exp().item(),
        lambda image: model.encode_image(transform(image)[None]),
        [*tokenized(folder, CONTEXT), encode],
    )


def rename(folder, names, dtype=None):
    """Rewrites model.safetensors: names maps an old name to a new one, or to nothing."""
    tensors = load_file(folder / "model.safetensors")
    tensors = {names(k): v.to(dtype) if dtype and v.is_floating_point() else v for k, v in tensors.items() if names(k)}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def long_clip():
    folder = make_folder("long_clip_f64")
    text = dict(vocab_size=len(VOCAB), hidden_size=8, intermediate_size=20, num_hidden_layers=1, num_attention_heads=2)
    text |= dict(max_position_embeddings=248, hidden_act="relu", eos_token_id=VOCAB["<|endoftext|>"])
    vision = dict(hidden_size=12, intermediate_size=28, num_hidden_layers=1, num_attention_heads=2, image_size=32)
    vision |= dict(patch_size=16, hidden_act="gelu_new")
    model = randomize(CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=10)))
    model.save_pretrained(folder)
    rename(folder, lambda name: name != "logit_scale" and "module._orig_mod." + name, torch.float64)
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    texts = tokenized(folder, 248) + [
        (text, tokens_of(folder, text)) for text in ["the red house and " * 40, "a cat and " * 100]
    ]
    write_expected(
        folder,
        100.0,
        lambda image: model.get_image_features(images(image, return_tensors="pt")["pixel_values"]).pooler_output,
        [*texts, lambda ids: model.get_text_features(ids).pooler_output],
    )


def tokens_of(folder, text):
    return write_tokenizer(folder, VOCAB, MERGES)(text, truncation=True, max_length=248)["input_ids"]


ADDED_TEXTS = [
    "a <Toy> cat", "a <toy>cat <toy>s", "x<toy>y", "<toy><toy>", "A  <TOY>  b", "red<|Pad|>cat <|pad|>", "sksk sks car",
    "caR <toy>.", "a my \t Toy and mytoy", "<toy", "<toy><toys>", "caf\u00e9sks \u00e9 sks",
    "no cat: a house", "!sks_ sks!",
]  # fmt: skip


def added_tokens(name, write):
    """Its eos_token_id is that of "cat", the first of which transformers takes; the first token where there is none."""
    folder = make_folder(name)
    write_tokenizer(folder, VOCAB, MERGES)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}) + "\n")
    write(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = dict(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=20, num_hidden_layers=1)
    text |= dict(num_attention_heads=2, max_position_embeddings=CONTEXT, eos_token_id=VOCAB["cat</w>"])
    vision = dict(hidden_size=12, intermediate_size=28, num_hidden_layers=1, num_attention_heads=2, image_size=32)
    model = randomize(CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=10)))
    model.save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    images.save_pretrained(folder)
    texts = [(text, tokenizer(text, truncation=True, max_length=CONTEXT)["input_ids"]) for text in ADDED_TEXTS]
    write_expected(
        folder,
        model.logit_scale.exp().item(),
        lambda image: model.get_image_features(images(image, return_tensors="pt")["pixel_values"]).pooler_output,
        [*texts, lambda ids: model.get_text_features(ids).pooler_output],
    )


def by_added_tokens_json(folder):
    (folder / "added_tokens.json").write_text(json.dumps({"sks": len(VOCAB) + 1, "<toy>": len(VOCAB)}) + "\n")


def by_tokenizer_config(folder):
    flags = dict(lstrip=False, rstrip=True, special=False)
    tokens = [
        flags | dict(content="<Toy>", normalized=True, single_word=False),
        flags | dict(content="sks", normalized=False, single_word=True),
        flags | dict(content="My Toy", normalized=True, single_word=True),
    ]
    fields = {"tokenizer_class": "CLIPTokenizer", "additional_special_tokens": ["<|pad|>"]}
    fields["added_tokens_decoder"] = {str(len(VOCAB) + i): token for i, token in enumerate(tokens)}
    (folder / "tokenizer_config.json").write_text(json.dumps(fields, indent=1) + "\n")


def by_tokenizer_json(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<toy>", "<toy><toys>", "sks"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|pad|>"]})
    tokenizer.save_pretrained(folder)
    (folder / "vocab.json").unlink()
    (folder / "merges.txt").unlink()


def vision_alone(name, model, processor, feature):
    folder = make_folder(name)
    randomize(model).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
    images = AutoImageProcessor.from_pretrained(folder, backend="pil")
    write_expected(folder, 100.0, lambda image: feature(model(images(image, return_tensors="pt")["pixel_values"])))


def main():
    torch.manual_seed(13)
    mean = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}
    open_clip_model("open_clip", False, mean | {"interpolation": "bicubic", "resize_mode": "shortest"})
    squash = mean | {"interpolation": "bilinear", "resize_mode": "squash"}
    open_clip_model("open_clip_custom", True, squash, quick_gelu=True, custom_text=True)
    long_clip()
    added_tokens("added_tokens_json", by_added_tokens_json)
    added_tokens("added_tokens_decoder", by_tokenizer_config)
    added_tokens("added_tokens_tokenizer", by_tokenizer_json)
    vision = dict(hidden_size=24, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3, image_size=32)
    vision |= dict(patch_size=8, projection_dim=18)
    clip = {"image_processor_type": "CLIPImageProcessor", "crop_size": [32, 32]}
    vision_alone(
        "clip_vision",
        CLIPVisionModel(CLIPVisionConfig(**vision, hidden_act="silu")),
        clip | {"size": {"shortest_edge": 40, "longest_edge": 90}},
        lambda output: output.pooler_output,
    )
    vision_alone(
        "clip_vision_projection",
        CLIPVisionModelWithProjection(CLIPVisionConfig(**vision, hidden_act="gelu_fast")),
        clip | {"size": {"max_height": 60, "max_width": 40}},
        lambda output: output.image_embeds,
    )
    shape = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, patch_size=4, mlp_ratio=2)
    vision_alone(
        "dinov2_registers",
        Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**shape, image_size=28, num_register_tokens=3)),
        dict(image_processor_type="BitImageProcessor", size=[16, 16], crop_size=16, resample=3, do_center_crop=False),
        lambda output: output.last_hidden_state[:, 0],
    )


if __name__ == "__main__":
    main()

"""Four tiny random CLIP models as transformers saves them, with what transformers makes of some texts and pictures.

    python make.py     # torch 2.13.0, transformers 5.23.0, numpy, pillow; seed 11; rewrites the folders beside it

Between them they have both activations, both end-of-text rules, and weights in f32, f16 and bf16. Text and vision tower
differ in every size, so that none can be taken for the other. laion_shards_f16 looks like an OpenCLIP export of some
years ago: in shards, its configuration said twice among dozens of unused fields, with position_ids and a logit_scale of
shape [1], and heads of 13 and 14 numbers. Pictures are not stored: pixel(x, y, channel) below is in the C test too.
"""

import json
import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

HERE = pathlib.Path(__file__).parent
CONTEXT = 16
WORDS = ["cat", "car", "red", "house", "photo", "the", "flower", "snow", "mountain", "and", "smiling", "of"]
TEXTS = [
    "a cat",
    "a photo of the red car",
    "Smiling FLOWER, and 42 houses!",
    "it's snow on the mountain's",
    "",
    "  many\t spaces \n here ",
    "caf\u00e9 \u732b \U0001f431 \u00fc\u0308",
    "a text that is much longer than the sixteen tokens which this tiny model can see at once",
    "before <|endoftext|> after",
]
SIZES = [(32, 32), (50, 40), (31, 77), (200, 33), (1, 1), (8, 300)]
VARIANTS = {
    "quick_gelu_f32": dict(act="quick_gelu", dtype=torch.float32, legacy=False, crop=True),
    "gelu_f16": dict(act="gelu", dtype=torch.float16, legacy=False, crop=True),
    "legacy_bf16": dict(act="quick_gelu", dtype=torch.bfloat16, legacy=True, crop=False),
    "laion_shards_f16": dict(act="gelu", dtype=torch.float16, legacy=False, crop=True, laion=True),
}
SHAPE = dict(projection=20, text=(16, 40, 2, 2), vision=(24, 56, 2, 3))  # width, inner, layers, heads
LAION_SHAPE = dict(projection=18, text=(26, 36, 1, 2), vision=(42, 50, 1, 3))
# Of what transformers 4 wrote into every part of a configuration.
OLD_FIELDS = dict(
    _name_or_path="", add_cross_attention=False, architectures=None, bad_words_ids=None, chunk_size_feed_forward=0,
    decoder_start_token_id=None, diversity_penalty=0.0, do_sample=False, early_stopping=False, finetuning_task=None,
    id2label={"0": "LABEL_0", "1": "LABEL_1"}, length_penalty=1.0, max_length=20, num_beams=1, problem_type=None,
    return_dict=True, temperature=1.0, tie_word_embeddings=True, top_k=50, torch_dtype=None, torchscript=False,
    transformers_version="4.24.0", typical_p=1.0, use_bfloat16=False, dropout=0.0,
)  # fmt: skip


def pixel(x, y, channel):
    return (x * 7 + y * 13 + channel * 29 + (x * y) % 31 * 5 + (x // 3) * (y // 5) * 11) % 256


def picture(width, height):
    y, x, channel = np.meshgrid(range(height), range(width), range(3), indexing="ij")
    return Image.fromarray(pixel(x, y, channel).astype(np.uint8))


def byte_characters():
    """GPT-2's visible character of every byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return [table[b] for b in range(256)]


def vocabulary():
    """Every byte, alone and at a word's end; each word's beginnings, letter by letter; the special tokens last."""
    alphabet = byte_characters()
    tokens = alphabet + [c + "</w>" for c in alphabet]
    merges = []
    for word in WORDS:
        letters = [*word[:-1], word[-1] + "</w>"]
        left = letters[0]
        for right in letters[1:]:
            if (left, right) not in merges:
                merges.append((left, right))
                tokens.append(left + right)
            left += right
    return {token: i for i, token in enumerate(tokens + ["<|startoftext|>", "<|endoftext|>"])}, merges


def write_tokenizer(folder, vocab, merges):
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    return CLIPTokenizer(vocab=dict(vocab), merges=list(merges), model_max_length=CONTEXT)


def make_model(vocab, act, dtype, legacy, shape):
    tw, ti, tl, th = shape["text"]
    vw, vi, vl, vh = shape["vision"]
    config = CLIPConfig(
        projection_dim=shape["projection"],
        text_config=dict(
            vocab_size=len(vocab), hidden_size=tw, intermediate_size=ti, num_hidden_layers=tl, num_attention_heads=th,
            max_position_embeddings=CONTEXT, hidden_act=act, projection_dim=shape["projection"],
            bos_token_id=vocab["<|startoftext|>"], eos_token_id=2 if legacy else vocab["<|endoftext|>"],
        ),
        vision_config=dict(
            hidden_size=vw, intermediate_size=vi, num_hidden_layers=vl, num_attention_heads=vh, image_size=32,
            patch_size=8, hidden_act=act, projection_dim=shape["projection"],
        ),
    )  # fmt: skip
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name == "logit_scale":
                parameter.fill_(3.5)
            elif "norm" in name and name.endswith("weight"):
                parameter.normal_(1, 0.2)
            else:
                parameter.normal_(0, 0.25)
    return model.to(dtype)


def processor(crop):
    if crop:  # as transformers writes it today
        return CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return CLIPImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False, resample=2)


def age_config(folder):
    """As LAION's: in the _dict only what is not the default, the other copy full of fields, and wrong."""
    config = json.loads((folder / "config.json").read_text())
    for part, kind in (("text_config", CLIPTextConfig), ("vision_config", CLIPVisionConfig)):
        default = kind().to_dict()
        config[part + "_dict"] = {k: v for k, v in config[part].items() if v != default[k]}
        config[part] = OLD_FIELDS | {"hidden_act": "quick_gelu", "layer_norm_eps": 0.1, "model_type": part}
    config |= {"_commit_hash": None, "torch_dtype": "float16", "transformers_version": None, "initializer_factor": 1.0}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def age_weights(folder):
    """transformers 5 refuses a logit_scale of this shape, so that this comes last."""
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    for name in ("logit_scale", "text_model.embeddings.position_embedding.weight"):
        path = folder / index["weight_map"][name]
        tensors = load_file(path)
        if name == "logit_scale":
            tensors[name] = tensors[name].reshape(1)
        else:
            tensors["text_model.embeddings.position_ids"] = torch.arange(CONTEXT)[None]
        save_file(tensors, path, {"format": "pt"})


def main():
    torch.manual_seed(11)
    vocab, merges = vocabulary()
    for name, variant in VARIANTS.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        tokenizer = write_tokenizer(folder, vocab, merges)
        images = processor(variant["crop"])
        images.save_pretrained(folder)
        laion = variant.get("laion", False)
        shape = LAION_SHAPE if laion else SHAPE
        model = make_model(vocab, variant["act"], variant["dtype"], variant["legacy"], shape)
        model.save_pretrained(folder, max_shard_size="30KB" if laion else "1GB")
        if laion:
            age_config(folder)
        model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()

        expected = {"tau": model.logit_scale.detach().exp().item(), "texts": [], "images": []}
        with torch.no_grad():
            for text in TEXTS:
                ids = tokenizer(text, truncation=True, max_length=CONTEXT)["input_ids"]
                feature = model.get_text_features(input_ids=torch.tensor([ids])).pooler_output[0]
                feature = feature / feature.norm()
                expected["texts"].append(
                    {"text": text, "tokens": ids, "feature": [round(v, 7) for v in feature.tolist()]}
                )
            for width, height in SIZES:
                pixels = images(picture(width, height), return_tensors="pt")["pixel_values"]
                feature = model.get_image_features(pixel_values=pixels).pooler_output[0]
                feature = feature / feature.norm()
                expected["images"].append(
                    {"width": width, "height": height, "feature": [round(v, 7) for v in feature.tolist()]}
                )
        (folder / "expected.json").write_text(json.dumps(expected, indent=0, ensure_ascii=True) + "\n")
        if laion:
            age_weights(folder)


if __name__ == "__main__":
    main()

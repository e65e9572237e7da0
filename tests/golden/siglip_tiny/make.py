"""Tiny random SigLIP models as transformers saves them, with what transformers makes of some texts and pictures.

    python make.py     # torch 2.13.0, transformers 5.23.0, sentencepiece 0.2.3, protobuf, numpy, pillow; seed 14

siglip has a sentencepiece model trained here, with a few rules of normalisation; siglip2 Gemma's tokenizer in small
letters, padded at the left, and pictures resized bilinearly; siglip2_gemma the same as it is, padded at the right, with
tokens added, in f16; siglip_vision a vision tower alone. Pictures are those of ../clip_tiny/make.py.
"""

import io
import json
import pathlib
import sys

import sentencepiece
import torch
from transformers import (
    AddedToken,
    AutoImageProcessor,
    AutoModel,
    AutoTokenizer,
    GemmaTokenizer,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipModel,
    SiglipTokenizer,
    SiglipVisionModel,
)

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "clip_tiny")]

from make import SIZES, picture  # noqa: E402

from clip_vocabulary import CORPUS  # noqa: E402

CONTEXT = 16
TEXTS = [
    "", " ", "a photo of a cat", "A  Photo,\tof\n a CAT!", "It's isn't we'll", "</s>", "a </s> cat", "<unk>cat <unk>",
    "\u0130stanbul \u039f\u0394\u039f\u03a3 \u03a3", "\u591c\u306e\u6d77 \ufb01 \u00bd \uff41", "caf\u00e9 e\u0301",
    "\u2581a\u2581 b", "\U0001f642\U0001f642 x \U0001f680", "<eos> a<pad>b", "...!!!", "zero\u200bwidth\u00a0break",
    "a text that is much longer than the sixteen tokens which this tiny model can see at once " * 3, "\x1c\x01 x",
    "my Toy, <toy>s and \n\nlines", "~{}[]|^_`@#$%&*+=/\\\\", "hello hello world the sea at night",
    "a <Toy>, a <toy>, a<TOY>b", "one <Sep>  two<Sep>three \n <Sep>", "Sea at sea, that seas", "Sea",
]  # fmt: skip
RULES = "FB01\t66 69\nBD\t31 2F 32\nFF41\t61\nA0\t20\n9\t20\nA\t20\n65 301\tE9\n200B\t\n1F680\t20 78\n"
SHAPE = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3)


def unit(feature):
    return [round(v, 7) for v in (feature / feature.norm()).tolist()]


def randomize(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.normal_(1, 0.2)
            elif name == "logit_scale":
                parameter.fill_(4.7)
            elif name == "logit_bias":
                parameter.fill_(-16.5)
            else:
                parameter.normal_(0, 0.25)
    return model.eval()


def train(**rules):
    """The bytes of a spiece.model."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for line in CORPUS.lower().splitlines() * 3 if line),
        model_writer=model, vocab_size=300, hard_vocab_limit=False, model_type="unigram", character_coverage=0.98,
        unk_id=2, eos_id=1, bos_id=-1, pad_id=-1, minloglevel=2, **rules,
    )  # fmt: skip
    return model.getvalue()


def train_pieces(folder):
    (folder / "rules.tsv").write_text(RULES)
    model = train(normalization_rule_tsv=str(folder / "rules.tsv"))
    (folder / "rules.tsv").unlink()
    (folder / "spiece.model").write_bytes(model)
    return SiglipTokenizer(str(folder / "spiece.model"), model_max_length=CONTEXT)


def gemma(kind, **options):
    """The characters of the corpus, the bytes, and merges of letters that often stand side by side."""
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{b:02X}>" for b in range(256)), "\n\n"]
    vocab = {name: i for i, name in enumerate(names)}
    text = CORPUS.lower().replace("\n", " ").replace(" ", "\u2581")
    for character in sorted(set(CORPUS) | set(text)):
        if character not in " \u5c0f\ud558":
            vocab.setdefault(character, len(vocab))
    words, merges = list(text), []
    for _ in range(80):
        pairs = list(zip(words, words[1:], strict=False))
        left, right = max(sorted(set(pairs)), key=pairs.count)
        merges.append((left, right))
        vocab.setdefault(left + right, len(vocab))
        joined = []
        for piece in words:
            if joined and (joined[-1], piece) == (left, right):
                joined[-1] += piece
            else:
                joined.append(piece)
        words = joined
    merges = [(a, b) for a, b in merges if a in vocab and b in vocab]
    return kind(vocab=vocab, merges=merges, add_bos_token=False, add_eos_token=True, **options)


@torch.no_grad()
def write(name, tokenizer, processor, dtype=torch.float32, texts=True):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    if tokenizer == "spiece":
        tokenizer = train_pieces(folder)
    vision = SHAPE | dict(image_size=32, patch_size=8)
    if texts:
        tokenizer.save_pretrained(folder)
        text = SHAPE | dict(vocab_size=len(tokenizer), max_position_embeddings=CONTEXT)
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    else:
        model = SiglipVisionModel(SiglipConfig(vision_config=vision).vision_config)
    randomize(model).to(dtype).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")

    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    images = AutoImageProcessor.from_pretrained(folder, backend="pil")
    expected = {"tau": model.logit_scale.exp().item() if texts else 100.0, "texts": [], "images": []}
    if texts:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        for text in TEXTS:
            ids = tokenizer(text, padding="max_length", truncation=True, max_length=CONTEXT)["input_ids"]
            feature = model.get_text_features(input_ids=torch.tensor([ids])).pooler_output[0]
            expected["texts"].append({"text": text, "tokens": ids, "feature": unit(feature)})
    for width, height in SIZES:
        pixels = images(picture(width, height), return_tensors="pt")["pixel_values"]
        output = model.get_image_features(pixels) if texts else model(pixels)
        feature = unit(output.pooler_output[0])
        expected["images"].append({"width": width, "height": height, "feature": feature})
    (folder / "expected.json").write_text(json.dumps(expected, indent=0, ensure_ascii=True) + "\n")


def add_more(tokenizer):
    """Tokens that are looked for in the normalised text, that eat white space, and that are words of their own."""
    tokenizer.add_tokens(["<Toy>", AddedToken("<Sep>", lstrip=True, rstrip=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("Sea", single_word=True), AddedToken("at", single_word=True, normalized=False)])


def main():
    torch.manual_seed(14)
    processor = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 32, "width": 32}}
    write("siglip", "spiece", processor)
    small = gemma(Siglip2Tokenizer)
    add_more(small)
    write("siglip2", small, processor | {"resample": 2})
    full = gemma(GemmaTokenizer, padding_side="right")
    full.add_tokens(["<toy>"])
    full.add_tokens(["\n\n", "my Toy"], special_tokens=True)
    add_more(full)
    write("siglip2_gemma", full, processor, torch.float16)
    write("siglip_vision", None, processor, texts=False)


if __name__ == "__main__":
    main()

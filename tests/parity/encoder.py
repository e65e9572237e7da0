"""Compares `gensearch encode` with transformers or open_clip: tokens identical, features within 1e-4, in bf16 near.

python encoder.py PROGRAM ENCODER_DIRECTORY

Of a vision tower alone the feature is what pools its tokens where it was trained with texts, projected where it was
saved so; of others the class token behind the last layer norm. Texts must be refused.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import torch
from PIL import Image
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoTokenizer,
    CLIPTokenizer,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    SiglipVisionModel,
)

import inputs

TOLERANCE = 1e-4  # largest absolute difference of L2-normalised features
BF16_TOLERANCE = 2e-4  # of 1 - cosine; or twice that of PyTorch's bf16, where gibberish is too much for either


def run(program, directory, texts, paths, precision="f32"):
    command = [program, "encode", "--encoder", directory, "--precision", precision, "--tokens", "--json"]
    for text in texts:
        command += ["--text", text]
    for path in paths:
        command += ["--image", path]
    return subprocess.run(command, capture_output=True, text=True)


def encode(program, directory, texts, paths, precision="f32"):
    """One object an input; None where the processor has no such precision."""
    done = run(program, directory, texts, paths, precision)
    if precision == "bf16" and "has no bf16 arithmetic" in done.stderr:
        return None
    if done.returncode != 0:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_refusal(program, directory):
    done = run(program, directory, ["a cat"], [])
    if done.returncode == 0 or "it has no text tower" not in done.stderr:
        sys.exit(f"{directory}: a text is not refused as it should be: {done.stderr}")


def load_tokenizer(directory, context):
    merges = (directory / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    vocab = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    return CLIPTokenizer(vocab=vocab, merges=[tuple(m.split()) for m in merges if m], model_max_length=context)


def tokens_of(directory, texts, context, padded=False):
    """SigLIP's texts fill the context, as it was trained with."""
    if padded:
        tokenizer, options = AutoTokenizer.from_pretrained(directory), {"padding": "max_length"}
    elif (directory / "added_tokens.json").exists():
        tokenizer, options = AutoTokenizer.from_pretrained(directory), {}
    else:
        tokenizer, options = load_tokenizer(directory, context), {}
    return [tokenizer(text, truncation=True, max_length=context, **options)["input_ids"] for text in texts]


def check_open_clip_tokens(program, directory, texts):
    """Tokens by CLIP's real vocabulary, of the texts that open_clip's own tokenizer has nothing to repair in."""
    from open_clip.tokenizer import SimpleTokenizer, get_clean_fn

    tokenizer, clean = SimpleTokenizer(), get_clean_fn("lower")
    special = re.compile(r"<\|?(start|end)_?of_?text", re.IGNORECASE)  # which it calls otherwise
    plain = [text for text in texts if clean(text) == " ".join(text.lower().split()) and not special.search(text)]
    if len(plain) < len(texts) // 2:
        sys.exit(f"{directory}: open_clip would repair all but {len(plain)} of {len(texts)} texts")
    with tempfile.TemporaryDirectory() as folder:
        real = pathlib.Path(folder)
        for file in directory.iterdir():
            (real / file.name).symlink_to(file.resolve())
        for name in ("vocab.json", "merges.txt"):
            (real / name).unlink()
        names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
        vocab = {names.get(token, token): number for token, number in tokenizer.encoder.items()}
        (real / "vocab.json").write_text(json.dumps(vocab))
        merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
        (real / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        ours = [answer["tokens"] for answer in encode(program, real, plain, [])]
    for text, ids in zip(plain, ours, strict=True):
        theirs = tokenizer([text])[0].tolist()
        if theirs[: len(ids)] != ids or any(theirs[len(ids) :]):
            sys.exit(f"{directory}: open_clip has other tokens for {text!r}: {theirs[:20]}, not {ids}")
    print(f"{directory.name}: {len(plain)} of {len(texts)} texts have the tokens of open_clip's own tokenizer")


class OpenClip:
    """An open_clip model with the two methods of transformers' that are used here."""

    def __init__(self, directory):
        import open_clip

        self.model, _, self.transform = open_clip.create_model_and_transforms(f"local-dir:{directory}")
        self.model.eval()
        self.context = self.model.context_length

    def get_text_features(self, input_ids):
        padded = torch.zeros(len(input_ids), self.context, dtype=torch.long)  # as open_clip does; the feature is
        padded[:, : input_ids.shape[1]] = input_ids  # at the largest number
        return SimpleNamespace(pooler_output=self.model.encode_text(padded))

    def get_image_features(self, pixel_values):
        return SimpleNamespace(pooler_output=self.model.encode_image(pixel_values))


def features_of(model, has_text, tokens, pixels):
    """Of every text, then of every picture, normalised."""
    features = []
    for ids in tokens:
        features.append(model.get_text_features(input_ids=torch.tensor([ids])).pooler_output[0])
    for picture in pixels:
        if has_text:
            features.append(model.get_image_features(pixel_values=picture).pooler_output[0])
        elif isinstance(model, CLIPVisionModelWithProjection):
            features.append(model(pixel_values=picture).image_embeds[0])
        elif isinstance(model, (CLIPVisionModel, SiglipVisionModel)):
            features.append(model(pixel_values=picture).pooler_output[0])
        else:
            features.append(model(pixel_values=picture).last_hidden_state[0, 0])
    return [feature.float() / feature.float().norm() for feature in features]


def class_of(directory):
    """A CLIP vision tower is a clip_vision_model with a projection or without; AutoModel takes the one without."""
    projects = "CLIPVisionModelWithProjection" in (AutoConfig.from_pretrained(directory).architectures or [])
    return CLIPVisionModelWithProjection if projects else AutoModel


def reference(directory, kind, has_text, texts, paths, bf16):
    """The tokens of every text; the features of every text and picture, and those that PyTorch's bf16 gives where
    it is compared: without instructions for it that takes minutes."""
    pictures = [Image.open(path).convert("RGB") for path in paths]
    tokens = []
    if kind == "open_clip":
        model = OpenClip(directory)
        tokens = tokens_of(directory, texts, model.context)
        pixels = [model.transform(picture)[None] for picture in pictures]
    else:
        model = class_of(directory).from_pretrained(directory, dtype=torch.float32).eval()
        processor = AutoImageProcessor.from_pretrained(directory, backend="pil")
        pixels = [processor(picture, return_tensors="pt")["pixel_values"] for picture in pictures]
    if has_text and not tokens:
        context = model.config.text_config.max_position_embeddings
        tokens = tokens_of(directory, texts, context, padded=kind == "siglip")
    with torch.no_grad():
        features = features_of(model, has_text, tokens, pixels)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            rounded = features_of(model, has_text, tokens, pixels) if bf16 else features
    return tokens, features, rounded


def distance(a, b):
    return 1 - float(a @ b)


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    kind = "open_clip" if not (directory / "config.json").exists() else AutoConfig.from_pretrained(directory).model_type
    has_text = kind in ("clip", "siglip", "open_clip")
    texts = inputs.texts() if has_text else []
    if not has_text:
        check_refusal(program, directory)
    if kind == "open_clip":
        check_open_clip_tokens(program, directory, texts)
    with tempfile.TemporaryDirectory() as folder:
        paths = inputs.pictures(pathlib.Path(folder))
        ours = encode(program, directory, texts, paths)
        rounded = encode(program, directory, texts, paths, "bf16")
        tokens, features, peers = reference(directory, kind, has_text, texts, paths, rounded is not None)
    if len(ours) != len(features):
        sys.exit(f"{directory}: {len(ours)} features, expected {len(features)}")
    wrong_tokens = sum(line["tokens"] != ids for line, ids in zip(ours, tokens, strict=False))
    differences = [
        (torch.tensor(line["feature"]) - feature).abs().max().item()
        for line, feature in zip(ours, features, strict=True)
    ]
    text, image = max(differences[: len(texts)], default=0), max(differences[len(texts) :])
    theirs = max(distance(peer, feature) for peer, feature in zip(peers, features, strict=True))
    pairs = zip(rounded, features, strict=True) if rounded else []
    bf16 = max((distance(torch.tensor(line["feature"]), feature) for line, feature in pairs), default=0)
    good = wrong_tokens == 0 and text <= TOLERANCE and image <= TOLERANCE and bf16 <= max(BF16_TOLERANCE, 2 * theirs)
    print(
        f"{'ok ' if good else 'BAD'} {directory.name}: {len(texts)} texts, {wrong_tokens} with other tokens, "
        f"features within {text:.1e}; {len(paths)} pictures within {image:.1e}; "
        + (f"bf16 within {bf16:.1e} cosine, PyTorch's {theirs:.1e}" if rounded else "no bf16 on this processor")
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()

"""Compares `gensearch encode` with transformers: tokens identical, features within 1e-4.

python encoder.py PROGRAM ENCODER_DIRECTORY
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from PIL import Image
from transformers import CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import inputs

TOLERANCE = 1e-4  # largest absolute difference of L2-normalised features


def encode(program, directory, texts, paths):
    command = [program, "encode", "--encoder", directory, "--tokens", "--json"]
    for text in texts:
        command += ["--text", text]
    for path in paths:
        command += ["--image", path]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def load_tokenizer(directory, context):
    merges = (directory / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    vocab = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    return CLIPTokenizer(vocab=vocab, merges=[tuple(m.split()) for m in merges if m], model_max_length=context)


def reference(directory, texts, paths):
    """The tokens of every text; the features of every text, then of every picture."""
    model = CLIPModel.from_pretrained(directory, dtype=torch.float32).eval()
    context = model.config.text_config.max_position_embeddings
    tokenizer = load_tokenizer(directory, context)
    processor = CLIPImageProcessorPil.from_pretrained(directory)
    tokens = [tokenizer(text, truncation=True, max_length=context)["input_ids"] for text in texts]
    features = []
    with torch.no_grad():
        for ids in tokens:
            features.append(model.get_text_features(input_ids=torch.tensor([ids])).pooler_output[0])
        for path in paths:
            pixels = processor(Image.open(path).convert("RGB"), return_tensors="pt")["pixel_values"]
            features.append(model.get_image_features(pixel_values=pixels).pooler_output[0])
    return tokens, [feature / feature.norm() for feature in features]


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    texts = inputs.texts()
    with tempfile.TemporaryDirectory() as folder:
        paths = inputs.pictures(pathlib.Path(folder))
        ours = encode(program, directory, texts, paths)
        tokens, features = reference(directory, texts, paths)
    if len(ours) != len(features):
        sys.exit(f"{directory}: {len(ours)} features, expected {len(features)}")
    wrong_tokens = sum(line["tokens"] != ids for line, ids in zip(ours, tokens, strict=False))
    differences = [
        (torch.tensor(line["feature"]) - feature).abs().max().item()
        for line, feature in zip(ours, features, strict=True)
    ]
    text, image = max(differences[: len(texts)]), max(differences[len(texts) :])
    good = wrong_tokens == 0 and text <= TOLERANCE and image <= TOLERANCE
    print(
        f"{'ok ' if good else 'BAD'} {directory.name}: {len(texts)} texts, {wrong_tokens} with other tokens, "
        f"features within {text:.1e}; {len(paths)} pictures within {image:.1e}"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()

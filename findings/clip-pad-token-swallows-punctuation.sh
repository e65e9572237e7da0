#!/usr/bin/env bash
# A CLIP tokenizer whose padding token is "!" reads every exclamation mark of a text as padding.
#
# transformers 5.24.0 (PyPI, Python 3.11): where tokenizer_config.json says "pad_token": "!",
# CLIPTokenizer takes the padding token out of the text before it is split into words, so that "hi!" ends in the plain token "!"
# instead of "!</w>", which every other CLIP tokenizer gives: another sequence of ids, and so another feature, for the same words.
# A program that reads vocab.json and merges.txt alone gives the latter.
#
# Exits 0 when the behaviour is still this, 1 when it changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0

HF_HUB_OFFLINE=1 "$work/venv/bin/python" -B - "$work" <<'PYTHON'
import json, pathlib, sys
from transformers import CLIPTokenizer
tokens = ["!", "h", "i", "!</w>", "h</w>", "i</w>", "hi</w>", "<|startoftext|>", "<|endoftext|>"]
ids = {}
for pad in ("<|endoftext|>", "!"):
    folder = pathlib.Path(sys.argv[1]) / ("plain" if len(pad) > 1 else "mark")
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\nh i</w>\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer", "pad_token": pad}))
    ids[pad] = CLIPTokenizer.from_pretrained(folder)("hi!")["input_ids"]
    print(f"pad_token {pad!r}: {ids[pad]}")
raise SystemExit(not (ids["<|endoftext|>"] == [7, 6, 3, 8] and ids["!"] == [7, 6, 0, 8]))
PYTHON

"""Tries tools/convert_encoder: what it makes of pickles is what they hold, and gensearch reads it.

python convert.py GENSEARCH

The tiny encoder of tests/golden is saved as people have it: pytorch_model.bin, in shards with their index, and with its
tensors under "state_dict". Its features must be those of the encoder as it was.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENCODER = ROOT / "tests/golden/clip_tiny/quick_gelu_f32"
PICTURE = ROOT / "tests/golden/images/rgb.png"


def save_whole(tensors, folder):
    torch.save(tensors, folder / "pytorch_model.bin")


def save_shards(tensors, folder):
    names = sorted(tensors)
    halves = {
        "pytorch_model-00001-of-00002.bin": names[: len(names) // 2],
        "pytorch_model-00002-of-00002.bin": names[len(names) // 2 :],
    }
    for file, some in halves.items():
        torch.save({name: tensors[name] for name in some}, folder / file)
    index = {"metadata": {}, "weight_map": {name: file for file, some in halves.items() for name in some}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def save_checkpoint(tensors, folder):
    torch.save({"epoch": 3, "state_dict": tensors}, folder / "pytorch_model.bin")


def save_nested(tensors, folder):
    torch.save({"model": tensors, "optimizer": {"lr": 0.1}}, folder / "pytorch_model.bin")


def save_otherwise(tensors, folder):
    torch.save(tensors, folder / "ViT-B-32.pt")


def features(gensearch, encoder):
    command = [gensearch, "encode", "--text", "a red car", "--image", PICTURE, "--encoder", encoder]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def convert(folder, new):
    return subprocess.run(
        [sys.executable, ROOT / "tools/convert_encoder", folder, new], capture_output=True, text=True, check=False
    )


def refuse_one(content, says, scratch):
    """What holds no tensors is refused by name, and nothing is written."""
    folder, new = scratch / "pickles", scratch / "new"
    shutil.copytree(ENCODER, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    if isinstance(content, bytes):
        (folder / "pytorch_model.bin").write_bytes(content)
    else:
        torch.save(content, folder / "pytorch_model.bin")
    done = convert(folder, new)
    if done.returncode == 0 or "Traceback" in done.stderr or says not in done.stderr or new.exists():
        return f"{done.returncode} {done.stderr!r}"
    return None


REFUSED = (
    ([1, 2], "pytorch_model.bin: holds a list, expected a dictionary of tensors"),
    ({"epoch": 3}, "pytorch_model.bin: holds epoch, and no tensors"),
    ({"ema": {"a": torch.ones(1)}, "model": {"a": torch.ones(1)}}, "or several dictionaries of them"),
    (b"version https://git-lfs.github.com/spec/v1\n", "pytorch_model.bin: is a Git LFS pointer"),
    (b"no pickle", "pytorch_model.bin: torch cannot read it as tensors alone"),
)


def try_one(gensearch, save, scratch):
    folder, new = scratch / "pickles", scratch / "new"
    shutil.copytree(ENCODER, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    tensors = load_file(ENCODER / "model.safetensors")
    save(tensors, folder)
    refused = subprocess.run(
        [gensearch, "encode", "--text", "x", "--encoder", folder], capture_output=True, text=True, check=False
    )
    if refused.returncode != 2 or "tools/convert_encoder" not in refused.stderr:
        return f"gensearch says {refused.stderr!r} of pickles"
    done = convert(folder, new)
    if done.returncode != 0:
        return done.stderr
    made = load_file(new / "model.safetensors")
    if made.keys() != tensors.keys() or any(not torch.equal(made[name], tensors[name]) for name in tensors):
        return "other tensors"
    if features(gensearch, new) != features(gensearch, ENCODER):
        return "other features"
    if convert(folder, new).returncode == 0:
        return "a folder that holds something is overwritten"
    return None


def main():
    good = True
    for content, says in REFUSED:
        with tempfile.TemporaryDirectory() as scratch:
            wrong = refuse_one(content, says, pathlib.Path(scratch))
        print(f"{'BAD' if wrong else 'ok '} convert_encoder refuses: {says}{': ' + wrong if wrong else ''}")
        good &= wrong is None
    for save in (save_whole, save_shards, save_checkpoint, save_nested, save_otherwise):
        with tempfile.TemporaryDirectory() as scratch:
            wrong = try_one(sys.argv[1], save, pathlib.Path(scratch))
        print(f"{'BAD' if wrong else 'ok '} convert_encoder, {save.__name__}{': ' + wrong if wrong else ''}")
        good &= wrong is None
    sys.exit(not good)


if __name__ == "__main__":
    main()

"""Writes the trained towers as a Hugging Face CLIP folder.

    python export.py --work WORK --text NAME --vision NAME --out FOLDER

logit_scale is the one that makes the label probabilities of fresh views of the training pictures' likeliest.
"""

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

import common
import space
from towers import CONTEXT, MEAN, PIXELS, STD, Text, Vision, config

CALIBRATION_BATCHES = 8


@torch.inference_mode()
def calibrate(text: Text, vision: Vision, tokenizer, args) -> float:
    labels, _, views = common.pictures(args)
    rows = [tokenizer(part, padding=True, truncation=True, max_length=CONTEXT, return_tensors="pt")["input_ids"]
            for part in (list(labels.names[i : i + 128]) for i in range(0, len(labels.names), 128))]
    bank = torch.cat([text.features(r) for r in rows])
    batches = [views.batch(10**9 + i, 128) for i in range(CALIBRATION_BATCHES)]
    known = [b.label >= 0 for b in batches]
    cosines = torch.cat([vision.features(b.pixels[k]) @ bank.T for b, k in zip(batches, known, strict=True)])
    truth = torch.cat([b.label[k] for b, k in zip(batches, known, strict=True)])
    loss, scale = min((float(F.cross_entropy(s * cosines, truth)), s) for s in range(4, 101))
    print(f"logit scale {scale}, cross-entropy {loss:.3f} on {len(truth)} views")
    return math.log(scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("work", "emoji", "text", "vision", "out"):
        parser.add_argument(f"--{name}", required=True)
    common.leave_out(parser)
    args = parser.parse_args()
    args.seed = 2
    torch.set_num_threads(1)
    work, out = Path(args.work), Path(args.out)
    tokenizer = CLIPTokenizer.from_pretrained(work / "vocabulary")
    text = common.averaged(Text(len(tokenizer)), work / f"{args.text}.pt")
    vision = common.vision(work / f"{args.vision}.pt")
    model = CLIPModel(config(len(tokenizer)))
    missing, unexpected = model.load_state_dict(text.state_dict() | vision.state_dict(), strict=False)
    if unexpected or missing != ["logit_scale"]:
        raise SystemExit(f"towers do not fit: missing {missing}, unexpected {unexpected}")
    model.logit_scale.data.fill_(calibrate(text, vision, tokenizer, args))
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    config_file = out / "config.json"  # transformers leaves the name out
    named = {"_name_or_path": "gensearch-mini"} | json.loads(config_file.read_text())
    config_file.write_text(json.dumps(named, indent=2) + "\n")
    CLIPImageProcessor(size={"shortest_edge": PIXELS}, crop_size={"height": PIXELS, "width": PIXELS}, resample=3,
                       image_mean=MEAN, image_std=STD).save_pretrained(out)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(work / "vocabulary" / name, out)
    settings = {"tokenizer_class": "CLIPTokenizer", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
                "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "model_max_length": CONTEXT}
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{out}: {parameters / 1e6:.1f} million parameters, joint space of {space.DIM}")


if __name__ == "__main__":
    main()

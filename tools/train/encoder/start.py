"""Takes up an encoder that is there: its vocabulary and text tower as they are, its vision tower to be trained further.

    python start.py --encoder data/encoder --work WORK

Writes WORK/vocabulary, WORK/text.pt and WORK/start.pt, where train.py looks before it trains them from nothing.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from towers import Text, Vision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    (args.work / "vocabulary").mkdir(parents=True, exist_ok=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(args.encoder / name, args.work / "vocabulary")
    weights = {k: v.float() for k, v in load_file(args.encoder / "model.safetensors").items() if k != "logit_scale"}
    text = Text(len(weights["text_model.embeddings.token_embedding.weight"]))
    vision = Vision()
    text.load_state_dict({k: v for k, v in weights.items() if k.startswith("text_")})
    vision.load_state_dict({k: v for k, v in weights.items() if not k.startswith("text_")})
    torch.save({"average": text.state_dict()}, args.work / "text.pt")
    torch.save({"average": vision.state_dict()}, args.work / "start.pt")


if __name__ == "__main__":
    main()

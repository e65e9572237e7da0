"""The texts in MiniLM's sentence space.

    python embed.py --minilm DIR --text WORK/text      # after corpus.py

Writes TEXT/minilm.npy (f16 [n, 384], unit rows), row by row what TEXT/texts.json says.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from towers import half_precision


def embed(texts: list[str], folder: Path, batch: int = 256) -> np.ndarray:
    """Sentence-transformers' pooling for MiniLM: the mean over the tokens, then unit length."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    out = np.zeros((len(texts), model.config.hidden_size), np.float16)
    with torch.inference_mode(), half_precision():
        for at in range(0, len(order), batch):
            rows = order[at : at + batch]
            phrases = [texts[i] for i in rows]
            tokens = tokenizer(phrases, padding=True, truncation=True, max_length=64, return_tensors="pt")
            hidden = model(**tokens).last_hidden_state.float()
            mask = tokens.attention_mask[..., None].float()
            mean = (hidden * mask).sum(1) / mask.sum(1)
            out[rows] = torch.nn.functional.normalize(mean, dim=-1).half().numpy()
            if at // batch % 100 == 0:
                print(f"embedded {at}/{len(order)}", flush=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minilm", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    texts = json.loads((args.text / "texts.json").read_text())
    np.save(args.text / "minilm.npy", embed(texts, args.minilm))


if __name__ == "__main__":
    main()

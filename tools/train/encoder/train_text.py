"""Distils MiniLM's sentence space into the text tower.   python train_text.py --help"""

import json
import time
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
import torch.nn.functional as F
from transformers import CLIPTokenizer

import common
import space
from towers import CONTEXT, WIDTH, Text, half_precision

LONGEST = 18  # tokens: queries are short, and long glosses cost most of the time
NAMES_AGAIN, LABELS_AGAIN = 2, 16  # how often an epoch sees the pictures' names, and their labels, besides
RELATION = 20.0  # scale of the in-batch similarities that the tower has to reproduce


def tokenise(folder: Path, texts: list[str], work: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Tokens [n, CONTEXT] padded with end-of-text, lengths [n], size of the vocabulary; kept on disk."""
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    cache = work / "tokens.npz"
    if not cache.exists():
        rows = tokenizer(texts, truncation=True, max_length=CONTEXT)["input_ids"]
        padded = np.full((len(rows), CONTEXT), tokenizer.eos_token_id, np.int16)
        for i, row in enumerate(rows):
            padded[i, : len(row)] = row
        np.savez(cache, tokens=padded, lengths=np.array([len(r) for r in rows]))
    data = np.load(cache)
    return data["tokens"], data["lengths"], len(tokenizer)


def bag_of_tokens(tokens: np.ndarray, lengths: np.ndarray, targets: np.ndarray, vocabulary: int) -> np.ndarray:
    """[vocabulary, DIM]: the vector of each token for which a text's mean comes nearest to its target (ridge)."""
    rows = np.repeat(np.arange(len(lengths)), lengths - 2)
    inner = np.arange(1, CONTEXT)[None] < lengths[:, None] - 1
    columns = tokens[:, 1:][inner]
    share = np.repeat(1 / np.maximum(lengths - 2, 1), lengths - 2).astype(np.float32)
    counts = scipy.sparse.csr_matrix((share, (rows, columns)), shape=(len(lengths), vocabulary))
    gram = (counts.T @ counts).toarray() + 0.3 * np.eye(vocabulary, dtype=np.float32)
    return np.linalg.solve(gram, counts.T @ targets)


def start_as_bag(model: Text, vectors: np.ndarray) -> None:
    """Begins as the mean of the tokens' vectors: the first layer's attention is even, its value and output the
    identity; everything after adds little. What is left to learn is order, and what words mean together."""
    tower = model.text_model
    with torch.no_grad():
        known = torch.from_numpy(vectors).float()
        tower.embeddings.token_embedding.weight.copy_(known / known.std() * 0.1)
        tower.embeddings.position_embedding.weight.normal_(0, 0.005)
        first = tower.encoder.layers[0].self_attn
        first.q_proj.weight.mul_(0.3)
        for linear in (first.v_proj, first.out_proj):
            linear.weight.normal_(0, 0.01).add_(torch.eye(WIDTH))
        for layer in tower.encoder.layers:
            layer.mlp.fc2.weight.mul_(0.5)
        for layer in tower.encoder.layers[1:]:
            layer.self_attn.out_proj.weight.mul_(0.5)
        model.text_projection.weight.normal_(0, 0.01).add_(torch.eye(WIDTH))


def order(lengths: np.ndarray, extra: np.ndarray, batch: int, epoch: int, seed: int) -> list[np.ndarray]:
    """Batches of texts of like length, in random order; the `extra` rows come in besides."""
    rng = np.random.default_rng([seed, epoch])
    rows = np.concatenate([np.arange(len(lengths)), extra])
    rows = rows[lengths[rows] <= LONGEST]
    rows = rows[np.argsort(lengths[rows] + rng.uniform(0, 2, len(rows)))]
    batches = [rows[i : i + batch] for i in range(0, len(rows), batch)]
    rng.shuffle(batches)
    return batches


def distillation_loss(out, target):
    """Cosine to the teacher's vector, and the teacher's similarities among the batch."""
    cosine = 1 - (out * target).sum(-1).mean()
    mask = torch.eye(len(out)) * -1e4
    wanted = F.softmax(RELATION * target @ target.T + mask, dim=-1)
    found = F.log_softmax(RELATION * out @ out.T + mask, dim=-1)
    relation = F.kl_div(found, wanted, reduction="batchmean")
    return 4 * cosine + relation, cosine, relation


def main() -> None:
    args = common.parser(__doc__, steps=2200, batch=384, rate=1.5e-3).parse_args()
    common.set_up(args)
    work = Path(args.work)
    texts, targets = space.load(work / "text")
    tokens, lengths, vocabulary = tokenise(work / "vocabulary", texts, work)
    captions = json.loads((work / "text/captions.json").read_text())
    names = sorted({i for c in captions.values() for kind in c.values() for i in kind})
    labels = [c["label"][0] for c in captions.values()]
    extra = np.array(names * NAMES_AGAIN + labels * LABELS_AGAIN)
    model = Text(vocabulary)
    start_as_bag(model, bag_of_tokens(tokens, lengths, targets, vocabulary))
    run = common.Run(model, args, work / f"{args.name}.pt", decay=0.02)
    per_epoch = len(order(lengths, extra, args.batch, 0, args.seed))
    print(f"{len(texts)} texts, {per_epoch} batches an epoch, {lengths.mean():.1f} tokens a text", flush=True)
    started = time.time()
    for step in range(run.step, args.steps):
        epoch, at = divmod(step, per_epoch)
        if at == 0 or step == run.step:
            batches = order(lengths, extra, args.batch, epoch, args.seed)
        rows = batches[at]
        ids = torch.from_numpy(tokens[rows, : lengths[rows].max()].astype(np.int64))
        with half_precision():
            out = model.features(ids)
        loss, cosine, relation = distillation_loss(out, torch.from_numpy(targets[rows]))
        run.update(loss, step)
        if step % 50 == 49 or step < 3:
            print(f"{step + 1} cosine {1 - cosine:.3f} relation {relation:.3f} "
                  f"{(time.time() - started) / (step + 1 - run.step):.2f} s/step", flush=True)
        if step % 200 == 199 or step + 1 == args.steps:
            run.save(step + 1)


if __name__ == "__main__":
    main()

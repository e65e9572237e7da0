"""The wait for one short query: gensearch at the query's true length, peers padded to 77 tokens as people run them, and
not padded."""

import itertools
import json

import numpy as np
import torch
from transformers import CLIPTokenizer

import context
import peers
from measure import attempt, check, print_table, ratio, run_rounds

CONTEXT = 77


def three_words(directory):
    """Three words of one token each, as common words are to the real CLIP, and their ids [1, 5] i64."""
    merges = (directory / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    vocab = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    tokenizer = CLIPTokenizer(vocab=vocab, merges=[tuple(m.split()) for m in merges if m], model_max_length=CONTEXT)
    words = (name.removesuffix("</w>") for name in vocab if name.endswith("</w>"))
    common = (word for word in words if len(word) > 2 and word.isascii() and word.isalpha())
    single = (word for word in common if len(tokenizer(word)["input_ids"]) == 3)
    query = " ".join(itertools.islice(single, 3))
    return query, np.array([tokenizer(query)["input_ids"]], np.int64)


def ours(bench, directory, query, opened):
    def make(precision, backend):
        encoder = bench.library.open(directory, bench.threads, 1, precision, backend=backend)
        opened.append(encoder)
        return lambda: encoder.texts([query])

    for name, precision, backend in context.OURS:
        if precision == "int8":  # of pictures alone
            continue
        yield attempt(name, precision, lambda p=precision, b=backend: make(p, b), ours=True)


def others(bench, tower, converted, onnx, ids):
    for precision in peers.TYPES:
        yield attempt("PyTorch eager", precision, lambda p=precision: peers.bind_pytorch(tower, ids, p, False))
        yield attempt("PyTorch compiled", precision, lambda p=precision: peers.bind_pytorch(tower, ids, p, True))
        yield attempt("OpenVINO", precision, lambda p=precision: peers.bind_openvino(converted, ids, p, bench.threads))
    yield attempt("ONNX Runtime", "f32", lambda: peers.bind_onnxruntime(onnx, ids, bench.threads))


def rows(mine, padded, unpadded):
    groups = ((mine, "true length"), (padded, f"padded to {CONTEXT}"), (unpadded, "not padded"))
    for contenders, length in groups:
        for c in contenders:
            label = f"{c.name}, {c.precision}, {length}"
            if c.refused:
                yield [f"{label} ({c.refused})", "n/a", "", ""], c.record()
                continue
            against = []
            for peer_group in (padded, unpadded):
                peer = min((p for p in peer_group if p.seconds and p.precision == c.precision), key=lambda p: p.median)
                against.append(f"{ratio(c, peer):.2f}x" if c.ours else "")
            yield [label, f"{c.median * 1e3:.2f} ({c.best * 1e3:.2f})", *against], c.record()


def run(bench):
    directory = bench.model(bench.shape)
    _, tower = peers.towers(directory)
    query, ids = three_words(directory)
    long = np.concatenate([ids, np.full((1, CONTEXT - ids.shape[1]), ids[0, -1])], 1)
    onnx = peers.export_onnx(tower, long, bench.folder / f"{bench.shape}-text.onnx")
    converted = peers.convert_openvino(tower, long)
    torch.compiler.reset()
    opened = []
    groups = [
        list(ours(bench, directory, query, opened)),
        list(others(bench, tower, converted, onnx, long)),
        list(others(bench, tower, converted, onnx, ids)),
    ]
    everyone = [contender for group in groups for contender in group]
    check(everyone, peers.bind_pytorch(tower, long, "f32", False)())
    outside = run_rounds(everyone, bench.rounds, bench.limit)
    for encoder in opened:
        encoder.close()
    print(f'\n### One query, "{query}" ({ids.shape[1]} tokens), {bench.shape}, ms: median (best)\n')
    header = ["", "ms", "times as quick as the best peer, padded", "not padded"]
    print_table(header, rows(*groups))
    print(f"\nOurs includes the tokenizer, the peers do not. Others used {outside:.0%} of the machine meanwhile.")
    names = ("ours", "padded", "unpadded")
    records = {name: [c.record() for c in group] for name, group in zip(names, groups)}
    return {"shape": bench.shape, "query": query, "tokens": int(ids.shape[1]), "outside": outside} | records

"""A small CLIP vocabulary, trained here, so that tests need no download: vocab, merges and the tokenizer.bin of it."""

import json
import struct

from tokenizers import pre_tokenizers, trainers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
CONTEXT = 77

CORPUS = """
A photo of a cat, a photo of a dog; photos of cats and dogs. It's a painting of the sea at night, isn't it?
We've seen portraits of women and men, they're smiling; I'll draw a red car and you'd draw 12 blue cars in 2026!!!
Handwritten digits 0 1 2 3 4 5 6 7 8 9, churches, bedrooms, landscapes, anime faces, textures, flowers and birds.
Ein Gemälde von einem schönen Haus über dem Fluss. Une église à côté de la forêt, où l'été est né. El niño pequeño.
Ночной город и море, красная машина. Η θάλασσα τη νύχτα. 夜の海、赤い車。 夜晚的大海 红色的汽车 밤바다 빨간 자동차
İstanbul'da güneşli bir gün. Việt Nam phở bò. हिन्दी में एक चित्र. صورة قطة. תמונה של חתול 🙂🙂🚀👩‍👩‍👧
aaaa aaaaaaaa abababab !!! ??? ... --- <<>> ((())) hello hello hello world the the the of of of
"""


def empty():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {t: i for i, t in enumerate(alphabet + [a + "</w>" for a in alphabet])}
    return alphabet, vocab


def with_specials(vocab):
    return vocab | {START: len(vocab), END: len(vocab) + 1}


def train(n_merges=400):
    """The vocabulary as vocab.json and merges.txt have it: {token: id}, [(left, right)]."""
    alphabet, vocab = empty()
    teacher = CLIPTokenizer(vocab=with_specials(vocab), merges=[]).backend_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=len(vocab) + n_merges, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    teacher.train_from_iterator([line for line in CORPUS.splitlines() for _ in range(3)], trainer)
    merges = []
    for merge in json.loads(teacher.to_str())["model"]["merges"]:
        left, right = merge
        if left in vocab and right in vocab:
            merges.append((left, right))
            vocab.setdefault(left + right, len(vocab))
    return with_specials(vocab), merges


def tokenizer(vocab, merges):
    return CLIPTokenizer(vocab=dict(vocab), merges=list(merges))


def byte_symbols():
    """The printable character that stands for each byte in a byte-level vocabulary."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in kept]
    return {**{b: chr(b) for b in kept}, **{b: chr(256 + i) for i, b in enumerate(others)}}


def tokenizer_bin(vocab, merges):
    """The bytes of tokenizer.bin, as core/tokenize.h lays them out."""
    symbol = byte_symbols()
    rows = sorted((vocab[a], vocab[b], vocab[a + b], rank) for rank, (a, b) in enumerate(merges))
    start, end = vocab[START], vocab[END]
    words = [1, CONTEXT, start, end, end, len(vocab), len(rows), 0]
    words += [vocab[symbol[b]] for b in range(256)] + [vocab[symbol[b] + "</w>"] for b in range(256)]
    words += [field for row in rows for field in row]
    return b"GSTOKEN\0" + struct.pack(f"<{len(words)}I", *words)

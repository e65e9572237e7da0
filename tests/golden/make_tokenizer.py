"""Writes tokenizer_golden.h: a small tokenizer.bin, and what CLIPTokenizer makes of difficult texts.

    python3 tests/golden/make_tokenizer.py
"""

import pathlib
import random
import struct

import clip_vocabulary
from golden import array, write

CHOSEN = [
    "",
    " ",
    "a photo of a cat",
    "A  Photo\tof\n a CAT.",
    "It's ''s I'LL they'RE rock'n'roll 'sam 'd",
    "2026 ٣٤५²½Ⅳ①",
    "İstanbul'da ISPARTA ıI",
    "ΟΔΟΣ Σ σς ᾼ",
    "ǅ ß ẞ ŉ ǰ ΐ ſ K Å",
    "e\u0301 a\u0327\u0301 a\u0301\u0327 \u0301alone \u0344 \u0958",
    "밤바다 \u1107\u1161\u11b7 \u1107\u1161 \uac00\u11a8",
    "夜の海 か\u3099 \uf900 \U0002f800",
    "🙂🚀👩\u200d👩\u200d👧🏽❤\ufe0f🇩🇪",
    "zero\u200bwidth \u180e no\u00a0break\u3000wide\u2028line\u0085next",
    "\x01\x02 \x1f\x7f\x9f",
    "a<|startoftext|>b <|endoftext|> c",
    "<|STARTOFTEXT|>! !<|EndOfText|> <|startofte\u017ft|> <|end",
    "<|endoftext|>\u0301 x<|startoftext|",
    "aaaaaaaaaaaaaaaa abababababab ((((())))) !!!???",
    "word " * 90,
    "x" * 3000,
    "\u0301\u0327" * 500,
    "supercalifragilisticexpialidocious-" * 30,
]
ILL_FORMED = [
    b"a\xffb",
    b"\xc3",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x99",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"\x80\x80a",
]
POOLS = [
    "aabbcc  ''<>|!?.,sStTrReEvVlLdDmM",
    [chr(c) for c in range(0x300, 0x370)],
    [chr(c) for c in range(0xC0, 0x250)],
    [chr(c) for c in range(0x370, 0x530)],
    [chr(c) for c in range(0x1E00, 0x2000)],
    [chr(c) for c in [*range(0x1100, 0x1200), *range(0xAC00, 0xD7A4, 997)]],
    [chr(c) for c in range(0x900, 0xE00)],
    [chr(c) for c in range(0xF900, 0xFB50)],
    [chr(c) for c in range(0x1D100, 0x1D250)],
    [chr(c) for c in range(1, 0xA1)],
    clip_vocabulary.CORPUS.split(),
]


def random_texts(rng, count):
    for _ in range(count):
        pools = rng.sample(POOLS, rng.randint(1, 3))
        yield "".join(rng.choice(rng.choice(pools)) for _ in range(rng.choice([2, 5, 10, 20])))


def main():
    vocab, merges = clip_vocabulary.train(200)
    tokenizer = clip_vocabulary.tokenizer(vocab, merges)
    data = clip_vocabulary.tokenizer_bin(vocab, merges)
    texts = [t.encode() for t in [*CHOSEN, *random_texts(random.Random(5), 150)]] + ILL_FORMED
    text_bytes, ids, cases = b"", [], []
    for text in texts:
        tokens = tokenizer(text.decode("utf-8", "replace"), truncation=True, max_length=clip_vocabulary.CONTEXT)
        cases.append(f"{{{len(text_bytes)}, {len(text)}, {len(ids)}, {len(tokens['input_ids'])}}}")
        text_bytes += text
        ids += tokens["input_ids"]
    words = struct.unpack(f"<{len(data) // 4}I", data)
    content = [
        "/* tokenizer.bin */",
        array("uint32_t", "tokenizer_bin", [str(w) for w in words]),
        "/* All texts in one, all tokens in one, and where those of each text begin and how long they are. */",
        array("uint8_t", "texts", [str(b) for b in text_bytes]),
        array("int32_t", "tokens", [str(i) for i in ids]),
        "typedef struct {\n    size_t text, text_length, token, token_count;\n} tokenizer_case;\n",
        array("tokenizer_case", "cases", cases),
    ]
    path = pathlib.Path(__file__).with_name("tokenizer_golden.h")
    write(path, "make_tokenizer.py", ["transformers", "tokenizers"], content)


if __name__ == "__main__":
    main()

"""Writes core/unicode_tables.h: what the tokenizer has to know about Unicode.

    python3 tools/make_unicode_tables.py core/unicode_tables.h

The tables say what Hugging Face's `tokenizers` library does, asked code point by code point, because CLIPTokenizer is
that library and its parts follow different versions of Unicode. Python's unicodedata only proposes candidates
(combining classes, pairs that may compose); each is checked against the library before it is written.
"""

import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)  # composed by arithmetic
NFC = normalizers.NFC().normalize_str
NFD = normalizers.NFD().normalize_str
LOWER = normalizers.Lowercase().normalize_str


def matching(pattern):
    """The code points that the library's regular expressions match with pattern."""
    split = pre_tokenizers.Split(Regex(pattern), behavior="removed")
    found = []
    for start in range(0, len(CODE_POINTS), 4096):
        block = CODE_POINTS[start : start + 4096]
        left = {ch for piece, _ in split.pre_tokenize_str("".join(map(chr, block))) for ch in piece}
        found += [c for c in block if chr(c) not in left]
    return found


def ranges(points):
    """[first, last] of every run."""
    runs = []
    for c in points:
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return runs


def lower_runs():
    """(first, last, step, delta) of runs of capitals with small letters at one distance, and the exceptions."""
    runs, special = [], []
    for c in CODE_POINTS:
        small = LOWER(chr(c))
        if small == chr(c):
            continue
        if len(small) != 1:
            special.append((c, small))
            continue
        delta = ord(small) - c
        last = runs[-1] if runs else None
        if last and last[3] == delta and c - last[1] in (1, 2) and last[2] in (0, c - last[1]):
            last[1], last[2] = c, c - last[1]
        else:
            runs.append([c, c, 0, delta])
    return [(first, end, step or 1, delta) for first, end, step, delta in runs], special


def combining_classes():
    """(code point, class) of everything that the library reorders."""
    found = []
    for c in CODE_POINTS:
        klass = unicodedata.combining(chr(c))
        if klass:
            # U+0334 has class 1, U+0345 class 240, the lowest and the highest: c changes place with one of them.
            low, high = NFD(chr(c) + "\u0334"), NFD("\u0345" + chr(c))
            if low[-1:] != "\u0334" or high[-1:] == "\u0345" or klass in (1, 240):
                found.append((c, klass))
    return found


def class_runs(classes):
    runs = []
    for c, klass in classes:
        if runs and runs[-1][1] == c - 1 and runs[-1][2] == klass:
            runs[-1][1] = c
        else:
            runs.append([c, c, klass])
    return runs


def decompositions():
    """(code point, first, second or 0, composes) of every canonical decomposition, one step deep."""
    found = []
    for c in CODE_POINTS:
        mapping = unicodedata.decomposition(chr(c))
        if not mapping or mapping.startswith("<") or c in HANGUL:
            continue
        parts = [int(p, 16) for p in mapping.split()]
        whole = "".join(map(chr, parts))
        if NFC(chr(c)) == chr(c) and NFC(whole) == whole:
            continue  # younger than the library's Unicode
        composes = len(parts) == 2 and NFC(whole) == chr(c)
        assert composes or NFC(chr(c)) == NFC(whole) != chr(c), hex(c)
        found.append((c, parts[0], parts[1] if len(parts) == 2 else 0, composes))
    return found


def check_nothing_forgotten(pairs):
    known = {c for c, *_ in pairs}
    for c in CODE_POINTS:
        if c not in known and c not in HANGUL:
            assert NFC(chr(c)) == chr(c), hex(c)


def block(name, kind, note, rows):
    body, line = [], "   "
    for row in rows:
        if len(line) + len(row) + 2 > 118:
            body.append(line)
            line = "   "
        line += f" {row},"
    body.append(line)
    return f"/* {note} */\nstatic const {kind} {name}[] = {{\n" + "\n".join(body) + "\n};\n"


def main():
    pairs = decompositions()
    check_nothing_forgotten(pairs)
    order = sorted((i for i, p in enumerate(pairs) if p[3]), key=lambda i: (pairs[i][1], pairs[i][2]))
    runs, special = lower_runs()
    assert special == [(0x130, "i\u0307")], special
    parts = [
        f"/* Made by tools/make_unicode_tables.py with tokenizers {tokenizers.__version__} and"
        f" unicodedata {unicodedata.unidata_version}. */",
        "/* clang-format off */",
        block("letters", "gs_range", "\\p{L}", [f"{{{a:#x},{b:#x}}}" for a, b in ranges(matching(r"\p{L}"))]),
        block("numbers", "gs_range", "\\p{N}", [f"{{{a:#x},{b:#x}}}" for a, b in ranges(matching(r"\p{N}"))]),
        block("spaces", "gs_range", "\\s", [f"{{{a:#x},{b:#x}}}" for a, b in ranges(matching(r"\s"))]),
        block("capitals", "gs_capitals", "First and last of a run, its step, and how far away the small letters are.",
              [f"{{{a:#x},{b:#x},{s},{d}}}" for a, b, s, d in runs]),
        block("classes", "gs_class", "First and last of a run, canonical combining class.",
              [f"{{{a:#x},{b:#x},{k}}}" for a, b, k in class_runs(combining_classes())]),
        block("decompositions", "uint64_t", "Code point << 42 | first << 21 | second (0: none), ascending.",
              [f"{c << 42 | a << 21 | b:#x}" for c, a, b, _ in pairs]),
        block("compositions", "uint16_t", "Indices of those decompositions that are undone, by (first, second).",
              map(str, order)),
    ]
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write("\n".join(parts))


if __name__ == "__main__":
    main()

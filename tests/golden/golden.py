"""What the make_*.py scripts share: the random numbers of tests/unit/core_test.h, and C arrays."""

import importlib.metadata
import sys

import numpy as np


class Random:
    """The generator of core_test.h (Numerical Recipes' LCG), so that inputs need not be stored."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return self.state >> 8  # 24 bits: exact in f32

    def bytes(self, *shape):
        return np.array([self.next() >> 16 for _ in range(np.prod(shape))], np.uint8).reshape(shape)

    def floats(self, *shape):
        """Uniform in [-1/8, 1/8), exact in f32."""
        raw = [self.next() for _ in range(np.prod(shape))]
        return ((np.array(raw, np.float32) - 2**23) / 2**26).astype(np.float32).reshape(shape)


def checksum(data):
    """FNV-1a, 64 bits, as core_test.h computes it."""
    value = 0xCBF29CE484222325
    for byte in bytes(data):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def array(kind, name, values, width=118):
    lines, line = [], "   "
    for value in values:
        if len(line) + len(value) + 2 > width:
            lines.append(line)
            line = "   "
        line += f" {value},"
    return f"static const {kind} {name}[] = {{\n" + "\n".join([*lines, line]) + "\n};\n"


def doubles(name, values):
    return array("double", name, ["NAN" if np.isnan(v) else repr(float(v)) for v in np.ravel(values)])


def write(path, script, packages, parts):
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"/* Made by tests/golden/{script} with {versions}. */\n/* clang-format off */\n")
        out.write("\n".join(parts))
    print(path, file=sys.stderr)

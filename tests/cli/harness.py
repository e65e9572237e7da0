"""What the command-line tests share: a scratch folder, the program, small pictures and models.

class Index(Case):
    def test_it(self):
        cats = self.folder_model("cats", colour=(200, 30, 30), count=12)
        self.index(cats)
        self.assertEqual(self.json("search", self.db, "--text", "cat")[0]["slug"], "cats")
"""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden"
ZOO = HERE.parent.parent / "data" / "zoo"
PROGRAM = os.environ["GENSEARCH"]
os.environ["GENSEARCH_CUDA"] = "/nowhere"  # the same arithmetic on machines with a GPU
TINY = GOLDEN / "clip_tiny" / "quick_gelu_f32"  # 32 pixels, random weights, made by make.py there
VISION = GOLDEN / "vit_tiny" / "dino_f32"  # 16 pixels, no text tower
OTHER = GOLDEN / "clip_tiny" / "gelu_f16"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")

# Tests run in the background of a script, or under nohup, inherit signals that are ignored, and so would the program.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def png(width, height, pixel):
    """An RGB picture; pixel(x, y) -> (r, g, b)."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes(c for x in range(width) for c in pixel(x, y)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def speckled(colour, seed, width=40, height=33):
    """A picture of one colour with marks that differ from seed to seed."""

    def pixel(x, y):
        noise = (x * 7919 + y * 104729 + seed * 1299709) % 251
        return tuple(min(255, c + noise // 3) for c in colour) if noise % 3 else tuple(colour)

    return png(width, height, pixel)


def npy(data):
    """A little-endian f8 or i8 .npy array as a flat list."""
    size = struct.unpack("<H", data[8:10])[0]
    header = data[10 : 10 + size].decode()
    kind = "d" if "<f8" in header else "q"
    body = data[10 + size :]
    return list(struct.unpack(f"<{len(body) // 8}{kind}", body))


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="gensearch-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.db = str(self.dir / "t.db")

    def run_program(self, *args, cwd=None, env=None, stdout=subprocess.PIPE):
        return subprocess.run(
            [PROGRAM, *map(str, args)],
            cwd=cwd or self.dir,
            env={**os.environ, **(env or {})},
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=300,
            check=False,
        )

    def ok(self, *args, **options):
        """Standard output of a run that must succeed."""
        done = self.run_program(*args, **options)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def json(self, *args):
        return [json.loads(line) for line in self.ok(*args, "--json").splitlines()]

    def refused(self, *args, says=(), status=2, **options):
        """A run that must fail with one clear line that names what is wrong."""
        done = self.run_program(*args, **options)
        message = done.stderr.decode()
        self.assertEqual(done.returncode, status, message)
        lines = [line for line in message.splitlines() if line.startswith("gensearch: ")]
        self.assertEqual(len(lines), 1, message)
        for part in says:
            self.assertIn(str(part), lines[0])
        return lines[0]

    def index(self, *models, **options):
        arguments = {"encoder": TINY, "samples": 100, "threads": 1, **options}
        flags = [text for name, value in arguments.items() for text in (f"--{name.replace('_', '-')}", value)]
        return self.ok("index", self.db, *models, *flags, "--quiet")

    def write_model(self, slug, sampler, **fields):
        model = {"slug": slug, "title": slug.title(), "type": "other", "sampler": sampler, **fields}
        path = self.dir / slug / "model.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(model))
        return path

    def folder_model(self, slug, colour, count=12, **fields):
        pictures = self.dir / slug / "pictures"
        pictures.mkdir(parents=True)
        for i in range(count):
            (pictures / f"{i:04}.png").write_bytes(speckled(colour, i))
        return self.write_model(slug, {"kind": "folder", "path": "pictures"}, **fields)

    def worker_model(self, slug, *options, **sampler):
        command = [sys.executable, str(HERE / "worker.py"), *map(str, options)]
        return self.write_model(slug, {"kind": "worker", "command": command, **sampler})

    def make_share(self):
        """An installation with stand-ins for what others build: publishing copies those, it does not look inside."""
        share = self.dir / "share"
        for path in (
            "site/index.html",
            "site/style.css",
            "site/app/main.js",
            "site/app/README.md",
            "site/package.json",
            "site/.hidden",
            "site/eslint.config.js",
            "site/tests/x.js",
            "wasm/core.js",
            "wasm/held.js",
            "wasm/memory.js",
            "wasm/gensearch.js",
            "wasm/gensearch.wasm",
            *(f"site/node_modules/onnxruntime-web/dist/{name}" for name in (*RUNTIME, "ort.js")),
        ):
            (share / path).parent.mkdir(parents=True, exist_ok=True)
            (share / path).write_text(f"this is {path}")
        return share

    def environment(self):
        """What makes the program take self.share for its installation."""
        return {"GENSEARCH_SHARE": str(self.share)}

    def moments(self, slug, name="moments.npz"):
        """The bytes of a model's exported moments."""
        out = self.dir / name
        self.ok("stats", self.db, slug, "--out", out)
        return out.read_bytes()

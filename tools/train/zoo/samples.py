"""Samples of finished models, drawn as gensearch draws them: by the worker.

    with Worker() as worker:
        frames = worker.samples(Path("data/zoo/cats/model.json"), 64)    # uint8 [64, height, width, 3]
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]


class Worker:
    def __enter__(self):
        command = ["node", str(ROOT / "tools/workers/onnx.mjs")]
        environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def samples(self, model: Path, count: int, seed: int = 1) -> np.ndarray:
        request = {"op": "sample", "model": str(model.resolve()), "seed": seed, "first": 0, "count": count}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        header = json.loads(self.process.stdout.readline() or b'{"error": "the worker died"}')
        if "error" in header:
            raise SystemExit(f"{model}: {header['error']}")
        shape = [header[key] for key in ("count", "height", "width", "channels")]
        return np.frombuffer(self.process.stdout.read(int(np.prod(shape))), np.uint8).reshape(shape)

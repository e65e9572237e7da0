"""The example on the page about workers (tools/workers/README.md) is a worker."""

import re
import sys
import unittest

from harness import HERE, Case

PAGE = HERE.parent.parent / "tools" / "workers" / "README.md"


class WorkerPage(Case):
    def test_the_example_gives_the_same_samples_in_any_batch(self):
        (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.assertLessEqual(len(example.splitlines()), 31)
        for slug in ("one", "two"):
            model = self.write_model(slug, {"kind": "worker", "command": [sys.executable, "worker.py"]})
            (model.parent / "worker.py").write_text(example)
            self.index(model, samples=40, batch={"one": 32, "two": 7}[slug])
        self.assertLess(float(self.ok("frechet", self.db, "one", "two")), 1e-6)
        self.assertEqual([model["samples"] for model in self.json("show", self.db)], [40, 40])

    def test_every_shipped_worker_stands_on_the_page(self):
        kinds = re.findall(r"^\| `(\w+)` \| `([\w.]+)`", PAGE.read_text(), re.MULTILINE)
        self.assertEqual({kind for kind, _ in kinds}, {"onnx", "torchscript", "http"})
        for _, program in kinds:
            self.assertTrue((PAGE.parent / program).is_file())


if __name__ == "__main__":
    unittest.main()

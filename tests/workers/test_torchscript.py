"""A TorchScript generator: the same samples in any batch, and modules that cannot be sampled again are refused."""

import json
import unittest

import torch
from torch import nn

from harness import TINY, Case


class Noisy(nn.Module):
    def forward(self, z):
        return torch.rand_like(z).reshape(1, 3, 8, 8)


class TorchScript(Case):
    def torch_model(self, slug, module, shape, **block):
        block = {"kind": "torchscript", "path": "g.pt", "latent": shape, "range": [-1, 1], **block}
        path = self.write_model(slug, block)
        torch.jit.trace(module, torch.randn(1, *shape), check_trace=False).save(path.parent / "g.pt")
        return path

    def test_a_generator_gives_the_same_samples_in_any_batch(self):
        torch.manual_seed(3)
        grow = [nn.ConvTranspose2d(6, 16, 4), nn.ReLU(), nn.Upsample(scale_factor=4)]
        generator = nn.Sequential(*grow, nn.Conv2d(16, 3, 3, padding=1), nn.Tanh())
        for slug, batch in (("one", 32), ("two", 7)):
            self.index(self.torch_model(slug, generator, [6, 1, 1]), samples=40, batch=batch)
        self.assertLess(float(self.ok("frechet", self.db, "one", "two")), 1e-6)
        self.assertEqual([model["samples"] for model in self.json("show", self.db)], [40, 40])

    def test_what_cannot_be_sampled_is_refused(self):
        flat = nn.Flatten()
        for module, shape, block, says in (
            (Noisy(), [192], {}, "draws random numbers of its own"),
            (flat, [192], {}, "gives no picture [1, channels, height, width]"),
            (flat, [192], {"range": [1]}, "field 'sampler.range' must tell"),
            (flat, [192], {"latent": "many"}, "field 'sampler.latent' must be"),
        ):
            model = self.torch_model("wrong", module, shape)
            data = json.loads(model.read_text())
            data["sampler"].update(block)
            model.write_text(json.dumps(data))
            self.refused("index", self.db, model, "--encoder", TINY, says=[says])


if __name__ == "__main__":
    unittest.main()

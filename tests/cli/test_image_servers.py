"""The worker for image servers, against stand-ins for the three protocols that it speaks."""

import json
import unittest

from harness import TINY, Case
from image_server import ImageServer, picture

PROMPTS = ["a cat", "a dog, “running”", "a boat"]
WORKFLOW = {
    "3": {"class_type": "KSampler", "inputs": {"seed": "%seed%", "steps": 4}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "%prompt%"}},
}


class ImageServers(Case):
    def setUp(self):
        super().setUp()
        self.server = self.enterContext(ImageServer())

    def server_model(self, slug, **block):
        block = {"kind": "http", "server": self.server.url, "prompts": "prompts.txt", "size": [16, 12], **block}
        path = self.write_model(slug, block)
        (path.parent / "prompts.txt").write_text("\n".join(PROMPTS) + "\n\n", encoding="utf-8")
        (path.parent / "workflow.json").write_text(json.dumps(WORKFLOW))
        return path

    def models(self):
        return [
            self.server_model("openai", protocol="openai", options={"model": "sd"}),
            self.server_model("sdapi", protocol="sdapi", options={"steps": 4}, server=self.server.url + "/"),
            self.server_model("comfyui", protocol="comfyui", workflow="workflow.json"),
        ]

    def test_the_three_protocols_give_the_same_samples(self):
        self.index(*self.models(), samples=7)
        asked = {}
        for path, body in self.server.requests:
            if path == "/prompt":
                inputs = {number: node["inputs"] for number, node in body["prompt"].items()}
                body = {"prompt": inputs["6"]["text"], "seed": inputs["3"]["seed"]}
            asked.setdefault(path, []).append((body["prompt"], body["seed"]))
        self.assertEqual(len(asked), 3)
        (one, *others) = asked.values()
        self.assertEqual([prompt for prompt, _ in one], [PROMPTS[i % 3] for i in range(7)])
        self.assertEqual(len({seed for _, seed in one}), 7)
        self.assertEqual(others, [one, one])
        self.assertTrue(all(b["model"] == "sd" for p, b in self.server.requests if p == "/v1/images/generations"))
        self.assertTrue(all(b["steps"] == 4 for p, b in self.server.requests if p == "/sdapi/v1/txt2img"))

        folder = self.dir / "files" / "pictures"
        folder.mkdir(parents=True)
        for i, (prompt, seed) in enumerate(one):
            (folder / f"{i}.png").write_bytes(picture(prompt, seed, 16, 12))
        self.index(self.write_model("files", {"kind": "folder", "path": "pictures"}), samples=7)
        for slug in ("openai", "sdapi", "comfyui"):
            self.assertEqual(self.moments(slug), self.moments("openai"))
            self.assertLess(float(self.ok("frechet", self.db, slug, "files")), 1e-6)
        self.assertEqual(self.ok("verify", self.db), "")

    def test_what_a_server_says_is_shown(self):
        model = self.server_model("openai", protocol="openai")
        self.server.broken = True
        says = ["/v1/images/generations: status 500", "out of memory"]
        self.refused("index", self.db, model, "--encoder", TINY, says=says)
        gone = self.server_model("gone", protocol="sdapi", server="http://127.0.0.1:9")
        self.refused("index", self.db, gone, "--encoder", TINY, says=["127.0.0.1:9/sdapi/v1/txt2img", "refused"])

    def test_wrong_blocks_are_refused(self):
        for block, says in (
            ({}, "field 'sampler.protocol' must be one of openai, sdapi, comfyui"),
            ({"protocol": "openai", "server": "localhost"}, "field 'sampler.server' must be an address"),
            ({"protocol": "openai", "size": 64}, "field 'sampler.size' must be [width, height]"),
            ({"protocol": "openai", "prompts": []}, "field 'sampler.prompts' must be a list of texts"),
            ({"protocol": "openai", "prompts": "nowhere.txt"}, "nowhere.txt"),
            ({"protocol": "openai", "options": 1}, "field 'sampler.options' must be an object"),
            ({"protocol": "comfyui"}, "field 'sampler.workflow' must name a file"),
        ):
            self.refused("index", self.db, self.server_model("wrong", **block), "--encoder", TINY, says=[says])


if __name__ == "__main__":
    unittest.main()

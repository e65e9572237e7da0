"""Tiny generators in every form that people export, and the pictures that PyTorch makes of them before the export.

    python tests/golden/make_onnx_forms.py
    (torch 2.13.0, onnx 1.23, onnxscript 0.7, numpy 2.x; seed 7 for the weights)

Writes tests/golden/onnx_forms/: the graphs as torch.onnx.export writes them, without its notes on where this script
lay, and forms.json with each one's sampler block and the bytes of samples 15 .. 32 at sampling seed 2**40 + 3. The
random numbers are those of make_sampling.py.
"""

import json
import pathlib

import numpy as np
import onnx
import torch
from torch import nn
from torch.export import Dim

from make_sampling import normals, words

OUT = pathlib.Path(__file__).parent / "onnx_forms"
SEED, FIRST, COUNT = 2**40 + 3, 15, 18
SAMPLES = range(FIRST, FIRST + COUNT)
LATENT, CLASSES, HEIGHT, WIDTH = 6, 5, 6, 8
CLASS_STREAM, NOISE_STREAM = 2, 3
BATCH = {0: Dim("n")}
COLOUR = (3, HEIGHT, WIDTH)


def latents(*shape, stream=0):
    size = int(np.prod(shape))
    return torch.from_numpy(np.stack([normals(SEED, i, size, stream).reshape(shape) for i in SAMPLES]))


def classes(index):
    """The class of each sample: number `index` of its own stream, for the sampler's input of that index."""
    drawn = [words(SEED, i, CLASS_STREAM, index + 1)[index] / 2**32 for i in SAMPLES]
    return torch.tensor([int(u * CLASSES) for u in drawn])


class Generator(nn.Module):
    """z to pictures of a shape, in -1 .. 1; what a form does otherwise is in `finish`."""

    def __init__(self, shape, finish=lambda pictures: pictures, inputs=LATENT):
        super().__init__()
        self.layer, self.shape, self.finish = nn.Linear(inputs, int(np.prod(shape))), shape, finish

    def forward(self, z):
        return self.finish(torch.tanh(self.layer(z) * 2).view(-1, *self.shape))


class Conditional(nn.Module):
    """z and a label, or a row that is one-hot."""

    def __init__(self):
        super().__init__()
        self.classes, self.generator = nn.Parameter(torch.randn(CLASSES, LATENT) * 2), Generator(COLOUR)

    def forward(self, z, c):
        chosen = self.classes[c] if c.dtype == torch.int64 else c @ self.classes
        return self.generator(z + chosen)


class Style(nn.Module):
    """A mean style and a truncation towards it, a style direction, and noise on the picture."""

    def __init__(self):
        super().__init__()
        self.mean, self.generator = nn.Parameter(torch.randn(LATENT)), Generator(COLOUR)

    def forward(self, z, truncation_psi, direction, noise):
        w = self.mean + (z - self.mean) * truncation_psi + direction
        return self.generator(w) + 0.2 * noise


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = Generator(COLOUR)

    def forward(self, z):
        return z * 2, self.generator(z)


class Denoiser(nn.Module):
    """Predicts the noise in x at the integer time t, for a class."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(COLOUR) * 0.5)
        self.times, self.classes = nn.Embedding(1000, 3), nn.Embedding(CLASSES, 3)

    def forward(self, x, t, c):
        return x * self.scale + (self.times(t) + self.classes(c))[:, :, None, None]


class Prior(nn.Module):
    """The next token's logits and the next state, of tokens as PyTorch has them: int64."""

    def __init__(self, vocabulary, length):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary + 1, 8), nn.Embedding(length, 8)
        self.head = nn.Linear(8, vocabulary)

    def forward(self, token, position, state):
        state = torch.tanh(state + self.words(token) + self.places(position))
        return self.head(state) * 2, state


class Painter(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.colours = nn.Embedding(vocabulary, 3)

    def forward(self, tokens):
        return torch.sigmoid(self.colours(tokens)).view(-1, HEIGHT, WIDTH, 3)


def to_bytes(pictures, low=-1.0, high=1.0):
    """[n, c, h, w] to the bytes of RGB; alpha on white."""
    pixels = pictures.detach().double().numpy()
    pixels = np.clip((pixels - low) / (high - low), 0, 1)
    if pixels.shape[1] == 4:
        pixels = pixels[:, :3] * pixels[:, 3:] + 1 - pixels[:, 3:]
    if pixels.shape[1] == 1:
        pixels = np.repeat(pixels, 3, 1)
    return np.floor(pixels * 255 + 0.5).astype(np.uint8).transpose(0, 2, 3, 1)


def strip(path):
    """Exporters note the Python file and line of every node."""
    model = onnx.load(path, load_external_data=False)
    for item in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del item.metadata_props[:]
    path.write_bytes(model.SerializeToString())


def export(name, module, inputs, fixed=False, outputs=("image",), external=False, dynamic=None):
    """inputs: name -> example. fixed: for as many samples as the examples have."""
    path = OUT / f"{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    shapes = None if fixed else {key: (dynamic or {}).get(key, BATCH) for key in inputs}
    torch.onnx.export(
        module, tuple(inputs.values()), path, input_names=list(inputs), output_names=list(outputs),
        dynamic_shapes=tuple(shapes.values()) if shapes else None, external_data=external, verbose=False,
    )  # fmt: skip
    strip(path)
    return path.relative_to(OUT).as_posix()


def decode(path, **fields):
    return {"kind": "onnx", "procedure": "decode", "path": path, "latent": [LATENT], **fields}


def plain(name, shape, finish=lambda p: p, to_planes=lambda p: p, example=2, half=False, fixed=False, **fields):
    """A generator that differs in how its pictures come out. to_planes: from its output to [n, c, h, w]."""
    module = Generator(shape, finish).eval()
    z = latents(LATENT)
    if half:
        module, z = module.half(), z.half()
    path = export(name, module, {"z": z[:example]}, fixed)
    low, high = fields.get("range", (0, 255))
    pictures = to_planes(torch.cat([module(row[None]) for row in z]))
    return decode(path, **fields), to_bytes(pictures, low, high)


def plain_forms():
    signed = {"range": [-1, 1]}
    nhwc = lambda p: p.permute(0, 2, 3, 1)  # noqa: E731
    nchw = lambda p: p.permute(0, 3, 1, 2)  # noqa: E731
    yield "grey", plain("grey", (1, HEIGHT, WIDTH), **signed)
    yield "grey-rows", plain("grey-rows", (HEIGHT, WIDTH), to_planes=lambda p: p[:, None], **signed)
    yield "rgba", plain("rgba", (4, HEIGHT, WIDTH), **signed)
    yield "nhwc", plain("nhwc", COLOUR, nhwc, nchw, **signed)
    yield "flat-grey", plain("flat-grey", (64,), to_planes=lambda p: p.view(-1, 1, 8, 8), **signed)
    yield "flat-planes", plain("flat-planes", (192,), to_planes=lambda p: p.view(-1, 3, 8, 8), layout="NCHW", **signed)
    interleaved = {"to_planes": lambda p: nchw(p.view(-1, 8, 8, 3)), "layout": "NHWC"}
    yield "flat-interleaved", plain("flat-interleaved", (192,), **interleaved, **signed)
    yield "flat-wide", plain("flat-wide", (48,), to_planes=lambda p: p.view(-1, 1, 6, 8), size=[8, 6], **signed)
    yield "doubtful", plain("doubtful", (3, 8, 4), layout="NCHW", **signed)
    as_bytes = lambda p: torch.round(nhwc(p) * 127.5 + 127.5).to(torch.uint8)  # noqa: E731
    yield "uint8", plain("uint8", COLOUR, as_bytes, nchw)
    yield "half", plain("half", COLOUR, half=True, **signed)
    yield "one", plain("one", COLOUR, example=1, fixed=True, **signed)
    bare = {"finish": lambda p: p[0], "to_planes": lambda p: p.view(-1, *COLOUR)}
    yield "one-bare", plain("one-bare", COLOUR, **bare, example=1, fixed=True, **signed)
    yield "four", plain("four", COLOUR, example=4, fixed=True, **signed)


def baked():
    """Traced with one latent, so that a reshape inside holds one picture, and declared as if it took any number."""
    size = int(np.prod(COLOUR))
    module, z = Generator((size,), lambda p: p.reshape(1, *COLOUR)).eval(), latents(LATENT)
    path = export("baked", module, {"z": z[:1]}, fixed=True)
    graph = onnx.load(OUT / path)
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"
    (OUT / path).write_bytes(graph.SerializeToString())
    return decode(path, range=[-1, 1], batch=1), to_bytes(torch.cat([module(row[None]) for row in z]))


def bare():
    """For one sample, without a dimension that says so, coming and going."""

    class Bare(Generator):
        def forward(self, z):
            return super().forward(z[None])[0]

    module, z = Bare(COLOUR).eval(), latents(LATENT)
    path = export("bare", module, {"z": z[0]}, fixed=True)
    return decode(path, range=[-1, 1]), to_bytes(torch.stack([module(row) for row in z]))


def external():
    """As torch writes it by default: the weights in a file beside the graph, here in a folder below."""
    module, z = Generator(COLOUR).eval(), latents(LATENT)
    path = export("below/external", module, {"z": z[:2]}, external=True)
    sampler = decode(path, range=[-1, 1])
    del sampler["latent"]
    return sampler, to_bytes(module(z))


def conditional_forms():
    module, z = Conditional().eval(), latents(LATENT)
    drawn = classes(0)
    path = export("label", module, {"z": z[:2], "c": drawn[:2]})
    label = decode(path, range=[-1, 1], inputs={"c": {"classes": CLASSES}})
    yield "label", (label, to_bytes(module(z, drawn)))
    given = decode(path, range=[-1, 1], inputs={"c": {"classes": CLASSES, "class": 3}})
    yield "label-given", (given, to_bytes(module(z, torch.full((COUNT,), 3))))
    path = export("label-one", module, {"z": z[:1], "c": drawn[:1]}, fixed=True)
    yield "label-one", ({**label, "path": path}, to_bytes(module(z, drawn)))
    rows = nn.functional.one_hot(drawn, CLASSES).float()
    path = export("one-hot", module, {"z": z[:2], "c": rows[:2]})
    yield "one-hot", ({**label, "path": path}, to_bytes(module(z, rows)))
    half = Conditional().eval().half()
    path = export("one-hot-half", half, {"z": z[:2].half(), "c": rows[:2].half()})
    yield "one-hot-half", ({**label, "path": path}, to_bytes(half(z.half(), rows.half())))


def style():
    module, z = Style().eval(), latents(LATENT)
    psi, direction = torch.tensor(0.7), torch.tensor([0.5, 0, 0, -0.5, 0, 1])
    noise = latents(1, HEIGHT, WIDTH, stream=NOISE_STREAM + 2)
    inputs = {"z": z[:2], "truncation_psi": psi, "direction": direction, "noise": noise[:2]}
    path = export("style", module, inputs, dynamic={"truncation_psi": None, "direction": None})
    given = {"truncation_psi": 0.7, "direction": direction.tolist(), "noise": {"normal": [1, HEIGHT, WIDTH]}}
    return decode(path, range=[-1, 1], inputs=given), to_bytes(module(z, psi, direction, noise))


def two_outputs():
    module, z = TwoOutputs().eval(), latents(LATENT)
    path = export("two-outputs", module, {"z": z[:2]}, outputs=("doubled", "image"))
    return decode(path, range=[-1, 1], output="image"), to_bytes(module(z)[1])


def diffusion():
    module, c = Denoiser().eval(), classes(0)
    steps, alphas = [900, 500, 100], [0.05, 0.4, 0.9]
    x = latents(*COLOUR).double()
    path = export("denoiser", module, {"x": x[:2].float(), "t": torch.tensor([900, 900]), "c": c[:2]})
    for t, alpha, after in zip(steps, alphas, [*alphas[1:], 1.0], strict=True):
        noise = module(x.float(), torch.full((COUNT,), t), c).double()
        clean = (x - (1 - alpha) ** 0.5 * noise) / alpha**0.5
        x = after**0.5 * clean + (1 - after) ** 0.5 * noise
    sampler = {"kind": "onnx", "procedure": "diffusion", "path": path, "latent": list(COLOUR), "range": [-2, 2]}
    sampler |= {"timesteps": steps, "alphas_cumprod": alphas, "prediction": "epsilon"}
    return {**sampler, "inputs": {"c": {"classes": CLASSES}}}, to_bytes(x, -2, 2)


def autoregressive():
    vocabulary, length = 7, HEIGHT * WIDTH
    prior, painter = Prior(vocabulary, length).eval(), Painter(vocabulary).eval()
    start = {"token": torch.tensor([7, 7]), "position": torch.tensor([0]), "state": torch.zeros(2, 8)}
    path = export("prior", prior, start, outputs=("logits", "state_out"), dynamic={"position": None})
    tokens = []
    for i in SAMPLES:
        drawn = words(SEED, i, 1, length) / 2**32
        token, state, row = torch.tensor([vocabulary]), torch.zeros(1, 8), []
        for position in range(length):
            logits, state = prior(token, torch.tensor([position]), state)
            share = torch.softmax(logits[0].double(), 0).detach().numpy()
            token = torch.tensor([int(np.searchsorted(np.cumsum(share), drawn[position], side="right"))])
            row.append(int(token))
        tokens.append(row)
    tokens = torch.tensor(tokens)
    decoder = export("painter", painter, {"tokens": tokens[:2]})
    sampler = {"kind": "onnx", "procedure": "autoregressive", "path": path, "decoder": decoder, "range": [0, 1]}
    pictures = painter(tokens).permute(0, 3, 1, 2)
    return {**sampler, "length": length, "vocabulary": vocabulary, "state": [8]}, to_bytes(pictures, 0, 1)


def main():
    torch.manual_seed(7)
    forms = {"external": external(), **dict(plain_forms()), **dict(conditional_forms()), "style": style()}
    forms |= {"two-outputs": two_outputs(), "diffusion": diffusion(), "autoregressive": autoregressive()}
    forms |= {"baked": baked(), "bare": bare()}
    made = {"made_with": f"torch {torch.__version__}, onnx {onnx.__version__}", "seed": SEED, "first": FIRST}
    listed = []
    for name, (sampler, data) in forms.items():
        height, width = data.shape[1:3]
        frames = data.tobytes().hex()
        listed.append({"name": name, "sampler": sampler, "width": width, "height": height, "frames": frames})
    (OUT / "forms.json").write_text(json.dumps({**made, "count": COUNT, "forms": listed}, indent=1) + "\n")


if __name__ == "__main__":
    main()

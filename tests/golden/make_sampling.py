"""Tiny generators in ONNX form and what sampling them must give, computed here with NumPy alone.

    python tests/golden/make_sampling.py        (numpy 2.x, onnx 1.x; seed 7 for the weights)

Writes tests/golden/sampling/: one model.json per procedure, its graphs, and expected.json with the bytes of samples
5 .. 24 at sampling seed 2**40 + 3, plus Philox words and normals of an implementation written apart from random.js.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OUT = pathlib.Path(__file__).parent / "sampling"
SEED, FIRST, COUNT = 2**40 + 3, 5, 20
RNG = np.random.default_rng(7)
MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10 on Python's own integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def words(seed, sample, stream, count):
    blocks = [
        philox((block, stream, sample & MASK, sample >> 32), (seed & MASK, seed >> 32))
        for block in range((count + 3) // 4)
    ]
    return np.array(blocks, np.float64).ravel()[:count]


def normals(seed, sample, count, stream=0):
    drawn = words(seed, sample, stream, (count + 1) // 2 * 2).reshape(-1, 2)
    radius = np.sqrt(-2 * np.log((drawn[:, 0] + 0.5) / 2**32))
    angle = 2 * np.pi * drawn[:, 1] / 2**32
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()[:count].astype(np.float32)


def latents(shape):
    return np.stack([normals(SEED, i, int(np.prod(shape))).reshape(shape) for i in range(FIRST, FIRST + COUNT)])


def weights(*shape, scale=1.0):
    return (RNG.normal(size=shape) * scale).astype(np.float32)


def to_bytes(images, low, high):
    pixels = np.clip(np.floor((images - low) * 255 / (high - low) + 0.5), 0, 255)
    return pixels.transpose(0, 2, 3, 1).astype(np.uint8)


def save(name, nodes, inputs, outputs, constants):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        name,
        [value(n, t, s) for n, t, s in inputs],
        [value(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString())


def write_model(slug, sampler):
    model = {"slug": slug, "title": slug, "type": "other", "resolution": [5, 4], "sampler": {"kind": "onnx", **sampler}}
    (OUT / f"{slug}.json").write_text(json.dumps(model, indent=2) + "\n")


def make_decode():
    w, b = weights(6, 60), weights(60, scale=0.1)
    nodes = [
        helper.make_node("Gemm", ["z", "w", "b"], ["y"]),
        helper.make_node("Tanh", ["y"], ["a"]),
        helper.make_node("Reshape", ["a", "shape"], ["image"]),
    ]
    save(
        "decode",
        nodes,
        [("z", TensorProto.FLOAT, ["n", 6])],
        [("image", ["n", 3, 4, 5])],
        {"w": w, "b": b, "shape": np.array([-1, 3, 4, 5])},
    )
    write_model("decode", {"path": "decode.onnx", "procedure": "decode", "latent": [6], "range": [-1, 1]})

    def decode(z):
        return to_bytes(np.tanh(z @ w + b).reshape(-1, 3, 4, 5), -1, 1)

    return decode


def make_chain(decode):
    """Two graphs before decode.onnx, the first of four numbers: each takes what the one before it gives."""
    first, second = weights(4, 5), weights(5, 6)
    for name, source, inner in (("chain-first", first, 4), ("chain-second", second, 5)):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Tanh", ["y"], ["out"])]
        outputs = [("out", ["n", source.shape[1]])]
        save(name, nodes, [("x", TensorProto.FLOAT, ["n", inner])], outputs, {"w": source})
    sampler = {"path": "chain-first.onnx", "procedure": "decode", "decoder": ["chain-second.onnx", "decode.onnx"]}
    write_model("chain", {**sampler, "range": [-1, 1]})
    return decode(np.tanh(np.tanh(latents([4]) @ first) @ second))


def make_denoiser():
    """prediction = x * scale + t / 1000, a toy but one in which every term of the DDIM step matters. Returns scale."""
    scale = weights(3, 4, 5, scale=0.5)
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["scaled"]),
        helper.make_node("Div", ["t", "thousand"], ["share"]),
        helper.make_node("Reshape", ["share", "shape"], ["column"]),
        helper.make_node("Add", ["scaled", "column"], ["prediction"]),
    ]
    save(
        "denoiser",
        nodes,
        [("x", TensorProto.FLOAT, ["n", 3, 4, 5]), ("t", TensorProto.FLOAT, ["n"])],
        [("prediction", ["n", 3, 4, 5])],
        {"scale": scale, "thousand": np.float32(1000), "shape": np.array([-1, 1, 1, 1])},
    )
    return scale


def make_diffusion(scale, kind, clip):
    steps, alphas = [900, 500, 100], [0.05, 0.4, 0.9]
    sampler = {"path": "denoiser.onnx", "procedure": "diffusion", "latent": [3, 4, 5], "range": [-1, 1]}
    sampler |= {"timesteps": steps, "alphas_cumprod": alphas, "prediction": kind} | ({"clip": clip} if clip else {})
    write_model(f"diffusion-{kind}", sampler)
    x = latents([3, 4, 5]).astype(np.float64)
    for t, alpha, after in zip(steps, alphas, [*alphas[1:], 1.0], strict=True):
        out = x * scale + t / 1000
        if kind == "epsilon":
            clean = (x - np.sqrt(1 - alpha) * out) / np.sqrt(alpha)
        elif kind == "v":
            clean = np.sqrt(alpha) * x - np.sqrt(1 - alpha) * out
        else:
            clean = out
        if clip:
            clean = np.clip(clean, *clip)
        noise = (x - np.sqrt(alpha) * clean) / np.sqrt(1 - alpha)
        x = np.sqrt(after) * clean + np.sqrt(1 - after) * noise
    return to_bytes(x, -1, 1)


def make_autoregressive():
    """state = tanh(state + embedding[token] + place[position]); logits = state @ head; a token is a pixel."""
    vocabulary, length, temperature = 7, 20, 0.8
    embedding, place = weights(vocabulary + 1, 8, scale=0.6), weights(length, 8, scale=0.4)
    head, palette = weights(8, vocabulary, scale=0.5), RNG.uniform(0, 1, (vocabulary, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["embedding", "token"], ["word"]),
        helper.make_node("Gather", ["place", "position"], ["where"]),
        helper.make_node("Add", ["word", "where"], ["step"]),
        helper.make_node("Add", ["state", "step"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["state_out"]),
        helper.make_node("MatMul", ["state_out", "head"], ["logits"]),
    ]
    inputs = [
        ("token", TensorProto.INT32, ["n"]),
        ("position", TensorProto.INT32, [1]),
        ("state", TensorProto.FLOAT, ["n", 8]),
    ]
    outputs = [("logits", ["n", vocabulary]), ("state_out", ["n", 8])]
    save("prior", nodes, inputs, outputs, {"embedding": embedding, "place": place, "head": head})
    nodes = [
        helper.make_node("Gather", ["palette", "tokens"], ["pixels"]),
        helper.make_node("Reshape", ["pixels", "shape"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["image"], perm=[0, 3, 1, 2]),
    ]
    save(
        "painter",
        nodes,
        [("tokens", TensorProto.INT32, ["n", length])],
        [("image", ["n", 3, 4, 5])],
        {"palette": palette, "shape": np.array([-1, 4, 5, 3])},
    )
    sampler = {"path": "prior.onnx", "decoder": "painter.onnx", "procedure": "autoregressive", "range": [0, 1]}
    sampler |= {"length": length, "vocabulary": vocabulary, "state": [8], "temperature": temperature}
    write_model("autoregressive", sampler)
    images = []
    for i in range(FIRST, FIRST + COUNT):
        state, token, drawn = np.zeros(8), vocabulary, words(SEED, i, 1, length) / 2**32
        pixels = []
        for position in range(length):
            state = np.tanh(state + embedding[token] + place[position])
            share = np.exp(state @ head / temperature)
            token = int(np.searchsorted(np.cumsum(share / share.sum()), drawn[position], side="right"))
            pixels.append(palette[token])
        images.append(np.reshape(pixels, (4, 5, 3)).transpose(2, 0, 1))
    return to_bytes(np.stack(images), 0, 1)


def main():
    OUT.mkdir(exist_ok=True)
    expected = {
        "made_with": f"numpy {np.__version__}, onnx {onnx.__version__}",
        "seed": SEED,
        "first": FIRST,
        "count": COUNT,
        "words": [int(w) for w in words(SEED, 2**33 + 1, 1, 12)],
        "normals": [float(v) for v in normals(SEED, 2**33 + 1, 9)],
    }
    decode = make_decode()
    frames = {"decode": decode(latents([6]))}
    scale = make_denoiser()
    for kind, clip in (("epsilon", None), ("v", None), ("sample", [-0.75, 0.75])):
        frames[f"diffusion-{kind}"] = make_diffusion(scale, kind, clip)
    frames["autoregressive"] = make_autoregressive()
    frames["chain"] = make_chain(decode)
    expected["frames"] = {slug: data.tobytes().hex() for slug, data in frames.items()}
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()

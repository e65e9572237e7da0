"""Compares picture preparation with Pillow and transformers' CLIPImageProcessorPil: every pixel, to the last bit.

python preprocess.py PREPARE [PICTURES [SEED]]

1,000 random pictures, 10 for each of 100 preprocessor_config.json files: sides of 1 to 2000, strips among them; noise,
gradients and flat colours; as PNG, JPEG and WebP. PREPARE is prepare.c's program. A third of the files are OpenAI's,
the others vary every field.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageFile
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

PER_CONFIG = 10
MOST_PIXELS = 12e6  # of a resized picture before the crop: Pillow makes all of it

OPENAI = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": 224,
}


def side(rng, most):
    """1 to most, small ones as often as large ones."""
    return int(np.exp(rng.uniform(0, np.log(most + 1))))


def random_config(rng):
    """The fields of a preprocessor_config.json, and the size that an encoder with it would take."""
    config = {"image_processor_type": "CLIPImageProcessor"}
    for name in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        if rng.random() < 0.6:
            config[name] = bool(rng.random() < 0.6)
    edge, crop = side(rng, 400), side(rng, 400)
    cropped = config.get("do_center_crop", True)
    width, height = (edge, side(rng, 400)) if cropped else (edge, edge)  # others are refused when they are read
    sizes = [edge, {"shortest_edge": edge}, {"height": height, "width": width}, [height, width]]
    sizes.append({"shortest_edge": edge, "longest_edge": edge + side(rng, 400)})
    if cropped:
        sizes.append({"max_height": height, "max_width": width})
    config["size"] = sizes[rng.integers(len(sizes))]
    config["crop_size"] = [crop, {"height": crop, "width": crop}][rng.integers(2)]
    if rng.random() < 0.8:
        config["resample"] = int(rng.integers(6))
    if rng.random() < 0.3:
        config["rescale_factor"] = [1 / 127.5, 0.00392156862745098, 1.0][rng.integers(3)]
    if rng.random() < 0.5:
        config["image_mean"] = rng.uniform(0, 1, 3).tolist()
        config["image_std"] = rng.uniform(0.1, 1, 3).tolist()
    return config, crop if cropped else edge


def resized_pixels(config, width, height):
    """About how many pixels Pillow makes."""
    if not config.get("do_resize", True):
        return width * height
    size = config["size"]
    if isinstance(size, list):
        return size[0] * size[-1]
    if isinstance(size, dict) and "max_height" in size:
        scale = min(size["max_height"] / height, size["max_width"] / width)
        return width * height * scale**2 if min(width, height) * scale >= 1 else np.inf  # no side may become 0
    if isinstance(size, dict) and "shortest_edge" not in size:
        return size["height"] * size["width"]
    edge = size["shortest_edge"] if isinstance(size, dict) else size
    if isinstance(size, dict) and size.get("longest_edge", np.inf) * min(width, height) / max(width, height) < 1:
        return np.inf
    return edge * edge * max(width, height) / min(width, height)


def random_size(rng, config):
    while True:
        if rng.random() < 0.3:
            width, height = rng.integers(1, 2001, 2).tolist()
        else:
            width, height = side(rng, 2000), side(rng, 2000)
        if resized_pixels(config, width, height) <= MOST_PIXELS:
            return width, height


def random_picture(rng, width, height):
    kind = rng.integers(4)
    if kind == 0:
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if kind == 1:  # black and white, which overshoots most
        return (rng.integers(0, 2, (height, width, 1), np.uint8) * 255).repeat(3, axis=2)
    if kind == 2:
        return np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (height, width, 3))
    across, down = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    corner, right, below = rng.uniform(0, 255, (3, 3))
    return (corner + (right - corner) * across * 0.5 + (below - corner) * down * 0.5).astype(np.uint8)


def save(rng, picture, stem):
    image, kind = Image.fromarray(np.ascontiguousarray(picture)), rng.random()
    if kind < 0.3:
        path = stem.with_suffix(".jpg")
        options = {"quality": int(rng.integers(30, 100)), "subsampling": int(rng.integers(3))}
        image.save(path, progressive=bool(rng.random() < 0.2), **options)
    elif kind < 0.4:
        path = stem.with_suffix(".webp")
        image.save(path, lossless=True, method=0)
    else:
        path = stem.with_suffix(".png")
        image.save(path, compress_level=1)
    return path


def ours(process, config, image_size, path):
    process.stdin.write(f"{config}\t{image_size}\t{path}\n".encode())
    process.stdin.flush()
    header = process.stdout.readline().split()
    if not header:
        sys.exit(f"BAD preprocess: prepare gave up on {path} with {(config / 'preprocessor_config.json').read_text()}")
    width, height = map(int, header)
    return np.frombuffer(process.stdout.read(12 * width * height), np.float32).reshape(3, height, width)


def theirs(processor, path):
    with Image.open(path) as image:
        return processor(images=image.convert("RGB"), return_tensors="np")["pixel_values"][0].astype(np.float32)


def describe(got, wanted):
    if got.shape != wanted.shape:
        return f"{got.shape}, expected {wanted.shape}"
    wrong = got.view(np.uint32) != wanted.view(np.uint32)
    return f"{wrong.sum()} of {wrong.size} values differ, by {np.abs(got - wanted).max():.3g} at most"


def compare(process, folder, pictures, seed):
    """How many pictures differ."""
    rng, wrong = np.random.default_rng(seed), 0
    for i in range(pictures):
        if i % PER_CONFIG == 0:
            config, image_size = (OPENAI, 224) if i // PER_CONFIG % 3 == 0 else random_config(rng)
            (folder / "preprocessor_config.json").write_text(json.dumps(config))
            processor = CLIPImageProcessorPil.from_pretrained(folder)
        path = save(rng, random_picture(rng, *random_size(rng, config)), folder / str(i))
        got, wanted = ours(process, folder, image_size, path), theirs(processor, path)
        if got.shape != wanted.shape or got.tobytes() != wanted.tobytes():
            wrong += 1
            with Image.open(path) as image:
                print(f"BAD {path.name} of {image.size} with {json.dumps(config)}: {describe(got, wanted)}")
        path.unlink()
    return wrong


def main():
    pictures = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 9
    ImageFile.MAXBLOCK = 1 << 24  # the buffer that a progressive JPEG must fit
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        wrong = compare(process, pathlib.Path(folder), pictures, seed)
        process.stdin.close()
        process.wait()
    print(f"{'BAD' if wrong else 'ok '} preprocess: {pictures} pictures, {wrong} with other pixels")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()

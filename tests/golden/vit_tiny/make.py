"""Four tiny random vision towers as transformers saves them, with what transformers makes of some pictures.

    python make.py     # torch 2.13.0, transformers 5.23.0, numpy, pillow; seed 12; rewrites the folders beside it

Bare models and those saved with a classifier, whose tensors have a prefix and whose configurations say only what is no
default; with and without biases of query, key and value; Dinov2 with position embeddings of a larger and of a smaller
grid than the pictures give; an image processor that has its old name, that says everything, that says little, and in
processor_config.json. The pictures are those of ../clip_tiny/make.py. "pixels" is the FNV-1a checksum (../golden.py) of
what the image processor makes of one, in f32.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from transformers import (
    AutoImageProcessor,
    AutoModel,
    Dinov2Config,
    Dinov2ForImageClassification,
    Dinov2Model,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "clip_tiny")]

from golden import checksum  # noqa: E402, I001
from make import SIZES, picture  # noqa: E402

IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SHAPE = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, patch_size=4)
VARIANTS = {
    "dino_f32": dict(
        model=lambda: ViTModel(ViTConfig(**SHAPE, image_size=16, intermediate_size=56)),
        dtype=torch.float32,
        processor=dict(
            do_normalize=True, do_resize=True, feature_extractor_type="ViTFeatureExtractor",
            image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD, resample=2, size=16,
        ),
    ),
    "vit_classifier_f16": dict(
        model=lambda: ViTForImageClassification(
            ViTConfig(**SHAPE, image_size=16, intermediate_size=40, qkv_bias=False)
        ),
        dtype=torch.float16,
        processor=dict(size={"height": 16, "width": 16}),
    ),
    "dinov2_f32": dict(
        model=lambda: Dinov2Model(Dinov2Config(**SHAPE, image_size=28, mlp_ratio=2)),
        dtype=torch.float32,
        processor=dict(
            crop_size={"height": 16, "width": 16}, do_center_crop=True, do_convert_rgb=True, do_normalize=True,
            do_rescale=True, do_resize=True, image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD,
            image_processor_type="BitImageProcessor", resample=3, rescale_factor=1 / 255, size={"shortest_edge": 18},
        ),
    ),
    "dinov2_classifier_bf16": dict(
        model=lambda: Dinov2ForImageClassification(Dinov2Config(**SHAPE, image_size=12, mlp_ratio=3, qkv_bias=False)),
        dtype=torch.bfloat16,
        processor=dict(image_processor=dict(image_processor_type="BitImageProcessorFast", size=20, crop_size=18)),
    ),
}  # fmt: skip


def randomize(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.normal_(1, 0.2)
            elif name.endswith("lambda1"):
                parameter.uniform_(-1, 2)
            else:
                parameter.normal_(0, 0.25)


def thin_config(folder, config):
    default = type(config)().to_dict()
    fields = json.loads((folder / "config.json").read_text())
    fields = {k: v for k, v in fields.items() if k == "model_type" or k not in default or v != default[k]}
    (folder / "config.json").write_text(json.dumps(fields, indent=2) + "\n")


def main():
    torch.manual_seed(12)
    for name, variant in VARIANTS.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        model = variant["model"]().eval()
        randomize(model)
        model.to(variant["dtype"]).save_pretrained(folder)
        if "classifier" in name:
            thin_config(folder, model.config)
        file = "processor_config.json" if "image_processor" in variant["processor"] else "preprocessor_config.json"
        (folder / file).write_text(json.dumps(variant["processor"], indent=2) + "\n")

        model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        images = AutoImageProcessor.from_pretrained(folder, backend="pil")
        expected = {"images": []}
        for width, height in SIZES:
            pixels = images(picture(width, height), return_tensors="pt")["pixel_values"]
            with torch.no_grad():
                feature = model(pixel_values=pixels).last_hidden_state[0, 0]
            feature = feature / feature.norm()
            expected["images"].append(
                {
                    "width": width,
                    "height": height,
                    "pixels": f"{checksum(pixels.numpy().astype(np.float32).tobytes()):016x}",
                    "feature": [round(v, 7) for v in feature.tolist()],
                }
            )
        (folder / "expected.json").write_text(json.dumps(expected, indent=0) + "\n")


if __name__ == "__main__":
    main()

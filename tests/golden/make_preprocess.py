"""Writes preprocess_golden.h: checksums of what Pillow and transformers make of random pictures.

    python3 tests/golden/make_preprocess.py
"""

import pathlib

import numpy as np
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from golden import Random, array, checksum, write

FILTERS = range(6)  # NEAREST, LANCZOS, BILINEAR, BICUBIC, BOX, HAMMING
SIZES = [  # width, height, width and height of the result
    (1, 1, 1, 1),
    (1, 1, 5, 7),
    (7, 5, 1, 1),
    (8, 8, 8, 8),
    (31, 17, 31, 9),
    (31, 17, 9, 17),
    (64, 48, 32, 24),
    (61, 47, 23, 29),
    (23, 29, 61, 47),
    (33, 90, 47, 20),  # the pass down comes first
    (90, 33, 20, 47),
    (200, 1, 3, 2),
    (2, 190, 40, 3),
    (3, 3, 100, 1),
    (101, 103, 7, 11),
    (256, 192, 112, 84),  # from here on larger than the blocks of core/weigh.c
    (43, 300, 64, 50),  # the pass down comes first
    (65, 22, 21, 43),
    (40, 64, 127, 190),
]

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
# width, height, shortest edge or (width, height), crop (width, height) or None, rescale, normalise, filter
PREPARED = [
    (40, 30, 24, (24, 24), True, True, 3),
    (30, 41, 24, (24, 24), True, True, 3),
    (25, 24, 24, (24, 24), True, True, 3),
    (24, 24, 24, (24, 24), True, True, 3),
    (9, 300, 16, (16, 16), True, True, 3),
    (1, 150, 16, (16, 16), True, True, 3),
    (50, 20, 15, (20, 21), True, True, 3),  # the crop is larger than the picture
    (20, 50, 14, (21, 17), True, True, 2),
    (33, 21, (18, 12), (15, 9), True, True, 3),
    (33, 21, (18, 12), None, True, True, 1),
    (33, 21, None, (15, 9), True, True, 3),
    (33, 21, None, (40, 30), True, False, 3),
    (33, 21, 12, (12, 12), False, True, 0),
    (33, 21, 12, (12, 12), False, False, 5),
    (256, 192, 96, (96, 96), True, True, 3),
    (70, 300, 64, (64, 64), True, True, 1),
]


def resized(random):
    for width, height, out_width, out_height in SIZES:
        picture = random.bytes(height, width, 3)
        for kind in FILTERS:
            result = np.asarray(Image.fromarray(picture).resize((out_width, out_height), kind))
            yield f"{{{width}, {height}, {out_width}, {out_height}, {kind}, {checksum(result.tobytes()):#x}}}"


def prepared(random):
    for width, height, size, crop, rescale, normalise, kind in PREPARED:
        edge = size if isinstance(size, int) else 0
        target = size if isinstance(size, tuple) else (0, 0)
        sizes = {"shortest_edge": edge} if edge else {"width": target[0] or 1, "height": target[1] or 1}
        processor = CLIPImageProcessorPil(
            do_resize=size is not None,
            size=sizes,
            do_center_crop=crop is not None,
            crop_size={"width": (crop or (1, 1))[0], "height": (crop or (1, 1))[1]},
            do_rescale=rescale,
            do_normalize=normalise,
            resample=kind,
            image_mean=CLIP_MEAN,
            image_std=CLIP_STD,
        )
        picture = random.bytes(height, width, 3)
        pixels = processor(images=Image.fromarray(picture), return_tensors="np")["pixel_values"][0]
        data = np.ascontiguousarray(pixels, np.float32).tobytes()
        crop_width, crop_height = crop or (0, 0)
        yield (
            f"{{{width}, {height}, {edge}, {target[0]}, {target[1]}, {crop_width}, {crop_height}, "
            f"{int(rescale)}, {int(normalise)}, {kind}, {pixels.shape[2]}, {pixels.shape[1]}, {checksum(data):#x}}}"
        )


def main():
    content = [
        "typedef struct {\n    int width, height, out_width, out_height, resample;\n"
        "    uint64_t checksum;\n} resized_case;\n",
        array("resized_case", "golden_resized", resized(Random(11))),
        "typedef struct {\n"
        "    int width, height, shortest_edge, resize_width, resize_height, crop_width, crop_height;\n"
        "    int rescale, normalise, resample, out_width, out_height;\n    uint64_t checksum;\n} prepared_case;\n",
        array("prepared_case", "golden_prepared", prepared(Random(12))),
    ]
    path = pathlib.Path(__file__).with_name("preprocess_golden.h")
    write(path, "make_preprocess.py", ["pillow", "transformers", "numpy"], content)


if __name__ == "__main__":
    main()

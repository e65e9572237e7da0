#!/usr/bin/env python3
"""Writes the test pictures beside this script, and NAME.rgb: what Pillow makes of each.

    python3 tests/golden/images/make_images.py        (made with Pillow 13.0, numpy 2.4, seed 5)

NAME.rgb is "WIDTH HEIGHT\\n" and the bytes of ImageOps.exif_transpose(), then alpha over white, as RGB. Pillow brings
its own libjpeg-turbo, libpng reader and libwebp, so that it is an independent opinion of every file but those few
where Pillow itself does otherwise than we want, which are computed here with numpy (16-bit grey and 16-bit alpha).
"""
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

HERE = Path(__file__).parent
WIDTH, HEIGHT = 37, 23  # odd, so that chroma subsampling and interlacing meet their edges

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def scene(channels):
    """Smooth colours with a hard edge and a little noise: every channel different, no symmetry."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [(x * (5 - c) + y * (3 + 2 * c)) % 256 for c in range(channels)]
    array = np.stack(planes, -1).astype(np.float64)
    array[: HEIGHT // 3, : WIDTH // 2] = 255 - array[: HEIGHT // 3, : WIDTH // 2]
    return np.clip(array + rng.normal(0, 6, array.shape), 0, 255).astype(np.uint8)


def as_rgb(image):
    image = ImageOps.exif_transpose(image)
    if image.mode == "I;16":
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    image = image.convert("RGBA") if image.mode != "CMYK" else image.convert("RGB").convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def write_golden(name, rgb):
    header = f"{rgb.width} {rgb.height}\n".encode()
    (HERE / f"{name}.rgb").write_bytes(header + rgb.tobytes())


def save(name, image, **options):
    image.save(HERE / name, **options)
    write_golden(name, as_rgb(Image.open(HERE / name)))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def save_png16(name, array, color_type):
    """A 16-bit PNG, which Pillow does not write. array: [height, width, channels] uint16."""
    height, width = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    (HERE / name).write_bytes(data)
    high = (array >> 8).astype(np.uint8)
    mode = {2: "RGB", 6: "RGBA"}[color_type]
    write_golden(name, as_rgb(Image.frombytes(mode, (width, height), high.tobytes())))


def interlaced(data):
    """The bytes of an 8-bit RGB PNG, Adam7."""
    height, width = data.shape[:2]
    rows = b""
    for x0, y0, dx, dy in ADAM7:
        part = data[y0::dy, x0::dx]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def exif(orientation, order="big"):
    """The smallest EXIF block that tells an orientation."""
    e = ">" if order == "big" else "<"
    mark = b"MM" if order == "big" else b"II"
    entry = struct.pack(e + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + mark + struct.pack(e + "HIH", 42, 8, 1) + entry + struct.pack(e + "I", 0)


def display_p3():
    """A colour profile as phones attach it: the primaries of Display P3, adapted to D50, gamma 2.2 (ICC.1:2001)."""
    fixed = lambda *values: b"".join(struct.pack(">i", round(v * 65536)) for v in values)  # noqa: E731
    xyz = lambda *values: b"XYZ \0\0\0\0" + fixed(*values)  # noqa: E731
    name = b"Display P3\0"
    gamma = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(2.2 * 256), 0)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78) + b"\0",
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.51512, 0.2412, -0.00105),
        b"gXYZ": xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": xyz(0.1571, 0.06657, 0.78407),
        b"rTRC": gamma,
        b"gTRC": gamma,
        b"bTRC": gamma,
    }
    table, data = struct.pack(">I", len(tags)), b""
    for kind, content in tags.items():
        table += kind + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    body = b"\2\x40\0\0mntrRGB XYZ " + date + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249) + bytes(48)
    size = 128 + len(table) + len(data)
    return struct.pack(">I", size) + b"none" + body + table + data


def make_tagged():
    """With a colour profile the pixels are the stored ones still, unmanaged, as transformers takes them."""
    rgb = Image.fromarray(scene(3))
    profile = display_p3()
    srgb = ImageCms.createProfile("sRGB")
    managed = ImageCms.profileToProfile(rgb, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb)
    moved = np.abs(np.asarray(managed).astype(int) - np.asarray(rgb)).max()
    assert moved > 20  # a reader that applied it would be noticed
    save("display-p3.png", rgb, icc_profile=profile)
    save("display-p3.jpg", rgb, quality=90, subsampling=0, icc_profile=profile)
    save("display-p3.webp", rgb, lossless=True, icc_profile=profile)


def make_png():
    rgb = Image.fromarray(scene(3))
    rgba = Image.fromarray(scene(4))
    grey = Image.fromarray(scene(1)[..., 0])
    save("rgb.png", rgb)
    save("rgba.png", rgba)
    save("grey.png", grey)
    save("grey-alpha.png", Image.merge("LA", (grey, rgba.getchannel("A"))))
    save("bilevel.png", grey.convert("1"))
    palette = rgb.quantize(13)
    save("palette4.png", palette, bits=4)
    save("palette-transparent.png", palette, transparency=bytes([0, 64, 200] + [255] * 10))
    save("grey-transparent.png", grey, transparency=int(np.asarray(grey)[0, 0]))
    save("rgb-transparent.png", rgb, transparency=tuple(int(v) for v in np.asarray(rgb)[3, 4]))
    wide = scene(4).astype(np.uint16) * 257 + 3
    save("grey16.png", Image.fromarray(wide[..., 0]))
    save_png16("rgb16.png", wide[..., :3], 2)
    save_png16("rgba16.png", wide, 6)
    (HERE / "interlaced.png").write_bytes(interlaced(scene(3)))
    write_golden("interlaced.png", rgb)
    save("turned6.png", rgb, exif=exif(6))
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "nothing to see" * 40, zip=True)
    save("text.png", rgb, pnginfo=info)
    # every pair of value and alpha
    values = np.mgrid[0:256, 0:256].astype(np.uint8)
    pairs = np.stack([values[0], 255 - values[0], values[0] ^ 0x55, values[1]], -1)
    Image.fromarray(pairs).save(HERE / "alpha-pairs.png", optimize=True)
    result = np.asarray(as_rgb(Image.open(HERE / "alpha-pairs.png")))
    (HERE / "alpha-pairs.crc32").write_text(f"{zlib.crc32(result.tobytes()):08x}\n")


def make_jpeg():
    rgb = Image.fromarray(scene(3))
    for subsampling, name in ((0, "444"), (1, "422"), (2, "420")):
        save(f"ycc{name}.jpg", rgb, quality=90, subsampling=subsampling)
    save("progressive.jpg", rgb, quality=85, progressive=True)
    save("restart.jpg", rgb, quality=85, restart_marker_blocks=2)
    save("grey.jpg", Image.fromarray(scene(1)[..., 0]), quality=90)
    save("rgb-adobe.jpg", rgb, quality=90, keep_rgb=True)
    save("cmyk.jpg", Image.fromarray(scene(4), "CMYK"), quality=90)
    make_odd_cmyk((HERE / "cmyk.jpg").read_bytes())
    for orientation in range(1, 9):
        save(f"turned{orientation}.jpg", rgb, quality=90, subsampling=0,
             exif=exif(orientation, "big" if orientation % 2 else "little"))


def make_endless():
    """Whole pictures whose files lack the mark of their end, as uploads that were cut off leave them."""
    for name, end in (("ycc420.jpg", 2), ("progressive.jpg", 2), ("rgb.png", 12)):
        stem, ending = name.split(".")
        (HERE / f"{stem}-endless.{ending}").write_bytes((HERE / name).read_bytes()[:-end])
        write_golden(f"{stem}-endless.{ending}", as_rgb(Image.open(HERE / name)))


def make_odd_cmyk(data):
    """cmyk.jpg with Adobe's marker changed to say YCCK, and without the marker: then the values are ink, not light."""
    at = data.index(b"\xff\xee\0\x0eAdobe")
    (HERE / "ycck.jpg").write_bytes(data[: at + 15] + b"\2" + data[at + 16 :])
    write_golden("ycck.jpg", as_rgb(Image.open(HERE / "ycck.jpg")))
    (HERE / "cmyk-plain.jpg").write_bytes(data[:at] + data[at + 16 :])
    light = np.asarray(Image.open(HERE / "cmyk-plain.jpg"))  # Pillow takes every CMYK file for one of Adobe's
    write_golden("cmyk-plain.jpg", as_rgb(Image.fromarray(255 - light, "CMYK")))


def make_webp():
    rgb = Image.fromarray(scene(3))
    rgba = Image.fromarray(scene(4))
    save("lossless.webp", rgb, lossless=True)
    save("lossless-alpha.webp", rgba, lossless=True, exact=True)
    save("lossy.webp", rgb, quality=80)
    save("lossy-alpha.webp", rgba, quality=80)
    save("turned8.webp", rgb, lossless=True, exif=exif(8))
    save("animated.webp", rgba, save_all=True, append_images=[Image.new("RGBA", rgba.size, "red")], lossless=True,
         exact=True)


def main():
    make_png()
    make_jpeg()
    make_webp()
    make_tagged()
    make_endless()
    buffer = io.BytesIO()
    Image.fromarray(scene(3)).save(buffer, "BMP")
    (HERE / "not-supported.bmp").write_bytes(buffer.getvalue()[:200])


if __name__ == "__main__":
    main()

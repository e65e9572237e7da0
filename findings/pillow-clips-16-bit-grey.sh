#!/usr/bin/env bash
# Pillow turns a 16-bit grey PNG almost wholly white when it is converted to RGB, as CLIP preprocessing does.
#
# Pillow 13.0.0 (PyPI, Python 3.11): convert("RGB") of mode I;16 clips values above 255 to 255, so that mid-grey
# (32768 of 65535) becomes white. Browsers and libpng's 16-to-8-bit reduction take the high byte: 128. Depth maps, X-rays
# and microscopy are stored so; their embeddings are then those of a white picture, with no warning. Divide by 256 first.
#
# Exits 0 when the behaviour is still this, 1 when it changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0

"$work/venv/bin/python" -B - "$work/grey.png" <<'PYTHON'
import struct, sys, zlib
from PIL import Image
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
values = [0, 128, 255, 256, 32768, 65535]
row = b"\0" + struct.pack(f">{len(values)}H", *values)
header = struct.pack(">IIBBBBB", len(values), 1, 16, 0, 0, 0, 0)  # 16 bits, grey
with open(sys.argv[1], "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b""))
image = Image.open(sys.argv[1])
got = [image.convert("RGB").getpixel((x, 0))[0] for x in range(len(values))]
print("mode:", image.mode)
print("stored:   ", values)
print("converted:", got)
print("high byte:", [value >> 8 for value in values])
raise SystemExit(got != [min(value, 255) for value in values])
PYTHON

#!/usr/bin/env bash
# Pillow refuses a JPEG that lacks only the two bytes of its end marker, and reads a PNG that lacks its end chunk.
#
# Pillow 13.0.0 (PyPI, Python 3.11): every pixel of both files is there. Of the JPEG load() says "image file is truncated"; of the PNG
# it says nothing. With ImageFile.LOAD_TRUNCATED_IMAGES the JPEG has the same pixels as the whole file, and a JPEG that is
# cut in half is then read without a word too. How many files of a dataset count as damaged depends on their format.
#
# Exits 0 when the behaviour is still this, 1 when it changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0

"$work/venv/bin/python" -B - <<'PYTHON'
import io
from PIL import Image, ImageFile

picture = Image.linear_gradient("L").convert("RGB")

def decode(data):
    try:
        return Image.open(io.BytesIO(data)).convert("RGB").tobytes()
    except OSError as error:
        return str(error)

found = {}
for kind, tail in (("JPEG", 2), ("PNG", 12)):
    whole = io.BytesIO()
    picture.save(whole, kind)
    data = whole.getvalue()
    for lenient in (False, True):
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient
        got = decode(data[:-tail])
        found[kind, lenient] = "the same pixels" if got == decode(data) else got
        print(f"{kind} without its last {tail} bytes, LOAD_TRUNCATED_IMAGES {lenient}: {found[kind, lenient]}")
whole = io.BytesIO()
picture.save(whole, "JPEG")
half = decode(whole.getvalue()[: len(whole.getvalue()) // 2])
differs = not isinstance(half, str) and half != decode(whole.getvalue())
print("JPEG cut in half, LOAD_TRUNCATED_IMAGES True:", "other pixels, no error" if differs else half)
same = "the same pixels"
refused = found.pop(("JPEG", False))
refuses = refused.startswith("image file is truncated")
raise SystemExit(not refuses or set(found.values()) != {same} or not differs)
PYTHON

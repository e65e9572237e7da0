#!/usr/bin/env bash
# Chromium applies the EXIF orientation of a JPEG and a PNG, and ignores that of a WebP.
#
# Chromium 156 (Debian 12), Pillow 13.0.0 (PyPI): the same picture of 20 x 10 pixels with orientation 6 ("turn right") is
# decoded by createImageBitmap as 10 x 20 from JPEG and PNG, as 20 x 10 from WebP, whose EXIF chunk Pillow's exif_transpose
# follows. A client that embeds pictures in the browser and a server that embeds them with Pillow therefore disagree about
# WebP files with this tag, which converters write when they copy a phone's metadata.
#
# Needs Debian's chromium. Exits 0 when the behaviour is still this, 1 when it changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
npm install --silent --no-audit --no-fund --prefix "$work" playwright-core@1.60.0

"$work/venv/bin/python" -B - "$work" <<'PYTHON'
import sys
from PIL import Image, ImageOps
exif = Image.Exif()
exif[0x0112] = 6  # orientation
for kind in ("jpeg", "png", "webp"):
    path = f"{sys.argv[1]}/picture.{kind}"
    Image.new("RGB", (20, 10), (200, 30, 30)).save(path, exif=exif)
    print("Pillow:  ", kind, "%d x %d" % ImageOps.exif_transpose(Image.open(path)).size)
PYTHON

cat >"$work/measure.cjs" <<'JAVASCRIPT'
const { readFileSync } = require('node:fs');
const { chromium } = require('playwright-core');
(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  const page = await browser.newPage();
  console.log('version: ', browser.version());
  for (const kind of ['jpeg', 'png', 'webp']) {
    const bytes = [...readFileSync(`${__dirname}/picture.${kind}`)];
    const size = await page.evaluate(async ([data, type]) => {
      const bitmap = await createImageBitmap(new Blob([Uint8Array.from(data)], { type: `image/${type}` }));
      return `${bitmap.width} x ${bitmap.height}`;
    }, [bytes, kind]);
    console.log('Chromium:', kind, size);
  }
  await browser.close();
})();
JAVASCRIPT
output=$(cd "$work" && node measure.cjs)
echo "$output"
[[ $output == *"jpeg 10 x 20"*"png 10 x 20"*"webp 20 x 10"* ]]

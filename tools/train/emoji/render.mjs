// render.mjs - draws icons of one Iconify set as raw pixels.
//
//     node render.mjs SET SIZE NAMES.json OUT
//
// SET is an @iconify-json package (twemoji, noto ...), NAMES.json a list of its icons' names. Writes OUT.rgba,
// SIZE x SIZE premultiplied RGBA pictures one after another. OUT.txt gets each name tried, one a line, before it is
// drawn, and " ok" after: resvg aborts on a few pictures, and draw.py then goes on after the last line.
import { readFileSync, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const [set, sizeText, namesFile, out] = process.argv.slice(2);
const size = Number(sizeText);
// Packages are looked up from the working directory, where draw.py installed them.
const require = createRequire(pathToFileURL(join(process.cwd(), 'package.json')));
const { Resvg } = require('@resvg/resvg-js');
const icons = require(`@iconify-json/${set}/icons.json`);

function svgOf(name) {
  const alias = icons.aliases?.[name];
  const icon = icons.icons[alias ? alias.parent : name];
  if (!icon) return null;
  const { width: w, height: h, left, top } = { width: 16, height: 16, left: 0, top: 0, ...icons, ...icon };
  const side = Math.max(w, h);  // a few are not square: centred
  const body = alias?.hFlip ? `<g transform="translate(${w} 0) scale(-1 1)">${icon.body}</g>` : icon.body;
  const box = `${left + (w - side) / 2} ${top + (h - side) / 2} ${side} ${side}`;
  const spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  return `<svg ${spaces} viewBox="${box}">${body}</svg>`;
}

const pixels = openSync(`${out}.rgba`, 'a');
const journal = openSync(`${out}.txt`, 'a');
for (const name of JSON.parse(readFileSync(namesFile, 'utf8'))) {
  const svg = svgOf(name);
  if (!svg) continue;
  writeSync(journal, `${name}`);
  const picture = new Resvg(svg, { fitTo: { mode: 'width', value: size }, font: { loadSystemFonts: false } }).render();
  writeSync(pixels, picture.pixels);
  writeSync(journal, ' ok\n');
}

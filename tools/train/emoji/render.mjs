// render.mjs - draws one Iconify emoji set as raw pixels.
//
//     node render.mjs SET SIZE HEXCODES.json OUT
//
// SET is an @iconify-json package (twemoji, noto ...), HEXCODES.json a list of emojibase hexcodes. Writes
// OUT.rgba, SIZE x SIZE premultiplied RGBA pictures one after another. OUT.txt gets each hexcode tried, one a line,
// before it is drawn, and " ok" after: resvg aborts on a few pictures, and prepare.py then goes on after the last line.
// An emoji that the set lacks is left out.
import { readFileSync, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const [set, sizeText, hexcodesFile, out] = process.argv.slice(2);
const size = Number(sizeText);
// Packages are looked up from the working directory, where prepare.py installed them.
const require = createRequire(pathToFileURL(join(process.cwd(), 'package.json')));
const { Resvg } = require('@resvg/resvg-js');
const icons = require(`@iconify-json/${set}/icons.json`);

// Variation selectors differ between emojibase and Iconify and never change the picture.
const key = (hexcode) => hexcode.toLowerCase().replace(/-fe0f/g, '');

// Colour Fluent ships no table of characters; its names are those of the flat set.
const table = set === 'fluent-emoji' ? 'fluent-emoji-flat' : set;
const names = {};
for (const [hexcode, name] of Object.entries(require(`@iconify-json/${table}/chars.json`))) names[key(hexcode)] = name;

function svgOf(name) {
  const alias = icons.aliases?.[name];
  const icon = icons.icons[alias ? alias.parent : name];
  if (!icon) return null;
  const w = icon.width ?? icons.width;
  const h = icon.height ?? icons.height;
  const side = Math.max(w, h);  // a few are not square: centred
  const body = alias?.hFlip ? `<g transform="translate(${w} 0) scale(-1 1)">${icon.body}</g>` : icon.body;
  const box = `${(w - side) / 2} ${(h - side) / 2} ${side} ${side}`;
  const spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  return `<svg ${spaces} viewBox="${box}">${body}</svg>`;
}

const pixels = openSync(`${out}.rgba`, 'a');
const journal = openSync(`${out}.txt`, 'a');
for (const hexcode of JSON.parse(readFileSync(hexcodesFile, 'utf8'))) {
  const name = names[key(hexcode)];
  const svg = name && svgOf(name);
  if (!svg) continue;
  writeSync(journal, `${hexcode}`);
  const picture = new Resvg(svg, { fitTo: { mode: 'width', value: size }, font: { loadSystemFonts: false } }).render();
  writeSync(pixels, picture.pixels);
  writeSync(journal, ' ok\n');
}

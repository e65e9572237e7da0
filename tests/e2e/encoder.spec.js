// Features of words and pictures: the browser's are the program's. tests/golden/images has what Pillow reads from each picture.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { ask, folder, readPublished } from './published.js';
import { expect, test } from './site-test.js';

test.skip(Boolean(process.env.GENSEARCH_PUBLISHED), 'its encoder is not the program’s own');

const root = fileURLToPath(new URL('../..', import.meta.url));
const golden = join(root, 'tests/golden/images');
// Chromium takes every CMYK file for one of Adobe's, as Pillow does.
const OTHERWISE = ['cmyk-plain.jpg'];
const ROUNDED_OTHERWISE = ['cmyk.jpg', 'ycck.jpg', 'animated.webp', 'lossless-alpha.webp', 'lossy-alpha.webp'];
// Without the mark of their end Chromium takes no picture for whole.
const ENDLESS = ['progressive-endless.jpg', 'rgb-endless.png', 'ycc420-endless.jpg'];
const pictures = readdirSync(golden)
  .filter((name) => name.endsWith('.rgb'))
  .map((name) => name.replace(/\.rgb$/, ''))
  .filter((name) => !OTHERWISE.includes(name) && !ENDLESS.includes(name));
const TEXTS = ['cat', 'a photo of a red car', 'something to eat', 'Crème brûlée, 3 × “très bon”', 'word '.repeat(200)];
const LEAST_COSINE = 0.999;

const cosine = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0) / Math.hypot(...a) / Math.hypot(...b);

/** Opens the published encoder in the page: globalThis.opened = {encoder, picture}. Pictures lie at golden/NAME. */
async function openEncoder(page, site) {
  await page.route('**/golden/*', (route) => route.fulfill({ path: join(golden, new URL(route.request().url()).pathname.split('/').at(-1)) }));
  await site.open();
  await page.evaluate(async () => {
    const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
    const load = (path) => import(new URL(path, document.baseURI).href);
    const { roles } = await (await fetch('manifest.json')).json();
    const [encoding, picture, { loadCore }] = await Promise.all(['app/encoder.js', 'app/picture.js', 'wasm/core.js'].map(load));
    const vendor = new URL('vendor/onnxruntime-web/', document.baseURI).href;
    const wasm = await bytes(`${vendor}ort-wasm-simd-threaded.wasm`);
    const ort = await encoding.openRuntime({ module: `${vendor}ort.wasm.min.js`, glue: `${vendor}ort-wasm-simd-threaded.js`, wasm });
    const encoder = await encoding.openEncoder(ort, await loadCore(), {
      tokenizer: await bytes(roles.tokenizer.path),
      text: await bytes(roles.text.path),
      preprocess: roles.vision.preprocess,
      vision: () => bytes(roles.vision.path),
    });
    globalThis.opened = { encoder, picture };
  });
}

/** Features of the texts from text.onnx in onnxruntime-node. */
async function encodeInNode(tokens) {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const ort = createRequire(join(root, 'tools/workers/package.json'))('onnxruntime-node');
  const session = await ort.InferenceSession.create(join(folder, readPublished('manifest.json').roles.text.path));
  const features = [];
  for (const ids of tokens) {
    const { feature } = await session.run({ input_ids: new ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]) });
    features.push(Array.from(feature.data));
  }
  return features;
}

test('words have the same feature in the browser, in onnxruntime-node and in the program', async ({ page, site }) => {
  await openEncoder(page, site);
  const program = ask('encode', '--tokens', ...TEXTS.flatMap((text) => ['--text', text]));
  const node = await encodeInNode(program.map(({ tokens }) => tokens));
  const browser = await page.evaluate(async (texts) => {
    const features = [];
    for (const text of texts) features.push(Array.from(await globalThis.opened.encoder.encode(text)));
    return features;
  }, TEXTS);
  program.forEach(({ feature }, i) => {
    expect(cosine(browser[i], feature), `browser: ${TEXTS[i]}`).toBeGreaterThan(LEAST_COSINE);
    expect(cosine(node[i], feature), `node: ${TEXTS[i]}`).toBeGreaterThan(LEAST_COSINE);
    expect(cosine(node[i], browser[i]), `node and browser: ${TEXTS[i]}`).toBeGreaterThan(1 - 1e-5);
  });
});

test('pictures of every kind are decoded to the pixels of the program, and have its features', async ({ page, site }) => {
  await openEncoder(page, site);
  const program = ask('encode', ...pictures.flatMap((name) => ['--image', join(golden, name)]));
  const browser = await page.evaluate(async (names) => {
    const { encoder, picture } = globalThis.opened;
    const results = [];
    for (const name of names) {
      const blob = await (await fetch(`golden/${name}`)).blob();
      const { width, height, rgb } = await picture.decodePicture(blob);
      results.push({ size: `${width} ${height}`, rgb: Array.from(rgb), feature: Array.from(await encoder.encodeImage(blob)) });
    }
    return results;
  }, pictures);
  pictures.forEach((name, i) => {
    const file = readFileSync(join(golden, `${name}.rgb`));
    const end = file.indexOf(10);
    expect(browser[i].size, name).toBe(file.subarray(0, end).toString());
    const off = file.subarray(end + 1).reduce((most, byte, at) => Math.max(most, Math.abs(byte - browser[i].rgb[at])), 0);
    expect.soft(off, `${name}: largest difference of a byte`).toBeLessThanOrEqual(ROUNDED_OTHERWISE.includes(name) ? 1 : 0);
    expect.soft(cosine(browser[i].feature, program[i].feature), name).toBeGreaterThan(LEAST_COSINE);
  });
});

test('a WebP picture is turned as its orientation says', async ({ page, site }) => {
  await openEncoder(page, site);
  const turned = await page.evaluate(async () => {
    const { decodePicture } = globalThis.opened.picture;
    const file = new Uint8Array(await (await fetch('golden/turned8.webp')).arrayBuffer());
    const at = file.findIndex((byte, i) => byte === 0x01 && file[i + 1] === 0x12 && file[i + 2] === 0 && file[i + 3] === 3);
    const results = [];
    for (let orientation = 0; orientation <= 9; orientation++) {
      const copy = file.slice();
      copy[at + 9] = orientation; // big-endian: tag, type, count, value
      const { width, height, rgb } = await decodePicture(new Blob([copy]));
      results.push({ width, height, rgb: Array.from(rgb) });
    }
    return results;
  });
  const [stored] = turned;
  const pixel = ({ rgb, width }, x, y) => rgb.slice((y * width + x) * 3, (y * width + x) * 3 + 3);
  // Where the pixel x, y of the turned picture lies in the stored one of w x h: the definition of the tag in Exif 2.3.
  const places = [
    (x, y) => [x, y],
    (x, y, w) => [w - 1 - x, y],
    (x, y, w, h) => [w - 1 - x, h - 1 - y],
    (x, y, w, h) => [x, h - 1 - y],
    (x, y) => [y, x],
    (x, y, w, h) => [y, h - 1 - x],
    (x, y, w, h) => [w - 1 - y, h - 1 - x],
    (x, y, w) => [w - 1 - y, x],
  ];
  for (let orientation = 1; orientation <= 8; orientation++) {
    const { width, height } = turned[orientation];
    expect([width, height]).toEqual(orientation > 4 ? [stored.height, stored.width] : [stored.width, stored.height]);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        expect(pixel(turned[orientation], x, y), `${orientation}: ${x} ${y}`).toEqual(pixel(stored, ...places[orientation - 1](x, y, stored.width, stored.height)));
  }
  expect(turned[9].rgb).toEqual(stored.rgb); // no orientation at all
});

test('a large picture is read in strips', async ({ page, site }, testInfo) => {
  await openEncoder(page, site);
  for (const type of ['image/jpeg', 'image/png', 'image/webp']) {
    const { base64, feature } = await page.evaluate(async (mime) => {
      const canvas = new OffscreenCanvas(5000, 1000);
      const context = canvas.getContext('2d');
      const gradient = context.createLinearGradient(0, 0, 5000, 1000);
      ['navy', 'orange', 'white', 'green'].forEach((colour, i) => gradient.addColorStop(i / 3, colour));
      context.fillStyle = gradient;
      context.fillRect(0, 0, 5000, 1000);
      for (let i = 0; i < 40; i++) {
        context.fillStyle = `hsl(${i * 37} 80% ${30 + i}%)`;
        context.fillRect((i * 613) % 4800, (i * 211) % 900, 150, 90);
      }
      const blob = await canvas.convertToBlob({ type: mime, quality: 0.9 });
      const bytes = new Uint8Array(await blob.arrayBuffer());
      const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
      return { base64: btoa(text), feature: Array.from(await globalThis.opened.encoder.encodeImage(blob)) };
    }, type);
    const path = testInfo.outputPath(type.replace('image/', 'picture.'));
    writeFileSync(path, Buffer.from(base64, 'base64'));
    expect(cosine(feature, ask('encode', '--image', path)[0].feature), type).toBeGreaterThan(LEAST_COSINE);
  }
});

test('what is no picture, or too large, is refused with a reason', async ({ page, site }) => {
  await openEncoder(page, site);
  const failure = (bytes) =>
    page.evaluate((values) => globalThis.opened.encoder.encodeImage(new Blob([Uint8Array.from(values)])).catch((error) => error.message), [...bytes]);
  expect(await failure(Buffer.from('no picture'))).toMatch(/cannot be read as a picture/);
  expect(await failure(readFileSync(join(golden, 'rgb.png')).subarray(0, 20))).toMatch(/cannot be read as a picture/);
  expect(await failure(greyPng(32769, 1))).toMatch(/32769 × 1 pixels; at most 32768 a side/);
});

/** A black PNG. The check sums of its chunks are computed here. */
function greyPng(width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const rows = deflateSync(Buffer.alloc((width + 1) * height));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

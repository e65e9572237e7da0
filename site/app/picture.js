// picture.js - a picture's file to the pixels that the program reads from it. For the page and for workers.
//
//     const { width, height, rgb } = await decodePicture(blob);    // rgb: bytes [height, width, 3]
//
// Pixels are taken as stored: no colour profile is applied. EXIF orientation is, and transparency shows white. Nothing is resized
// here, because canvases resize in their own ways: core/preprocess does it.

import { leftOrientation, turn } from './orientation.js';

// What the program refuses too (indexer/image/image.h).
const MAX_FILE = 256 * 2 ** 20;
const MAX_SIDE = 32768;
const MAX_PIXELS = 128 * 2 ** 20;
const STRIP = 2 ** 22; // pixels drawn at a time: some browsers allow a canvas of 16 million, and each pixel takes eight bytes

/** Where it is not possible in a worker, the page must do it. */
export const canDecodeInWorkers = typeof OffscreenCanvas === 'function';

export async function decodePicture(blob) {
  if (blob.size > MAX_FILE) throw new Error(`The picture’s file has ${megabytes(blob.size)} MB; at most ${megabytes(MAX_FILE)} can be read.`);
  const bitmap = await readBitmap(blob);
  try {
    const { width, height } = bitmap;
    if (Math.max(width, height) > MAX_SIDE || width * height > MAX_PIXELS)
      throw new Error(`The picture has ${width} × ${height} pixels; at most ${MAX_SIDE} a side and ${Math.floor(MAX_PIXELS / 1e6)} million in all can be searched with.`);
    const turned = turn(await leftOrientation(blob), width, height);
    return { width: turned.width, height: turned.height, rgb: readPixels(bitmap, turned) };
  } finally {
    bitmap.close();
  }
}

const megabytes = (bytes) => Math.round(bytes / 1e6);

async function readBitmap(blob) {
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: 'none' });
  } catch {
    throw new Error('This file cannot be read as a picture. PNG, JPEG and WebP always can; what else, the browser decides.');
  }
}

/** On white, because colours read from a transparent canvas have been rounded with their opacity. */
function readPixels(bitmap, { width, height, transform: [a, b, c, d, e, f] }) {
  const rows = Math.min(height, Math.max(1, Math.floor(STRIP / width)));
  const context = makeCanvas(width, rows).getContext('2d', { alpha: false, willReadFrequently: true });
  if (!context) throw new Error('This browser has no memory for the picture.');
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += rows) {
    context.resetTransform();
    context.fillStyle = 'white';
    context.fillRect(0, 0, width, rows);
    context.setTransform(a, b, c, d, e, f - y);
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - y));
    dropAlpha(data, rgb, y * width * 3);
  }
  return rgb;
}

function makeCanvas(width, height) {
  if (canDecodeInWorkers) return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

function dropAlpha(rgba, rgb, at) {
  for (let from = 0, to = at; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
}

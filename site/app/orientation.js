// orientation.js - the EXIF orientation of a WebP picture, which Chromium does not apply as it does that of a JPEG or PNG.
//
//     const orientation = await leftOrientation(blob);      // 1 .. 8: what the browser leaves to be done; 1: nothing
//     const { width, height, transform } = turn(orientation, bitmap.width, bitmap.height);
//     context.setTransform(...transform);                   // then draw the bitmap at 0, 0

// Two pixels, wide as stored, high when orientation is applied.
const PROBE = 'UklGRk4AAABXRUJQVlA4WAoAAAAIAAAAAQAAAAAAVlA4TA4AAAAvAQAAAAcQEf0PRET/A0VYSUYaAAAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=';
const ORIENTATION = 0x0112; // the tag, in the first directory of TIFF
const MOST_CHUNKS = 4096;
let applies; // promise: whether this browser applies it

export async function leftOrientation(blob) {
  const orientation = await readOrientation(blob);
  if (orientation === 1) return 1;
  applies ??= probe();
  return (await applies) ? 1 : orientation;
}

async function probe() {
  const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(PROBE), (char) => char.charCodeAt(0))]));
  return bitmap.height === 2;
}

/** 1 for what is no WebP, or has none. */
async function readOrientation(blob) {
  const view = async (begin, end) => new DataView(await blob.slice(begin, end).arrayBuffer());
  const name = (data, at) => (at + 4 <= data.byteLength ? String.fromCharCode(...new Uint8Array(data.buffer, at, 4)) : '');
  const head = await view(0, 12);
  if (name(head, 0) !== 'RIFF' || name(head, 8) !== 'WEBP') return 1;
  let at = 12;
  for (let chunks = 0; chunks < MOST_CHUNKS && at + 8 <= blob.size; chunks++) {
    const chunk = await view(at, at + 8);
    const size = chunk.getUint32(4, true);
    if (name(chunk, 0) === 'EXIF') return findTag(await view(at + 8, Math.min(at + 8 + size, at + 8 + 65536)));
    at += 8 + size + (size % 2);
  }
  return 1;
}

/** data: TIFF, perhaps behind the six bytes that JPEG puts before it. */
function findTag(data) {
  const start = data.byteLength > 6 && data.getUint32(0) === 0x45786966 ? 6 : 0;
  const has = (at, size) => at + size <= data.byteLength;
  if (!has(start, 8)) return 1;
  const little = data.getUint16(start) === 0x4949;
  const directory = start + data.getUint32(start + 4, little);
  if (!has(directory, 2)) return 1;
  const count = data.getUint16(directory, little);
  for (let i = 0; i < count && has(directory + 2 + i * 12, 12); i++) {
    const entry = directory + 2 + i * 12;
    if (data.getUint16(entry, little) !== ORIENTATION) continue;
    const value = data.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** What a picture of width x height as stored is turned into, and how. */
export function turn(orientation, width, height) {
  const [w, h] = [width, height];
  const transform = [
    [1, 0, 0, 1, 0, 0],
    [-1, 0, 0, 1, w, 0],
    [-1, 0, 0, -1, w, h],
    [1, 0, 0, -1, 0, h],
    [0, 1, 1, 0, 0, 0],
    [0, 1, -1, 0, h, 0],
    [0, -1, -1, 0, h, w],
    [0, -1, 1, 0, 0, w],
  ][orientation - 1];
  return orientation > 4 ? { width: h, height: w, transform } : { width: w, height: h, transform };
}

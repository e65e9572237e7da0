// download.js - fetches files of the published folder whole, with progress, and checks what arrived.
//
//     const download = downloader(base, manifest.files, (loaded, total) => ...);
//     const [means, text] = await Promise.all([download(meansPath), download(textPath)]);   // Uint8Arrays
//
// total grows as files are asked for, so ask for all that belong together before awaiting any.

export function downloader(base, files, onProgress = () => {}) {
  let loaded = 0;
  let total = 0;

  return async function download(path) {
    const expected = files[path];
    if (!expected) throw new Error(`${path} is not in manifest.json. Publish again with “gensearch publish DB DIR”.`);
    total += expected.size;
    const bytes = await read(new URL(path, base), path, expected.size, (count) => {
      loaded += count;
      onProgress(loaded, total);
    });
    await check(bytes, path, expected);
    return bytes;
  };
}

async function read(url, path, size, onBytes) {
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new Error(`${path} could not be loaded: the connection was lost.`);
  }
  if (!response.ok) throw new Error(`${path} could not be loaded (${response.status}).`);
  const bytes = new Uint8Array(size);
  const reader = response.body.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > size) throw new Error(`${path} is longer than manifest.json says.`);
    bytes.set(value, at);
    at += value.length;
    onBytes(value.length);
  }
  if (at !== size) throw new Error(`${path} was cut off after ${at} of ${size} bytes.`);
  return bytes;
}

/** Browsers offer hashing on https and localhost only; elsewhere the size must do. */
async function check(bytes, path, { sha256 }) {
  if (!globalThis.crypto?.subtle || !sha256) return;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (hex !== sha256) throw new Error(`${path} is not the file that was published (its SHA-256 differs).`);
}

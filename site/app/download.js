// download.js - fetches files of the published folder whole, with progress, and checks what arrived.
//
//     const download = downloader(base, manifest.files, (loaded, total) => ...);
//     const [means, text] = await Promise.all([download(meansPath), download(textPath)]);   // Uint8Arrays
//
// total grows as files are asked for, so ask for all that belong together before awaiting any. A file that is not what the manifest says is
// fetched once more past the browser's cache, which may hold it from before the folder was published anew.

export function downloader(base, files, onProgress = () => {}) {
  let loaded = 0;
  let total = 0;

  return async function download(path) {
    const expected = files[path];
    if (!expected) throw new Error(`${path} is not in manifest.json. Publish again with “gensearch publish DB DIR”.`);
    total += expected.size;

    async function attempt(cache) {
      let mine = 0;
      try {
        const bytes = await read(new URL(path, base), cache, path, expected.size, (count) => {
          mine += count;
          loaded += count;
          onProgress(loaded, total);
        });
        await check(bytes, path, expected);
        return bytes;
      } catch (error) {
        loaded -= mine;
        throw error;
      }
    }

    try {
      return await attempt('default');
    } catch (error) {
      if (!(error instanceof WrongFile)) throw error;
      return attempt('reload');
    }
  };
}

/** What arrived is not what was published. */
class WrongFile extends Error {}

async function read(url, cache, path, size, onBytes) {
  let response;
  try {
    response = await fetch(url, { cache });
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
    if (at + value.length > size) throw new WrongFile(`${path} is longer than manifest.json says.`);
    bytes.set(value, at);
    at += value.length;
    onBytes(value.length);
  }
  if (at !== size) throw new WrongFile(`${path} was cut off after ${at} of ${size} bytes.`);
  return bytes;
}

/** Browsers offer hashing on https and localhost only; elsewhere the size must do. */
async function check(bytes, path, { sha256 }) {
  if (!globalThis.crypto?.subtle || !sha256) return;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (hex !== sha256) throw new WrongFile(`${path} is not the file that was published (its SHA-256 differs).`);
}

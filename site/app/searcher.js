// searcher.js - the page's side of search-worker.js.
//
//     const searcher = makeSearcher(folder, { onProgress, onClosed });  // onClosed: the loading is over, well or not
//     searcher.open();                                        // starts the downloads; again: nothing, or another try after a failure
//     const result = await searcher.search(parts, conditions); // as search-worker.js has them; null when a newer search has overtaken it
//     await searcher.search(parts, conditions, { early: true });   // a first answer to known words, before the encoder has arrived
//     const text = await searcher.encode(image);               // the text of a picture's feature (feature-text.js)
//     searcher.close();                                       // ends the worker

import { startWorker } from './start-worker.js';

// A function whose body is `i32.const 0; i8x16.splat; i8x16.popcnt; drop`: valid only where WebAssembly has SIMD.
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

export function canSearch() {
  return typeof Worker === 'function' && typeof WebAssembly === 'object' && WebAssembly.validate(Uint8Array.from(SIMD));
}

export function makeSearcher(folder, { onProgress, onClosed }) {
  const waiting = new Map(); // id -> {resolve, reject}
  let worker = null;
  let nextId = 1;

  function open() {
    if (worker) return;
    worker = startWorker(new URL('search-worker.js', import.meta.url), 'search');
    worker.onmessage = ({ data }) => receive(data);
    worker.onerror = (event) => fail(event.message || 'the search’s script could not be loaded');
    const { base, manifest, catalog } = folder;
    worker.postMessage({ open: { base: base.href, manifest, catalog } });
  }

  function receive({ id, progress, opened, failed, result, error }) {
    if (progress !== undefined) return onProgress(progress);
    if (opened) return onClosed();
    if (failed) return fail(failed);
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) reject?.(new Error(error));
    else resolve?.(result ?? null);
    return undefined;
  }

  /** Without its files the worker is of no use: the next search starts another, which loads them again. */
  function fail(message) {
    worker?.terminate();
    worker = null;
    for (const { reject } of waiting.values()) reject(new Error(message));
    waiting.clear();
    onClosed();
  }

  function post(kind, request) {
    open();
    const id = nextId++;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.postMessage({ [kind]: { id, ...request } });
    });
  }

  const search = (parts, conditions, { early = false } = {}) => post('search', { parts, conditions, early });
  const encode = (image) => post('encode', { image });

  return { open, search, encode, close: () => fail('the search was closed') };
}

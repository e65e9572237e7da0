// generator.js - a model that runs in the visitor's browser: the page's side of generator-worker.js.
//
//     const generator = makeGenerator(folder, page.graphs, onProgress);        // nothing is loaded yet; onProgress({loaded, total})
//     const { width, height, latents } = await generator.open();               // latents: how many numbers make a picture; 0: not by latents
//     const { frames, milliseconds } = await generator.ask('sample', { seed: 1, first: 0, count: 16 });
//     generator.stop();              // at once; what was asked for fails with Stopped. The next question starts anew
//
// One question after the other: the operations are those of generator-worker.js.

import { startWorker } from './start-worker.js';

const RUNTIME = 'vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm';

/** What a question ends with when the visitor changed their mind. */
export class Stopped extends Error {}

export function makeGenerator(folder, graphs, onProgress = () => {}) {
  const waiting = new Map(); // id -> {resolve, reject, onProgress}
  let worker = null;
  let opened = null; // promise of what open gives
  let nextId = 1;

  function post(op, words, listen) {
    const id = nextId++;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, onProgress: listen });
      worker.postMessage({ id, op, ...words });
    });
  }

  function receive({ id, progress, result, error }) {
    const question = waiting.get(id);
    if (progress) return question?.onProgress(progress);
    waiting.delete(id);
    if (error) return question?.reject(new Error(error));
    return question?.resolve(result);
  }

  function end(error) {
    worker?.terminate();
    worker = opened = null;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  function open() {
    opened ??= start().catch((error) => {
      if (!(error instanceof Stopped)) end(error);
      throw error;
    });
    return opened;
  }

  function start() {
    worker = startWorker(new URL('generator-worker.js', import.meta.url), 'generator');
    worker.onmessage = ({ data }) => receive(data);
    worker.onerror = (event) => end(new Error(event.message || 'the generator’s script could not be loaded'));
    const files = { [RUNTIME]: folder.manifest.files[RUNTIME] };
    for (const { path, size } of Object.values(graphs.files)) files[path] = folder.manifest.files[path] ?? { size };
    return post('open', { base: folder.base.href, files, graphs }, onProgress);
  }

  async function ask(op, words, listen = () => {}) {
    await open();
    return post(op, words, listen);
  }

  return { open, ask, stop: () => end(new Stopped('stopped')) };
}

/** Bytes of a model's graphs together. */
export const sizeOfGraphs = (graphs) => Object.values(graphs.files).reduce((total, { size }) => total + size, 0);

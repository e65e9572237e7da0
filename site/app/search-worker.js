// search-worker.js - encodes and ranks away from the page's thread, so that typing never stutters. Started by searcher.js.
//
// in:   {open: {base, manifest, second}}    once; second: the paths of second/ by model, or null
//       {search: {id, text, method}}        an answer only for the newest; older ones still waiting are dropped
// out:  {progress: {loaded, total}}  {opened: true}  {id, result}  {id, dropped: true}  {failed: message}  {id, error: message}

import { downloader } from './download.js';
import { openEncoder, openRuntime } from './encoder.js';
import { checkFingerprint, rankParts } from './ranking.js';

const VENDOR = 'vendor/onnxruntime-web/';
let engine; // promise of {core, encoder, means, tau, ...}
let newest = 0;
let queue = Promise.resolve();

self.onmessage = ({ data: { open, search } }) => {
  if (open) {
    engine = openEngine(open);
    engine.then(
      () => postMessage({ opened: true }),
      (error) => postMessage({ failed: error.message }),
    );
  }
  if (search) {
    newest = search.id;
    queue = queue.then(() => answer(search));
  }
};

async function openEngine({ base, manifest, second }) {
  const { roles, files, encoder: { fingerprint, tau } } = manifest;
  const download = downloader(base, files, (loaded, total) => postMessage({ progress: { loaded, total } }));
  const [wasm, coreWasm, means, tokenizer, text] = await Promise.all([
    download(`${VENDOR}ort-wasm-simd-threaded.wasm`),
    download('wasm/gensearch.wasm'),
    download(roles.means.path),
    download(roles.tokenizer.path),
    download(roles.text.path),
  ]);
  checkFingerprint(means, roles.means.path, fingerprint);
  const { loadCore } = await import(new URL('wasm/core.mjs', base).href);
  const core = await loadCore(coreWasm);
  const ort = await openRuntime({
    module: new URL(`${VENDOR}ort.wasm.min.mjs`, base).href,
    glue: new URL(`${VENDOR}ort-wasm-simd-threaded.mjs`, base).href,
    wasm,
  });
  const vision = () => downloader(base, files)(roles.vision.path);
  const encoder = await openEncoder(ort, core, { tokenizer, text, preprocess: roles.vision?.preprocess, vision });
  await encoder.encode(''); // the first run takes its memory and is slow: better now than when somebody waits
  const read = second && lowRankReader(core, downloader(base, files), second, fingerprint);
  return { core, encoder, means: core.means(means), tau, read };
}

/** index -> the model's low-rank Gaussian, fetched when it is first needed. */
function lowRankReader(core, download, paths, fingerprint) {
  const opened = new Map();
  return function read(index) {
    if (!opened.has(index)) {
      const pending = download(paths[index]).then((bytes) => {
        checkFingerprint(bytes, paths[index], fingerprint);
        return core.lowrank(bytes);
      });
      pending.catch(() => opened.delete(index)); // asked again, it is fetched again
      opened.set(index, pending);
    }
    return opened.get(index);
  };
}

async function answer({ id, text, method }) {
  if (id !== newest) return postMessage({ id, dropped: true });
  try {
    const ready = await engine;
    const start = performance.now();
    const feature = await ready.encoder.encode(text);
    const result = await rankParts(ready, [{ method, feature }]);
    result.milliseconds = performance.now() - start;
    return postMessage({ id, result });
  } catch (error) {
    return postMessage({ id, error: error.message });
  }
}

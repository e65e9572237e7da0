// search-worker.js - encodes and ranks away from the page's thread, so that typing never stutters. Started by searcher.js.
//
// in:   {open: {base, manifest, catalog}}         once
//       {search: {id, parts, conditions}}         an answer only for the newest; older ones still waiting are dropped
//       {encode: {id, image}}                     result: the text of the picture's feature, for an address
// out:  {progress: {loaded, total}}  {opened: true}  {id, result}  {id, dropped: true}  {failed: message}  {id, error: message}
//
// parts: [{kind, text | image | feature | slug, weight, method}]
//   kind      'text', 'image', 'sketch' or 'model'
//   text      words, and conditions among them (core/filter.h), which are taken out; a part without words left is dropped
//   image     a picture's file, or what picture.js made of it
//   feature   what was encoded before: its text, as feature-text.js has it
//   slug      of a model of the catalog
//   images    pictures that stand for a model of kind 'model': at least two
//   weight    1 unless given; below 0 steers away
//   method    the kind's default unless given
// conditions: [[field, value]]: the filters beside the words. What does not pass is not ranked.
//
// result: that of rankParts(), with milliseconds, and strange: the words that the encoder knows nothing of; where no part is left, {order} alone: the models that pass, as in the catalog.

import { describeFew } from '../lib/few-shot.js';
import { downloader } from './download.js';
import { openEncoder, openRuntime } from './encoder.js';
import { readFeature, writeFeature } from './feature-text.js';
import { modelFiles } from './model-files.js';
import { checkFingerprint, rankParts } from './ranking.js';

const VENDOR = 'vendor/onnxruntime-web/';
let engine; // promise of {core, encoder, means, ...}
let newest = 0;
let queue = Promise.resolve();

self.onmessage = ({ data: { open, search, encode } }) => {
  if (open) {
    engine = openEngine(open);
    engine.then(
      () => postMessage({ opened: true }),
      (error) => postMessage({ failed: error.message }),
    );
  }
  if (search) {
    newest = search.id;
    queue = queue.then(() => (search.id === newest ? answer(search.id, (ready) => timed(ready, search)) : postMessage({ id: search.id, dropped: true })));
  }
  if (encode) queue = queue.then(() => answer(encode.id, async ({ encoder, fingerprint }) => writeFeature(await encoder.encodeImage(encode.image), fingerprint)));
};

async function openEngine({ base, manifest, catalog }) {
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
  const { title, authors: author, tags: tag, type, family, license } = catalog;
  return {
    core,
    encoder,
    tau,
    fingerprint,
    catalog,
    means: core.means(means, catalog.backgrounds),
    fields: core.fields({ title, author, tag, type, family, license }),
    ...modelFiles(core, downloader(base, files), catalog, fingerprint),
  };
}

async function answer(id, make) {
  try {
    postMessage({ id, result: await make(await engine) });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
}

async function timed(ready, { parts, conditions }) {
  const start = performance.now();
  const result = await rank(ready, parts, conditions);
  return { ...result, milliseconds: performance.now() - start };
}

async function rank(ready, parts, conditions) {
  const { words, passes } = ready.core.filter(ready.fields, parts.map(({ text }) => text ?? ''), conditions);
  const kept = parts.map((part, p) => ({ ...part, text: words[p] })).filter(({ text, image, images, feature, slug }) => text || image || images || feature || slug);
  if (kept.length === 0) return { order: Uint32Array.from(passes.keys()).filter((index) => passes[index]) };
  const asked = await Promise.all(kept.map((part) => resolve(ready, part)));
  try {
    return { ...(await rankParts(ready, asked, passes)), strange: kept.flatMap(({ text }) => ready.encoder.strangeWords(text)) };
  } finally {
    ready.trim(); // one query at a time: nothing is being scored
  }
}

/** A part as rankParts() takes it. */
async function resolve({ core, encoder, catalog, fingerprint }, { kind, text, image, images, feature, slug, weight = 1, method = core.defaultMethod(kind) }) {
  const part = { kind, weight, method };
  if (feature) return { ...part, feature: readFeature(feature, fingerprint) };
  if (image) return { ...part, feature: await encoder.encodeImage(image) };
  if (images) return { ...part, ...(await describeImages(core, encoder, images)) };
  if (text) return { ...part, feature: await encoder.encode(text) };
  const index = catalog.slug.indexOf(slug);
  if (index < 0) throw new Error(`There is no model “${slug}” in this catalog.`);
  return { ...part, index };
}

/** The distribution of a few pictures, as if it were a model's. */
async function describeImages(core, encoder, images) {
  const features = [];
  for (const image of images) features.push(await encoder.encodeImage(image));
  const few = describeFew(features);
  const length = Math.hypot(...few.mean);
  return { feature: few.mean.map((value) => value / length), model: core.lowrank(few) };
}

// search-worker.js - encodes and ranks away from the page's thread, so that typing never stutters. Started by searcher.js.
//
// in:   {open: {base, manifest, catalog}}         once
//       {search: {id, parts, conditions, early}}  an answer only for the newest; older ones still waiting are dropped
//       {encode: {id, image}}                     result: the text of the picture's feature, for an address
// out:  {progress: {loaded, total, what}}  {progress: null}  {opened: true}  {id, result}  {id, dropped: true}  {failed: message}  {id, error: message}
//
// parts: [{kind, text | image | feature | slug, weight, method}]
//   kind      'text', 'image', 'sketch' or 'model'
//   text      words, and conditions among them (core/filter.h), which are taken out; a part without words left is dropped
//   image     a picture's file, or what picture.js made of it
//   feature   what was encoded before: Float32Array [dim], or its text, as feature-text.js has it
//   slug      of a model of the catalog
//   images    pictures that stand for a model of kind 'model': at least two
//   weight    1 unless given; below 0 steers away
//   method    the kind's default unless given
// conditions: [[field, value]]: the filters beside the words. What does not pass is not ranked.
//
// early: words that are a phrase of the catalog may be answered before the encoder has arrived.
//
// result: that of rankParts(), with milliseconds, downloads left out; words: whether there are any; strange: the words that the encoder knows nothing of; early: it was not asked, and the answer
// is as near as the int8 of the phrases. Where no part is left, {order} alone: the models that pass, as in the catalog.

import { describeFew } from '../lib/few-shot.js';
import { downloader } from './download.js';
import { openEncoder, openRuntime } from './encoder.js';
import { readFeature, writeFeature } from './feature-text.js';
import { modelFiles } from './model-files.js';
import { checkFingerprint, rankParts } from './ranking.js';
import { makeWaits } from './waits.js';

const VENDOR = 'vendor/onnxruntime-web/';
let engine; // promise of {core, means, phrases, ...}: small, and all that is needed once words have become features
let encoder; // promise of what makes features
let newest = 0;
let late; // downloads what a question turns out to need, and tells how far it is
let expectDownloads; // sets it, for another question
const waits = makeWaits();
let queue = Promise.resolve();
let supersede = () => {}; // tells the question that waits for the encoder that a newer one has come

class Superseded extends Error {}

self.onmessage = ({ data: { open, search, encode } }) => {
  if (open) start(open);
  if (search) {
    newest = search.id;
    supersede();
    queue = queue.then(() => answer(search.id, (ready) => timed(ready, search)));
  }
  if (encode) queue = queue.then(() => answer(encode.id, async ({ fingerprint }) => writeFeature(await (await encoder).encodeImage(encode.image), fingerprint)));
};

function start({ base, manifest, catalog }) {
  const { roles, files } = manifest;
  expectDownloads = () => {
    const download = downloader(base, files, (loaded, total) => postMessage({ progress: { loaded, total, what: 'what ranks them' } }));
    late = (path) => waits.during(download(path));
  };
  const download = downloader(base, files, (loaded, total) => postMessage({ progress: { loaded, total } }));
  const small = ['wasm/gensearch.wasm', roles.means.path, roles.phrases?.path].filter(Boolean);
  engine = openEngine({ base, manifest, catalog }, small.map(download));
  const large = Promise.all([`${VENDOR}ort-wasm-simd-threaded.wasm`, roles.tokenizer.path, roles.text.path].map(download));
  encoder = Promise.all([engine, large]).then(([ready, [wasm, tokenizer, text]]) => openWords(ready, { base, manifest, wasm, tokenizer, text }));
  encoder.then(
    () => postMessage({ opened: true }),
    (error) => postMessage({ failed: error.message }),
  );
}

async function openEngine({ base, manifest, catalog }, downloads) {
  const { roles, encoder: { fingerprint, tau } } = manifest;
  const [wasm, means, phrases] = await Promise.all(downloads);
  checkFingerprint(means, roles.means.path, fingerprint);
  if (phrases) checkFingerprint(phrases, roles.phrases.path, fingerprint);
  const { loadCore } = await import(new URL('wasm/core.js', base).href);
  const core = await loadCore(wasm);
  const { title, authors: author, tags: tag, type, family, license, resolution } = catalog;
  return {
    core,
    encoder: null, // until it has arrived
    tau,
    fingerprint,
    catalog,
    means: core.means(means, catalog.backgrounds),
    phrases: phrases && { table: core.means(phrases), rows: new Map(catalog.phrases.map((text, row) => [text.toLowerCase(), row])) },
    fields: core.fields({ title, author, tag, type, family, license, resolution }),
    ...modelFiles(core, (path) => late(path), catalog, fingerprint),
  };
}

async function openWords(ready, { base, manifest: { roles }, wasm, tokenizer, text }) {
  const ort = await openRuntime({
    module: new URL(`${VENDOR}ort.wasm.min.js`, base).href,
    glue: new URL(`${VENDOR}ort-wasm-simd-threaded.js`, base).href,
    wasm,
  });
  const vision = () => late(roles.vision.path);
  const opened = await openEncoder(ort, ready.core, { tokenizer, text, preprocess: roles.vision?.preprocess, vision });
  await opened.encode(''); // the first run takes its memory and is slow: better now than when somebody waits
  ready.encoder = opened;
  return opened;
}

async function answer(id, make) {
  try {
    const ready = await engine;
    expectDownloads();
    const result = await make(ready);
    if (ready.encoder) postMessage({ progress: null });
    postMessage({ id, result });
  } catch (error) {
    postMessage(error instanceof Superseded ? { id, dropped: true } : { id, error: error.message });
  }
}

async function timed(ready, { id, parts, conditions, early }) {
  if (id !== newest) throw new Superseded();
  const [begun, waited] = [performance.now(), waits.milliseconds()];
  const result = await rank(ready, parts, conditions, early);
  return { ...result, milliseconds: performance.now() - begun - (waits.milliseconds() - waited) };
}

async function rank(ready, parts, conditions, early) {
  const { words, passes } = ready.core.filter(ready.fields, parts.map(({ text }) => text ?? ''), conditions);
  const kept = parts.map((part, p) => ({ ...part, text: words[p] })).filter(({ text, image, images, feature, slug }) => text || image || images || feature || slug);
  if (kept.length === 0) return { order: Uint32Array.from(passes.keys()).filter((index) => passes[index]) };
  const asked = await Promise.all(kept.map((part) => resolve(ready, part, early)));
  try {
    const strange = kept.flatMap(({ text }) => ready.encoder?.strangeWords(text) ?? []);
    return { ...(await rankParts(ready, asked, passes)), strange, words: kept.some(({ text }) => text), early: asked.some((part) => part.early) };
  } finally {
    ready.trim(); // one query at a time: nothing is being scored
  }
}

/** A part as rankParts() takes it. */
async function resolve(ready, { kind, text, image, images, feature, slug, weight = 1, method = ready.core.defaultMethod(kind) }, early) {
  const { core, catalog, fingerprint } = ready;
  const part = { kind, weight, method };
  if (feature) return { ...part, feature: typeof feature === 'string' ? readFeature(feature, fingerprint) : feature };
  if (image) return { ...part, feature: await (await waits.during(encoder)).encodeImage(image) };
  if (images) return { ...part, ...(await describeImages(core, await waits.during(encoder), images)) };
  if (text) return { ...part, ...(await encodeWords(ready, text, early)) };
  const index = catalog.slug.indexOf(slug);
  if (index < 0) throw new Error(`There is no model “${slug}” in this catalog.`);
  return { ...part, index };
}

async function encodeWords({ encoder: arrived, phrases }, text, early) {
  const row = early && !arrived ? phrases?.rows.get(text.toLowerCase()) : undefined;
  if (row !== undefined) return { feature: phrases.table.feature(row), early: true };
  const superseded = new Promise((_, reject) => (supersede = () => reject(new Superseded())));
  return { feature: await (await waits.during(Promise.race([encoder, superseded]))).encode(text) };
}

/** The distribution of a few pictures, as if it were a model's. */
async function describeImages(core, { encodeImage }, images) {
  const features = [];
  for (const image of images) features.push(await encodeImage(image));
  const few = describeFew(features);
  const length = Math.hypot(...few.mean);
  return { feature: few.mean.map((value) => value / length), model: core.lowrank(few) };
}

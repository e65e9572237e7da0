// generator-worker.js - runs one model's graphs away from the page's thread. Started, and ended, by generator.js.
//
// in:   {id, op, ...}      open first
//         open     {base, files, graphs}           files: size and SHA-256 by path; graphs: of the model's page (indexer/publish/publish.h)
//         sample   {seed, first, count}
//         between  {ends: [end, end], count}       an end: {seed, index} of a sample, or {latent}
//         render   {latents}
//         invert   {target: {width, height, rgb}, directions, effort}     effort: starts, keep and steps of site/lib/invert.js
// out:  {id, progress}  {id, result}  {id, error: message}
//
// Results have frames {width, height, count, data}, as site/lib/sampling.js gives them.

import { invert } from '../lib/invert.js';
import { between, principalDirections } from '../lib/latents.js';
import { checkSampler, hasLatents, latentOf, openModel, render, sample } from '../lib/sampling.js';
import { product } from '../lib/tensors.js';
import { downloader } from './download.js';
import { openRuntime } from './encoder.js';

const VENDOR = 'vendor/onnxruntime-web/';
const SESSION = { executionProviders: ['wasm'] };

let engine; // promise of {ort, model}

const OPS = {
  async open({ base, files, graphs }, onProgress) {
    engine = openEngine(base, files, graphs, onProgress);
    const { ort, model } = await engine;
    const latents = hasLatents(model.sampler) ? product(model.latent) : 0;
    const { width, height } = await sample(ort, model, { seed: 0, first: 0, count: 1 }); // the first run takes its memory, and is slow
    return { width, height, latents, batch: model.batch };
  },

  async sample({ seed, first, count }) {
    const { ort, model } = await engine;
    const start = performance.now();
    const frames = await sample(ort, model, { seed, first, count });
    return { frames, milliseconds: performance.now() - start };
  },

  async between({ ends, count }) {
    const { ort, model } = await engine;
    const [a, b] = ends.map(({ seed, index, latent }) => latent ?? latentOf(model, seed, index));
    return { frames: await render(ort, model, between(a, b, count)) };
  },

  async render({ latents }) {
    const { ort, model } = await engine;
    return { frames: await render(ort, model, latents) };
  },

  async invert({ target, directions, effort }, onProgress) {
    const { ort, model } = await engine;
    const draw = (latents) => render(ort, model, latents);
    const found = await invert({
      render: draw,
      latentSize: product(model.latent),
      target,
      ...effort,
      onStep: async ({ latent, loss }) => onProgress({ loss, frames: await draw([latent]) }),
    });
    const { latent, loss, made, jacobian } = found;
    return { latent, loss, made, frames: await draw([latent]), directions: principalDirections(jacobian, directions) };
  },
};

self.onmessage = async ({ data: { id, op, ...words } }) => {
  try {
    const result = await OPS[op](words, (progress) => postMessage({ id, progress }));
    postMessage({ id, result });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};

async function openEngine(base, files, graphs, onProgress) {
  const download = downloader(base, files, (loaded, total) => onProgress({ loaded, total }));
  const named = new Map(); // all are asked for at once, so that the progress knows its end
  for (const [name, { path }] of Object.entries(graphs.files)) named.set(name, download(path));
  for (const pending of named.values()) pending.catch(() => {}); // the first failure of all is told, by whoever awaits it
  const wasm = await download(`${VENDOR}ort-wasm-simd-threaded.wasm`);
  const ort = await openRuntime({
    module: new URL(`${VENDOR}ort.wasm.min.js`, base).href,
    glue: new URL(`${VENDOR}ort-wasm-simd-threaded.js`, base).href,
    wasm,
  });
  const readBytes = (name) => named.get(name) ?? Promise.reject(new Error(`${name} was not published with the model`));
  return { ort, model: await openModel(ort, checkSampler(graphs.sampler, 'the model'), { readBytes, sessionOptions: SESSION }) };
}

// sampling.js - draws samples from a small generator in ONNX form: in Node through onnxruntime-node, in the browser
// through onnxruntime-web. The caller passes the `ort` it has; nothing here knows where it runs.
//
//     const sampler = checkSampler(modelJson.sampler, 'cats/model.json');
//     const model = await openModel(ort, sampler, readBytes, { intraOpNumThreads: 1 });   // readBytes(path) -> bytes
//     const { width, height, data } = await sample(ort, model, { seed: 1, first: 0, count: 64 });
//     await closeModel(model);
//
// data is a Uint8Array [count, height, width, 3], RGB. Sample i depends on (model, seed, i) alone, to the last bit on one
// machine, however the samples are split into calls: its random numbers are a function of (seed, i) (random.js), and it is
// always computed in slot i % BLOCK of a batch of BLOCK, because a runtime may round differently in another place. A graph
// that draws random numbers of its own is refused.
//
// The sampler of a model.json, and what its graphs take and give (n = BLOCK):
//
//   every one      "kind": "onnx", "procedure", "path": the graph's file, relative to the model.json,
//                  "range": [low, high] the output values that mean black and white
//   decode         "latent": [d...]; the graph maps standard normal numbers f32 [n, d...] to images f32 [n, 3, h, w].
//                  GANs, VAEs, flows: whatever needs one pass.
//   diffusion      "latent": [d...]; "timesteps": [T] and "alphas_cumprod": [T], in the order of sampling, so rising;
//                  "prediction": "epsilon" | "v" | "sample"; optional "clip": [low, high] for the predicted sample;
//                  optional "decoder": a second graph as in decode, when the latent is not the image itself.
//                  The graph maps x f32 [n, d...] and t f32 [n] to the prediction. Deterministic DDIM steps.
//   autoregressive "length", "vocabulary", "state": [s...], "decoder", optional "temperature" (1). The graph maps
//                  token i32 [n], position i32 [1], state f32 [n, s...] to logits f32 [n, vocabulary] and state_out;
//                  the state starts as zeros and the first token is `vocabulary`. The decoder maps the drawn tokens
//                  i32 [n, length] to images f32 [n, 3, h, w].

import { findRandomNode } from './onnx-graph.js';
import { LATENT, TOKEN, fillNormal, uniform } from './random.js';

export const BLOCK = 16;
export const MAX_COUNT = 4096;  // samples in one call: 48 MiB at 64x64

const MAX_ELEMENTS = 2 ** 24;
const PREDICTIONS = ['epsilon', 'v', 'sample'];

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isName = (value) => typeof value === 'string' && value !== '';
const isWhole = (value, low, high) => Number.isSafeInteger(value) && value >= low && value <= high;
const isNumbers = (value) => Array.isArray(value) && value.length > 0 && value.every(Number.isFinite);
const isRange = (value) => isNumbers(value) && value.length === 2 && value[0] < value[1];
const isShape = (value) =>
  isNumbers(value) && value.every((d) => isWhole(d, 1, MAX_ELEMENTS)) && product(value) <= MAX_ELEMENTS;
const isRisingShare = (value) =>
  isNumbers(value) && value.every((a, k) => a > 0 && a < 1 && (k === 0 || a > value[k - 1]));
const product = (shape) => shape.reduce((total, d) => total * d, 1);

const SHAPE = [isShape, 'a list of positive integers'];
const FILE = [isName, 'a file name'];
const RANGE = [isRange, 'two numbers, the lower first'];

/** Per procedure: what each field must be. A field whose name ends in '?' may be left out. */
const FIELDS = {
  decode: { latent: SHAPE },
  diffusion: {
    latent: SHAPE,
    timesteps: [isNumbers, 'a list of numbers'],
    alphas_cumprod: [isRisingShare, 'a rising list of numbers between 0 and 1'],
    prediction: [(value) => PREDICTIONS.includes(value), `one of ${PREDICTIONS.join(', ')}`],
    'clip?': RANGE,
    'decoder?': FILE,
  },
  autoregressive: {
    length: [(value) => isWhole(value, 1, 65536), 'a whole number from 1 to 65536'],
    vocabulary: [(value) => isWhole(value, 2, 65536), 'a whole number from 2 to 65536'],
    state: SHAPE,
    decoder: FILE,
    'temperature?': [(value) => Number.isFinite(value) && value > 0, 'a number above 0'],
  },
};

/** The sampler block of a model.json, checked. Throws an Error that names the file and the field. */
export function checkSampler(sampler, file) {
  if (!isObject(sampler)) throw new Error(`${file}: field 'sampler' is missing or not an object`);
  const need = (field, ok, wanted) => {
    if (ok) return;
    const found = sampler[field] === undefined ? 'is missing' : `is ${JSON.stringify(sampler[field]).slice(0, 60)}`;
    throw new Error(`${file}: field 'sampler.${field}' ${found}, expected ${wanted}`);
  };
  need('kind', sampler.kind === 'onnx', '"onnx"');
  need('procedure', Object.hasOwn(FIELDS, sampler.procedure), `one of ${Object.keys(FIELDS).join(', ')}`);
  const fields = { path: FILE, range: RANGE, ...FIELDS[sampler.procedure] };
  for (const [name, [test, wanted]] of Object.entries(fields)) {
    const field = name.replace('?', '');
    need(field, test(sampler[field]) || (name.endsWith('?') && sampler[field] === undefined), wanted);
  }
  if (sampler.procedure === 'diffusion') {
    const steps = sampler.timesteps.length;
    need('alphas_cumprod', sampler.alphas_cumprod.length === steps, `${steps} numbers, one for each of timesteps`);
  }
  return sampler;
}

/** Opens the graphs of a checked sampler. readBytes(path) gives a Uint8Array, sessionOptions go to onnxruntime. */
export async function openModel(ort, sampler, readBytes, sessionOptions = {}) {
  const open = async (path) => {
    const bytes = await readBytes(path);
    return naming(path, () => {
      refuseRandomNode(bytes);
      return ort.InferenceSession.create(bytes, sessionOptions);
    });
  };
  const graph = await open(sampler.path);
  try {
    return { sampler, graph, decoder: sampler.decoder === undefined ? null : await open(sampler.decoder) };
  } catch (error) {
    await graph.release();
    throw error;
  }
}

function refuseRandomNode(bytes) {
  const node = findRandomNode(bytes);
  if (node) {
    throw new Error(`node '${node.name}' (${node.operator}) draws random numbers of its own, so that no sample could be drawn twice; ` +
      'export the graph with these numbers as its input');
  }
}

export async function closeModel(model) {
  await model.graph.release();
  await model.decoder?.release();
}

/** Samples first .. first + count - 1. Returns { width, height, channels: 3, count, data }. */
export async function sample(ort, model, { seed, first, count }) {
  if (!isWhole(seed, 0, Number.MAX_SAFE_INTEGER)) throw new Error("field 'seed' must be a whole number from 0");
  if (!isWhole(count, 1, MAX_COUNT)) throw new Error(`field 'count' must be a whole number from 1 to ${MAX_COUNT}`);
  if (!isWhole(first, 0, Number.MAX_SAFE_INTEGER - count)) throw new Error("field 'first' must be a whole number from 0");
  let frames = null;
  for (let start = first - (first % BLOCK); start < first + count; start += BLOCK) {
    const images = await PROCEDURES[model.sampler.procedure](ort, model, seed, start);
    const [, , height, width] = images.dims;
    frames ??= { width, height, channels: 3, count, data: new Uint8Array(count * height * width * 3) };
    for (let slot = 0; slot < BLOCK; slot++) {
      const place = start + slot - first;
      if (place >= 0 && place < count) writeFrame(images, slot, model.sampler.range, frames, place);
    }
  }
  return frames;
}

/** One frame of images f32 [n, 3, h, w] as bytes [h, w, 3] at its place in frames. */
function writeFrame(images, slot, [low, high], { width, height, data }, place) {
  const plane = width * height, from = slot * 3 * plane, to = place * 3 * plane, scale = 255 / (high - low);
  for (let channel = 0; channel < 3; channel++)
    for (let i = 0; i < plane; i++) {
      const value = (images.data[from + channel * plane + i] - low) * scale;
      if (Number.isNaN(value)) throw new Error('the generator gave a value that is not a number');
      data[to + 3 * i + channel] = Math.min(255, Math.max(0, Math.round(value)));
    }
}

// ---- procedures: the images of block start .. start + BLOCK - 1, f32 [BLOCK, 3, h, w] ----------------------------------

const PROCEDURES = { decode, diffusion, autoregressive };

async function decode(ort, model, seed, start) {
  return toImages(model.graph, model.sampler.path, latents(ort, model.sampler.latent, seed, start));
}

/** Deterministic DDIM (Song, Meng and Ermon 2021): from noise along the predicted direction, step by step. */
async function diffusion(ort, model, seed, start) {
  const { sampler, graph } = model;
  let x = latents(ort, sampler.latent, seed, start);
  for (let k = 0; k < sampler.timesteps.length; k++) {
    const t = new ort.Tensor('float32', new Float32Array(BLOCK).fill(sampler.timesteps[k]), [BLOCK]);
    const [prediction] = await run(graph, sampler.path, { x, t }, null);
    checkSize(prediction, x.data.length, sampler.path);
    const next = ddimStep(x.data, prediction.data, sampler, sampler.alphas_cumprod[k], sampler.alphas_cumprod[k + 1] ?? 1);
    x = new ort.Tensor('float32', next, x.dims);
  }
  return model.decoder ? toImages(model.decoder, sampler.decoder, x) : checkImages(x, sampler.path);
}

/** One step from the noise level of alpha to that of next: x = sqrt(alpha) sample + sqrt(1 - alpha) noise. */
function ddimStep(x, prediction, { prediction: kind, clip = [-Infinity, Infinity] }, alpha, next) {
  const signal = Math.sqrt(alpha), noise = Math.sqrt(1 - alpha);
  const nextSignal = Math.sqrt(next), nextNoise = Math.sqrt(1 - next);
  const estimate = {
    epsilon: (value, predicted) => (value - noise * predicted) / signal,
    v: (value, predicted) => signal * value - noise * predicted,
    sample: (value, predicted) => predicted,
  }[kind];
  const out = new Float32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const clean = Math.min(clip[1], Math.max(clip[0], estimate(x[i], prediction[i])));
    out[i] = nextSignal * clean + (nextNoise * (x[i] - signal * clean)) / noise;
  }
  return out;
}

/** One token after the other; each sample draws with its own numbers. */
async function autoregressive(ort, model, seed, start) {
  const { path, length, vocabulary, temperature = 1, state: shape } = model.sampler;
  const tokens = new Int32Array(BLOCK * length);
  let token = new Int32Array(BLOCK).fill(vocabulary);
  let state = new ort.Tensor('float32', new Float32Array(BLOCK * product(shape)), [BLOCK, ...shape]);
  for (let position = 0; position < length; position++) {
    const feeds = {
      token: new ort.Tensor('int32', token, [BLOCK]),
      position: new ort.Tensor('int32', Int32Array.of(position), [1]),
      state,
    };
    const [logits, nextState] = await run(model.graph, path, feeds, ['logits', 'state_out']);
    checkSize(logits, BLOCK * vocabulary, path);
    token = token.map((_, slot) => {
      const row = logits.data.subarray(slot * vocabulary, (slot + 1) * vocabulary);
      return draw(row, temperature, uniform(seed, start + slot, TOKEN, position));
    });
    token.forEach((value, slot) => { tokens[slot * length + position] = value; });
    state = nextState;
  }
  return toImages(model.decoder, model.sampler.decoder, new ort.Tensor('int32', tokens, [BLOCK, length]));
}

/** The token at u in the cumulative distribution softmax(logits / temperature). */
function draw(logits, temperature, u) {
  const highest = logits.reduce((a, b) => Math.max(a, b));
  const weights = Float64Array.from(logits, (value) => Math.exp((value - highest) / temperature));
  let left = u * weights.reduce((a, b) => a + b, 0);
  for (let token = 0; token < weights.length; token++) {
    left -= weights[token];
    if (left < 0) return token;
  }
  return weights.length - 1;
}

// ---- tensors --------------------------------------------------------------------------------------------------------

/** Standard normal numbers f32 [BLOCK, ...shape] for samples start .. start + BLOCK - 1. */
function latents(ort, shape, seed, start) {
  const size = product(shape), data = new Float32Array(BLOCK * size);
  for (let slot = 0; slot < BLOCK; slot++)
    fillNormal(data.subarray(slot * size, (slot + 1) * size), seed, start + slot, LATENT);
  return new ort.Tensor('float32', data, [BLOCK, ...shape]);
}

async function toImages(session, path, input) {
  const [images] = await run(session, path, { [session.inputNames[0]]: input }, null);
  return checkImages(images, path);
}

/** Runs a graph; the outputs by name, or its first one when names is null. */
async function run(session, path, feeds, names) {
  const missing = (kind, wanted, found) => {
    const name = wanted.find((w) => !found.includes(w));
    if (name !== undefined) throw new Error(`${path}: no ${kind} '${name}', the graph has ${found.join(', ')}`);
  };
  missing('input', Object.keys(feeds), session.inputNames);
  const wanted = names ?? [session.outputNames[0]];
  missing('output', wanted, session.outputNames);
  const results = await naming(path, () => session.run(feeds, wanted));
  return wanted.map((name) => results[name]);
}

function checkImages(tensor, path) {
  const { dims, type } = tensor;
  if (type !== 'float32' || dims.length !== 4 || dims[0] !== BLOCK || dims[1] !== 3)
    throw new Error(`${path}: gives ${type} [${dims}], expected images float32 [${BLOCK}, 3, height, width]`);
  return tensor;
}

function checkSize(tensor, size, path) {
  if (tensor.type !== 'float32' || tensor.data.length !== size)
    throw new Error(`${path}: gives ${tensor.type} [${tensor.dims}], expected ${size} float32 values`);
}

/** Adds the file to the message of whatever onnxruntime throws. */
async function naming(path, action) {
  try {
    return await action();
  } catch (error) {
    throw new Error(`${path}: ${error.message}`, { cause: error });
  }
}

// sampling.js - draws samples from a small generator in ONNX form: in Node through onnxruntime-node, in the browser
// through onnxruntime-web. The caller passes the `ort` it has; nothing here knows where it runs.
//
//     const sampler = checkSampler(modelJson.sampler, 'cats/model.json');
//     const files = { readBytes, sessionOptions: { intraOpNumThreads: 1 } };              // readBytes(path) -> bytes
//     const model = await openModel(ort, sampler, files);
//     const { width, height, data } = await sample(ort, model, { seed: 1, first: 0, count: 64 });
//     const again = await render(ort, model, [latentOf(model, 1, 0)]);                   // pictures of any latents, where hasLatents(sampler)
//     await closeModel(model);
//
// data is a Uint8Array [count, height, width, 3], RGB. Sample i depends on (model, seed, i) alone, to the last bit on one
// machine, however the samples are split into calls: its random numbers are a function of (seed, i) (random.js), and it is
// always computed in slot i % n of a batch of n, because a runtime may round differently in another place. A graph
// that draws random numbers of its own is refused.
//
// The sampler of a model.json, and what its graphs take and give. f32 stands for floats of any type, i32 for integers of any:
//
//   every one      "kind": "onnx", "procedure", "path": the graph's file, relative to the model.json. What it keeps in other files lies
//                  where it says, seen from its own folder.
//                  optional "batch": n, where the graph's first input leaves that open (BLOCK);
//                  optional "inputs": what other inputs get (inputs.js): classes, truncation, noise;
//                  optional "output": which one has the pictures (the first);
//                  "range", "layout", "size": of the pictures, as far as the output leaves them open (pictures.js)
//   decode         The graph maps standard normal numbers f32 [n, d...], or [d...] of one sample, to pictures. "latent": [d...], which
//                  may be left out where the graph says n and it. GANs, VAEs, flows: whatever needs one pass.
//                  optional "decoder": where the graph's output is not the pictures yet. One file or a list of them, each a graph
//                  that maps what the one before it gives, the last to pictures. Models may name one decoder that they share.
//   diffusion      "latent": [d...]; "timesteps": [T] and "alphas_cumprod": [T], in the order of sampling, so rising;
//                  "prediction": "epsilon" | "v" | "sample"; optional "clip": [low, high] for the predicted sample;
//                  optional "decoder": as in decode, when the latent is not the picture itself.
//                  The graph maps x f32 [n, d...] and t, a number, to the prediction. Deterministic DDIM steps.
//   autoregressive "length", "vocabulary", "state": [s...], "decoder", optional "temperature" (1). The graph maps
//                  token i32 [n], position i32 [1], state f32 [n, s...] to logits f32 [n, vocabulary] and state_out;
//                  the state starts as zeros and the first token is `vocabulary`. The decoder, as in decode, maps
//                  the drawn tokens i32 [n, length] to pictures.

import { naming, openGraph, planInputs, runGraph } from './graph.js';
import { isInput, isShape, normals, planInput, requireShape } from './inputs.js';
import { LAYOUTS, readPictures } from './pictures.js';
import { draw, LATENT, TOKEN, uniform } from './random.js';
import { describe, makeTensor, numbersOf, product } from './tensors.js';

export const BLOCK = 16;
export const MAX_COUNT = 4096;  // samples in one call: 48 MiB at 64x64

const PREDICTIONS = ['epsilon', 'v', 'sample'];

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isName = (value) => typeof value === 'string' && value !== '';
const isWhole = (value, low, high) => Number.isSafeInteger(value) && value >= low && value <= high;
const isNumbers = (value) => Array.isArray(value) && value.length > 0 && value.every(Number.isFinite);
const isRange = (value) => isNumbers(value) && value.length === 2 && value[0] < value[1];
const isRisingShare = (value) =>
  isNumbers(value) && value.every((a, k) => a > 0 && a < 1 && (k === 0 || a > value[k - 1]));

const SHAPE = [isShape, 'a list of positive integers'];
const FILE = [isName, 'a file name'];
const FILES = [(value) => [value].flat().length > 0 && [value].flat().every(isName), 'a file name or a list of them'];
const RANGE = [isRange, 'two numbers, the lower first'];

/** What each field must be, of every procedure and of one. A field whose name ends in '?' may be left out. */
const COMMON = {
  path: FILE,
  'range?': RANGE,
  'batch?': [(value) => isWhole(value, 1, 256), 'a whole number from 1 to 256'],
  'output?': [isName, 'the name of an output'],
  'layout?': [(value) => LAYOUTS.includes(value), `one of ${LAYOUTS.join(', ')}`],
  'size?': [(value) => isShape(value) && value.length === 2, '[width, height]'],
  'inputs?': [(value) => isObject(value) && Object.values(value).every(isInput),
    'for each input a number, a list of numbers, {"classes": 10}, {"classes": 10, "class": 3} or {"normal": [1, 64, 64]}'],
};
const FIELDS = {
  decode: { 'latent?': SHAPE, 'decoder?': FILES },
  diffusion: {
    latent: SHAPE,
    timesteps: [isNumbers, 'a list of numbers'],
    alphas_cumprod: [isRisingShare, 'a rising list of numbers between 0 and 1'],
    prediction: [(value) => PREDICTIONS.includes(value), `one of ${PREDICTIONS.join(', ')}`],
    'clip?': RANGE,
    'decoder?': FILES,
  },
  autoregressive: {
    length: [(value) => isWhole(value, 1, 65536), 'a whole number from 1 to 65536'],
    vocabulary: [(value) => isWhole(value, 2, 65536), 'a whole number from 2 to 65536'],
    state: SHAPE,
    decoder: FILES,
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
  const fields = { ...COMMON, ...FIELDS[sampler.procedure] };
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

/** Per procedure: the inputs of its first graph that it fills itself; null: the one that is left. Of a decoder it is the one that is left. */
const OWN_INPUTS = { decode: null, diffusion: ['x', 't'], autoregressive: ['token', 'position', 'state'] };

/**
 * Opens the graphs of a checked sampler. files: readBytes(path) gives a Uint8Array, or with fromDisk onnxruntime reads the graphs itself, of
 * which readBytes then gives the file only; sessionOptions go to onnxruntime.
 */
export async function openModel(ort, sampler, { readBytes, sessionOptions = {}, fromDisk = false }) {
  const { inputs = {} } = sampler;
  const model = { sampler, graph: null, decoders: [] };
  const open = (path, own) => openGraph(ort, path, { readBytes, sessionOptions, fromDisk }, own, inputs);
  try {
    model.graph = await open(sampler.path, OWN_INPUTS[sampler.procedure]);
    for (const path of [sampler.decoder ?? []].flat()) model.decoders.push(await open(path, null));
    const graphs = graphsOf(model);
    const unknown = Object.keys(inputs).find((name) => graphs.every((graph) => !graph.inputs.has(name)));
    if (unknown !== undefined) throw new Error(`${sampler.path}: no input '${unknown}', which field 'sampler.inputs' names; `
      + `there are ${graphs.flatMap((graph) => [...graph.inputs.keys()]).join(', ')}`);
    model.batch = chooseBatch(sampler, graphs);
    for (const graph of graphs) await planInputs(graph, inputs, model.batch);
    model.latent = await naming(sampler.path, () => chooseLatent(model));
    return model;
  } catch (error) {
    await closeModel(model);
    throw error;
  }
}

const graphsOf = ({ graph, decoders }) => [...(graph ? [graph] : []), ...decoders];

export async function closeModel(model) {
  for (const { session } of graphsOf(model)) await session.release();
}

/** Whether a graph makes one sample at a time and has no dimension for their number. */
const isBare = (input, shape) => String(input.shape) === String(shape);

/** How many samples the graphs make at a time: as many as the first dimensions of their own inputs say, if they do. */
function chooseBatch({ batch: said, latent }, graphs) {
  let batch = said;
  for (const { path, inputs, own } of graphs) {
    const fixed = isBare(inputs.get(own[0]), latent) ? 1 : inputs.get(own[0]).shape[0];
    if (typeof fixed !== 'number') continue;
    if (batch !== undefined && batch !== fixed) {
      throw new Error(`${path}: input '${own[0]}' is ${describe(inputs.get(own[0]))}, a batch of ${fixed}, ` +
        (said === batch ? `and field 'sampler.batch' is ${said}` : `and the other graph's is ${batch}`));
    }
    batch = fixed;
  }
  return batch ?? BLOCK;
}

/** The shape [d...] of one sample's latent; null when the procedure has none. */
function chooseLatent({ sampler, graph, batch }) {
  if (sampler.procedure === 'autoregressive') return null;
  const [name] = graph.own, input = graph.inputs.get(name), shape = sampler.latent ?? input.shape.slice(1);
  const refuse = (what) => { throw new Error(`input '${name}' is ${describe(input)}${what}`); };
  if (!isShape(shape)) refuse(": field 'sampler.latent' must give its dimensions after the first");
  requireShape(input, dimsOf(graph, batch, shape), 'sampler.latent', refuse);
  return shape;
}

/** Samples first .. first + count - 1. Returns { width, height, channels: 3, count, data }. */
export async function sample(ort, model, { seed, first, count }) {
  if (!isWhole(seed, 0, Number.MAX_SAFE_INTEGER)) throw new Error("field 'seed' must be a whole number from 0");
  if (!isWhole(count, 1, MAX_COUNT)) throw new Error(`field 'count' must be a whole number from 1 to ${MAX_COUNT}`);
  if (!isWhole(first, 0, Number.MAX_SAFE_INTEGER - count)) throw new Error("field 'first' must be a whole number from 0");
  return collect(model, first, count, (start) => PROCEDURES[model.sampler.procedure](ort, model, seed, start));
}

/** Whether a latent says everything about a picture: no token is drawn, and no other input differs from sample to sample. */
export const hasLatents = ({ procedure, inputs = {} }) =>
  procedure !== 'autoregressive' && !Object.values(inputs).some((value) => isObject(value) && value.class === undefined);

/** What sample `index` of a seed is made of: Float32Array [product(model.latent)], standard normal. */
export const latentOf = (model, seed, index) => normals(product(model.latent), 1, LATENT, seed, index);

/** The pictures of a list of latents, in the form of sample(). To be used where hasLatents(model.sampler). */
export async function render(ort, model, latentList) {
  return collect(model, 0, latentList.length, (start) => {
    const numbers = new Float32Array(model.batch * product(model.latent));
    latentList.slice(start, start + model.batch).forEach((latent, slot) => numbers.set(latent, slot * latent.length));
    return PROCEDURES[model.sampler.procedure](ort, model, 0, start, numbers);
  });
}

/** Pictures first .. first + count - 1 of those that make(start) gives, a batch at a time. */
async function collect(model, first, count, make) {
  let frames = null;
  for (let start = first - (first % model.batch); start < first + count; start += model.batch) {
    const { width, height, write } = await make(start);
    const size = width * height * 3;
    frames ??= { width, height, channels: 3, count, data: new Uint8Array(count * size) };
    for (let slot = 0; slot < model.batch; slot++) {
      const place = start + slot - first;
      if (place >= 0 && place < count) write(slot, frames.data, place * size);
    }
  }
  return frames;
}

// ---- procedures: the pictures of samples start .. start + batch - 1 -----------------------------------------------------------

const PROCEDURES = { decode, diffusion, autoregressive };

/** Of a graph's own input, for samples of this shape. */
const dimsOf = ({ inputs, own }, batch, shape) => (isBare(inputs.get(own[0]), shape) ? shape : [batch, ...shape]);

/** Numbers as the input of a graph wants them. */
const feed = (ort, graph, name, dims, numbers) => makeTensor(ort, graph.inputs.get(name).type, dims, numbers);

const latents = ({ latent, batch }, seed, start) => normals(product(latent), batch, LATENT, seed, start);

/** The pictures that the graphs, one after the other, make of the numbers [batch, ...shape]. */
async function paint(ort, model, graphs, shape, numbers, seed, start) {
  const { sampler, batch } = model, last = graphs.at(-1);
  let tensor = null;
  for (const graph of graphs) {
    const [name] = graph.own;
    const [dims, values] = tensor ? [tensor.dims, numbersOf(tensor)] : [dimsOf(graph, batch, shape), numbers];
    const output = graph === last && sampler.output !== undefined ? [sampler.output] : null;
    [tensor] = await runGraph(ort, graph, { [name]: feed(ort, graph, name, dims, values) }, output, seed, start);
  }
  return naming(last.path, () => readPictures(tensor, batch, sampler));
}

function decode(ort, model, seed, start, z = latents(model, seed, start)) {
  return paint(ort, model, graphsOf(model), model.latent, z, seed, start);
}

/** Deterministic DDIM (Song, Meng and Ermon 2021): from noise along the predicted direction, step by step. */
async function diffusion(ort, model, seed, start, x = latents(model, seed, start)) {
  const { sampler, graph, batch, latent } = model;
  const dims = dimsOf(graph, batch, latent);
  for (let k = 0; k < sampler.timesteps.length; k++) {
    const t = planInput(graph.inputs.get('t'), 't', sampler.timesteps[k], 0, batch)(ort);
    const [prediction] = await runGraph(ort, graph, { x: feed(ort, graph, 'x', dims, x), t }, null, seed, start);
    checkSize(prediction, x.length, graph.path);
    x = ddimStep(x, numbersOf(prediction), sampler, sampler.alphas_cumprod[k], sampler.alphas_cumprod[k + 1] ?? 1);
  }
  if (model.decoders.length > 0) return paint(ort, model, model.decoders, latent, x, seed, start);
  return naming(graph.path, () => readPictures({ type: 'float32', dims: [batch, ...latent], data: x }, batch, sampler));
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
  const { graph, batch, sampler: { length, vocabulary, temperature = 1, state: shape } } = model;
  const tokens = new Int32Array(batch * length);
  let token = new Int32Array(batch).fill(vocabulary);
  let state = feed(ort, graph, 'state', [batch, ...shape], new Float32Array(batch * product(shape)));
  for (let position = 0; position < length; position++) {
    const own = { token: feed(ort, graph, 'token', [batch], token), position: feed(ort, graph, 'position', [1], [position]), state };
    const [logits, nextState] = await runGraph(ort, graph, own, ['logits', 'state_out'], seed, start);
    checkSize(logits, batch * vocabulary, graph.path);
    const values = numbersOf(logits);
    token = token.map((_, slot) => {
      const row = values.subarray(slot * vocabulary, (slot + 1) * vocabulary);
      return draw(row, temperature, uniform(seed, start + slot, TOKEN, position));
    });
    token.forEach((value, slot) => { tokens[slot * length + position] = value; });
    state = nextState;
  }
  return paint(ort, model, model.decoders, [length], tokens, seed, start);
}

function checkSize(tensor, size, path) {
  if (tensor.data.length !== size) throw new Error(`${path}: gives ${describe(tensor)}, expected ${size} values`);
}

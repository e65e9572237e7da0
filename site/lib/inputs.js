// inputs.js - what the inputs of a graph get beside the latent: the field "inputs" of a sampler block, by the inputs' names.
//
//     "truncation_psi": 0.7                 the same number in every element (true and false are 1 and 0)
//     "w": [0.1, 0.2]                       one number for each element; of one sample, where the input's first dimension is the batch.
//                                           Where the graph fixes that dimension at the batch's size, one sample or the whole input
//     "c": {"classes": 10}                  a class drawn for each sample, all equally often: as a label where the input has one element
//                                           for a sample, one-hot where it has as many as classes; "one_hot": true or false where the
//                                           graph leaves that open
//     "c": {"classes": 10, "class": 3}      always that one
//     "noise": {"normal": [1, 64, 64]}      standard normal numbers of this shape for each sample
//
//     const fill = planInput(input, name, given, index, batch);    // input {type, shape} as the graph says; an Error says what does not fit
//     const tensor = fill(ort, seed, start);                       // for samples start .. start + batch - 1

import { CLASS, NOISE, fillNormal, uniform } from './random.js';
import { describe, isFloat, makeTensor, product } from './tensors.js';

const MAX_ELEMENTS = 2 ** 24;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isConstant = (value) => typeof value === 'boolean' || Number.isFinite(value);
const isWhole = (value, low, high) => Number.isSafeInteger(value) && value >= low && value <= high;
const hasOnly = (object, fields) => Object.keys(object).every((field) => fields.includes(field));
const isOptional = (value, test) => value === undefined || test(value);

export const isShape = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((d) => isWhole(d, 1, MAX_ELEMENTS)) && product(value) <= MAX_ELEMENTS;

/** Whether a value of "inputs" is one of the above. */
export function isInput(value) {
  if (isConstant(value)) return true;
  if (Array.isArray(value)) return value.length > 0 && value.every(isConstant);
  if (!isObject(value)) return false;
  if (value.normal !== undefined) return hasOnly(value, ['normal']) && isShape(value.normal);
  return hasOnly(value, ['classes', 'class', 'one_hot']) && isWhole(value.classes, 2, 65536)
    && isOptional(value.class, (k) => isWhole(k, 0, value.classes - 1)) && isOptional(value.one_hot, (flag) => typeof flag === 'boolean');
}

/** index: of the name among the sampler's inputs, so that each draws numbers of its own. */
export function planInput(input, name, given, index, batch) {
  const refuse = (what) => { throw new Error(`input '${name}' is ${describe(input)}${what}`); };
  if (!isObject(given)) return planConstant(input, name, given, batch, refuse);
  if (given.normal) return planNormal(input, name, given.normal, NOISE + index, batch, refuse);
  return planClass(input, name, given, index, batch, refuse);
}

/** The numbers of dims that the graph leaves open: of the first it is the batch. */
function closeShape(shape, batch, refuse) {
  const open = shape.slice(1).find((d) => typeof d === 'string');
  if (open !== undefined) refuse(`, of which the graph leaves '${open}' open; export it with that dimension fixed`);
  return shape.map((d) => (typeof d === 'string' ? batch : d));
}

const isPerSample = (shape, batch) => typeof shape[0] === 'string' || shape[0] === batch;

function planConstant(input, name, given, batch, refuse) {
  const dims = closeShape(input.shape, batch, refuse);
  const size = product(dims), values = new Float64Array(size);
  const said = (Array.isArray(given) ? given : [given]).map(Number);
  const odd = said.find((number) => !holds(input.type, number));
  if (odd !== undefined) refuse(`; field 'sampler.inputs.${name}' says ${odd}, which that type does not hold`);
  const lengths = new Set([isPerSample(input.shape, batch) ? size / batch : size]);
  if (input.shape[0] === batch) lengths.add(size); // which may be no batch at all
  if (!Array.isArray(given)) values.fill(said[0]);
  else if (!lengths.has(given.length)) refuse(`; field 'sampler.inputs.${name}' has ${given.length} numbers, expected ${[...lengths].join(' or ')}`);
  else for (let i = 0; i < size; i++) values[i] = said[i % said.length];
  return (ort) => makeTensor(ort, input.type, dims, values);
}

const INTEGERS = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535], int32: [-(2 ** 31), 2 ** 31 - 1], uint32: [0, 2 ** 32 - 1] };

/** Whether a type holds a number as it is, but for the rounding of floats. */
function holds(type, number) {
  if (isFloat(type)) return true;
  if (type === 'bool') return number === 0 || number === 1;
  const [low, high] = INTEGERS[type] ?? [type === 'uint64' ? 0 : Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  return isWhole(number, low, high);
}

/** Refuses an input of which a batch has one, for what differs from sample to sample. */
function requireBatch(input, batch, refuse) {
  if (!isPerSample(input.shape, batch) && batch !== 1)
    refuse(`, one for a batch of ${batch}; it differs from sample to sample: field 'sampler.batch' must be 1`);
}

/** rest: the shape of one sample. */
function requireOneClass(rest, oneHot, refuse) {
  const others = oneHot ? rest.slice(0, -1) : rest;
  if (others.some((d) => d !== 1)) refuse(`: a class is one ${oneHot ? 'row' : 'number'} a sample, and here there are more`);
}

function planClass(input, name, { classes, class: given, one_hot: said }, index, batch, refuse) {
  requireBatch(input, batch, refuse);
  const rest = isPerSample(input.shape, batch) ? input.shape.slice(1) : input.shape;
  const width = rest.at(-1) ?? 1;
  const oneHot = said ?? (width === classes ? true : rest.every((d) => d === 1) ? false : undefined);
  if (oneHot === undefined)
    refuse(`, neither a label nor one-hot of ${classes} classes: say "one_hot": true or false in field 'sampler.inputs.${name}', or other "classes"`);
  if (oneHot && typeof width === 'number' && width !== classes)
    refuse(`, and field 'sampler.inputs.${name}.classes' is ${classes}`);
  requireOneClass(rest, oneHot, refuse);
  const shape = oneHot ? [...input.shape.slice(0, -1), classes] : input.shape;
  const dims = closeShape(shape, batch, refuse);
  const drawn = (seed, sample) => given ?? Math.floor(uniform(seed, sample, CLASS, index) * classes);
  return (ort, seed, start) => {
    const values = new Float64Array(product(dims));
    for (let slot = 0; slot < batch; slot++) {
      const which = drawn(seed, start + slot);
      if (oneHot) values[slot * classes + which] = 1;
      else values[slot] = which;
    }
    return makeTensor(ort, input.type, dims, values);
  };
}

function planNormal(input, name, shape, stream, batch, refuse) {
  requireBatch(input, batch, refuse);
  const dims = [batch, ...shape];
  requireShape(input, dims, `sampler.inputs.${name}.normal`, refuse);
  return (ort, seed, start) => makeTensor(ort, input.type, dims, normals(product(shape), batch, stream, seed, start));
}

/** Refuses an input that cannot hold floats of these dims, which a field asks for. */
export function requireShape(input, dims, field, refuse) {
  const isUnknown = input.shape.length === 0;
  const fits = input.shape.length === dims.length && input.shape.every((d, i) => typeof d === 'string' || d === dims[i]);
  if (!isFloat(input.type) || (!isUnknown && !fits)) refuse(`; field '${field}' makes it float32 [${dims}]`);
}

/** Standard normal numbers [batch, size] of a stream, for samples start .. start + batch - 1. */
export function normals(size, batch, stream, seed, start) {
  const values = new Float32Array(batch * size);
  for (let slot = 0; slot < batch; slot++)
    fillNormal(values.subarray(slot * size, (slot + 1) * size), seed, start + slot, stream);
  return values;
}

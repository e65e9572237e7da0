// tensors.js - tensors of whatever type a graph wants, from and to plain numbers.
//
//     const z = makeTensor(ort, 'float16', [16, 64], numbers);
//     const values = numbersOf(output);          // an array-like of numbers, whatever its type
//     `${describe(output)}`                      // "float16 [16,3,64,64]", for messages

import { fromHalf, toHalf } from './float16.js';

/** Per type of a tensor: its array, and what makes an element from a number, if that takes anything. */
const TYPES = {
  float32: [Float32Array], float64: [Float64Array], float16: [Uint16Array, toHalf],
  int8: [Int8Array], uint8: [Uint8Array], int16: [Int16Array], uint16: [Uint16Array], int32: [Int32Array], uint32: [Uint32Array],
  int64: [BigInt64Array, BigInt], uint64: [BigUint64Array, BigInt], bool: [Uint8Array],
};

export const isFloat = (type) => type.startsWith('float');

export const product = (shape) => shape.reduce((total, d) => total * d, 1);

/** "float32 [n,64]" of a tensor, or of what a graph says of an input or output. */
export const describe = ({ type, dims, shape = dims }) => `${type} [${shape}]`;

/** A tensor of numbers, an array-like of product(dims) of them. */
export function makeTensor(ort, type, dims, numbers) {
  if (!Object.hasOwn(TYPES, type)) throw new Error(`a tensor of ${type} cannot be made here`);
  const [Values, convert] = TYPES[type];
  const data = numbers instanceof Values && !convert ? numbers : Values.from(numbers, convert);
  return new ort.Tensor(type, data, dims);
}

/** The elements of a tensor as numbers. */
export function numbersOf({ type, data }) {
  if (type === 'float16' && data instanceof Uint16Array) return Float32Array.from(data, fromHalf);
  return type === 'int64' || type === 'uint64' ? Float64Array.from(data, Number) : data;
}

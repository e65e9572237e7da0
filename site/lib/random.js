// random.js - random numbers that are a function of where they are used, not of what was drawn before.
//
//     const noise = new Float32Array(64);
//     fillNormal(noise, seed, sample, LATENT);      // always the same 64 numbers for this (seed, sample, stream)
//     const u = uniform(seed, sample, TOKEN, 5);    // the 6th number of another stream, in [0, 1)
//
// The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): key = the
// 64-bit seed, counter = (block, stream, sample low, sample high). Each block gives four 32-bit words, each pair of
// words two normals. Nothing is carried along, so sample i is the same whatever was sampled before it.

/** Streams: independent sequences of one sample. */
export const LATENT = 0;
export const TOKEN = 1;
export const CLASS = 2;
export const NOISE = 3;  // and those above: of the inputs of a graph, one each

const ROUNDS = 10;
const TWO_32 = 4294967296;

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers: Math.imul only gives the low ones. */
function multiplyHigh(a, b) {
  const aLow = a & 0xffff, aHigh = a >>> 16, bLow = b & 0xffff, bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}

/** One Philox4x32-10 block. counter [4] and key [2] are 32-bit words; the four words of the block are written to out. */
export function philox(counter, key, out) {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0), low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2), low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}

/** A non-negative integer up to 2^53 as two 32-bit words, low first. */
const words = (integer) => [integer >>> 0, Math.floor(integer / TWO_32) >>> 0];

/** Number `index` of a stream of uniform numbers in [0, 1) with 32 random bits. */
export function uniform(seed, sample, stream, index) {
  const block = philox([index >>> 2, stream, ...words(sample)], words(seed), []);
  return block[index & 3] / TWO_32;
}

/** Fills out (a Float32Array, borrowed) with the first out.length standard normal numbers of a stream (Box-Muller). */
export function fillNormal(out, seed, sample, stream) {
  const key = words(seed), place = words(sample), block = [0, 0, 0, 0];
  for (let i = 0; i < out.length; i++) {
    const lane = i & 3;
    if (lane === 0) philox([i >>> 2, stream, ...place], key, block);
    const radius = Math.sqrt(-2 * Math.log((block[lane & 2] + 0.5) / TWO_32));  // +0.5: never the logarithm of zero
    const angle = (2 * Math.PI * block[(lane & 2) + 1]) / TWO_32;
    out[i] = radius * (lane & 1 ? Math.sin(angle) : Math.cos(angle));
  }
}

/** The token at u in the cumulative distribution softmax(logits / temperature). */
export function draw(logits, temperature, u) {
  const highest = logits.reduce((a, b) => Math.max(a, b));
  const weights = Float64Array.from(logits, (value) => Math.exp((value - highest) / temperature));
  let left = u * weights.reduce((a, b) => a + b, 0);
  for (let token = 0; token < weights.length; token++) {
    left -= weights[token];
    if (left < 0) return token;
  }
  return weights.length - 1;
}

// core.mjs - the scoring core of gensearch in the browser, in a worker, or in node.
//
//     import { loadCore } from './wasm/core.mjs';
//     const core = await loadCore();                       // or the address of gensearch.wasm, or its bytes
//
//     const words = core.tokenizer(bytes);                 // the bytes of a tokenizer.bin
//     words.encode('a red car');                           // Int32Array: start, the text's tokens, end; no padding
//
//     const means = core.means(bytes);                     // of a means.bin: { count, dim }
//     const scores = means.firstMoment(query);             // query: Float32Array [dim] -> Float64Array [count]
//
//     const model = core.lowrank(bytes);                   // of a file of second/: { dim }
//     model.score(query);                                  // its log density at the query
//
//     core.logSoftmax(values);                             // -> Float64Array: log p(model | query)
//     core.combine([textPart, imagePart], [1, -0.5]);      // parts: log-probabilities; weights: all 1 when left out
//     core.rankTop(scores, 10);                            // -> Uint32Array of indices, best first, ties by index
//
// What is wrong with a file or an argument is thrown as an Error. Arguments are copied, results are the caller's. What a
// tokenizer, means or a low-rank model hold in WebAssembly's memory is freed when they are garbage collected.

import createModule from './gensearch.js';

const ERROR_BYTES = 512; // gs_error of core/status.h
const MAX_TOKENS = 77; // GS_MAX_TOKENS of core/tokenize.h

/** wasm: the address or the bytes of gensearch.wasm. */
export async function loadCore(wasm = new URL('gensearch.wasm', import.meta.url)) {
  return new Core(await createModule({ wasmBinary: await bytesOf(wasm) }));
}

async function bytesOf(source) {
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return source;
  const response = await fetch(source);
  if (!response.ok) throw new Error(`${source}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

class Core {
  #module;
  #memory;
  #error;

  constructor(module) {
    this.#module = module;
    this.#memory = new Memory(module);
    this.#error = this.#memory.take(ERROR_BYTES);
  }

  tokenizer(bytes) {
    const { at, keep } = this.#open(bytes, (data, size) => this.#module._wasm_tokenizer_open(data, size, this.#error));
    return this.#memory.own(new Tokenizer(this.#module, this.#memory, at), [at, keep]);
  }

  means(bytes) {
    return this.#memory.use(8, (shape) => {
      const { at, keep } = this.#open(bytes, (data, size) => this.#module._wasm_means_open(data, size, shape, this.#error));
      const [count, dim] = this.#memory.read(Uint32Array, shape, 2);
      return this.#memory.own(new Means(this.#module, this.#memory, at, count, dim, this.#error), [at, keep]);
    });
  }

  lowrank(bytes) {
    const { at, keep } = this.#open(bytes, (data, size) => this.#module._wasm_lowrank_open(data, size, this.#error));
    return this.#memory.own(new LowRank(this.#module, this.#memory, at), [at, keep]);
  }

  logSoftmax(values) {
    const count = values.length;
    return this.#memory.use(count * 8, (at) => {
      this.#memory.write(Float64Array, at, values);
      this.#module._gs_log_softmax(at, count);
      return this.#memory.read(Float64Array, at, count);
    });
  }

  combine(parts, weights = parts.map(() => 1)) {
    const count = parts.length ? parts[0].length : 0;
    if (weights.length !== parts.length || parts.some((part) => part.length !== count))
      throw new Error('combine: the parts need one length, and a weight each');
    const size = parts.length * count * 8;
    return this.#memory.use(size + (parts.length + count) * 8, (at) => {
      const weightsAt = at + size;
      const result = weightsAt + parts.length * 8;
      parts.forEach((part, i) => this.#memory.write(Float64Array, at + i * count * 8, part));
      this.#memory.write(Float64Array, weightsAt, weights);
      this.#module._gs_combine(at, weightsAt, parts.length, count, result);
      return this.#memory.read(Float64Array, result, count);
    });
  }

  rankTop(scores, k) {
    const count = scores.length;
    const room = Math.min(k, count);
    return this.#memory.use(count * 8 + room * 4, (at) => {
      const top = at + count * 8;
      this.#memory.write(Float64Array, at, scores);
      const found = this.#module._gs_rank_top(at, count, room, top);
      return this.#memory.read(Uint32Array, top, found);
    });
  }

  /** A copy of bytes at keep, and what open made of it at `at`; or the message that it left. */
  #open(bytes, open) {
    const data = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
    const keep = this.#memory.take(data.length);
    this.#memory.write(Uint8Array, keep, data);
    const at = open(keep, data.length);
    if (at) return { at, keep };
    this.#memory.free(keep);
    throw this.#memory.error(this.#error);
  }
}

class Tokenizer {
  #module;
  #memory;
  #at;

  constructor(module, memory, at) {
    this.#module = module;
    this.#memory = memory;
    this.#at = at;
  }

  encode(text) {
    const utf8 = new TextEncoder().encode(text);
    const ids = MAX_TOKENS * 4;
    return this.#memory.use(ids + utf8.length, (at) => {
      this.#memory.write(Uint8Array, at + ids, utf8);
      const n = this.#module._gs_tokenize(this.#at, at + ids, utf8.length, at);
      if (n === 0) throw new Error(`a text of ${utf8.length} bytes is too long`);
      return this.#memory.read(Int32Array, at, n);
    });
  }
}

class Means {
  #module;
  #memory;
  #at;
  #error;

  constructor(module, memory, at, count, dim, error) {
    this.#module = module;
    this.#memory = memory;
    this.#at = at;
    this.#error = error;
    this.count = count;
    this.dim = dim;
  }

  firstMoment(query) {
    checkDimension(query, this.dim);
    const scores = this.count * 8;
    return this.#memory.use(scores + this.dim * 4, (at) => {
      this.#memory.write(Float32Array, at + scores, query);
      if (this.#module._wasm_means_first_moment(this.#at, at + scores, at, this.#error) !== 0)
        throw this.#memory.error(this.#error);
      return this.#memory.read(Float64Array, at, this.count);
    });
  }
}

class LowRank {
  #module;
  #memory;
  #at;

  constructor(module, memory, at) {
    this.#module = module;
    this.#memory = memory;
    this.#at = at;
    this.dim = module._wasm_lowrank_dim(at);
  }

  score(query) {
    checkDimension(query, this.dim);
    return this.#memory.use(this.dim * 4, (at) => {
      this.#memory.write(Float32Array, at, query);
      return this.#module._gs_score_gaussian_lowrank(this.#at, at);
    });
  }
}

function checkDimension(query, dim) {
  if (query.length !== dim) throw new Error(`a query of dimension ${query.length}, expected ${dim}`);
}

/** WebAssembly's memory. Views are made anew each time: they die when the memory grows. */
class Memory {
  #module;
  #owned = new FinalizationRegistry((pieces) => pieces.forEach((at) => this.free(at)));

  constructor(module) {
    this.#module = module;
  }

  take(size) {
    const at = this.#module._malloc(size || 1);
    if (at === 0) throw new Error(`no memory for ${size} bytes`);
    return at;
  }

  free(at) {
    this.#module._free(at);
  }

  /** Lends size bytes to use(at). */
  use(size, use) {
    const at = this.take(size);
    try {
      return use(at);
    } finally {
      this.free(at);
    }
  }

  /** Frees pieces when holder is garbage. */
  own(holder, pieces) {
    this.#owned.register(holder, pieces);
    return holder;
  }

  write(Type, at, values) {
    new Type(this.#module.HEAPU8.buffer, at, values.length).set(values);
  }

  /** A copy. */
  read(Type, at, length) {
    return new Type(this.#module.HEAPU8.buffer, at, length).slice();
  }

  /** The message of a gs_error. */
  error(at) {
    const bytes = new Uint8Array(this.#module.HEAPU8.buffer, at, ERROR_BYTES);
    return new Error(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0))));
  }
}

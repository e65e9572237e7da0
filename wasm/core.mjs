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
//     const prepare = core.preprocess(settings);           // "preprocess" of the manifest's role vision
//     prepare.run({ width, height, rgb });                 // a decoded picture -> { width, height, pixels: Float32Array [3, height, width] }
//
//     const parts = [{ method: core.defaultMethod('text'), weight: 1 }, { method: 'gaussian-lowrank', weight: -0.5 }];
//     core.candidates(parts, cosines, tau, 48);            // -> Uint32Array: the models that lead by first moments, best first
//     const { logProbabilities, conflict } = core.rank(parts, scores, tau);   // log p(model | all parts), NaN: not ranked
//     core.rankTop(scores, 10);                            // -> Uint32Array of indices, best first, ties by index
//
// parts, cosines and scores are core/query.h's: for each part a Float64Array of every model's score, NaN for one that was
// not scored. A weight is 1 unless given.
//
// What is wrong with a file or an argument is thrown as an Error. Arguments are copied, results are the caller's. What a
// tokenizer, means or a low-rank model hold in WebAssembly's memory is freed when they are garbage collected.

import createModule from './gensearch.js';
import { Memory } from './memory.mjs';

const ERROR_BYTES = 512; // gs_error of core/status.h
const MAX_TOKENS = 512; // GS_MAX_TOKENS of core/tokenize.h

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

  /** settings: as indexer/publish/publish.h has them. A step without settings is left out. */
  preprocess(settings) {
    const { resize, crop, mean, std } = settings;
    const values = mean ? [...mean, ...std] : [];
    const steps = [
      ...numbers(resize, 'shortest_edge', 'longest_edge', 'width', 'height', 'fit'),
      ...numbers(settings, 'resample'),
      ...numbers(crop, 'width', 'height', 'even'),
      ...numbers(settings, 'rescale'),
    ];
    return this.#memory.use(values.length * 4, (meanStd) => {
      this.#memory.write(Float32Array, meanStd, values);
      const at = this.#module._wasm_preprocess_new(...steps, mean ? meanStd : 0);
      if (at === 0) throw new Error('no memory to prepare pictures');
      return this.#memory.own(new Preprocess(this.#module, this.#memory, at, this.#error), [at]);
    });
  }

  /** The method that ranks parts of this kind unless another is named. */
  defaultMethod(kind) {
    const index = this.#names(this.#module._gs_part_kind_name).indexOf(kind);
    if (index < 0) throw new Error(`no kind of query '${kind}'`);
    return this.#names(this.#module._gs_method_name)[this.#module._gs_part_default_method(index)];
  }

  candidates(parts, cosines, tau, most) {
    return this.#withParts(parts, cosines, most * 4 + 4, (columns, values, count, room) => {
      const n = room + most * 4;
      this.#memory.write(Uint32Array, n, [most]);
      this.#check(this.#module._wasm_query_candidates(...columns, values, count, tau, room, n, this.#error));
      return this.#memory.read(Uint32Array, room, this.#memory.read(Uint32Array, n, 1)[0]);
    });
  }

  rank(parts, scores, tau) {
    const models = scores.length ? scores[0].length : 0;
    return this.#withParts(parts, scores, models * 8 + 4, (columns, values, count, room) => {
      const conflict = room + models * 8;
      this.#check(this.#module._wasm_query_rank(...columns, values, count, tau, room, conflict, this.#error));
      return {
        logProbabilities: this.#memory.read(Float64Array, room, count),
        conflict: this.#memory.read(Uint32Array, conflict, 1)[0] === 1,
      };
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

  /** The names that a function gives to 0, 1 ... until it knows no more. */
  #names(name) {
    const names = [];
    for (let at = name(0); this.#memory.text(at) !== 'unknown'; at = name(names.length)) names.push(this.#memory.text(at));
    return names;
  }

  /** Lends use(columns, values, count, room) the parts as C takes them, a value of each model for each part, and room. */
  #withParts(parts, values, roomSize, use) {
    const count = values.length ? values[0].length : 0;
    if (values.length !== parts.length || values.some((row) => row.length !== count))
      throw new Error('a query needs a row of scores for each part, all of one length');
    const known = this.#names(this.#module._gs_method_name);
    const methods = parts.map(({ method }) => known.indexOf(method));
    if (methods.includes(-1)) throw new Error(`no method '${parts[methods.indexOf(-1)].method}': choose one of ${known.join(', ')}`);
    const n = parts.length;
    return this.#memory.use(n * (count + 1) * 8 + roomSize + n * 4, (at) => {
      const weightsAt = at + n * count * 8;
      const room = weightsAt + n * 8;
      const methodsAt = room + roomSize;
      values.forEach((row, p) => this.#memory.write(Float64Array, at + p * count * 8, row));
      this.#memory.write(Float64Array, weightsAt, parts.map(({ weight = 1 }) => weight));
      this.#memory.write(Int32Array, methodsAt, methods);
      return use([n, methodsAt, weightsAt], at, count, room);
    });
  }

  #check(status) {
    if (status !== 0) throw this.#memory.error(this.#error);
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

class Preprocess {
  #module;
  #memory;
  #at;
  #error;

  constructor(module, memory, at, error) {
    this.#module = module;
    this.#memory = memory;
    this.#at = at;
    this.#error = error;
  }

  /** Bit for bit what the program computes. rgb [height, width, 3]: bytes. */
  run({ width, height, rgb }) {
    if (rgb.length !== width * height * 3) throw new Error(`${rgb.length} bytes of a picture of ${width} x ${height}, expected 3 for each pixel`);
    return this.#memory.use(rgb.length + 8, (at) => {
      const size = at;
      this.#memory.write(Uint8Array, at + 8, rgb);
      const pixels = this.#module._wasm_preprocess_run(this.#at, at + 8, width, height, size, this.#error);
      if (pixels === 0) throw this.#memory.error(this.#error);
      try {
        const [outWidth, outHeight] = this.#memory.read(Uint32Array, size, 2);
        return { width: outWidth, height: outHeight, pixels: this.#memory.read(Float32Array, pixels, 3 * outWidth * outHeight) };
      } finally {
        this.#memory.free(pixels);
      }
    });
  }
}

/** These fields of an object, 0 for each that is missing. */
const numbers = (object, ...names) => names.map((name) => object?.[name] ?? 0);

function checkDimension(query, dim) {
  if (query.length !== dim) throw new Error(`a query of dimension ${query.length}, expected ${dim}`);
}

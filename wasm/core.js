// core.js - the scoring core of gensearch in the browser, in a worker, or in node.
//
//     import { loadCore } from './wasm/core.js';
//     const core = await loadCore();                       // or the address of gensearch.wasm, or its bytes
//
//     const words = core.tokenizer(bytes);                 // the bytes of a tokenizer.bin
//     words.encode('a red car');                           // Int32Array: start, the text's tokens, end; no padding
//
//     const means = core.means(bytes, backgrounds);        // of a means.bin, and "backgrounds" of the catalog: { count, dim }
//     const cosines = means.firstMoment(query);            // query: Float32Array [dim] -> Float64Array [count]
//     const asked = means.feature(index);                  // a model as a query: Float32Array [dim]
//
//     core.needs('gaussian-density');                      // 'mean', 'gaussian', 'lowrank' or 'features': what a method reads
//     const model = core.model(bytes, 'gaussian');         // of a file of gaussian/, second/ or features/: { dim }
//     model.score({ method: 'gaussian-density', feature: query }, tau);
//     model.score({ method: 'frechet-lowrank', model: other }, tau);          // of two files of second/
//     model.free();                                        // now, instead of when it is garbage collected
//     core.lowrank({ mean, values, vectors, rest });       // a model of that form that was made here (core/score.h, gs_lowrank)
//
//     const fields = core.fields({ title: [...], author: [[...]], ... });     // of every model, by the names of conditions
//     const { words, passes } = core.filter(fields, ['cat -old'], [['type', 'GAN']]);    // words: ['cat'], passes: Uint8Array
//
//     const prepare = core.preprocess(settings);           // "preprocess" of the manifest's role vision
//     prepare.run({ width, height, rgb });                 // a decoded picture -> { width, height, pixels: Float32Array [3, height, width] }
//
//     const parts = [{ kind: 'text', method: core.defaultMethod('text') }, { kind: 'image', method: 'gaussian-lowrank', weight: -0.5 }];
//     const rows = means.scores(parts, cosines);           // cosines, but for parts whose method is the centred moment
//     core.candidates(parts, rows, tau, core.mostCandidates);    // -> Uint32Array: the models that lead by these, best first
//     const { logProbabilities, conflict } = core.rank(parts, scores, tau);     // log p(model | all parts), NaN: not ranked
//     const { matched, found } = means.matched(parts, cosines, scores, logProbabilities);   // of each part, of any: does a model make it?
//     core.rankTop(scores, 10);                            // -> Uint32Array of indices, best first, ties by index
//
// parts, cosines, rows and scores are core/query.h's: for each part a Float64Array of every model's score, NaN for one that was
// not scored. A weight is 1 unless given, a kind 'text'.
//
// What is wrong with a file or an argument is thrown as an Error. Arguments are copied, results are the caller's. What a
// tokenizer, means or a model hold in WebAssembly's memory is freed when they are garbage collected.

import createModule from './gensearch.js';
import { Means, Model, Preprocess, Tokenizer, indexOf } from './held.js';
import { Memory } from './memory.js';

const ERROR_BYTES = 512; // gs_error of core/status.h
const NEEDS = ['mean', 'gaussian', 'lowrank', 'features', 'covariance']; // gs_needs of core/query.h

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
  #methods; // their names, in the order of the core's numbers
  #kinds;

  constructor(module) {
    this.#module = module;
    this.#memory = new Memory(module);
    this.#error = this.#memory.take(ERROR_BYTES);
    this.#methods = this.#names(module._gs_method_name);
    this.#kinds = this.#names(module._gs_part_kind_name);
    this.mostCandidates = module._wasm_query_most_candidates();
  }

  tokenizer(bytes) {
    const { at, keep } = this.#open(bytes, (data, size) => this.#module._wasm_tokenizer_open(data, size, this.#error));
    return this.#memory.own(new Tokenizer(this.#module, this.#memory, at), [at, keep]);
  }

  means(bytes, backgrounds = {}) {
    return this.#memory.use(8, (shape) => {
      const { at, keep } = this.#open(bytes, (data, size) => this.#module._wasm_means_open(data, size, shape, this.#error));
      const [count, dim] = this.#memory.read(Uint32Array, shape, 2);
      const pieces = [at, keep];
      const means = this.#memory.own(new Means(this.#module, this.#memory, at, count, dim, this.#error, this.#withParts), pieces);
      for (const [kind, { means: values, ...cutoffs }] of Object.entries(backgrounds)) {
        if (values.length !== count) throw new Error(`a background of ${values.length} models, expected ${count}`);
        const copy = this.#memory.take(count * 8);
        pieces.push(copy);
        this.#memory.write(Float64Array, copy, values);
        const [lead, density, lowrank] = ['cutoff', 'density_cutoff', 'lowrank_cutoff'].map((name) => cutoffs[name] ?? -Infinity);
        this.#module._wasm_means_set_background(at, indexOf(this.#kinds, kind), copy, lead, density, lowrank);
      }
      return means;
    });
  }

  /** needs: as needs() says of the method to score by. */
  model(bytes, needs) {
    const index = NEEDS.indexOf(needs);
    return this.#memory.use(4, (dim) => {
      const { at, keep } = this.#open(bytes, (data, size) => this.#module._wasm_model_open(data, size, index, dim, this.#error));
      return this.#memory.own(new Model(this.#module, this.#memory, at, this.#memory.read(Uint32Array, dim, 1)[0], this.#error, this.#methods), [at, keep]);
    });
  }

  /** mean: Float32Array [dim], values: [rank], vectors: rank arrays [dim] of length 1, rest: a number; S of core/METHOD.md, its 0.001 I included. */
  lowrank({ mean, values, vectors, rest }) {
    const dim = mean.length, rank = vectors.length;
    if (values.length !== rank || vectors.some((vector) => vector.length !== dim)) throw new Error('a low-rank form needs a value for each vector, and vectors as long as the mean');
    const numbers = new Float32Array(dim + rank + rank * dim);
    numbers.set(mean);
    numbers.set(values, dim);
    vectors.forEach((vector, r) => numbers.set(vector, dim + rank + r * dim));
    return this.#memory.use(numbers.byteLength, (copy) => {
      this.#memory.write(Float32Array, copy, numbers);
      const at = this.#module._wasm_model_of_lowrank(copy, rank, dim, rest, this.#error);
      if (at === 0) throw this.#memory.error(this.#error);
      return this.#memory.own(new Model(this.#module, this.#memory, at, dim, this.#error, this.#methods), [at]);
    });
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
    const index = this.#kinds.indexOf(kind);
    if (index < 0) throw new Error(`no kind of query '${kind}'`);
    return this.#methods[this.#module._gs_part_published_method(index)];
  }

  needs(method) {
    return NEEDS[this.#module._gs_method_needs(indexOf(this.#methods, method))];
  }

  /** columns: for each field a string, or a list of strings, of every model. */
  fields(columns) {
    const names = this.#names(this.#module._gs_field_name, 'any');
    const count = columns[names[0]].length;
    const clean = (value) => [value ?? []].flat().join('\n').replaceAll('\0', ' ');
    const text = Array.from({ length: count }, (_, i) => names.map((name) => `${clean(columns[name]?.[i])}\0`).join('')).join('');
    return { names, count, bytes: new TextEncoder().encode(text) };
  }

  /** The conditions among texts, and those beside them, over all models. */
  filter(fields, texts, conditions = []) {
    const { _wasm_filter_new, _wasm_filter_free, _gs_filter_add, _wasm_filter_apply } = this.#module;
    const filter = _wasm_filter_new();
    if (filter === 0) throw new Error('no memory for a filter');
    try {
      const words = texts.map((text) => this.#takeConditions(filter, text));
      for (const [field, value] of conditions)
        this.#withText(value, (at, size) => this.#check(_gs_filter_add(filter, indexOf(fields.names, field), at, size, this.#error)));
      const passes = this.#memory.use(fields.bytes.length + fields.count, (at) => {
        const to = at + fields.bytes.length;
        this.#memory.write(Uint8Array, at, fields.bytes);
        this.#check(_wasm_filter_apply(filter, at, fields.count, to, this.#error));
        return this.#memory.read(Uint8Array, to, fields.count);
      });
      return { words, passes };
    } finally {
      _wasm_filter_free(filter);
    }
  }

  #takeConditions(filter, text) {
    return this.#withText(text, (at, size) => {
      const words = this.#module._wasm_filter_take(filter, at, size, this.#error);
      if (words === 0) throw this.#memory.error(this.#error);
      try {
        return this.#memory.text(words);
      } finally {
        this.#memory.free(words);
      }
    });
  }

  /** Lends use(at, size) the text in UTF-8. */
  #withText(text, use) {
    const utf8 = new TextEncoder().encode(text);
    return this.#memory.use(utf8.length, (at) => {
      this.#memory.write(Uint8Array, at, utf8);
      return use(at, utf8.length);
    });
  }

  candidates(parts, cosines, tau, most) {
    return this.#withParts(parts, cosines, most * 4 + 4, (columns, values, count, room) => {
      const n = room + most * 4;
      this.#memory.write(Uint32Array, n, [most]);
      this.#check(this.#module._wasm_query_candidates(columns, values, count, tau, room, n, this.#error));
      return this.#memory.read(Uint32Array, room, this.#memory.read(Uint32Array, n, 1)[0]);
    });
  }

  rank(parts, scores, tau) {
    const models = scores.length ? scores[0].length : 0;
    return this.#withParts(parts, scores, models * 8 + 4, (columns, values, count, room) => {
      const conflict = room + models * 8;
      this.#check(this.#module._wasm_query_rank(columns, values, count, tau, room, conflict, this.#error));
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

  /** The names that a function gives to 0, 1 ... until it gives the one that is none. */
  #names(name, none = 'unknown') {
    const names = [];
    for (let at = name(0); this.#memory.text(at) !== none; at = name(names.length)) names.push(this.#memory.text(at));
    return names;
  }

  /** Lends use(columns, values, count, room) the parts as C takes them (wasm_parts), a value of each model for each part, and room. */
  #withParts = (parts, values, roomSize, use) => {
    const count = values.length ? values[0].length : 0;
    if (values.length !== parts.length || values.some((row) => row.length !== count))
      throw new Error('a query needs a row of scores for each part, all of one length');
    const kinds = parts.map(({ kind = 'text' }) => indexOf(this.#kinds, kind));
    const methods = parts.map(({ method }) => indexOf(this.#methods, method));
    const n = parts.length;
    const aligned = Math.ceil(roomSize / 8) * 8;
    return this.#memory.use(n * (count + 1) * 8 + aligned + n * 8 + 16, (at) => {
      const weightsAt = at + n * count * 8;
      const room = weightsAt + n * 8;
      const kindsAt = room + aligned;
      const methodsAt = kindsAt + n * 4;
      const columns = methodsAt + n * 4;
      values.forEach((row, p) => this.#memory.write(Float64Array, at + p * count * 8, row));
      this.#memory.write(Float64Array, weightsAt, parts.map(({ weight = 1 }) => weight));
      this.#memory.write(Int32Array, kindsAt, kinds);
      this.#memory.write(Int32Array, methodsAt, methods);
      this.#memory.write(Uint32Array, columns, [weightsAt, kindsAt, methodsAt, n]);
      return use(columns, at, count, room);
    });
  };

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

/** These fields of an object, 0 for each that is missing. */
const numbers = (object, ...names) => names.map((name) => object?.[name] ?? 0);

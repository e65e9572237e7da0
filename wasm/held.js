// held.js - what core.js opens and WebAssembly's memory holds: a tokenizer, means, a model's file, a way to prepare pictures. core.js
// says how they are used.

const MAX_TOKENS = 512; // GS_MAX_TOKENS of core/tokenize.h

export class Tokenizer {
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

export class Means {
  #module;
  #memory;
  #at;
  #error;
  #withParts;

  constructor(module, memory, at, count, dim, error, withParts) {
    this.#module = module;
    this.#memory = memory;
    this.#at = at;
    this.#error = error;
    this.#withParts = withParts;
    this.count = count;
    this.dim = dim;
  }

  scores(parts, cosines) {
    return this.#withParts(parts, cosines, 0, (columns, values, count) => {
      if (this.#module._wasm_means_score(this.#at, columns, values, this.#error) !== 0) throw this.#memory.error(this.#error);
      return parts.map((_, p) => this.#memory.read(Float64Array, values + p * count * 8, count));
    });
  }

  matched(parts, cosines, scores, logProbabilities) {
    const n = parts.length;
    return this.#withParts(parts, cosines, (n + 1) * this.count * 8 + n + 2 + this.count, (columns, values, count, room) => {
      const ranked = room + n * count * 8;
      const flags = ranked + count * 8;
      scores.forEach((row, p) => this.#memory.write(Float64Array, room + p * count * 8, row));
      this.#memory.write(Float64Array, ranked, logProbabilities);
      if (this.#module._wasm_means_matched(this.#at, columns, values, room, ranked, flags, this.#error) !== 0) throw this.#memory.error(this.#error);
      const [...told] = this.#memory.read(Uint8Array, flags, n + 2 + count);
      const makes = told[n + 1] ? Uint8Array.from(told.slice(n + 2)) : null;
      return { matched: told.slice(0, n).map(Boolean), found: told[n] === 1, makes };
    });
  }

  /** The model as a query: its mean scaled to length 1. */
  feature(index) {
    return this.#memory.use(this.dim * 4, (at) => {
      if (this.#module._wasm_means_feature(this.#at, index, at, this.#error) !== 0) throw this.#memory.error(this.#error);
      return this.#memory.read(Float32Array, at, this.dim);
    });
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

/** A file of one model. */
export class Model {
  #module;
  #memory;
  #at;
  #error;
  #methods;

  constructor(module, memory, at, dim, error, methods) {
    this.#module = module;
    this.#memory = memory;
    this.#at = at;
    this.#error = error;
    this.#methods = methods;
    this.dim = dim;
  }

  /** feature: of a part that is no model; model: the same form of a part that is one. */
  score({ method, feature, model }, tau) {
    if (this.#at === 0 || model?.#at === 0) throw new Error('a model that was freed cannot be scored');
    if (feature) checkDimension(feature, this.dim);
    return this.#memory.use(8 + this.dim * 4, (at) => {
      if (feature) this.#memory.write(Float32Array, at + 8, feature);
      const other = model ? model.#at : 0;
      if (this.#module._wasm_model_score(this.#at, indexOf(this.#methods, method), feature ? at + 8 : 0, other, tau, at, this.#error) !== 0)
        throw this.#memory.error(this.#error);
      return this.#memory.read(Float64Array, at, 1)[0];
    });
  }

  free() {
    this.#memory.release(this);
    this.#at = 0;
  }
}

export class Preprocess {
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

/** The number of a method, or of a field, by its name. */
export function indexOf(names, name) {
  const index = names.indexOf(name);
  if (index < 0) throw new Error(`there is no '${name}': choose one of ${names.join(', ')}`);
  return index;
}

function checkDimension(query, dim) {
  if (query.length !== dim) throw new Error(`a query of dimension ${query.length}, expected ${dim}`);
}

// memory.js - values in WebAssembly's memory, for core.js.
//
//     const memory = new Memory(module);
//     memory.use(n * 8, (at) => {
//       memory.write(Float64Array, at, values);             // copies in
//       return memory.read(Float64Array, at, n);            // copies out
//     });

/** WebAssembly's memory. Views are made anew each time: they die when the memory grows. */
export class Memory {
  #module;
  #pieces = new WeakMap(); // by holder
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

  /** Frees pieces when holder is garbage, or released. */
  own(holder, pieces) {
    this.#pieces.set(holder, pieces);
    this.#owned.register(holder, pieces, holder);
    return holder;
  }

  release(holder) {
    this.#owned.unregister(holder);
    this.#pieces.get(holder)?.forEach((at) => this.free(at));
    this.#pieces.delete(holder);
  }

  write(Type, at, values) {
    new Type(this.#module.HEAPU8.buffer, at, values.length).set(values);
  }

  /** A copy. */
  read(Type, at, length) {
    return new Type(this.#module.HEAPU8.buffer, at, length).slice();
  }

  /** The text at `at`, up to its end. */
  text(at) {
    const bytes = this.#module.HEAPU8;
    return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
  }

  /** The message of a gs_error. */
  error(at) {
    return new Error(this.text(at));
  }
}

// encoder.js - words to a feature: the tokenizer (core/, WebAssembly) and CLIP's text tower (ONNX, through onnxruntime-web).
//
//     const encoder = await openEncoder(ort, core, { tokenizer, text });   // the bytes of tokenizer-HASH.bin and text-HASH.onnx
//     const feature = await encoder.encode('a red car');                   // Float32Array [dim], L2-normalised
//
// The words go in as they were typed. indexer/publish/onnx_text.h says what the graph takes and gives.

const REMEMBERED = 64; // features of the last texts: going back, or switching the method, encodes nothing again

/** runtime: {module, glue, wasm}: the address of onnxruntime-web, of its glue, and the bytes of its WebAssembly. */
export async function openRuntime({ module, glue, wasm }) {
  const ort = await import(module);
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = 1; // more would need SharedArrayBuffer, and so headers that plain hosts do not send
  ort.env.wasm.wasmPaths = { mjs: glue };
  ort.env.wasm.wasmBinary = wasm;
  return ort;
}

export async function openEncoder(ort, core, { tokenizer, text }) {
  const words = core.tokenizer(tokenizer);
  const session = await ort.InferenceSession.create(text, { executionProviders: ['wasm'] });
  const features = new Map();

  async function compute(query) {
    const ids = words.encode(query);
    const input = new ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
    const { feature } = await session.run({ input_ids: input });
    return Float32Array.from(feature.data);
  }

  return {
    async encode(query) {
      const feature = features.get(query) ?? (await compute(query));
      features.delete(query); // the newest goes to the end, the oldest falls out at the front
      features.set(query, feature);
      if (features.size > REMEMBERED) features.delete(features.keys().next().value);
      return feature;
    },
  };
}

// encoder.js - words and pictures to features: the tokenizer and the preparation of pictures (core/, WebAssembly) and CLIP's towers (ONNX,
// through onnxruntime-web).
//
//     const encoder = await openEncoder(ort, core, { tokenizer, text });   // the bytes of tokenizer-HASH.bin and text-HASH.onnx
//     const feature = await encoder.encode('a red car');                   // Float32Array [dim], L2-normalised
//
//     encoder.strangeWords('a 猫')   -> ['猫']
//
// With pictures: the third argument has "preprocess" too, that of the manifest's role vision, and "vision", which loads the bytes of
// vision-HASH.onnx. It is called when the first picture comes, and again after it failed.
//
//     const feature = await encoder.encodeImage(blob);                     // or what picture.js made of it
//
// The words go in as they were typed. indexer/publish/onnx_text.h and onnx_vision.h say what the graphs take and give.

import { decodePicture } from './picture.js';

const SEEN = 8; // letters of a word that tell whether it is strange: of a longer one the encoder may read only a part
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

export async function openEncoder(ort, core, { tokenizer, text, preprocess, vision }) {
  const open = (bytes) => ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  const words = core.tokenizer(tokenizer);
  const session = await open(text);
  const features = new Map();
  const openVision = once(async () => open(await vision()));
  const preparation = preprocess && core.preprocess(preprocess);

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

    /** Those beyond ASCII of which the vocabulary has no more than their bytes: none like them were seen in training. */
    strangeWords(query) {
      const isStrange = (start) => words.encode(start).length - 2 >= new TextEncoder().encode(start).length;
      return query.split(/\s+/).filter((word) => /[^\0-\x7f]/.test(word) && isStrange([...word].slice(0, SEEN).join('')));
    },

    async encodeImage(picture) {
      if (!preparation) throw new Error('This folder was published without the means to search with pictures (gensearch publish --vision yes).');
      const [tower, image] = await Promise.all([openVision(), picture instanceof Blob ? decodePicture(picture) : picture]);
      const { width, height, pixels } = preparation.run(image);
      const { feature } = await tower.run({ pixels: new ort.Tensor('float32', pixels, [1, 3, height, width]) });
      return Float32Array.from(feature.data);
    },
  };
}

/** make's promise, made when it is first asked for; again after a failure. */
function once(make) {
  let made;
  return () => {
    made ??= make().catch((error) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

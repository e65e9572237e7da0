// Generators in the forms that people export, against PyTorch before the export: golden/onnx_forms/ is written by golden/make_onnx_forms.py.
// tests/e2e/generators.spec.js does the same in Chromium.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromHalf, toHalf } from '../../../site/lib/float16.js';
import { readPictures } from '../../../site/lib/pictures.js';
import { checkSampler, closeModel, openModel, sample } from '../../../site/lib/sampling.js';
import { findRandomNode } from '../../../site/lib/onnx-graph.js';
import { planInput } from '../../../site/lib/inputs.js';

process.env.ORT_DISABLE_TELEMETRY = '1';  // before it is loaded
const ort = createRequire(new URL('../../../tools/workers/', import.meta.url))('onnxruntime-node');
const FOLDER = fileURLToPath(new URL('../../golden/onnx_forms/', import.meta.url));
const { seed, first, count, forms } = JSON.parse(await readFile(`${FOLDER}forms.json`, 'utf8'));
const sessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
const readBytes = (path) => readFile(path);
const samplerOf = (name) => forms.find((form) => form.name === name).sampler;

/** Opens a sampler block with its graphs in FOLDER, and closes it after use(model). */
async function withSampler(sampler, use, files = {}) {
  const placed = { ...checkSampler(sampler, 'm.json') };
  for (const field of ['path', 'decoder']) if (placed[field]) placed[field] = FOLDER + placed[field];
  const model = await openModel(ort, placed, { readBytes, sessionOptions, ...files });
  try {
    return await use(model);
  } finally {
    await closeModel(model);
  }
}

for (const { name, sampler, width, height, frames } of forms)
  for (const fromDisk of [false, true])
    test(`${name}, ${fromDisk ? 'from disk' : 'from bytes'}: the pictures are PyTorch's within one step, however they are split`, async () => {
      await withSampler(sampler, async (model) => {
        const made = await sample(ort, model, { seed, first, count });
        assert.deepEqual([made.width, made.height, made.channels, made.count], [width, height, 3, count]);
        const golden = Buffer.from(frames, 'hex');
        assert.equal(made.data.length, golden.length);
        const off = made.data.reduce((most, byte, i) => Math.max(most, Math.abs(byte - golden[i])), 0);
        assert.ok(off <= 1, `largest difference ${off}`);
        const one = await sample(ort, model, { seed, first: first + 9, count: 1 });
        assert.ok(Buffer.from(one.data).equals(made.data.subarray(9 * one.data.length, 10 * one.data.length)));
      }, { fromDisk });
    });

test('what lies in place of a graph is named', () => {
  const bytes = (text) => new TextEncoder().encode(text);
  assert.throws(() => findRandomNode(bytes('version https://git-lfs.github.com/spec/v1\noid sha256:0\n')), /a Git LFS pointer, not the file: fetch it with `git lfs pull`/);
  assert.throws(() => findRandomNode(bytes('\n<!DOCTYPE html><title>404</title>')), /a web page, not the file/);
});

test('a class is one row a sample, and a constant what its type holds', () => {
  const plan = (type, shape, given) => planInput({ type, shape }, 'c', given, 0, 2);
  assert.throws(() => plan('float32', ['n', 3, 4], { classes: 4, class: 2 }), /input 'c' is float32 \[n,3,4\]: a class is one row a sample, and here there are more/);
  assert.throws(() => plan('int64', ['n', 3], { classes: 9, class: 5, one_hot: false }), /a class is one number a sample/);
  assert.doesNotThrow(() => plan('float32', ['n', 1, 4], { classes: 4, class: 2 }));
  assert.doesNotThrow(() => plan('int64', ['n', 1, 1], { classes: 9, class: 5, one_hot: false }));
  for (const [type, given] of [['uint8', -1], ['uint8', 256], ['int32', 0.5], ['int32', 2 ** 31], ['uint64', -1], ['bool', 2], ['int8', [1, 200]]])
    assert.throws(() => plan(type, ['n', 2], given), /which that type does not hold/, `${type} ${given}`);
  for (const [type, given] of [['uint8', 255], ['int64', -3], ['bool', true], ['float32', 0.7], ['float16', 0.7], ['int8', [1, -128]]])
    assert.doesNotThrow(() => plan(type, ['n', 2], given), `${type} ${given}`);
});

test('what a graph leaves open is refused with its inputs or its output, and the field that settles it', async () => {
  const without = (name, ...fields) => Object.fromEntries(Object.entries(samplerOf(name)).filter(([field]) => !fields.includes(field)));
  const cases = [
    [without('style', 'inputs'), /style\.onnx: field 'sampler\.inputs' must say what the graph's inputs get, all but the latent: 'z' float32 \[n,6\], 'truncation_psi' float32 \[\]/],
    [without('label', 'inputs'), /label\.onnx: field 'sampler\.inputs' .*'c' int64 \[n\]; such as \{"c": 1\} or \{"c": \{"classes": 10\}\}/],
    [without('diffusion', 'inputs'), /denoiser\.onnx: field 'sampler\.inputs' must say what the graph's inputs get: .*'c' int64 \[n\]/],
    [{ ...samplerOf('label'), inputs: { c: 1, z: 1 } }, /label\.onnx: field 'sampler\.inputs' leaves no input for the latent/],
    [{ ...samplerOf('label'), inputs: { c: 1, klass: 1 } }, /label\.onnx: no input 'klass', which field 'sampler\.inputs' names; there are z, c/],
    [{ ...samplerOf('one-hot'), inputs: { c: { classes: 4 } } }, /one-hot\.onnx: input 'c' is float32 \[n,5\], neither a label nor one-hot of 4 classes/],
    [{ ...samplerOf('label'), inputs: { c: 0.7 } }, /label\.onnx: input 'c' is int64 \[n\]; field 'sampler\.inputs\.c' says 0\.7, which that type does not hold/],
    [{ ...samplerOf('one-hot'), inputs: { c: { classes: 4, one_hot: true } } }, /input 'c' is float32 \[n,5\], and field 'sampler\.inputs\.c\.classes' is 4/],
    [{ ...samplerOf('style'), inputs: { ...samplerOf('style').inputs, direction: [1, 2] } }, /input 'direction' is float32 \[6\]; field 'sampler\.inputs\.direction' has 2 numbers, expected 6/],
    [{ ...samplerOf('style'), inputs: { ...samplerOf('style').inputs, noise: { normal: [6, 8] } } }, /input 'noise' is float32 \[n,1,6,8\]; field 'sampler\.inputs\.noise\.normal' makes it float32 \[16,6,8\]/],
    [{ ...samplerOf('style'), inputs: { ...samplerOf('style').inputs, direction: { normal: [6] } } }, /input 'direction' is float32 \[6\], one for a batch of 16; .*'sampler\.batch' must be 1/],
    [{ ...samplerOf('grey'), latent: [7] }, /grey\.onnx: input 'z' is float32 \[n,6\]; field 'sampler\.latent' makes it float32 \[16,7\]/],
    [{ ...samplerOf('one'), batch: 2 }, /one\.onnx: input 'z' is float32 \[1,6\], a batch of 1, and field 'sampler\.batch' is 2/],
    [without('baked', 'batch'), /baked\.onnx: .*; if the graph makes one picture at a time, field 'sampler\.batch' must be 1/s],
    [without('grey', 'range'), /grey\.onnx: gives float32 \[16,1,6,8\]: field 'sampler\.range'/],
    [without('doubtful', 'layout'), /doubtful\.onnx: gives float32 \[16,3,8,4\], where either end may be the channels: field 'sampler\.layout'/],
    [without('flat-planes', 'layout'), /flat-planes\.onnx: gives float32 \[16,192\], 8 x 8 pixels of 3 channels: field 'sampler\.layout'/],
    [without('flat-wide', 'size'), /flat-wide\.onnx: gives float32 \[16,48\], 4 x 4 pixels of 3 channels: field 'sampler\.layout'/],
    [{ ...samplerOf('flat-wide'), size: [9, 6] }, /gives float32 \[16,48\], no picture of 9 x 6 pixels, as field 'sampler\.size' says/],
    [{ ...samplerOf('rgba'), size: [6, 8] }, /gives float32 \[16,4,6,8\], pictures of 8 x 6 pixels; field 'sampler\.size' is 6 x 8/],
    [{ ...samplerOf('rgba'), layout: 'NHWC' }, /gives float32 \[16,4,6,8\], expected 1, 3 or 4 channels where field 'sampler\.layout' \(NHWC\) has them/],
    [without('two-outputs', 'output'), /two-outputs\.onnx: gives float32 \[16,6\], no square picture .*'sampler\.size'.*'sampler\.output'/],
    [{ ...samplerOf('two-outputs'), output: 'picture' }, /two-outputs\.onnx: no output 'picture', the graph has doubled, image/],
  ];
  for (const [sampler, message] of cases)
    await assert.rejects(withSampler(sampler, (model) => sample(ort, model, { seed, first, count })), { message });
});

test('a sampler block with a field out of bounds is refused with the field', () => {
  const good = samplerOf('label');
  for (const [field, value] of [['batch', 0], ['layout', 'CHW'], ['size', [8]], ['output', ''], ['inputs', []], ['inputs', { c: 'psi' }],
    ['inputs', { c: { classes: 1 } }], ['inputs', { c: { classes: 10, class: 10 } }], ['inputs', { c: { classes: 10, one_hot: 1 } }],
    ['inputs', { c: { normal: [0] } }], ['inputs', { c: { classes: 10, klass: 3 } }], ['inputs', { c: [] }], ['inputs', { c: null }]])
    assert.throws(() => checkSampler({ ...good, [field]: value }, 'm.json'), { message: new RegExp(`^m\\.json: field 'sampler\\.${field}' is`) });
});

test('data that is not where the graph says is named', async () => {
  const refuses = (files, message) => assert.rejects(withSampler(samplerOf('external'), () => {}, files), { message });
  const noData = (path) => (path.endsWith('.data') ? Promise.reject(new Error(`${path}: not there`)) : readFile(path));
  await refuses({ readBytes: noData }, /below\/external\.onnx: .*below\/external\.onnx\.data: not there/);
  const renamed = async (path) => Buffer.from((await readFile(path)).toString('latin1').replaceAll('external.onnx.data', '../ernal.onnx.data'), 'latin1');
  await refuses({ readBytes: renamed }, /below\/external\.onnx: its data file '\.\.\/ernal\.onnx\.data' lies outside of the graph's folder/);
});

test('half-precision numbers are those of IEEE 754, and the nearest even of what lies between', () => {
  for (let bits = 0; bits < 0x7c00; bits++)
    for (const sign of [0, 0x8000]) {
      assert.equal(toHalf(fromHalf(sign | bits)), sign | bits);
      const next = bits + 1 < 0x7c00 ? fromHalf(sign | (bits + 1)) : (sign ? -65536 : 65536);
      assert.equal(toHalf((fromHalf(sign | bits) + next) / 2), sign | (bits + (bits & 1)));
    }
  const known = [[1, 0x3c00], [-2, 0xc000], [65504, 0x7bff], [2 ** -24, 1], [1 / 3, 0x3555], [Infinity, 0x7c00], [-0, 0x8000], [1e6, 0x7c00]];
  for (const [value, bits] of known) assert.equal(toHalf(value), bits);
  assert.ok(Number.isNaN(fromHalf(toHalf(NaN))));
});

test('pictures of other types and shapes', () => {
  const read = (type, dims, data, sampler = { range: [0, 255] }, batch = 1) => {
    const { width, height, write } = readPictures({ type, dims, data }, batch, sampler);
    const bytes = new Uint8Array(width * height * 3);
    write(0, bytes, 0);
    return [...bytes];
  };
  assert.deepEqual(read('int64', [1, 1, 2, 2], BigInt64Array.of(7n, 300n, 0n, -1n)), [7, 7, 7, 255, 255, 255, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(read('int32', [1, 2, 1, 3], Int32Array.of(1, 2, 3, 4, 5, -6)), [1, 2, 3, 4, 5, 0]);
  assert.deepEqual(read('float64', [1, 2], Float64Array.of(0.5, 1), { range: [0, 1], size: [2, 1] }), [128, 128, 128, 255, 255, 255]);
  assert.deepEqual(read('uint8', [1, 4, 1, 1], Uint8Array.of(10, 20, 30, 128), { layout: 'NCHW' }), [132, 137, 142]);
  assert.deepEqual(read('uint8', [1, 1, 1, 4], Uint8Array.of(10, 20, 30, 0), { layout: 'NHWC' }), [255, 255, 255]);
  assert.throws(() => read('bool', [1, 2, 2], []), { message: /^gives bool \[1,2,2\], expected pictures of float32/ });
  assert.throws(() => read('float32', [1, 2, 3, 8, 8], []), { message: /^gives float32 \[1,2,3,8,8\], expected pictures \[n, c, h, w\]/ });
  assert.throws(() => read('float32', [16, 2, 8, 8], [], {}, 16), { message: /field 'sampler\.range'/ });
  assert.throws(() => read('float32', [1, 3, 8, 8], [], { range: [0, 1] }, 16), { message: /^gives float32 \[1,3,8,8\] for a batch of 16; .*'sampler\.batch' must be 1/ });
  assert.throws(() => read('float32', [1, 1, 1], [NaN]), { message: /not a number/ });
});

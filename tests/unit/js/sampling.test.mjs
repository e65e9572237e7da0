// The sampling module against NumPy: golden/sampling/ is written by golden/make_sampling.py.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test from 'node:test';
import { planInput } from '../../../site/lib/inputs.js';
import { findRandomNode } from '../../../site/lib/onnx-graph.js';
import { LATENT, TOKEN, fillNormal, philox, uniform } from '../../../site/lib/random.js';
import { BLOCK, MAX_COUNT, checkSampler, closeModel, openModel, sample } from '../../../site/lib/sampling.js';

process.env.ORT_DISABLE_TELEMETRY = '1';  // before it is loaded
const ort = createRequire(new URL('../../../tools/workers/', import.meta.url))('onnxruntime-node');
const GOLDEN = new URL('../../golden/sampling/', import.meta.url);
const expected = JSON.parse(await readFile(new URL('expected.json', GOLDEN), 'utf8'));
const random = JSON.parse(await readFile(new URL('../random_nodes.json', GOLDEN), 'utf8'));
const SESSION = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };

const readSampler = async (slug) => JSON.parse(await readFile(new URL(`${slug}.json`, GOLDEN), 'utf8')).sampler;
const readGraph = (path) => readFile(new URL(path, GOLDEN));
const FILES = { readBytes: readGraph, sessionOptions: SESSION };

/** Opens a golden model, its sampler changed by `change`, and closes it after use(model). */
async function withModel(slug, use, change = {}) {
  const model = await openModel(ort, checkSampler({ ...await readSampler(slug), ...change }, slug), FILES);
  try {
    return await use(model);
  } finally {
    await closeModel(model);
  }
}

test('philox gives the known answers of its authors', () => {
  const all = 0xffffffff;
  const cases = [
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [[all, all, all, all], [all, all], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]],
  ];
  for (const [counter, key, words] of cases) assert.deepEqual(philox(counter, key, []), words);
});

test('uniform and normal numbers of seeds and samples beyond 32 bits equal NumPy', () => {
  const far = 2 ** 33 + 1;
  const words = expected.words.map((_, index) => uniform(expected.seed, far, TOKEN, index) * 2 ** 32);
  assert.deepEqual(words, expected.words);
  const normals = new Float32Array(expected.normals.length);
  fillNormal(normals, expected.seed, far, LATENT);
  normals.forEach((value, i) => assert.ok(Math.abs(value - expected.normals[i]) < 1e-6, `normal ${i}`));
});

test('latents are standard normal: mean, variance, fourth moment, no correlation of neighbours', () => {
  const samples = 2000, size = 64, total = samples * size;
  const row = new Float32Array(size);
  let sum = 0, square = 0, fourth = 0, within = 0, between = 0, previous = new Float32Array(size);
  for (let i = 0; i < samples; i++) {
    fillNormal(row, 1, i, LATENT);
    row.forEach((value, k) => {
      sum += value;
      square += value ** 2;
      fourth += value ** 4;
      within += value * row[(k + 1) % size];
      between += value * previous[k];
    });
    previous = row.slice();
  }
  const limit = 5 / Math.sqrt(total);  // five standard errors
  assert.ok(Math.abs(sum / total) < limit);
  assert.ok(Math.abs(square / total - 1) < limit * Math.sqrt(2));
  assert.ok(Math.abs(fourth / total - 3) < limit * Math.sqrt(96));
  assert.ok(Math.abs(within / total) < limit);
  assert.ok(Math.abs(between / total) < limit);
});

for (const slug of Object.keys(expected.frames)) {
  test(`${slug}: the bytes equal NumPy's within one rounding`, async () => {
    const { seed, first, count } = expected;
    const frames = await withModel(slug, (model) => sample(ort, model, { seed, first, count }));
    const golden = Buffer.from(expected.frames[slug], 'hex');
    assert.deepEqual([frames.width, frames.height, frames.channels, frames.count], [5, 4, 3, count]);
    assert.equal(frames.data.length, golden.length);
    const distance = frames.data.reduce((far, value, i) => Math.max(far, Math.abs(value - golden[i])), 0);
    assert.ok(distance <= 1, `largest difference ${distance}`);
  });

  test(`${slug}: 64 samples equal 7 + 57, and another seed does not`, async () => {
    await withModel(slug, async (model) => {
      const whole = await sample(ort, model, { seed: 9, first: 3, count: 64 });
      const head = await sample(ort, model, { seed: 9, first: 3, count: 7 });
      const tail = await sample(ort, model, { seed: 9, first: 10, count: 57 });
      assert.ok(Buffer.concat([head.data, tail.data]).equals(whole.data));
      const other = await sample(ort, model, { seed: 10, first: 3, count: 64 });
      assert.ok(!Buffer.from(other.data).equals(whole.data));
    });
  });
}

test('a sampler block is refused with the file and the field', async () => {
  const good = await readSampler('diffusion-v');
  const cases = [
    [undefined, /^m\.json: field 'sampler' is missing/],
    [{ ...good, kind: 'folder' }, /sampler\.kind' is "folder"/],
    [{ ...good, procedure: 'toString' }, /sampler\.procedure' is "toString", expected one of decode, diffusion/],
    [{ ...good, path: '' }, /sampler\.path' is ""/],
    [{ ...good, latent: [3, 0] }, /sampler\.latent' is \[3,0\], expected a list of positive integers/],
    [{ ...good, latent: [2 ** 20, 2 ** 20] }, /sampler\.latent'/],
    [{ ...good, range: [1, -1] }, /sampler\.range'/],
    [{ ...good, alphas_cumprod: [0.5, 0.4, 0.9] }, /sampler\.alphas_cumprod'.*rising/],
    [{ ...good, alphas_cumprod: [0.5, 0.9] }, /sampler\.alphas_cumprod'.*3 numbers, one for each of timesteps/],
    [{ ...good, prediction: 'noise' }, /sampler\.prediction' is "noise"/],
    [{ ...good, clip: 1 }, /sampler\.clip' is 1, expected two numbers/],
    [{ ...await readSampler('autoregressive'), decoder: undefined }, /sampler\.decoder' is missing/],
    [{ ...good, decoder: [] }, /sampler\.decoder' is \[\], expected a file name or a list of them/],
    [{ ...good, decoder: ['a.onnx', 7] }, /sampler\.decoder' is \["a\.onnx",7\]/],
    [{ ...await readSampler('autoregressive'), length: 1.5 }, /sampler\.length' is 1\.5/],
  ];
  for (const [sampler, message] of cases) assert.throws(() => checkSampler(sampler, 'm.json'), { message });
});

test('a graph that does not fit its sampler block is refused with the file', async () => {
  const request = { seed: 1, first: 0, count: 1 };
  const refuses = (slug, change, message) =>
    assert.rejects(withModel(slug, (model) => sample(ort, model, request), change), { message });
  await refuses('decode', { latent: [7] }, /^decode\.onnx: /);
  await refuses('decode', { path: 'prior.onnx' }, /^prior\.onnx: /);
  await refuses('decode', { path: 'expected.json' }, /^expected\.json: /);
  await refuses('diffusion-v', { path: 'decode.onnx' }, /^decode\.onnx: no input 'x', the graph has 'z' float32 \[n,6\]/);
  await refuses('autoregressive', { vocabulary: 6 }, /^prior\.onnx: gives float32 \[16,7\], expected 96/);
  await refuses('chain', { decoder: ['decode.onnx'] }, /^decode\.onnx: /);
  await refuses('chain', { decoder: ['chain-second.onnx', 'gone.onnx'] }, /gone\.onnx/);
  await refuses('autoregressive', { path: 'painter.onnx' }, /^painter\.onnx: no input 'token'/);
});

/** Opens bytes as the graph of a decoder and samples it. */
async function sampleGraph(bytes, path = 'graph.onnx') {
  const sampler = { kind: 'onnx', procedure: 'decode', path, latent: [60], range: [-1, 1] };
  const model = await openModel(ort, checkSampler(sampler, 'm.json'), { readBytes: () => bytes, sessionOptions: SESSION });
  try {
    return await sample(ort, model, { seed: 1, first: 0, count: 2 });
  } finally {
    await closeModel(model);
  }
}

for (const { case: name, node, operator, file } of random.cases) {
  test(`random nodes: ${name} is ${operator ? 'refused by name' : 'sampled'}`, async () => {
    const bytes = Buffer.from(file, 'base64');
    if (!operator) return assert.equal((await sampleGraph(bytes)).data.length, 2 * 4 * 5 * 3);
    const message = new RegExp(`^graph\\.onnx: node '${node}' \\(${operator}\\) draws random numbers of its own`);
    return assert.rejects(sampleGraph(bytes), { message });
  });
}

test('a random node in a decoder is refused too', async () => {
  const bytes = Buffer.from(random.cases[0].file, 'base64');
  const sampler = { ...await readSampler('autoregressive'), decoder: 'random.onnx' };
  const read = (path) => (path === 'random.onnx' ? bytes : readGraph(path));
  await assert.rejects(openModel(ort, checkSampler(sampler, 'm.json'), { ...FILES, readBytes: read }), { message: /^random\.onnx: node 'noise'/ });
});

test('a graph in the format of onnxruntime, which nothing here can look into, is refused', async () => {
  const bytes = Buffer.from(random.ort_format, 'base64');
  await (await ort.InferenceSession.create(bytes, SESSION)).release();  // which takes it
  await assert.rejects(sampleGraph(bytes), { message: /^graph\.onnx: in onnxruntime's own format; give the ONNX file/ });
});

test('a graph cut off anywhere is refused with the file, and one with a changed byte is never more than not ONNX', async () => {
  const whole = Buffer.from(random.cases.find((c) => c.case === 'function').file, 'base64');
  for (let size = 0; size < whole.length; size++)
    await assert.rejects(sampleGraph(whole.subarray(0, size)), { message: /^graph\.onnx: / }, `cut to ${size} bytes`);
  for (let at = 0; at < whole.length; at++)
    for (const byte of [0, 0x7f, 0x80, 0xff]) {
      const changed = Buffer.from(whole);
      changed[at] = byte;
      try {
        findRandomNode(changed);
      } catch (error) {
        assert.match(error.message, /^not an ONNX file/, `byte ${at} is ${byte}`);
      }
    }
});

test('a request out of bounds is refused with the field', async () => {
  const cases = [
    [{ seed: -1, first: 0, count: 1 }, /'seed'/],
    [{ seed: 1, first: 0.5, count: 1 }, /'first'/],
    [{ seed: 1, first: Number.MAX_SAFE_INTEGER, count: 1 }, /'first'/],
    [{ seed: 1, first: 0, count: 0 }, /'count'/],
    [{ seed: 1, first: 0, count: MAX_COUNT + 1 }, /'count'/],
    [{ first: 0, count: BLOCK }, /'seed'/],
  ];
  await withModel('decode', async (model) => {
    for (const [request, message] of cases) await assert.rejects(sample(ort, model, request), { message });
  });
});

test('where a graph fixes the first dimension at the size of a batch, a list is of one sample or of the whole input', () => {
  const fill = (shape, given) => [...planInput({ type: 'float32', shape }, 'w', given, 0, 4)(ort).data];
  assert.deepEqual(fill([4], [1, 2, 3, 4]), [1, 2, 3, 4]);
  assert.deepEqual(fill([4], [5]), [5, 5, 5, 5]);
  assert.deepEqual(fill([4, 2], [1, 2]), [1, 2, 1, 2, 1, 2, 1, 2]);
  assert.throws(() => fill([4], [1, 2]), /field 'sampler\.inputs\.w' has 2 numbers, expected 1 or 4/);
  assert.throws(() => fill(['n'], [1, 2, 3, 4]), /has 4 numbers, expected 1$/);
});

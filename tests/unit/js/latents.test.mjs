// Latents of generators: what sample() draws can be given by hand, ways between latents, and finding the latent of a picture.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test from 'node:test';
import { invert } from '../../../site/lib/invert.js';
import { between, principalDirections } from '../../../site/lib/latents.js';
import { checkSampler, closeModel, hasLatents, latentOf, openModel, render, sample } from '../../../site/lib/sampling.js';

process.env.ORT_DISABLE_TELEMETRY = '1';  // before it is loaded
const ort = createRequire(new URL('../../../tools/workers/', import.meta.url))('onnxruntime-node');
const ZOO = new URL('../../../data/zoo/', import.meta.url);
const SESSION = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };

/** The first generator of the zoo that works in this way. */
async function open(procedure) {
  for (const slug of (await readdir(ZOO)).filter((name) => !name.startsWith('decoder-')).sort()) {
    const sampler = await readSampler(slug);
    if (sampler.procedure === procedure) return openFrom(slug, sampler);
  }
  throw new Error(`no generator of the zoo has the procedure ${procedure}`);
}

const readSampler = async (slug) => JSON.parse(await readFile(new URL(`${slug}/model.json`, ZOO), 'utf8')).sampler;

function openFrom(slug, sampler) {
  return openModel(ort, checkSampler(sampler, slug), { readBytes: (name) => readFile(new URL(`${slug}/${name}`, ZOO)), sessionOptions: SESSION });
}

const length = (values) => Math.hypot(...values);
const largest = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

test('a latent that sample() draws gives the same picture by hand, in any place of a batch', async () => {
  for (const procedure of ['decode', 'diffusion']) {
    const model = await open(procedure);
    const drawn = await sample(ort, model, { seed: 9, first: 14, count: 20 });
    const latents = Array.from({ length: 20 }, (_, i) => latentOf(model, 9, 14 + i));
    const made = await render(ort, model, latents);
    assert.deepEqual([made.width, made.height, made.count], [drawn.width, drawn.height, 20]);
    assert.ok(largest(made.data, drawn.data) <= 1, procedure);
    await closeModel(model);
  }
});

test('latents stand for all there is only where nothing else is drawn', () => {
  const cases = [
    [{ procedure: 'decode' }, true],
    [{ procedure: 'autoregressive' }, false],
    [{ procedure: 'decode', inputs: { psi: 0.7, c: { classes: 10, class: 3 } } }, true],
    [{ procedure: 'decode', inputs: { c: { classes: 10 } } }, false],
    [{ procedure: 'diffusion', inputs: { noise: { normal: [1, 4, 4] } } }, false],
  ];
  for (const [sampler, expected] of cases) assert.equal(hasLatents(sampler), expected, JSON.stringify(sampler));
});

test('a way between two latents begins and ends at them, in even steps on the arc', () => {
  const a = [1, 0, 0], b = [0, 2, 0];
  const path = between(a, b, 5);
  assert.ok(largest(path[0], a) < 1e-6 && largest(path[4], b) < 1e-6);
  const half = Math.SQRT1_2;
  assert.ok(largest(path[2], [half, 2 * half, 0]) < 1e-6);
  const turn = Math.PI / 8;
  assert.ok(largest(path[1], [Math.cos(turn), 2 * Math.sin(turn), 0]) < 1e-6);
  assert.ok(largest(between(a, [3, 0, 0], 3)[1], [2, 0, 0]) < 1e-6);  // one direction: a line
  assert.equal(between(a, b, 1).length, 1);
});

test('principal directions are the eigenvectors of J^T J, the largest first', () => {
  const jacobian = [[3, 0, 0], [0, 0, 0.5], [0, 2, 0]];  // the picture changes 3, 0.5 and 2 along the three numbers
  const found = principalDirections(jacobian, 3);
  const expected = [[1, 0, 0], [0, 0, 1], [0, 1, 0]];
  found.forEach((direction, k) => assert.ok(largest(direction.map(Math.abs), expected[k]) < 1e-3, `direction ${k}`));
  assert.ok(found.every((direction) => Math.abs(length(direction) - 1) < 1e-6));
  assert.equal(principalDirections(jacobian, 9).length, 3);
});

test('a linear generator is inverted to the least squares solution', async () => {
  const rows = [[0.5, 0.1], [-0.2, 0.4], [0.1, -0.3], [0.3, 0.3]];  // 2 x 2 pixels, all channels alike
  const render2 = (latents) => {
    const data = new Float32Array(latents.length * 12);
    latents.forEach((z, i) => rows.forEach(([p, q], pixel) => data.fill(255 * (0.5 + p * z[0] + q * z[1]), 12 * i + 3 * pixel, 12 * i + 3 * pixel + 3)));
    return { width: 2, height: 2, data };
  };
  const { data } = render2([[0.6, -0.4]]);
  const found = await invert({ render: async (latents) => render2(latents), latentSize: 2, target: { width: 2, height: 2, rgb: data }, starts: 8 });
  assert.ok(largest(found.latent, [0.6, -0.4]) < 0.01, String(found.latent));  // the prior draws it a little towards zero
  found.jacobian.forEach((column, i) => rows.forEach((row, pixel) => assert.ok(Math.abs(column[3 * pixel] - row[i]) < 1e-3)));
});

test('a picture of another size than the generator makes is refused', async () => {
  const render4 = async (latents) => ({ width: 4, height: 4, data: new Uint8Array(48 * latents.length) });
  const target = { width: 8, height: 8, rgb: new Uint8Array(192) };
  await assert.rejects(invert({ render: render4, latentSize: 2, target }), /makes 4 x 4 pixels, the picture has 8 x 8/);
});

test('samples of a generator of few pictures are found again, most of them: there are hollows to get caught in', async () => {
  const model = await openFrom('dogs', await readSampler('dogs'));
  const renderThem = (latents) => render(ort, model, latents);
  let near = 0;
  for (let first = 0; first < 5; first++) {
    const { width, height, data } = await sample(ort, model, { seed: 5, first, count: 1 });
    const losses = [];
    const target = { width, height, rgb: data };
    const { latent } = await invert({ render: renderThem, latentSize: model.latent[0], target, onStep: ({ loss }) => losses.push(loss) });
    const again = await renderThem([latent]);
    const rmse = Math.sqrt(again.data.reduce((total, value, i) => total + (value - data[i]) ** 2, 0) / data.length);
    near += rmse < 8 ? 1 : 0;  // of 255
    // What falls with every step is the loss and the weight of the latent's square, which is small.
    assert.ok(losses.length > 1 && losses.every((loss, i) => i === 0 || loss < losses[i - 1] + 1e-3) || losses[0] < 0.01, String(losses));
  }
  assert.ok(near >= 4, `${near} of 5`);
  await closeModel(model);
});

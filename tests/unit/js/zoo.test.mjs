// Every generator of data/zoo keeps its promises: size, facts, determinism, samples that differ.

import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test from 'node:test';
import { checkSampler, closeModel, openModel, sample } from '../../../site/lib/sampling.js';

process.env.ORT_DISABLE_TELEMETRY = '1';  // before it is loaded
const ort = createRequire(new URL('../../../tools/workers/', import.meta.url))('onnxruntime-node');
const ZOO = new URL('../../../data/zoo/', import.meta.url);
const LIMIT = 400_000;  // bytes of a generator's graphs together
const TYPES = ['GAN', 'VAE', 'diffusion', 'flow', 'autoregressive'];
const SESSION = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };

const slugs = (await readdir(ZOO, { withFileTypes: true })).filter((e) => e.isDirectory()).map((e) => e.name).sort();
const models = new Map();
for (const slug of slugs)
  models.set(slug, JSON.parse(await readFile(new URL(`${slug}/model.json`, ZOO), 'utf8')));

test('at least twelve generators of at least four types, each of its own title', () => {
  assert.ok(models.size >= 12, `${models.size} generators`);
  assert.ok(new Set([...models.values()].map(({ type }) => type)).size >= 4);
  assert.equal(new Set([...models.values()].map(({ title }) => title)).size, models.size);
});

for (const [slug, model] of models) {
  const file = (name) => new URL(`${slug}/${name}`, ZOO);

  test(`${slug}: model.json has its facts and the graphs are small`, async () => {
    assert.equal(model.slug, slug);
    assert.ok(TYPES.includes(model.type));
    for (const field of ['title', 'family', 'description', 'license', 'created', 'bibtex'])
      assert.ok(typeof model[field] === 'string' && model[field] !== '', field);
    assert.ok(model.authors.length > 0 && model.tags.length > 0);
    const graphs = [model.sampler.path, model.sampler.decoder].filter(Boolean);
    const bytes = await Promise.all(graphs.map(async (name) => (await stat(file(name))).size));
    assert.ok(bytes.reduce((a, b) => a + b) <= LIMIT, `${bytes} bytes`);
    const others = (await readdir(new URL(`${slug}/`, ZOO))).filter((name) => ![...graphs, 'model.json'].includes(name));
    assert.deepEqual(others, []);
  });

  test(`${slug}: samples have the stated size, differ, and are the same however they are split`, async () => {
    const opened = await openModel(ort, checkSampler(model.sampler, slug), { readBytes: (name) => readFile(file(name)), sessionOptions: SESSION });
    try {
      const whole = await sample(ort, opened, { seed: 1, first: 0, count: 64 });
      assert.deepEqual([whole.width, whole.height], model.resolution);
      const head = await sample(ort, opened, { seed: 1, first: 0, count: 7 });
      const tail = await sample(ort, opened, { seed: 1, first: 7, count: 57 });
      assert.ok(Buffer.concat([head.data, tail.data]).equals(whole.data));
      const size = whole.data.length / 64;
      const frames = Array.from({ length: 64 }, (_, i) => whole.data.subarray(i * size, (i + 1) * size));
      assert.ok(meanDistance(frames) > 5, `samples differ by ${meanDistance(frames)} of 255 only`);
    } finally {
      await closeModel(opened);
    }
  });
}

/** Mean absolute difference of pixels over all neighbouring pairs of frames. */
function meanDistance(frames) {
  let total = 0;
  for (let i = 1; i < frames.length; i++)
    total += frames[i].reduce((sum, value, k) => sum + Math.abs(value - frames[i - 1][k]), 0);
  return total / ((frames.length - 1) * frames[0].length);
}

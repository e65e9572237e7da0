// Every generator of data/zoo keeps its promises: size, facts, determinism, samples that differ.

import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test from 'node:test';
import { checkSampler, closeModel, openModel, sample } from '../../../site/lib/sampling.js';

process.env.ORT_DISABLE_TELEMETRY = '1';  // before it is loaded
const ort = createRequire(new URL('../../../tools/workers/', import.meta.url))('onnxruntime-node');
const ZOO = new URL('../../../data/zoo/', import.meta.url);
const LIMIT = 200_000;  // bytes of a generator's own graphs together
const WHOLE = 16_000_000;  // bytes of the zoo
const TYPES = ['GAN', 'VAE', 'diffusion', 'flow', 'autoregressive', 'implicit'];
const SESSION = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
const SAMPLES = 16;

const folders = (await readdir(ZOO, { withFileTypes: true })).filter((e) => e.isDirectory()).map((e) => e.name).sort();
const isShared = (folder) => folder.startsWith('decoder-');
const models = new Map();
for (const slug of folders.filter((folder) => !isShared(folder)))
  models.set(slug, JSON.parse(await readFile(new URL(`${slug}/model.json`, ZOO), 'utf8')));
const all = [...models.values()];

const bytesOf = async (urls) => (await Promise.all(urls.map(async (url) => (await stat(url)).size))).reduce((a, b) => a + b, 0);
const filesOf = async (folder) => (await readdir(new URL(`${folder}/`, ZOO))).map((name) => new URL(`${folder}/${name}`, ZOO));

test('133 generators of every type and of 23 tags, each of its own title, in 16 MB', async () => {
  assert.ok(models.size >= 133, `${models.size} generators`);
  assert.deepEqual([...new Set(all.map(({ type }) => type))].sort(), [...TYPES].sort());
  assert.ok(new Set(all.flatMap(({ tags }) => tags)).size >= 23);
  assert.equal(new Set(all.map(({ title }) => title)).size, models.size);
  const bytes = await bytesOf((await Promise.all(folders.map(filesOf))).flat());
  assert.ok(bytes <= WHOLE, `${bytes} bytes`);
});

test('every decoder in a folder of its own is one that models share', () => {
  const named = new Set(all.flatMap(({ sampler }) => [sampler.decoder ?? []].flat().filter((path) => path.startsWith('../'))));
  assert.deepEqual([...named].sort(), folders.filter(isShared).map((folder) => `../${folder}/decoder.onnx`));
});

test('a model that was trained further than another says which, and the other is there', () => {
  const based = all.filter((model) => model.base_model !== undefined);
  assert.ok(based.length > 0);
  for (const { slug, type, base_model: base } of based) assert.equal(models.get(base)?.type, type, slug);
});

for (const [slug, model] of models) {
  const file = (name) => new URL(`${slug}/${name}`, ZOO);

  test(`${slug}: model.json has its facts and the graphs are small`, async () => {
    assert.equal(model.slug, slug);
    for (const field of ['title', 'family', 'description', 'license', 'created', 'download', 'paper', 'bibtex'])
      assert.ok(typeof model[field] === 'string' && model[field] !== '', field);
    assert.ok(model.authors.length > 0 && model.tags.length > 0 && model.parameters > 0 && model.training.pictures >= 3);
    assert.ok(typeof model.interpolation === 'boolean' && typeof model.inversion === 'boolean');
    const own = [model.sampler.path, model.sampler.decoder].flat().filter((name) => !name.startsWith('../'));
    const bytes = await bytesOf(own.map(file));
    assert.ok(bytes <= LIMIT, `${bytes} bytes`);
    const others = (await readdir(new URL(`${slug}/`, ZOO))).filter((name) => ![...own, 'model.json'].includes(name));
    assert.deepEqual(others, []);
  });

  test(`${slug}: samples have the stated size, differ, and are the same however they are split`, async () => {
    const opened = await openModel(ort, checkSampler(model.sampler, slug), { readBytes: (name) => readFile(file(name)), sessionOptions: SESSION });
    try {
      const whole = await sample(ort, opened, { seed: 1, first: 0, count: SAMPLES });
      assert.deepEqual([whole.width, whole.height], model.resolution);
      const head = await sample(ort, opened, { seed: 1, first: 0, count: 7 });
      const tail = await sample(ort, opened, { seed: 1, first: 7, count: SAMPLES - 7 });
      assert.ok(Buffer.concat([head.data, tail.data]).equals(whole.data));
      const size = whole.data.length / SAMPLES;
      const frames = Array.from({ length: SAMPLES }, (_, i) => whole.data.subarray(i * size, (i + 1) * size));
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

#!/usr/bin/env node
// inversion.mjs - does inverting a model's sample find that model? As the page does it: the models are ranked by the picture, the leading ones that
// can be inverted try to make it, and the one that comes nearest is the answer.
//
//     node tests/quality/inversion.mjs PUBLIC [--samples 4] [--ways]
//
// PUBLIC: a folder that `gensearch publish` wrote, with graphs and the vision tower. Needs the WebAssembly build and tools/workers' packages, as the
// tests do. Samples are drawn with a seed that nothing was indexed with. A line for each model, then the share of the models of which most samples
// were found with the model itself, or with one that has a tag in common. --ways compares ways to invert instead: the distance that each reaches with
// as many pictures as the page's own takes at most.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EFFORT, MOST_TRIED } from '../../site/app/best-inverter.js';
import { modelFiles } from '../../site/app/model-files.js';
import { rankParts } from '../../site/app/ranking.js';
import { invert } from '../../site/lib/invert.js';
import { fillNormal } from '../../site/lib/random.js';
import { checkSampler, hasLatents, latentOf, openModel, render, sample } from '../../site/lib/sampling.js';
import { product } from '../../site/lib/tensors.js';

process.env.ORT_DISABLE_TELEMETRY = '1'; // before it is loaded
const root = new URL('../../', import.meta.url);
const ort = createRequire(new URL('tools/workers/', root))('onnxruntime-node');
const { loadCore } = await import(new URL('build/native/wasm/dist/core.js', root));
const SESSION = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
const SEED = 20_260; // of the samples

const { positionals: [folder], values } = parseArgs({ allowPositionals: true, options: { samples: { type: 'string', default: '4' }, ways: { type: 'boolean' } } });
const read = (path) => readFile(join(folder, path));
const readJson = async (path) => JSON.parse(await read(path));

const manifest = await readJson('manifest.json');
const catalog = await readJson(manifest.roles.catalog.path);
const models = await Promise.all(catalog.slug.map(openOne));
const invertible = models.filter(({ generator }) => generator);

async function openOne(slug, index) {
  const { graphs } = await readJson(`models/${slug}-${catalog.page[index]}.json`);
  const usable = graphs && hasLatents(graphs.sampler);
  const readBytes = (name) => read(graphs.files[name].path);
  const generator = usable ? await openModel(ort, checkSampler(graphs.sampler, slug), { readBytes, sessionOptions: SESSION }) : null;
  return { slug, index, tags: catalog.tags[index], generator };
}

/** The picture in a model's size: each pixel the mean of those that it covers. */
function fit({ width, height, rgb }, size) {
  if (size.width === width && size.height === height) return { width, height, rgb };
  const fitted = { ...size, rgb: new Uint8Array(3 * size.width * size.height) };
  const covered = (at, of, from) => [Math.floor((at * from) / of), Math.ceil(((at + 1) * from) / of)];
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      const [top, bottom] = covered(y, size.height, height), [left, right] = covered(x, size.width, width);
      for (let c = 0; c < 3; c++) {
        let total = 0;
        for (let v = top; v < bottom; v++) for (let u = left; u < right; u++) total += rgb[3 * (v * width + u) + c];
        fitted.rgb[3 * (y * size.width + x) + c] = total / ((bottom - top) * (right - left));
      }
    }
  }
  return fitted;
}

/** How near a model comes to a picture. */
async function tryModel(model, picture) {
  const { generator } = model;
  model.size ??= await sizeOf(generator);
  const target = fit(picture, model.size);
  const { loss } = await invert({ render: (latents) => render(ort, generator, latents), latentSize: product(generator.latent), target, ...EFFORT });
  return Math.sqrt(loss);
}

async function sizeOf(generator) {
  const { width, height } = await sample(ort, generator, { seed: SEED, first: 0, count: 1 });
  return { width, height };
}

async function drawSample({ generator }, index) {
  const { width, height, data } = await sample(ort, generator, { seed: SEED, first: index, count: 1 });
  return { width, height, rgb: data };
}

// ---- which model? ----

async function findModels() {
  const rank = await makeRanking();
  let found = 0;
  for (const model of invertible) {
    let [itself, alike] = [0, 0];
    const count = Number(values.samples);
    for (let i = 0; i < count; i++) {
      const target = await drawSample(model, i);
      const leading = (await rank(target)).map((index) => models[index]).filter(({ generator }) => generator).slice(0, MOST_TRIED);
      const distances = [];
      for (const tried of leading) distances.push(await tryModel(tried, target));
      const best = leading[distances.indexOf(Math.min(...distances))];
      itself += best === model ? 1 : 0;
      alike += best.tags.some((tag) => model.tags.includes(tag)) || best === model ? 1 : 0;
    }
    found += alike * 2 > count ? 1 : 0;
    console.log(`${model.slug}: ${itself} of ${count} samples by itself, ${alike} by it or one of its tags`);
  }
  console.log(`found: ${found} of ${invertible.length} models (${((100 * found) / invertible.length).toFixed(0)} %)`);
}

/** Ranks by a picture as the page does. */
async function makeRanking() {
  const { fingerprint, tau } = manifest.encoder;
  const core = await loadCore(await read('wasm/gensearch.wasm'));
  const means = core.means(await read(manifest.roles.means.path), catalog.backgrounds);
  const prepare = core.preprocess(manifest.roles.vision.preprocess);
  const tower = await ort.InferenceSession.create(join(folder, manifest.roles.vision.path), SESSION);
  const files = modelFiles(core, read, catalog, fingerprint);
  return async (picture) => {
    const { width, height, pixels } = prepare.run(picture);
    const { feature } = await tower.run({ pixels: new ort.Tensor('float32', pixels, [1, 3, height, width]) });
    const part = { kind: 'image', weight: 1, method: core.defaultMethod('image'), feature: Float32Array.from(feature.data) };
    const { order } = await rankParts({ core, means, tau, read: files.read }, [part], new Uint8Array(catalog.count).fill(1));
    return Array.from(order);
  };
}

// ---- by which way? ----

const WAYS = {
  'Levenberg-Marquardt': ({ draw, size, target }) => invert({ render: draw, latentSize: size, target }),
  'matrix adaptation ES': matrixAdaptation,
  'random search': randomSearch,
};
const MOST_PICTURES = 3000;

async function compareWays() {
  const reached = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
  for (const { generator } of invertible) {
    for (let i = 0; i < Number(values.samples); i++) {
      const problem = { draw: (latents) => render(ort, generator, latents), size: product(generator.latent), target: await drawSample({ generator }, i) };
      for (const [name, way] of Object.entries(WAYS)) {
        const start = performance.now();
        const { latent, made } = await way(problem);
        const [{ loss }] = await look(problem, [latent]);
        reached[name].push({ distance: Math.sqrt(loss), made, ms: performance.now() - start });
      }
    }
  }
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  for (const [name, list] of Object.entries(reached)) {
    const near = list.filter(({ distance }) => distance < 0.02).length;
    const [distance, made, ms] = ['distance', 'made', 'ms'].map((field) => median(list.map((entry) => entry[field])));
    console.log(`${name}: median distance ${(100 * distance).toFixed(2)} %, within 2 % ${near} of ${list.length}, ${made} pictures, ${(ms / 1000).toFixed(1)} s`);
  }
}

/** Of each latent the mean square difference of its picture, pixel by pixel. */
async function look({ draw, target }, latents) {
  const { data } = await draw(latents), size = target.rgb.length;
  return latents.map((latent, i) => {
    let total = 0;
    for (let k = 0; k < size; k++) total += (data[i * size + k] - target.rgb[k]) ** 2;
    return { latent, loss: total / size / 255 ** 2 };
  });
}

async function randomSearch(problem) {
  const drawn = Array.from({ length: MOST_PICTURES }, (_, i) => latentOf({ latent: [problem.size] }, 1, i));
  const [{ latent }] = (await look(problem, drawn)).sort((a, b) => a.loss - b.loss);
  return { latent, made: MOST_PICTURES };
}

/** MA-ES (Beyer and Sendhoff 2017): covariance matrix adaptation without a decomposition; from the best of 256 random latents. */
async function matrixAdaptation(problem) {
  const d = problem.size, lambda = 16 * Math.ceil((4 + 3 * Math.log(d)) / 16), mu = lambda >> 1;
  const raw = Array.from({ length: mu }, (_, i) => Math.log(mu + 0.5) - Math.log(i + 1)), sum = raw.reduce((a, b) => a + b);
  const weights = raw.map((w) => w / sum), effective = 1 / weights.reduce((total, w) => total + w * w, 0);
  const cs = (effective + 2) / (d + effective + 5), c1 = 2 / ((d + 1.3) ** 2 + effective);
  const cw = Math.min(1 - c1, (2 * (effective + 1 / effective - 2)) / ((d + 2) ** 2 + effective));
  const chi = Math.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d)), damping = 1 + cs + 2 * Math.max(0, Math.sqrt((effective - 1) / (d + 1)) - 1);
  let mean = (await look(problem, Array.from({ length: 256 }, (_, i) => latentOf({ latent: [d] }, 1, i)))).sort((a, b) => a.loss - b.loss)[0].latent;
  let best = { latent: mean, loss: Infinity }, sigma = 0.5, path = new Float64Array(d), made = 256;
  const M = Array.from({ length: d }, (_, i) => Float64Array.from({ length: d }, (__, j) => (i === j ? 1 : 0)));
  for (; made < MOST_PICTURES; made += lambda) {
    const z = Array.from({ length: lambda }, (_, k) => {
      const values_ = new Float32Array(d);
      fillNormal(values_, 2, made + k, 0);
      return values_;
    });
    const steps = z.map((v) => M.map((row) => row.reduce((total, value, j) => total + value * v[j], 0)));
    const tried = await look(problem, steps.map((step) => Float32Array.from(mean, (value, i) => value + sigma * step[i])));
    const order = tried.map((_, k) => k).sort((a, b) => tried[a].loss - tried[b].loss).slice(0, mu);
    if (tried[order[0]].loss < best.loss) best = tried[order[0]];
    mean = Float32Array.from(mean, (value, i) => value + sigma * order.reduce((total, k, rank) => total + weights[rank] * steps[k][i], 0));
    const zMean = Float64Array.from({ length: d }, (_, i) => order.reduce((total, k, rank) => total + weights[rank] * z[k][i], 0));
    path = path.map((value, i) => (1 - cs) * value + Math.sqrt(cs * (2 - cs) * effective) * zMean[i]);
    adapt(M, path, order.map((k) => z[k]), order.map((k) => steps[k]), weights, c1, cw);
    sigma *= Math.exp((cs / damping) * (Math.hypot(...path) / chi - 1));
  }
  return { ...best, made };
}

/** M := M (I + c1/2 (p p^T - I) + cw/2 (sum of w z z^T - I)); step is M z. */
function adapt(M, path, z, steps, weights, c1, cw) {
  const onPath = M.map((row) => row.reduce((total, value, j) => total + value * path[j], 0));
  M.forEach((row, i) => {
    const ranked = row.map((_, j) => weights.reduce((total, w, k) => total + w * steps[k][i] * z[k][j], 0));
    for (let j = 0; j < row.length; j++) row[j] = (1 - c1 / 2 - cw / 2) * row[j] + (c1 / 2) * onPath[i] * path[j] + (cw / 2) * ranked[j];
  });
}

await (values.ways ? compareWays() : findModels());

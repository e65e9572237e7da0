// Generators sampled in the browser by the library that the site publishes. Those in the forms that people export: the pictures are PyTorch's
// before the export (tests/golden/onnx_forms is written by tests/golden/make_onnx_forms.py; tests/unit/js/onnx-forms.test.mjs does the same in
// Node). Of the zoo one of each procedure and size: the pictures are those of Node.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as sampling from '../../site/lib/sampling.js';
import { expect, test } from './site-test.js';

process.env.ORT_DISABLE_TELEMETRY = '1'; // before it is loaded
const node = createRequire(new URL('../../tools/workers/', import.meta.url))('onnxruntime-node');
const golden = fileURLToPath(new URL('../golden/onnx_forms', import.meta.url));
const zoo = fileURLToPath(new URL('../../data/zoo', import.meta.url));
const { forms, ...request } = JSON.parse(readFileSync(join(golden, 'forms.json'), 'utf8'));

/** The samplers' pictures, or errors, made in the page of what lies in `folder`; a sampler's paths are seen from there. */
async function sampleInPage(page, site, folder, samplers, asked) {
  await page.route('**/models-under-test/**', (route) =>
    route.fulfill({ path: join(folder, new URL(route.request().url()).pathname.split('/models-under-test/')[1]) }),
  );
  await site.open();
  return page.evaluate(async ({ wanted, blocks }) => {
    const load = (path) => import(new URL(path, document.baseURI).href);
    const fetched = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
    const [{ checkSampler, closeModel, openModel, sample }, { openRuntime }] = await Promise.all(['lib/sampling.js', 'app/encoder.js'].map(load));
    const vendor = new URL('vendor/onnxruntime-web/', document.baseURI).href;
    const wasm = await fetched(`${vendor}ort-wasm-simd-threaded.wasm`);
    const ort = await openRuntime({ module: `${vendor}ort.wasm.min.js`, glue: `${vendor}ort-wasm-simd-threaded.js`, wasm });
    const results = [];
    for (const sampler of blocks) {
      try {
        const model = await openModel(ort, checkSampler(sampler, 'm.json'), { readBytes: (path) => fetched(`models-under-test/${path}`) });
        const { width, height, data } = await sample(ort, model, wanted);
        await closeModel(model);
        results.push({ width, height, data: [...data] });
      } catch (error) {
        results.push({ error: error.message });
      }
    }
    return results;
  }, { wanted: asked, blocks: samplers });
}

const largestDifference = (expected, found) => expected.reduce((most, byte, at) => Math.max(most, Math.abs(byte - found?.[at])), 0);

test('generators of every form make the pictures of PyTorch, and need nothing but their files', async ({ page, site }) => {
  const made = await sampleInPage(page, site, golden, forms.map(({ sampler }) => sampler), request);
  forms.forEach(({ name, width, height, frames }, i) => {
    expect.soft(made[i].error, name).toBeUndefined();
    expect.soft([made[i].width, made[i].height], name).toEqual([width, height]);
    const off = largestDifference(Buffer.from(frames, 'hex'), made[i].data);
    expect.soft(off, `${name}: largest difference of a byte`).toBeLessThanOrEqual(1);
  });
});

test('models of the zoo make the pictures that they make in Node', async ({ page, site }) => {
  const asked = { seed: 3, first: 0, count: 2 };
  const slugs = ['birds', 'birds-3d-large', 'boats', 'cats'];
  const samplers = slugs.map((slug) => {
    const { sampler } = JSON.parse(readFileSync(join(zoo, slug, 'model.json'), 'utf8'));
    const place = (path) => join(slug, path);
    return { ...sampler, path: place(sampler.path), decoder: sampler.decoder.map(place) };
  });
  const made = await sampleInPage(page, site, zoo, samplers, asked);
  for (const [i, slug] of slugs.entries()) {
    const model = await sampling.openModel(node, sampling.checkSampler(samplers[i], slug), { readBytes: (path) => readFileSync(join(zoo, path)) });
    const { width, height, data } = await sampling.sample(node, model, asked);
    await sampling.closeModel(model);
    expect.soft(made[i].error, slug).toBeUndefined();
    expect.soft([made[i].width, made[i].height], slug).toEqual([width, height]);
    // Two runtimes round differently, and the picture that a code is nearest to has edges: a few levels of 255.
    expect.soft(largestDifference(data, made[i].data), slug).toBeLessThanOrEqual(4);
  }
});

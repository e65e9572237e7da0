// Generators in the forms that people export, sampled in the browser by the library that the site publishes: the pictures are PyTorch's before
// the export. tests/golden/onnx_forms is written by tests/golden/make_onnx_forms.py; tests/unit/js/onnx-forms.test.mjs does the same in Node.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from './site-test.js';

const golden = fileURLToPath(new URL('../golden/onnx_forms', import.meta.url));
const { forms, ...request } = JSON.parse(readFileSync(join(golden, 'forms.json'), 'utf8'));

test('generators of every form make the pictures of PyTorch, and need nothing but their files', async ({ page, site }) => {
  await page.route('**/forms/**', (route) => route.fulfill({ path: join(golden, new URL(route.request().url()).pathname.split('/forms/')[1]) }));
  await site.open();
  const made = await page.evaluate(async ({ asked, samplers }) => {
    const load = (path) => import(new URL(path, document.baseURI).href);
    const readBytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
    const [{ checkSampler, closeModel, openModel, sample }, { openRuntime }] = await Promise.all(['lib/sampling.js', 'app/encoder.js'].map(load));
    const vendor = new URL('vendor/onnxruntime-web/', document.baseURI).href;
    const wasm = await readBytes(`${vendor}ort-wasm-simd-threaded.wasm`);
    const ort = await openRuntime({ module: `${vendor}ort.wasm.min.mjs`, glue: `${vendor}ort-wasm-simd-threaded.mjs`, wasm });
    const results = [];
    for (const sampler of samplers) {
      const placed = { ...checkSampler(sampler, 'm.json') };
      for (const field of ['path', 'decoder']) if (placed[field]) placed[field] = `forms/${placed[field]}`;
      try {
        const model = await openModel(ort, placed, { readBytes });
        const { width, height, data } = await sample(ort, model, asked);
        await closeModel(model);
        results.push({ width, height, data: [...data] });
      } catch (error) {
        results.push({ error: error.message });
      }
    }
    return results;
  }, { asked: request, samplers: forms.map(({ sampler }) => sampler) });
  forms.forEach(({ name, width, height, frames }, i) => {
    expect.soft(made[i].error, name).toBeUndefined();
    expect.soft([made[i].width, made[i].height], name).toEqual([width, height]);
    const expected = Buffer.from(frames, 'hex');
    const off = expected.reduce((most, byte, at) => Math.max(most, Math.abs(byte - made[i].data?.[at])), 0);
    expect.soft(off, `${name}: largest difference of a byte`).toBeLessThanOrEqual(1);
  });
});

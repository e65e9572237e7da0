#!/usr/bin/env node
// browser.mjs - what ranking costs in Chromium: the first moment over 10,000 models, and a whole ranking by it.
//
//     tests/bench/browser.mjs [--count 10000] [--dim 512] [--rounds 50]
//
// Needs the program's build (build/native/wasm/dist) and tests/e2e's packages. The means are random directions, in each element type
// that a folder is published with. Milliseconds are the median (and best) over the rounds.

import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { serve } from '../e2e/server.js';
import settings from '../e2e/playwright.config.js';

const require = createRequire(new URL('../e2e/package.json', import.meta.url));
const { chromium } = require('@playwright/test');

const { values } = parseArgs({
  options: { count: { type: 'string', default: '10000' }, dim: { type: 'string', default: '512' }, rounds: { type: 'string', default: '50' } },
});
const numbers = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));

const folder = await mkdtemp(join(tmpdir(), 'gensearch-bench-'));
await symlink(resolve(import.meta.dirname, '../../build/native/wasm/dist'), join(folder, 'wasm'));
await writeFile(join(folder, 'index.html'), '<!doctype html><title>bench</title>');
const server = await serve(folder);
const browser = await chromium.launch(settings.use.launchOptions);
try {
  const page = await browser.newPage();
  await page.goto(server.url);
  console.log(`| means | first moment, ms | ranking, ms |\n|---|---|---|`);
  for (const element of ['f32', 'f16', 'int8']) {
    const { first, rank } = await page.evaluate(measure, { ...numbers, url: server.url, element });
    console.log(`| ${element} | ${first} | ${rank} |`);
  }
} finally {
  await browser.close();
  await server.close();
  await rm(folder, { recursive: true });
}

/** Runs in the page. */
async function measure({ url, count, dim, rounds, element }) {
  const { loadCore } = await import(`${url}wasm/core.js`);
  const core = await loadCore();
  const means = core.means(meansFile());
  const query = Float32Array.from({ length: dim }, () => Math.random() - 0.5);
  const norm = Math.hypot(...query);
  const feature = query.map((value) => value / norm);
  const parts = [{ method: 'first-moment', weight: 1 }];
  return {
    first: time(() => means.firstMoment(feature)),
    rank: time(() => core.rankTop(core.rank(parts, [means.firstMoment(feature)], 100).logProbabilities, 60)),
  };

  function time(work) {
    const taken = [];
    for (let round = 0; round < rounds + 3; round++) {
      const start = performance.now();
      work();
      taken.push(performance.now() - start);
    }
    const sorted = taken.slice(3).sort((a, b) => a - b); // the first three compile
    return `${sorted[sorted.length >> 1].toFixed(2)} (${sorted[0].toFixed(2)})`;
  }

  /** core/catalog.h */
  function meansFile() {
    const type = { f32: 0, f16: 1, int8: 2 }[element];
    const size = [4, 2, 1][type];
    const head = 64 + (type === 2 ? (2 * dim + count) * 4 : 0);
    const bytes = new Uint8Array(head + count * dim * size);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode('GSMEANS'));
    view.setUint32(8, 1, true);
    view.setUint32(12, type, true);
    view.setBigUint64(16, BigInt(count), true);
    view.setBigUint64(24, BigInt(dim), true);
    if (type === 2) new Float32Array(bytes.buffer, 64, 2 * dim + count).fill(0.01);
    const rows = type === 0 ? new Float32Array(bytes.buffer, head) : bytes.subarray(head);
    for (let i = 0; i < rows.length; i++) {
      if (type === 0) rows[i] = Math.random() - 0.5;
      else if (type === 1) rows[i] = i % 2 ? 0x28 | (Math.random() * 8) | (Math.random() < 0.5 ? 0x80 : 0) : Math.random() * 256;
      else rows[i] = Math.random() * 256;
    }
    return bytes;
  }
}

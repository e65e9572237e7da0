// A visitor comes back after the folder was published anew, on a host that lets browsers cache every file for an hour.

import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folder, readCatalog, readPublished } from './published.js';
import { serve } from './server.js';
import { ranked } from './site-test.js';
import { expect, test } from '@playwright/test';

// An earlier version of the page, of which no module fits today's.
const EARLIER = {
  'app/main.js': "document.querySelector('#sentence').textContent = 'the earlier page';",
  'app/dom.js': 'export const nothing = 0;',
  'style.css': 'body { visibility: hidden; }',
  'wasm/gensearch.wasm': 'no module at all',
};

/** Puts other content under the names of a published folder. */
function writeEarlier(home) {
  const manifest = readPublished('manifest.json');
  for (const [path, text] of Object.entries(EARLIER)) {
    writeFileSync(join(home, path), text);
    manifest.files[path] = { size: text.length, sha256: createHash('sha256').update(text).digest('hex') };
  }
  writeFileSync(join(home, 'manifest.json'), JSON.stringify(manifest));
}

test('an update reaches a visitor whose cache holds all of the earlier version', async ({ page }) => {
  const scratch = mkdtempSync(join(tmpdir(), 'gensearch-update-'));
  const [home, next] = ['home', 'next'].map((name) => join(scratch, name));
  cpSync(folder, home, { recursive: true });
  cpSync(folder, next, { recursive: true });
  writeEarlier(home);
  const server = await serve(home, { 'Cache-Control': 'max-age=3600' });

  await page.goto(server.url);
  await expect(page.locator('#sentence')).toHaveText('the earlier page');
  await page.evaluate((paths) => Promise.all(paths.map(async (path) => (await fetch(path)).arrayBuffer())), Object.keys(EARLIER));
  await expect.poll(() => page.evaluate(() => localStorage.length)).toBe(1);

  renameSync(home, join(scratch, 'earlier'));
  renameSync(next, home);
  const [{ tags: [word] }] = readCatalog();
  await page.goto(`${server.url}?q=${word}`);
  await ranked(page, word);
  await expect(page.locator('body')).toBeVisible();
  expect(await page.evaluate(async () => (await fetch('wasm/gensearch.wasm')).text())).toBe(readFileSync(join(home, 'wasm/gensearch.wasm'), 'utf8'));

  server.requests.length = 0;
  await page.goto(`${server.url}?q=${word}`);
  await ranked(page, word);
  expect(server.requests.filter((path) => path.endsWith('.js'))).toEqual([]); // nothing is renewed twice
  await server.close();
  rmSync(scratch, { recursive: true });
});

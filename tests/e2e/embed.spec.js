// The search in somebody else's page, on another site: the module and the element, as tests/e2e/embed-example.html has them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, folder, readCatalog } from './published.js';
import { serve } from './server.js';
import { expect, test } from '@playwright/test';

const example = readFileSync(new URL('embed-example.html', import.meta.url), 'utf8');
const ENCODER = new URL('../../data/encoder', import.meta.url).pathname;

test('fifteen lines bring the search to another site: the module ranks as the program, the element follows what is typed', async ({ page }) => {
  expect(example.trim().split('\n').length).toBeLessThanOrEqual(15);
  const server = await serve(folder, { 'Access-Control-Allow-Origin': '*' });
  const home = mkdtempSync(join(tmpdir(), 'gensearch-embed-'));
  writeFileSync(join(home, 'index.html'), example.replaceAll('http://models.example/', server.url));
  const foreign = await serve(home); // another port is another site
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(foreign.url);

  // Models that are further apart than the quantised text tower is from the program's.
  const expected = ask('search', folder, '--text', 'dog', '--encoder', ENCODER, '--closest');
  await expect(page.locator('#out')).toHaveText(expected.slice(0, 3).map(({ title, probability }) => `${title} ${probability.toFixed(2)}`).join('\n'));

  const box = page.locator('gensearch-box');
  await expect(box.locator('li')).toHaveText(expected.slice(0, 3).map(({ title }) => title));
  const [model] = readCatalog();
  const heard = page.evaluate(() => new Promise((resolve) => document.querySelector('gensearch-box').addEventListener('gensearch-results', ({ detail }) => resolve(detail))));
  await box.getByRole('searchbox').fill(model.tags[0]);
  const { query, results } = await heard;
  expect(query).toBe(model.tags[0]);
  await expect(box.locator('li')).toHaveText(results.map(({ title }) => title));
  expect(results[0].url).toBe(`${server.url}?model=${results[0].slug}`);
  expect(faults).toEqual([]);
  await Promise.all([server.close(), foreign.close()]);
  rmSync(home, { recursive: true });
});

// What can be done with a model on its page: new samples, ways between them, and one's own picture as the model would make it.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { readCatalog, readPublished } from './published.js';
import { expect, test } from './site-test.js';

const catalog = readCatalog().map((entry) => ({ ...entry, ...readPublished(entry.page) }));
const byProcedure = (procedure) => catalog.find(({ graphs }) => graphs?.sampler.procedure === procedure);
const PROCEDURES = ['decode', 'diffusion', 'autoregressive'];
const zoo = join(import.meta.dirname, '../../data/zoo');
const worker = join(import.meta.dirname, '../../tools/workers/onnx.mjs');

/** Samples 0 .. count - 1 by the program's own worker: bytes of RGB. */
function sampledByWorker(slug, seed, count) {
  const request = JSON.stringify({ op: 'sample', model: join(zoo, slug, 'model.json'), seed, first: 0, count });
  const answer = execFileSync('node', [worker], { input: `${request}\n`, maxBuffer: 2 ** 28 });
  return answer.subarray(answer.indexOf('\n') + 1);
}

/** The pixels of canvases, one after the other, as RGB. */
const pixelsOf = (canvases) =>
  canvases.evaluateAll((nodes) =>
    nodes.flatMap((node) => Array.from(node.getContext('2d').getImageData(0, 0, node.width, node.height).data).filter((_, i) => i % 4 !== 3)),
  );

for (const procedure of PROCEDURES) {
  const { slug } = byProcedure(procedure);
  test(`new samples are those of the program’s worker, to a step of a byte (${procedure})`, async ({ page, site }) => {
    await site.open(`?model=${slug}&seed=77`);
    const canvases = page.locator('.live canvas');
    await expect(canvases).toHaveCount(16);
    const made = await pixelsOf(canvases);
    const expected = sampledByWorker(slug, 77, 16);
    expect(made.length).toBe(expected.length);
    expect(made.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0)).toBeLessThanOrEqual(1);
  });
}

test('nothing of a model is loaded before it is asked for; a seed makes the same pictures again, and stands in the address', async ({ page, site }) => {
  const { slug } = byProcedure('decode');
  await site.open(`?model=${slug}`);
  await expect(page.locator('.facts')).toBeVisible();
  expect(site.requests.filter((path) => /^(graphs|vendor)\//.test(path))).toEqual([]);
  await page.getByLabel('seed').fill('5');
  await page.getByRole('button', { name: 'Sample 16 more' }).click();
  await expect(page.locator('.live canvas')).toHaveCount(16);
  await expect(page.getByRole('status')).toContainText('Nothing was sent anywhere');
  await expect(page).toHaveURL(/seed=5/);
  const first = await pixelsOf(page.locator('.live canvas'));
  await page.getByRole('button', { name: 'Sample 16 more' }).click();
  await expect(page.locator('.live canvas')).toHaveCount(32);
  await page.reload();
  await expect(page.locator('.live canvas')).toHaveCount(16);
  expect(await pixelsOf(page.locator('.live canvas'))).toEqual(first);
});

test('sampling can be stopped, and started again', async ({ page, site }) => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(/graphs\//, async (route) => {
    await held;
    await route.continue();
  });
  await site.open(`?model=${byProcedure('decode').slug}`);
  await page.getByRole('button', { name: 'Sample 16 more' }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByRole('status')).toContainText('Stopped');
  release();
  await page.getByRole('button', { name: 'Sample 16 more' }).click();
  await expect(page.locator('.live canvas')).toHaveCount(16);
});

test('a graph that does not arrive is said, and can be asked for again', async ({ page, site }) => {
  site.expectedFaults.push(/Failed to load resource/);
  let broken = true;
  await page.route(/graphs\//, (route) => (broken ? route.fulfill({ status: 503 }) : route.continue()));
  await site.open(`?model=${byProcedure('decode').slug}`);
  await page.getByRole('button', { name: 'Sample 16 more' }).click();
  await expect(page.getByRole('status')).toContainText('could not be loaded (503)');
  broken = false;
  await page.getByRole('button', { name: 'Sample 16 more' }).click();
  await expect(page.locator('.live canvas')).toHaveCount(16);
});

test('a sample is enlarged, the next and the one before are a key away, and it is saved as PNG', async ({ page, site }) => {
  const { slug } = byProcedure('decode');
  await site.open(`?model=${slug}&seed=3&q=word`);
  await page.getByRole('button', { name: 'Sample 0 of seed 3, enlarge' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('Sample 0 of seed 3');
  await page.keyboard.press('ArrowRight');
  await expect(dialog).toContainText('Sample 1 of seed 3');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await expect(dialog).toContainText(/Sample \d+ · /); // round the corner: the last of the stored ones
  await dialog.getByRole('button', { name: 'Next' }).click();
  const saved = page.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Save PNG' }).click();
  expect((await saved).suggestedFilename()).toBe(`${slug}-seed-3-sample-0.png`);
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Sample 0 of seed 3, enlarge' })).toBeFocused();
  await expect(page).toHaveURL(/q=word/);
});

test('between two samples: the ends are the samples, the slider moves, the strip is saved', async ({ page, site }) => {
  const { slug } = byProcedure('diffusion');
  await site.open(`?model=${slug}&use=interpolate&seed=77`);
  await expect(page.locator('.strip canvas')).toHaveCount(9);
  const expected = sampledByWorker(slug, 77, 2);
  const ends = [...(await pixelsOf(page.locator('.strip canvas').first())), ...(await pixelsOf(page.locator('.strip canvas').last()))];
  expect(ends.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0)).toBeLessThanOrEqual(1);
  const large = page.locator('.large canvas');
  const middle = await pixelsOf(large);
  await page.getByRole('slider').press('End');
  expect(await pixelsOf(large)).not.toEqual(middle);
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save the strip' }).click();
  expect((await saved).suggestedFilename()).toBe(`${slug}-seed-77-from-0-to-1.png`);
  await page.getByRole('button', { name: 'Another sample as to' }).click();
  await expect(page.getByRole('img', { name: 'Sample 2 of seed 77' })).toBeVisible();
});

test('the tabs are used with the keyboard, and stand in the address', async ({ page, site }) => {
  await site.open(`?model=${byProcedure('decode').slug}`);
  await page.getByRole('tab', { name: 'Samples' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('tab', { name: 'Interpolate' })).toHaveAttribute('aria-selected', 'true');
  await expect(page).toHaveURL(/use=interpolate/);
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('tabpanel', { name: 'Invert my image' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('tab', { name: 'Invert my image' })).toHaveAttribute('aria-selected', 'true');
});

test('a sample of the model, given as one’s own picture, is found again, edited, and its model is the best to make it with', async ({ page, site }) => {
  test.setTimeout(300_000); // thousands of pictures are made
  const source = byProcedure('diffusion');
  await site.open(`?model=${source.slug}&use=invert`);
  const file = join(site.folder, 'thumbs', `${source.thumbs[3].hash}.webp`);
  await page.locator('#own-picture').setInputFiles(file);
  await expect(page.locator('.invert figcaption').last()).toHaveText(/reconstruction, [0-4]\.\d % off$/, { timeout: 100_000 });
  const made = page.getByRole('img', { name: /^The nearest picture of/ }).first();
  const before = await pixelsOf(made);
  await page.getByRole('slider', { name: 'Direction 1' }).press('End');
  await expect.poll(async () => (await pixelsOf(made)).some((value, i) => Math.abs(value - before[i]) > 20)).toBe(true);
  await page.getByRole('button', { name: 'Back to the reconstruction' }).click();
  await expect.poll(() => pixelsOf(made)).toEqual(before);
  await page.getByRole('button', { name: 'Which model here makes it best?' }).click();
  await expect(page.locator('.compare-inverters')).toContainText('comes nearest', { timeout: 150_000 });
  await expect(page.locator('.inverters li').first()).toContainText(source.title);
});

test('what cannot be done with a model is said', async ({ page, site }) => {
  await site.open(`?model=${byProcedure('autoregressive').slug}`);
  await expect(page.getByRole('tab', { name: 'Interpolate' })).toBeDisabled();
  await expect(page.locator('.uses')).toContainText('cannot be interpolated or inverted');
  const { page: path, slug, ...details } = byProcedure('decode');
  delete details.graphs;
  await page.route(new RegExp(path), (route) => route.fulfill({ json: { slug, ...details } }));
  await site.open(`?model=${slug}`);
  await expect(page.locator('.uses')).toContainText('graphs were not published');
  await expect(page.getByRole('button', { name: 'Sample 16 more' })).toHaveCount(0);
});

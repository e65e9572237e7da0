// What the site is for: words in, the right model first.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ask, folder, readCatalog } from './published.js';
import { choosePictures, expect, probabilities, ranked, searchFor, slugs, test } from './site-test.js';

const catalog = readCatalog();
const [model] = catalog;
const HEAVY = /^(wasm|vendor|encoder|second|gaussian|features)\/|^means-/;

test('before the box is used all models are shown and nothing heavy is loaded', async ({ page, site }) => {
  await site.open();
  await expect(page.locator('#cards > .card')).toHaveCount(Math.min(60, catalog.length));
  await expect(page.locator('#sentence')).toContainText(`${catalog.length} models`);
  await page.waitForLoadState('networkidle');
  expect(site.requests.length).toBeGreaterThan(3);
  const code = site.requests.filter((path) => /^(index\.html|style\.css|(app|lib)\/)/.test(path));
  const bytes = code.reduce((sum, path) => sum + gzipSync(readFileSync(join(folder, path))).length, 0);
  expect(bytes, 'the page itself, compressed').toBeLessThan(40 * 1024);
  expect(site.requests.filter((path) => HEAVY.test(path))).toEqual([]);
});

test('the focus alone starts the loading, with a progress bar', async ({ page, site }) => {
  await page.route(/text-.*\.onnx/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue();
  });
  await site.open();
  await page.getByRole('searchbox').focus();
  await expect(page.getByRole('progressbar', { name: 'Loading the search' })).toBeVisible();
  await expect(page.locator('#sentence')).toContainText(/Loading the search: \d+ % of [\d.]+ MB$/);
  await expect(page.getByRole('progressbar')).toBeHidden();
  await expect(page.locator('#sentence')).toContainText(`${catalog.length} models`);
  for (const part of [/^means-/, /^encoder\/text-/, /^encoder\/tokenizer-/, /^wasm\/.*\.wasm$/, /^vendor\/.*\.wasm$/])
    expect(site.requests.filter((path) => part.test(path)), `${part}`).toHaveLength(1);
  expect(site.requests.filter((path) => /^second\//.test(path))).toEqual([]);
});

test('an address with words opens with the ranking', async ({ page, site }) => {
  await site.open(`?q=${encodeURIComponent(model.tags[0])}`);
  await ranked(page, model.tags[0]);
  await expect(page.getByRole('searchbox')).toHaveValue(model.tags[0]);
  await expect(page).toHaveTitle(new RegExp(model.tags[0]));
});

test('the probabilities of one search fall and add up to one', async ({ page, site }) => {
  await site.open(`?q=${model.tags[0]}`);
  await ranked(page, model.tags[0]);
  const shares = await probabilities(page);
  expect(shares).toHaveLength(catalog.length);
  expect(shares).toEqual([...shares].sort((a, b) => b - a));
  expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 5); // a browser keeps six digits of a bar's length
});

test('words typed before the catalog has arrived are searched for', async ({ page, site }) => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(/catalog-.*\.json/, async (route) => {
    await held;
    await route.continue();
  });
  await site.open();
  await page.getByRole('searchbox').fill(model.tags[0]);
  await page.waitForTimeout(400);
  release();
  await ranked(page, model.tags[0]);
});

test('a focus before the catalog has arrived starts the loading too', async ({ page, site }) => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(/catalog-.*\.json/, async (route) => {
    await held;
    await route.continue();
  });
  await site.open();
  await page.getByRole('searchbox').focus();
  release();
  await expect.poll(() => site.requests.filter((path) => /^encoder\/text-/.test(path)).length).toBe(1);
});

test('only the last of several quick changes is shown', async ({ page, site }) => {
  const [a, b] = [catalog[0].tags[0], catalog.at(-1).tags[0]];
  await site.open(`?q=${b}`);
  await ranked(page, b);
  const expected = await slugs(page);
  for (const words of [a, `${b} ${a}`, 'x', b]) {
    await page.getByRole('searchbox').fill(words);
    await page.waitForTimeout(190);
  }
  await ranked(page, b);
  expect(await slugs(page)).toEqual(expected);
});

test('clearing the box shows the catalog again', async ({ page, site }) => {
  await site.open();
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
  const before = await slugs(page);
  await searchFor(page, catalog.at(-1).tags[0]);
  await page.getByRole('button', { name: 'Clear the search' }).click();
  await expect(page.locator('#sentence')).toContainText('type what you want to see');
  await expect(page.getByRole('searchbox')).toBeFocused();
  expect(await slugs(page)).toEqual(before);
});

test('a type filters the ranking and stays in the address', async ({ page, site }) => {
  await site.open();
  await searchFor(page, model.tags[0]);
  await page.getByRole('checkbox', { name: model.type }).check();
  await expect(page).toHaveURL(new RegExp(`type=${model.type}`));
  const expected = catalog.filter(({ type }) => type === model.type).map(({ slug }) => slug);
  await expect(page.locator('#cards > .card')).toHaveCount(expected.length);
  expect((await slugs(page)).sort()).toEqual(expected.sort());
  await page.reload();
  await ranked(page, model.tags[0]);
  await expect(page.getByRole('checkbox', { name: model.type })).toBeChecked();
  await page.getByRole('checkbox', { name: model.type }).uncheck();
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
});

test('what does not pass a filter is not ranked: the others share the probability', async ({ page, site }) => {
  await site.open(`?q=${model.tags[0]}&type=${model.type}`);
  await ranked(page, model.tags[0]);
  const passing = catalog.filter(({ type }) => type === model.type).length;
  await expect(page.locator('#cards .fill')).toHaveCount(passing);
  expect((await probabilities(page)).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
});

test('conditions among the words filter too, and rank nothing by themselves', async ({ page, site }) => {
  const typed = catalog.filter(({ type }) => type === model.type).map(({ slug }) => slug);
  const words = `${model.tags[0]} type:${model.type} -${model.slug}`;
  await site.open();
  await searchFor(page, words);
  const found = await slugs(page);
  expect(found.sort()).toEqual(typed.filter((slug) => slug !== model.slug).sort());
  await page.getByRole('searchbox').fill(`type:${model.type}`);
  await expect(page.locator('#sentence')).toContainText(`${typed.length} models of ${catalog.length} · type what you want to see`);
  expect(await slugs(page)).toEqual(typed);
  for (const nothing of ['x tag:no-model-has-this-tag', 'tag:no-model-has-this-tag']) {
    await page.getByRole('searchbox').fill(nothing);
    await expect(page.locator('#sentence')).toContainText('No model passes these filters');
    await page.getByRole('searchbox').fill(`type:${model.type}`);
    await expect(page.locator('#sentence')).not.toContainText('No model passes these filters');
  }
  await page.getByRole('searchbox').fill('x tag:no-model-has-this-tag');
  await expect(page.locator('#sentence')).toContainText('No model passes these filters');
  await expect(page.getByRole('button', { name: 'Clear the filters' })).toHaveCount(0);
});

test('filters that leave nothing say so and offer the way back', async ({ page, site }) => {
  await site.open(`?q=${model.tags[0]}&tag=no-model-has-this-tag`);
  await expect(page.locator('#sentence')).toContainText('No model passes these filters');
  await page.getByRole('button', { name: 'Clear the filters' }).click();
  await ranked(page, model.tags[0]);
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
});

test('words are offered the methods that are meant for words', async ({ page, site }) => {
  await site.open(`?q=${model.tags[0]}`);
  await ranked(page, model.tags[0]);
  await page.getByRole('button', { name: 'centred moment' }).click();
  await expect(page).toHaveURL(/method=first-moment/);
  await expect(page.locator('#sentence')).toContainText('1st moment');
  await page.getByRole('button', { name: '1st moment' }).click();
  await expect(page.locator('#sentence')).toContainText('centred moment');
  expect(site.requests.filter((path) => path.startsWith('second/'))).toEqual([]);
});

test('what no model makes has no good match, as the program says', async ({ page, site }) => {
  const words = ['hammer', 'scissors', 'pizza', 'toothbrush', 'bicycle', 'rocket', 'umbrella', 'candle', model.tags[0]];
  const makes = words.map((text) => ask('search', folder, '--closest', '--text', text)[0].parts[0].matched);
  expect(makes).toContain(false);
  expect(makes.at(-1)).toBe(true);
  await site.open();
  for (const [i, text] of words.entries()) {
    await searchFor(page, text);
    await expect(page.locator('#sentence')).toContainText(makes[i] ? /^\d+ models? of \d+ match/ : /^No good match · the nearest models come first/);
  }
});

test('what a ranking fetches is told while it comes, and is none of its time', async ({ page, site }) => {
  await site.open();
  await page.evaluate(() => {
    window.seen = [];
    const sentence = document.querySelector('#sentence');
    new MutationObserver(() => window.seen.push(sentence.textContent)).observe(sentence, { childList: true, subtree: true, characterData: true });
  });
  await page.route(/\/second\//, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue();
  });
  await choosePictures(page, join(site.folder, 'thumbs', readdirSync(join(site.folder, 'thumbs'))[0]));
  await expect(page.locator('#sentence')).toContainText('ranked in your browser in', { timeout: 30_000 });
  expect(await page.evaluate(() => window.seen.some((text) => /^Loading what ranks them/.test(text)))).toBe(true);
});

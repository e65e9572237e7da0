// One box for everything: a query of several parts, how it is put together, and how it stands in the address.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCatalog, readPublished } from './published.js';
import { choosePictures, expect, firstSlug, probabilities, ranked, slugs, test } from './site-test.js';

const catalog = readCatalog();
const [model, other] = catalog;
const word = other.tags[0];

test('an address of several parts opens with their ranking, and words are added to them', async ({ page, site }) => {
  await site.open(`?like=${model.slug}`);
  await ranked(page, null);
  const alike = await slugs(page);
  expect(alike, 'a model that is asked with is no answer').toHaveLength(catalog.length - 1);
  expect(alike).not.toContain(model.slug);
  await page.getByRole('searchbox').fill(word);
  await ranked(page, word);
  await expect(page).toHaveURL((url) => url.searchParams.get('like') === model.slug);
  await page.goBack();
  await ranked(page, null);
  expect(await slugs(page)).toEqual(alike);
  await page.goForward();
  await ranked(page, word);
  await expect(page.getByRole('searchbox')).toHaveValue(word);
});

test('what is typed is ranked at once; the history waits for a pause', async ({ page, site }) => {
  await site.open(`?q=${word}`);
  await ranked(page, word);
  const before = await page.evaluate(() => history.length);
  await page.getByRole('searchbox').press('End');
  await page.keyboard.type(' abc', { delay: 20 });
  await ranked(page, `${word} abc`);
  expect(await page.evaluate(() => history.length)).toBe(before + 1);
  await page.getByRole('searchbox').fill(model.tags[0]);
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => new URLSearchParams(location.search).get('q'))).toBe(model.tags[0]); // Enter waits for nothing
  await page.goBack();
  await ranked(page, word);
});

const chips = (page) => page.getByRole('list', { name: 'Parts of the query' }).getByRole('listitem');
const thumbOf = ({ page }) => readPublished(page).thumbs[0];
const pictureOf = (site, entry) => join(site.folder, 'thumbs', `${thumbOf(entry).hash}.webp`);

test('parts are chips: weighed, turned against, removed, with the keyboard too', async ({ page, site }) => {
  await site.open(`?q=${word}&like=${model.slug}`);
  await ranked(page, word);
  await expect(chips(page)).toHaveCount(2);
  const toward = await slugs(page);
  await page.getByLabel(`Weight of ${model.title}`).focus();
  await page.getByLabel(`Weight of ${model.title}`).selectOption('− 1');
  await expect(page).toHaveURL((url) => url.searchParams.get('like') === `${model.slug}*-1`);
  await expect.poll(() => slugs(page)).not.toEqual(toward);
  await expect(page.getByLabel(`Weight of ${model.title}`)).toBeFocused();
  await page.getByLabel('Weight of the words').selectOption('× 2');
  await expect(page).toHaveURL((url) => url.searchParams.get('weight') === '2');
  await page.goBack();
  await page.goBack();
  await expect(page.getByLabel(`Weight of ${model.title}`)).toHaveValue('1');
  await expect.poll(() => slugs(page)).toEqual(toward);
  await page.getByRole('searchbox').fill('');
  await page.keyboard.press('Backspace');
  await expect(page.getByRole('button', { name: `Remove ${model.title}` })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await expect(chips(page)).toHaveCount(0);
  await expect(page.locator('#sentence')).toContainText('type what you want to see');
});

test('each card shows how well it fits each part, and that no model makes all of them', async ({ page, site }) => {
  const words = [catalog.find(({ slug }) => slug === 'cats'), catalog.find(({ slug }) => slug === 'boats')].map(({ tags }) => tags[0]);
  await site.open(`?q=${words[0]}&like=boats`);
  await ranked(page, words[0]);
  const bars = (slug) => page.locator(`[data-slug="${slug}"] .fit`).evaluateAll((fits) => fits.map(({ style }) => Number(/scaleX\((.*)\)/.exec(style.transform)[1])));
  expect((await bars('cats'))[0], 'cats are the best for the words').toBe(1);
  expect(Math.max(...(await bars('digits')))).toBeLessThan(1);
  await expect(page.getByRole('img', { name: /^fits the parts to 100 %, / })).not.toHaveCount(0);
  await expect(page.locator('#sentence')).toContainText('No model makes all of this · the best for each part come first');
  await page.getByRole('button', { name: 'Remove Boats' }).click();
  await expect(page.locator('.fit')).toHaveCount(0);
  await expect(page.locator('#cards .fill').first()).toBeVisible();
});

test('more like a card’s model, and a search with the model of a page', async ({ page, site }) => {
  await site.open();
  await page.locator(`[data-slug="${model.slug}"]`).hover();
  await page.getByRole('button', { name: `More like ${model.title}` }).click();
  await ranked(page, null);
  await expect(chips(page)).toContainText(model.title);
  const nearest = readPublished(model.page).neighbors[0].slug;
  expect(await firstSlug(page), 'the nearest by Fréchet distance').toBe(nearest);
  await site.open(`?model=${other.slug}&q=${word}`);
  await page.getByRole('button', { name: 'Search with this model' }).click();
  await ranked(page, word);
  await expect(page).toHaveURL((url) => url.searchParams.get('like') === other.slug && !url.searchParams.has('model'));
});

test('pictures are chosen, pasted and dropped; the address alone ranks the same', async ({ page, site, context }) => {
  await site.open();
  await choosePictures(page, [pictureOf(site, model), pictureOf(site, other)]);
  await expect(page.getByLabel('Weight of picture')).toHaveCount(2);
  await ranked(page, null);
  await expect(page.locator('.chip img')).toHaveCount(2);
  await page.getByRole('button', { name: 'Remove picture' }).last().click();
  await expect(page.getByLabel('Weight of picture')).toHaveCount(1);
  await expect.poll(() => firstSlug(page)).toBe(model.slug);

  const bytes = [...readFileSync(pictureOf(site, other))];
  for (const kind of ['paste', 'drop']) {
    await page.evaluate(([type, data]) => {
      const carried = new DataTransfer();
      carried.items.add(new File([Uint8Array.from(data)], 'a.webp', { type: 'image/webp' }));
      const event = type === 'paste' ? new ClipboardEvent(type, { clipboardData: carried, bubbles: true }) : new DragEvent(type, { dataTransfer: carried, bubbles: true });
      document.body.dispatchEvent(event);
    }, [kind, bytes]);
    await expect(page.getByLabel('Weight of picture')).toHaveCount(2);
    if (kind === 'paste') await page.getByRole('button', { name: 'Remove picture' }).last().click();
    await expect(page.getByLabel('Weight of picture')).toHaveCount(kind === 'paste' ? 1 : 2);
  }
  await ranked(page, null);
  await expect(page.locator('.chip.busy')).toHaveCount(0);
  const order = await slugs(page);
  const another = await context.newPage(); // one that has never seen the pictures
  await another.goto(page.url());
  await ranked(another, null);
  expect(await slugs(another)).toEqual(order);
});

test('what is no picture is refused in words, and the others are taken', async ({ page, site }) => {
  await site.open();
  await choosePictures(page, [
    { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no picture') },
    { name: 'b.webp', mimeType: 'image/webp', buffer: readFileSync(pictureOf(site, model)) },
  ]);
  await expect(page.locator('#problem')).toHaveText(/^notes\.png: This file cannot be read as a picture/);
  await expect(page.getByLabel('Weight of picture')).toHaveCount(1);
  await site.open(`?${'image=AAAAAAAAAA'}`);
  await expect(page.locator('#sentence')).toContainText('encoded by another encoder');
  await site.open(`?${catalog.slice(0, 8).map(({ slug }) => `like=${slug}`).join('&')}`);
  await page.locator(`[data-like="${catalog.at(-1).slug}"]`).focus();
  await page.keyboard.press('Enter');
  await expect(page.locator('#problem')).toContainText('at most 8 parts');
});

test('a sketch is followed as it is drawn, erased, undone and cleared', async ({ page, site }) => {
  await site.open();
  await page.getByRole('button', { name: 'Draw a sketch' }).click();
  const canvas = page.getByRole('application', { name: /^Drawing/ });
  await expect(canvas).toBeFocused();
  const { x, y, width } = await canvas.boundingBox();
  await page.mouse.move(x + 0.2 * width, y + 0.5 * width);
  await page.mouse.down();
  await page.mouse.move(x + 0.8 * width, y + 0.5 * width, { steps: 5 });
  await page.mouse.up();
  await ranked(page, null);
  const sketch = () => page.evaluate(() => new URLSearchParams(location.search).getAll('sketch'));
  await expect.poll(async () => (await sketch()).length).toBe(1);
  await page.getByRole('button', { name: 'Eraser' }).click();
  await page.mouse.move(x + 0.5 * width, y + 0.5 * width);
  await page.mouse.down();
  await page.mouse.up();
  const dark = () => canvas.evaluate((node) => node.getContext('2d').getImageData(0, 0, 448, 448).data.filter((value, i) => i % 4 === 0 && value < 128).length);
  const erased = await dark();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(dark).toBeGreaterThan(erased);
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await expect.poll(sketch).toEqual([]);
  await expect(page.locator('#sentence')).toContainText('type what you want to see');

  await page.getByRole('button', { name: 'Brush' }).click();
  await canvas.focus();
  for (const key of [' ', 'ArrowRight', 'ArrowDown', ' ']) await page.keyboard.press(key);
  await expect(page.getByLabel('Weight of sketch')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog', { name: 'Sketch' })).toBeHidden();
  await expect(page.getByRole('button', { name: 'Draw a sketch' })).toBeFocused();
});

test('the keys lead from the box through the cards and back', async ({ page, site }) => {
  await site.open();
  await expect(page.locator('#cards > .card[data-slug]')).toHaveCount(catalog.length);
  await page.keyboard.press('Control+k');
  const all = await slugs(page);
  const link = (index) => page.locator(`[data-slug="${all[index]}"] a`);
  const columns = await page.locator('#cards > .card').evaluateAll((cards) => cards.filter(({ offsetTop }) => offsetTop === cards[0].offsetTop).length);
  for (const [key, index] of [['ArrowDown', 0], ['ArrowRight', 1], ['ArrowDown', columns + 1], ['ArrowLeft', columns], ['ArrowUp', 0]]) {
    await page.keyboard.press(key);
    await expect(link(index)).toBeFocused();
  }
  await page.keyboard.press('ArrowUp');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('searchbox')).toBeFocused();
});

test('before the encoder has arrived titles and tags answer, typing errors too', async ({ page, site }) => {
  await page.route(/text-.*\.onnx/, () => {}); // never
  await site.open();
  const last = catalog.at(-1);
  const typed = `${last.title.slice(0, -1)}${last.title.at(-2)}`; // Trees -> Treee
  await page.getByRole('searchbox').fill(typed);
  await expect.poll(() => firstSlug(page)).toBe(last.slug);
  await page.getByRole('button', { name: last.title.toLowerCase(), exact: true }).click();
  await expect(page.getByRole('searchbox')).toHaveValue(last.title.toLowerCase());
  await expect(page.getByRole('searchbox')).toBeFocused();
  await page.getByRole('searchbox').fill(`old ${last.tags[0].slice(0, 3)}`);
  await page.getByRole('button', { name: `tag: ${last.tags[0]}` }).click();
  await expect(page.getByRole('searchbox')).toHaveValue(`old tag:${last.tags[0]}`);
  await page.getByRole('searchbox').fill(last.title);
  await page.locator('#hints').getByRole('link', { name: last.title }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(last.title);
});

test('a known phrase is ranked before the encoder has arrived, and again when it has', async ({ page, site }) => {
  let release;
  await page.route(/text-.*\.onnx/, async (route) => {
    await new Promise((resolve) => (release = resolve));
    await route.continue();
  });
  await site.open();
  await page.getByRole('searchbox').fill('no phrase of the catalog'); // waits for the encoder, and steps aside
  await page.getByRole('searchbox').fill(word.toUpperCase());
  await expect(page.locator('#cards')).toHaveAttribute('data-ranked', word.toUpperCase());
  await expect(page.locator('#sentence')).toContainText(/Loading|Starting/);
  const early = await probabilities(page);
  const first = await firstSlug(page);
  release();
  await ranked(page, word.toUpperCase());
  expect(await firstSlug(page)).toBe(first);
  const late = await probabilities(page);
  expect(late).not.toEqual(early);
  late.forEach((value, i) => expect(Math.abs(value - early[i])).toBeLessThan(0.02));
});

test('the empty page offers examples, and words of another script are told to be unknown', async ({ page, site }) => {
  await site.open();
  const example = page.locator('#hints').getByRole('button').first();
  const words = await example.textContent();
  await example.click();
  await ranked(page, words);
  await page.getByRole('searchbox').fill('猫');
  await ranked(page, '猫');
  await expect(page.locator('#hints')).toContainText('The encoder has never seen “猫”');
});

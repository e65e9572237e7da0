// One box for everything: a query of several parts, how it is put together, and how it stands in the address.

import { readCatalog } from './published.js';
import { expect, ranked, slugs, test } from './site-test.js';

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

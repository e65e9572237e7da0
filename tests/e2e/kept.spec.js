// Models that a visitor keeps: across visits, side by side, to a file and from one.

import { readFileSync } from 'node:fs';
import { readCatalog } from './published.js';
import { expect, test } from './site-test.js';

const catalog = readCatalog();
const some = catalog.slice(0, 5);
const collection = (models) => ({ name: 'c.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify({ format: 'gensearch-collection', version: 1, models })) });

test('a model is kept from its page, is there at the next visit, and can be removed', async ({ page, site }) => {
  await site.open('?kept');
  await expect(page.getByRole('status')).toContainText('You keep no model yet');
  await site.open(`?model=${some[0].slug}`);
  const keep = page.getByRole('button', { name: `Keep ${some[0].title}` });
  await expect(page.locator('.facts')).toBeVisible();
  await keep.click();
  await expect(keep).toHaveAttribute('aria-pressed', 'true');
  await page.getByRole('link', { name: 'Kept', exact: true }).click();
  await expect(page.locator('.kept .card')).toHaveCount(1);
  await page.reload();
  await expect(page.locator('.kept .card h3')).toHaveText(some[0].title);
  await page.getByRole('button', { name: `remove ${some[0].title}` }).click();
  await expect(page.locator('.kept .card')).toHaveCount(0);
});

test('two to four are compared side by side', async ({ page, site }) => {
  await site.open('?kept');
  await page.locator('#collection-file').setInputFiles(collection(some.map(({ slug }) => slug)));
  await expect(page.locator('.kept .card')).toHaveCount(5);
  const compare = page.getByRole('button', { name: 'Compare' });
  await expect(compare).toBeDisabled();
  for (let i = 0; i < 4; i++) await page.locator('.kept .card').nth(i).getByRole('checkbox').check();
  await expect(page.locator('.kept .card').nth(4).getByRole('checkbox')).toBeDisabled();
  await compare.click();
  const table = page.getByRole('region', { name: 'Comparison' });
  await expect(table.locator('thead th')).toHaveText(some.slice(0, 4).map(({ title }) => title));
  await expect(table.getByRole('row', { name: /^type/ })).toContainText(some[3].type);
  await expect(table.locator('.compared-samples').first().locator('img')).toHaveCount(9);
  await table.getByRole('link', { name: some[1].title }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(some[1].title);
});

test('a collection is saved and read again; what is no collection is refused, what is unknown is said', async ({ page, site }) => {
  await site.open('?kept');
  await page.locator('#collection-file').setInputFiles(collection([some[2].slug, 'of-another-catalog', '../x', 7, some[2].slug]));
  await expect(page.getByRole('status')).toHaveText('2 added. 1 model, kept in this browser. 1 more are not in this catalog.');
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as a file' }).click();
  const file = JSON.parse(readFileSync(await (await saved).path(), 'utf8'));
  expect(file).toEqual({ format: 'gensearch-collection', version: 1, models: [some[2].slug, 'of-another-catalog'] });
  await page.locator('#collection-file').setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{"models": 3}') });
  await expect(page.getByRole('status')).toContainText('no collection of gensearch');
  await expect(page.locator('.kept .card')).toHaveCount(1);
});

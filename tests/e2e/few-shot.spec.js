// From a few pictures to the model that makes the most similar ones, and to a command that fetches it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCatalog, readPublished } from './published.js';
import { expect, test } from './site-test.js';

const source = readCatalog().map((entry) => ({ ...entry, ...readPublished(entry.page) })).find(({ graphs }) => graphs);
const pictures = (site, count) => source.thumbs.slice(0, count).map(({ hash }) => join(site.folder, 'thumbs', `${hash}.webp`));

test('samples of a model lead back to it, and the choice is exported', async ({ page, site }) => {
  await site.open(`?model=${source.slug}&use=invert`);
  await page.getByRole('link', { name: 'Find the model to fine-tune' }).click();
  await page.locator('#few-pictures').setInputFiles(pictures(site, 4));
  await expect(page.getByRole('status')).toContainText('please choose 5 to 50');
  await page.locator('#few-pictures').setInputFiles(pictures(site, 8));
  await expect(page.getByRole('status')).toContainText('to your 8 pictures');
  await expect(page.locator('.kept .card h3').first()).toHaveText(source.title);
  const command = await page.getByLabel('Command').textContent();
  for (const { path } of Object.values(source.graphs.files)) expect(command).toContain(`'${site.url}${path}'`);
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save the choice' }).click();
  const file = JSON.parse(readFileSync(await (await saved).path(), 'utf8'));
  expect(file).toMatchObject({ format: 'gensearch-source-models', pictures: 8, command });
  expect(file.models[0].slug).toBe(source.slug);
  const distances = file.models.map(({ distance }) => distance);
  expect(distances).toEqual([...distances].sort((a, b) => a - b));
});

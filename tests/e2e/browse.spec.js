// Browsing a catalog: more filters, orders, and more cards as one scrolls.

import { readCatalog, readPublished } from './published.js';
import { expect, ranked, slugs, test } from './site-test.js';

const catalog = readCatalog();
const columns = readPublished(readPublished('manifest.json').roles.catalog.path);
const LONG = 200;

/** The same folder with a catalog of LONG models: others of the same samples, whose titles tell their number. */
async function lengthen(page) {
  const source = columns.count;
  await page.route('**/manifest.json', async (route) => {
    const manifest = await (await route.fetch()).json();
    await route.fulfill({ json: { ...manifest, count: LONG } });
  });
  await page.route('**/catalog-*.json', async (route) => {
    const known = await (await route.fetch()).json();
    const isColumn = (value) => Array.isArray(value) && value.length === source;
    const longer = Object.entries(known).map(([name, value]) => [name, isColumn(value) ? Array.from({ length: LONG }, (_, i) => value[i % source]) : value]);
    const slug = Array.from({ length: LONG }, (_, i) => `${known.slug[i % source]}-${i}`);
    const title = Array.from({ length: LONG }, (_, i) => `Model ${LONG - i}`);
    await route.fulfill({ json: { ...Object.fromEntries(longer), count: LONG, slug, title } });
  });
}

test('families, licences and the like filter, once they are unfolded', async ({ page, site }) => {
  const family = columns.family.find((name, i, all) => all.indexOf(name) !== i);
  const expected = catalog.filter((_, i) => columns.family[i].toLowerCase().includes(family.toLowerCase())).map(({ slug }) => slug);
  await site.open();
  const box = page.getByRole('checkbox', { name: family });
  await expect(box).toBeHidden();
  await page.getByText('More filters').click();
  await expect(page.locator('.facet', { has: box }).locator('.count')).toHaveText(String(expected.length));
  await box.check();
  await expect(page).toHaveURL((url) => url.searchParams.get('family') === family);
  await expect.poll(() => slugs(page)).toEqual(expected);
  await page.reload();
  await expect(page.getByRole('checkbox', { name: family })).toBeChecked(); // unfolded, for what is chosen must be seen
  await expect.poll(async () => (await slugs(page)).sort()).toEqual(expected.toSorted());
});

test('on a phone filters and order are within reach', async ({ page, site }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await site.open();
  await page.getByText('More filters').click();
  await expect(page.getByRole('group', { name: 'Family' })).toBeVisible();
  await page.getByText('More filters').click();
  await page.getByLabel('Sort by').selectOption('name');
  await expect(page).toHaveURL(/sort=name/);
});

test('a condition of the address is the core’s, with words and without', async ({ page, site }) => {
  const family = columns.family[0].slice(0, 5).toLowerCase();
  const expected = catalog.filter((_, i) => columns.family[i].toLowerCase().includes(family)).map(({ slug }) => slug);
  await site.open(`?family=${family}`);
  await expect(page.locator('#sentence')).toContainText(`${expected.length} models`);
  expect(await slugs(page)).toEqual(expected);
  await site.open(`?family=${family}&q=${catalog[0].tags[0]}`);
  await ranked(page, catalog[0].tags[0]);
  expect((await slugs(page)).sort()).toEqual(expected.toSorted());
  await site.open('?resolution=64x64');
  const small = catalog.filter((_, i) => columns.resolution[i] === '64x64');
  await expect(page.locator('#cards > .card[data-slug]')).toHaveCount(small.length);
});

test('another order stays in the address, and back leaves it', async ({ page, site }) => {
  await lengthen(page);
  await site.open();
  await expect(page.locator('#cards > .card h3').first()).toHaveText(`Model ${LONG}`);
  await page.getByLabel('Sort by').selectOption('name');
  await expect(page).toHaveURL(/sort=name/);
  await expect(page.locator('#cards > .card h3').nth(1)).toHaveText('Model 2'); // 2 before 10
  await page.goBack();
  await expect(page.getByLabel('Sort by')).toHaveValue('relevance');
  await expect(page.locator('#cards > .card h3').first()).toHaveText(`Model ${LONG}`);
});

test('more cards come as one scrolls, and nothing moves', async ({ page, site }) => {
  await lengthen(page);
  await site.open();
  await expect(page.locator('#cards > .card')).not.toHaveCount(LONG);
  await page.evaluate(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shifts += entry.value))).observe({ type: 'layout-shift', buffered: false });
  });
  await expect(async () => {
    await page.mouse.wheel(0, 3000);
    await expect(page.locator('#cards > .card')).toHaveCount(LONG, { timeout: 200 });
  }).toPass();
  await expect(page.locator('#more')).toBeHidden();
  expect(await page.evaluate(() => window.shifts)).toBeLessThan(0.05);
});

test('where a browser cannot tell, a button shows more', async ({ page, site }) => {
  await lengthen(page);
  await page.addInitScript(() => delete window.IntersectionObserver);
  await site.open();
  await expect(page.locator('#cards > .card')).toHaveCount(60);
  await page.getByRole('button', { name: `Show 60 more of ${LONG}` }).click();
  await expect(page.locator('#cards > .card')).toHaveCount(120);
});

// From the results to a model's page and back, with the mouse, the keys and the browser's buttons.

import { readCatalog, readPublished } from './published.js';
import { expect, firstSlug, ranked, searchFor, slugs, test } from './site-test.js';

const catalog = readCatalog();
const [model, other] = catalog;
const details = readPublished(model.page);

test('a card leads to the model’s page, and back to the same results', async ({ page, site }) => {
  await site.open();
  await searchFor(page, model.tags[0]);
  const order = await slugs(page);
  await page.locator(`[data-slug="${model.slug}"] a`).click();
  await expect(page).toHaveURL((url) => url.searchParams.get('model') === model.slug && url.searchParams.get('q') === model.tags[0]);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(model.title);
  await page.getByRole('link', { name: `results for “${model.tags[0]}”` }).click();
  await ranked(page, model.tags[0]);
  expect(await slugs(page)).toEqual(order);
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(model.title);
  await page.goBack();
  await ranked(page, model.tags[0]);
  await expect(page.locator(`[data-slug="${model.slug}"] a`)).toBeFocused();
});

test('a model’s page opens from its address and shows all there is', async ({ page, site }) => {
  await site.open(`?model=${model.slug}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(model.title);
  await expect(page).toHaveTitle(`${model.title} · gensearch`);
  const gallery = page.getByRole('list', { name: /^Samples of/ }).locator('img');
  await expect(gallery).toHaveCount(details.thumbs.length);
  await expect.poll(() => gallery.evaluateAll((images) => images.slice(0, 12).every((image) => image.complete && image.naturalWidth > 0))).toBe(true);
  const facts = page.locator('.facts');
  await expect(facts).toContainText(details.model.description.split('\n')[0]);
  await expect(facts).toContainText(`${details.samples.toLocaleString('en')}, seed ${details.seed}`);
  await expect(facts).toContainText(`gensearch-mini · ${readPublished('manifest.json').encoder.fingerprint.slice(0, 8)}`);
  await expect(facts).toContainText(`mean’s error${details.mean_error.toPrecision(2)}`);
  const nearest = details.neighbors.slice(0, 8);
  await expect(page.locator('#similar + .cards .card')).toHaveCount(nearest.length);
  expect(await page.locator('#similar + .cards .card').evaluateAll((cards) => cards.map((card) => card.dataset.slug))).toEqual(nearest.map(({ slug }) => slug));
  await expect(page.locator('#similar + .cards .measure').first()).toContainText(nearest[0].distance.toFixed(3));
  expect(site.requests.filter((path) => /^(wasm|vendor|encoder)\//.test(path))).toEqual([]);
});

test('back returns to the place in the list, a model’s page starts at its top', async ({ page, site }) => {
  await page.setViewportSize({ width: 800, height: 500 });
  await site.open();
  const last = page.locator('#cards > .card a').last();
  await last.scrollIntoViewIfNeeded();
  const place = await page.evaluate(() => scrollY);
  expect(place).toBeGreaterThan(300);
  await last.click();
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  expect(await page.evaluate(() => scrollY)).toBe(0);
  await page.goBack();
  await expect(last).toBeFocused();
  await expect.poll(() => page.evaluate(() => scrollY)).toBe(place);
});

test('tags search, similar models open', async ({ page, site }) => {
  await site.open(`?model=${model.slug}`);
  await page.locator('#similar + .cards a').first().click();
  await expect(page).toHaveURL(new RegExp(`model=${details.neighbors[0].slug}`));
  await page.goBack();
  await page.locator('.tags-list').getByRole('link', { name: model.tags[0], exact: true }).click();
  await expect(page.getByRole('searchbox')).toHaveValue(`tag:${model.tags[0]}`);
  const tagged = catalog.filter(({ tags }) => tags.includes(model.tags[0])).map(({ slug }) => slug);
  await expect(page.locator('#cards > .card')).toHaveCount(tagged.length);
  expect(await slugs(page)).toEqual(tagged);
});

test('the BibTeX entry is copied as it is', async ({ page, site, context }) => {
  await page.route(new RegExp(model.page), async (route) => {
    const body = structuredClone(details);
    body.model.bibtex = '@misc{a,\n  title = {B & <C>}\n}';
    await route.fulfill({ json: body });
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await site.open(`?model=${model.slug}`);
  await page.getByText('BibTeX', { exact: true }).click();
  await page.getByRole('button', { name: 'Copy BibTeX' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('@misc{a,\n  title = {B & <C>}\n}');
});

test('Enter keeps a search in the history; typing alone does not', async ({ page, site }) => {
  const [a, b, c] = [model.tags[0], 'something', other.tags[0]];
  await site.open();
  await searchFor(page, a);
  await page.keyboard.press('Enter');
  await searchFor(page, b);
  await searchFor(page, c);
  await page.goBack();
  await ranked(page, a);
  await page.goBack();
  await expect(page.locator('#sentence')).toContainText('type what you want to see');
  await page.goForward();
  await ranked(page, a);
  await page.goForward();
  await ranked(page, c);
});

test('everything can be done with the keyboard', async ({ page, site }) => {
  await site.open();
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await page.keyboard.type(model.tags[0]);
  await page.keyboard.press('Enter');
  await ranked(page, model.tags[0]);
  const first = await firstSlug(page);
  const firstCard = page.locator(`[data-slug="${first}"] a`);
  for (let i = 0; i < 60 && !(await firstCard.evaluate((link) => link === document.activeElement)); i++) await page.keyboard.press('Tab');
  await expect(firstCard).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await expect(firstCard).toBeFocused();
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('searchbox')).toBeFocused();
});

for (const [what, answer] of [
  ['arrives', (route) => route.continue()],
  ['cannot be loaded', (route) => route.abort()],
]) {
  test(`what ${what} late leaves the focus, and a click half done, where they are`, async ({ page, site }) => {
    site.expectedFaults.push(/Failed to load resource/);
    let release;
    await page.route(new RegExp(model.page), async (route) => {
      await new Promise((resolve) => (release = resolve));
      await answer(route);
    });
    const card = page.locator(`[data-slug="${model.slug}"] a`);
    const back = page.getByRole('link', { name: 'all models' });
    const answered = async () => {
      await expect.poll(() => release).toBeTruthy();
      release();
      await expect(page.locator('.facts, [role=alert]')).toBeVisible();
    };
    await site.open();
    await card.press('Enter');
    await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
    await page.keyboard.press('Shift+Tab');
    await answered();
    await expect(back).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(card).toBeFocused();

    release = undefined;
    await site.open(`?model=${model.slug}`);
    await back.hover();
    await page.mouse.down();
    await answered();
    await page.mouse.up();
    await expect(card).toBeFocused();
  });
}

test('the place where one is, is marked among the site’s', async ({ page, site }) => {
  const current = page.getByRole('navigation', { name: 'Site' }).locator('[aria-current="page"]');
  for (const [address, name] of [['', 'Browse'], ['?map', 'Map'], ['?kept', 'Kept'], ['?about', 'About'], [`?q=${model.tags[0]}`, 'Browse']]) {
    await site.open(address);
    await expect(current).toHaveText(name);
  }
  await site.open(`?model=${model.slug}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(model.title);
  await expect(current).toHaveCount(0);
});

test('Ctrl K on a model’s page leads to the box', async ({ page, site }) => {
  await site.open(`?model=${model.slug}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(model.title);
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
});

test('every link of the page leads somewhere', async ({ page, site }) => {
  await site.open('?about');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('About');
  await page.getByRole('link', { name: 'Browse' }).click();
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
  await page.getByRole('link', { name: 'About' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('About');
  await page.getByRole('link', { name: 'gensearch' }).click();
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
});

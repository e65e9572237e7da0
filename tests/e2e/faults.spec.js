// What can go wrong: files that are missing, damaged or hostile, browsers that lack something. Each says what to do next.

import { readCatalog, readPublished } from './published.js';
import { expect, ranked, test } from './site-test.js';

const catalog = readCatalog();
const [model] = catalog;
const manifest = readPublished('manifest.json');
const MISSING = /Failed to load resource/;

test('without manifest.json the page says what to do', async ({ page, site }) => {
  site.expectedFaults.push(MISSING);
  await page.route(/manifest\.json/, (route) => route.fulfill({ status: 404 }));
  await site.open();
  await expect(page.locator('#sentence')).toContainText('could not be loaded (404)');
  await expect(page.locator('#sentence')).toContainText('gensearch publish');
  await expect(page.locator('.skeleton')).toHaveCount(0);
});

test('a manifest of another version is refused by number', async ({ page, site }) => {
  await page.route(/manifest\.json/, (route) => route.fulfill({ json: { ...manifest, version: 99 } }));
  await site.open();
  await expect(page.locator('#sentence')).toContainText('version 99');
});

test('a catalog whose columns disagree is refused', async ({ page, site }) => {
  const path = manifest.roles.catalog.path;
  await page.route(new RegExp(path), (route) => route.fulfill({ json: { ...readPublished(path), title: ['one'] } }));
  await site.open(`?model=${model.slug}`);
  await expect(page.locator('#sentence')).toContainText('“title”');
});

test('an encoder that does not arrive can be asked for again', async ({ page, site }) => {
  site.expectedFaults.push(MISSING);
  let broken = true;
  await page.route(/text-.*\.onnx/, (route) => (broken ? route.fulfill({ status: 503 }) : route.continue()));
  await site.open(`?q=${model.tags[0]}`);
  await expect(page.locator('#sentence')).toContainText('could not be loaded (503)');
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
  broken = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await ranked(page, model.tags[0]);
});

for (const [what, spoil, message] of [
  ['cut off', (bytes) => bytes.subarray(0, bytes.length - 8), /cut off after \d+ of \d+ bytes/],
  ['changed', (bytes) => bytes.fill(7, bytes.length - 8), /SHA-256 differs/],
  ['too long', (bytes) => Buffer.concat([bytes, bytes]), /longer than manifest\.json says/],
]) {
  test(`means that were ${what} are not ranked`, async ({ page, site }) => {
    await page.route(/means-.*\.bin/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ body: spoil(await response.body()), contentType: 'application/octet-stream' });
    });
    await site.open(`?q=${model.tags[0]}`);
    await expect(page.locator('#sentence')).toContainText(message);
    await expect(page.locator('#cards .meter')).toHaveCount(0);
  });
}

test('means of another encoder are refused with both fingerprints', async ({ page, site }) => {
  const fingerprint = 'f00dfeed'.repeat(8);
  await page.route(/manifest\.json/, (route) => route.fulfill({ json: { ...manifest, encoder: { ...manifest.encoder, fingerprint } } }));
  await site.open(`?q=${model.tags[0]}`);
  await expect(page.locator('#sentence')).toContainText(`made with encoder ${manifest.encoder.fingerprint.slice(0, 8)}, the catalog with f00dfeed`);
});

test('a browser without WebAssembly can still browse', async ({ page, site }) => {
  await page.addInitScript(() => delete globalThis.WebAssembly);
  await site.open(`?q=${model.tags[0]}`);
  await expect(page.locator('#sentence')).toContainText('no WebAssembly');
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
});

test('an unknown model has a page that says so', async ({ page, site }) => {
  for (const slug of ['no-such-model', '../../etc/passwd', '<b>x</b>']) {
    await site.open(`?model=${encodeURIComponent(slug)}`);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Not found');
  }
  await page.getByRole('link', { name: 'all models' }).click();
  await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
});

test('a model’s page that does not load says so, keeps the samples that are known, and is tried again', async ({ page, site }) => {
  site.expectedFaults.push(MISSING);
  let broken = true;
  await page.route(new RegExp(model.page), (route) => (broken ? route.fulfill({ status: 500 }) : route.continue()));
  await site.open(`?model=${model.slug}`);
  await expect(page.locator('#page')).toContainText('could not be loaded (500)');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(model.title);
  await expect(page.locator('.gallery img')).toHaveCount(4);
  broken = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('.facts')).toBeVisible();
  await expect(page.locator('.failure')).toHaveCount(0);
});

const EVIL = '<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>"\'>';

test('hostile strings of a model.json stay text, and hostile addresses do not become links', async ({ page, site }) => {
  const details = readPublished(model.page);
  const catalogPath = manifest.roles.catalog.path;
  const columns = readPublished(catalogPath);
  for (const name of ['title', 'type', 'family']) columns[name][0] = EVIL;
  columns.tags[0] = columns.tags[1] = [EVIL, 'javascript:alert(1)'];
  Object.assign(details, { title: EVIL, type: EVIL });
  details.model = {
    slug: model.slug, title: EVIL, type: EVIL, family: EVIL, description: EVIL, license: EVIL, bibtex: EVIL, base_model: EVIL, created: EVIL,
    authors: [EVIL], tags: [EVIL], resolution: [EVIL, EVIL], [EVIL]: { [EVIL]: [EVIL] }, ['__proto__']: { polluted: EVIL },
    paper: 'javascript:globalThis.pwned=1', project: ' JaVaScRiPt:globalThis.pwned=1', download: 'data:text/html,<script>globalThis.pwned=1</script>',
  };
  await page.route(new RegExp(catalogPath), (route) => route.fulfill({ json: columns }));
  await page.route(new RegExp(model.page), (route) => route.fulfill({ json: details }));
  await site.open(`?q=${encodeURIComponent(EVIL)}`);
  await ranked(page, EVIL);
  await expect(page.locator(`[data-slug="${model.slug}"] h3`)).toHaveText(EVIL);
  await page.locator(`[data-slug="${model.slug}"] a`).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(EVIL);
  await expect(page.locator('.facts')).toContainText('javascript:globalThis.pwned=1');
  const odd = await page.locator('#page a').evaluateAll((links) => links.map((link) => link.protocol).filter((protocol) => !/^https?:$/.test(protocol)));
  expect(odd).toEqual([]);
  await expect(page.locator('#page script, #page img[onerror], #page [src="x"]')).toHaveCount(0);
  await page.locator('.back').click();
  await ranked(page, EVIL);
  expect(await page.evaluate(() => globalThis.pwned)).toBeUndefined();
});

test('without scripts the page says what it needs', async ({ browser, server }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(server.url);
  await expect(page.locator('noscript p')).toContainText('needs JavaScript');
  await context.close();
});

test('when the modules do not run a hint appears by itself', async ({ page, site }) => {
  site.expectedFaults.push(MISSING);
  await page.route(/app\/main\.js/, (route) => route.fulfill({ status: 404 }));
  await site.open();
  await expect(page.locator('#late')).toBeHidden();
  await expect(page.locator('#late')).toBeVisible();
  await expect(page.locator('#late')).toContainText('JavaScript modules');
});

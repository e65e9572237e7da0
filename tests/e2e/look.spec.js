// The look where a machine can judge it: no sideways scrolling, both schemes accessible, nothing jumps, motion only where it is welcome.
// Screenshots for people to judge go to build/e2e/screenshots.

import { createRequire } from 'node:module';
import { readCatalog } from './published.js';
import { expect, ranked, searchFor, sidewaysScroll, test } from './site-test.js';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const catalog = readCatalog();
const [model] = catalog;
const q = model.tags[0];
const PHONE = { width: 390, height: 844 };

const screenshot = (page, name) => page.screenshot({ path: `../../build/e2e/screenshots/${name}.png`, animations: 'disabled' });

async function violations(page) {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await page.addScriptTag({ path: axe });
  const { violations: found } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`);
}

for (const colorScheme of ['light', 'dark']) {
  test.describe(`${colorScheme} scheme`, () => {
    test.use({ colorScheme, bypassCSP: true }); // axe is put into the page as a script

    test(`results: axe finds nothing (${colorScheme})`, async ({ page, site }) => {
      await site.open(`?q=${q}`);
      await ranked(page, q);
      expect(await violations(page)).toEqual([]);
      await screenshot(page, `results-${colorScheme}`);
    });

    test(`model page: axe finds nothing (${colorScheme})`, async ({ page, site }) => {
      await site.open(`?model=${model.slug}&q=${q}`);
      await expect(page.locator('.facts')).toBeVisible();
      expect(await violations(page)).toEqual([]);
      await screenshot(page, `model-${colorScheme}`);
    });

    test(`about, and a page that is not there: axe finds nothing (${colorScheme})`, async ({ page, site }) => {
      for (const address of ['?about', '?model=none']) {
        await site.open(address);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        expect(await violations(page), address).toEqual([]);
      }
    });
  });
}

test('the schemes differ', async ({ page, site }) => {
  const colours = [];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await site.open();
    colours.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  expect(colours).toEqual(['rgb(251, 251, 249)', 'rgb(20, 21, 23)']);
});

test.describe('on a phone', () => {
  test.use({ viewport: PHONE, isMobile: true, hasTouch: true });


  test('two columns, nothing to scroll sideways, targets large enough', async ({ page, site }) => {
    await page.emulateMedia({ reducedMotion: 'reduce' }); // places are measured, not ways to them
    await site.open(`?q=${q}`);
    await ranked(page, q);
    expect(await sidewaysScroll(page)).toBeLessThanOrEqual(0);
    const boxes = await page.locator('#cards > .card').evaluateAll((cards) => cards.slice(0, 4).map((card) => card.getBoundingClientRect().toJSON()));
    expect(new Set(boxes.map(({ left }) => Math.round(left))).size).toBe(2);
    for (const name of ['.facet', '#clear', '#form'])
      expect((await page.locator(name).first().boundingBox()).height, name).toBeGreaterThanOrEqual(44);
    await screenshot(page, 'results-phone');
  });

  test('the model’s page fits too', async ({ page, site }) => {
    await site.open(`?model=${model.slug}`);
    await expect(page.locator('.facts')).toBeVisible();
    expect(await sidewaysScroll(page)).toBeLessThanOrEqual(0);
    await screenshot(page, 'model-phone');
  });

  test('a word of 400 letters fits everywhere, at 320 pixels', async ({ page, site }) => {
    await page.setViewportSize({ width: 320, height: 700 });
    for (const address of [`?like=${model.slug}`, `?model=${model.slug}`, '?model=none', '?map', '?kept']) {
      await site.open(`${address}&q=${'猫'.repeat(40)}${'x'.repeat(360)}`);
      if (address.startsWith('?like')) await expect(page.locator('#hints')).toContainText('never seen');
      else await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      expect.soft(await sidewaysScroll(page), address).toBeLessThanOrEqual(0);
    }
  });

  test('a very narrow window works as well', async ({ page, site }) => {
    await page.setViewportSize({ width: 280, height: 600 });
    await site.open();
    await expect(page.locator('#cards > .card')).toHaveCount(catalog.length);
    expect(await sidewaysScroll(page)).toBeLessThanOrEqual(0);
  });
});

test('nothing jumps: cards have their final place from the first paint, whatever is asked', async ({ page, site }) => {
  await page.addInitScript(() => {
    globalThis.shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (globalThis.shift += entry.value))).observe({ type: 'layout-shift', buffered: true });
  });
  const desktop = { width: 1280, height: 900 };
  for (const [viewport, address] of [[desktop, ''], [desktop, `?q=${q}`], [desktop, `?q=${q}&like=${model.slug}`], [PHONE, ''], [PHONE, `?q=${q}`]]) {
    await page.setViewportSize(viewport);
    await site.open(address);
    if (address) await ranked(page, q);
    await expect(page.locator('#cards > .card[data-slug]').first()).toBeVisible();
    await page.waitForLoadState('networkidle');
    expect.soft(await page.evaluate(() => globalThis.shift), `${viewport.width} ${address}`).toBeLessThan(0.05);
  }
});

async function countMoves(page) {
  await page.addInitScript(() => {
    globalThis.moves = 0;
    const animate = Element.prototype.animate;
    Element.prototype.animate = function count(...words) {
      globalThis.moves += 1;
      return animate.apply(this, words);
    };
  });
}

test('a new order moves the cards', async ({ page, site }) => {
  await countMoves(page);
  await site.open();
  await searchFor(page, catalog.at(-1).tags[0]);
  expect(await page.evaluate(() => globalThis.moves)).toBeGreaterThan(0);
});

test('and does not where motion is not wanted', async ({ page, site }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await countMoves(page);
  await site.open();
  await searchFor(page, catalog.at(-1).tags[0]);
  expect(await page.evaluate(() => globalThis.moves)).toBe(0);
});

test('a screen reader hears the outcome, once it stands', async ({ page, site }) => {
  await site.open();
  await searchFor(page, q);
  await expect(page.getByRole('status')).toHaveText(/^(\d+ models? of \d+ match|No good match)/);
});

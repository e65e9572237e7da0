// The model's page, the map, kept models and the rest in each of their states: axe finds nothing, nothing scrolls sideways.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readCatalog, readPublished } from './published.js';
import { choosePictures, expect, sidewaysScroll, test } from './site-test.js';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const catalog = readCatalog().map((entry) => ({ ...entry, ...readPublished(entry.page) }));
const { slug, thumbs } = catalog.find(({ graphs }) => graphs?.sampler.procedure === 'decode');
const kept = JSON.stringify(catalog.slice(0, 4).map((entry) => entry.slug));

/** Per state: its address, and what is done there before it is looked at. */
const STATES = {
  parts: [`?q=${'a%20very%20long%20question%20'.repeat(16)}&like=${slug}*-1&like=cats`, async (page, site) => {
    await choosePictures(page, join(site.folder, 'thumbs', `${thumbs[0].hash}.webp`));
    await expect(page.locator('.chip')).toHaveCount(4);
    await expect(page.locator('#sentence')).toContainText('ranked in your browser');
  }],
  sketch: ['', async (page) => {
    await page.getByRole('button', { name: 'Draw a sketch' }).click();
    for (const key of [' ', 'ArrowRight', 'ArrowRight', 'ArrowDown', ' ']) await page.keyboard.press(key);
    await expect(page.locator('.chip')).toHaveCount(1);
  }],
  samples: [`?model=${slug}&seed=3`, (page) => expect(page.locator('.live canvas')).toHaveCount(16)],
  enlarged: [`?model=${slug}`, async (page) => {
    await expect(page.locator('.facts')).toBeVisible();
    await page.locator('.tile').first().click();
    await expect(page.getByRole('dialog')).toBeVisible();
  }],
  interpolate: [`?model=${slug}&use=interpolate&seed=3`, (page) => expect(page.locator('.strip canvas')).toHaveCount(9)],
  invert: [`?model=${slug}&use=invert`, async (page, site) => {
    await page.locator('#own-picture').setInputFiles(join(site.folder, 'thumbs', `${thumbs[0].hash}.webp`));
    await expect(page.locator('.slider').first()).toBeVisible({ timeout: 100_000 });
  }],
  map: [`?map`, async (page) => {
    await page.locator('.map-pane').focus();
    await page.keyboard.press('ArrowRight');
    await expect(page.locator('.map-card')).toBeVisible();
  }],
  kept: ['?kept', async (page) => {
    for (let i = 0; i < 4; i++) await page.locator('.kept .card').nth(i).getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Compare' }).click();
    await expect(page.locator('.comparison')).toBeVisible();
  }],
  'few-shot': ['?few-shot', async (page, site) => {
    await page.locator('#few-pictures').setInputFiles(thumbs.slice(0, 5).map(({ hash }) => join(site.folder, 'thumbs', `${hash}.webp`)));
    await expect(page.getByLabel('Command')).toBeVisible();
  }],
};
const LOOKS = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
];

for (const [look, use] of LOOKS) {
  test.describe(look, () => {
    test.use({ ...use, bypassCSP: true }); // axe is put into the page as a script

    test(`every state (${look})`, async ({ page, site }) => {
      test.setTimeout(300_000); // two of them make thousands of pictures
      await page.addInitScript((list) => localStorage.setItem('gensearch.kept', list), kept);
      for (const [name, [address, prepare]] of Object.entries(STATES)) {
        await site.open(address);
        await prepare(page, site);
        await page.addScriptTag({ path: axe });
        const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
        expect.soft(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`), name).toEqual([]);
        await page.screenshot({ path: `../../build/e2e/screenshots/${name}-${look}.png`, animations: 'disabled' });
        if (look === 'phone') await page.setViewportSize({ width: 320, height: 700 });
        expect.soft(await sidewaysScroll(page), `${name} scrolls sideways`).toBeLessThanOrEqual(0);
        if (look === 'phone') await page.setViewportSize(use.viewport);
      }
    });
  });
}

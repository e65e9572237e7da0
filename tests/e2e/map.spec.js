// The map: every model at its place, with the mouse, fingers and keys, and the query in it.

import { readPublished } from './published.js';
import { expect, sidewaysScroll, test } from './site-test.js';

const catalog = readPublished(readPublished('manifest.json').roles.catalog.path);
const pane = (page) => page.getByRole('application', { name: `Map of ${catalog.count} models` });

/** Where the fitted view has the model: as map-geometry.js says, on its own. */
async function placeOf(page, index) {
  const { x, y, width, height } = await pane(page).evaluate((node) => ({ ...node.getBoundingClientRect().toJSON(), width: node.clientWidth, height: node.clientHeight }));
  const span = (values) => [Math.min(...values), Math.max(...values)];
  const [left, right] = span(catalog.x), [low, high] = span(catalog.y);
  const scale = Math.min((width - 112) / (right - left), (height - 112) / (high - low));
  return { x: x + width / 2 + (catalog.x[index] - (left + right) / 2) * scale, y: y + height / 2 - (catalog.y[index] - (low + high) / 2) * scale };
}

test('hovering shows a model, a click opens it', async ({ page, site }) => {
  await site.open('?map');
  await page.getByRole('link', { name: 'Map', exact: true }).click();
  const place = await placeOf(page, 0);
  await page.mouse.move(place.x, place.y);
  await expect(page.locator('.map-card')).toContainText(catalog.title[0]);
  await page.mouse.click(place.x, place.y);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(catalog.title[0]);
  await page.goBack();
  await expect(pane(page)).toBeVisible();
});

test('it is dragged and zoomed, by mouse and by buttons', async ({ page, site }) => {
  await site.open('?map');
  const place = await placeOf(page, 1);
  await page.mouse.move(place.x, place.y);
  await expect(page.locator('.map-card')).toContainText(catalog.title[1]);
  await page.mouse.wheel(0, -400); // what is under the pointer stays
  await page.mouse.move(place.x + 1, place.y);
  await expect(page.locator('.map-card')).toContainText(catalog.title[1]);
  await page.mouse.down();
  await page.mouse.move(place.x + 40, place.y + 30, { steps: 4 });
  await page.mouse.up();
  await expect(pane(page)).toBeVisible(); // a drag opens nothing
  await page.mouse.move(place.x + 41, place.y + 30);
  await expect(page.locator('.map-card')).toContainText(catalog.title[1]);
  await page.getByRole('button', { name: 'Show all' }).click();
  const again = await placeOf(page, 1);
  await page.mouse.move(again.x, again.y);
  await expect(page.locator('.map-card')).toContainText(catalog.title[1]);
});

test('the keys go from model to model and open one', async ({ page, site }) => {
  await site.open('?map&q=word');
  await pane(page).focus();
  await page.keyboard.press('ArrowRight');
  const status = page.locator('.map').getByRole('status');
  await expect(status).toContainText('Enter opens it');
  const first = await status.textContent();
  await page.keyboard.press('ArrowLeft');
  await expect(status).not.toHaveText(first);
  await page.keyboard.press('+');
  const title = (await status.textContent()).split(',')[0];
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
  await expect(page).toHaveURL(/q=word/);
});

test('the query is shown in it', async ({ page, site }) => {
  const colours = () => page.locator('.map canvas').evaluate((node) => {
    const { data } = node.getContext('2d').getImageData(0, 0, node.width, node.height);
    return data.reduce((total, value, i) => total + (i % 4 === 3 ? value : 0), 0);
  });
  await site.open('?map');
  await page.waitForLoadState('networkidle');
  const plain = await colours();
  await site.open(`?map&q=${catalog.tags[0][0]}`);
  await expect(page.locator('.map')).toHaveAttribute('data-marked', 'true');
  await page.waitForLoadState('networkidle');
  await expect.poll(colours).toBeLessThan(0.8 * plain); // what does not make it stands back
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });

  test('a tap shows a model, its card opens it, nothing scrolls sideways', async ({ page, site }) => {
    await site.open('?map');
    const place = await placeOf(page, 2);
    await page.touchscreen.tap(place.x, place.y);
    await expect(page.locator('.map-card')).toContainText(catalog.title[2]);
    expect(await sidewaysScroll(page)).toBeLessThanOrEqual(0);
    await page.locator('.map-card').tap();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(catalog.title[2]);
  });
});

test('a folder without a map says so', async ({ page, site }) => {
  const path = readPublished('manifest.json').roles.catalog.path;
  const { x, y, ...rest } = catalog;
  await page.route(new RegExp(path), (route) => route.fulfill({ json: rest }));
  expect([x.length, y.length]).toEqual([catalog.count, catalog.count]);
  await site.open('?map');
  await expect(page.locator('#page')).toContainText('without a map');
});

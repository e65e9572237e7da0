// site-test.js - the test function of all specs: a page, the site's address, and what every visitor expects.

import { test as base, expect } from '@playwright/test';
import { folder } from './published.js';
import { serve } from './server.js';

export { expect };

export const test = base.extend({
  published: [folder, { option: true, scope: 'worker' }],

  /** The folder, served from a sub-path; its log of requests starts empty for every test. */
  server: [
    async ({ published }, use) => {
      const server = await serve(published);
      await use(server);
      await server.close();
    },
    { scope: 'worker' },
  ],

  /** Opens an address of the site, such as '?q=kitten'. No test may leave an error in the console, unless it says which. */
  site: async ({ page, server, published }, use) => {
    server.requests.length = 0;
    server.referrers.length = 0;
    const faults = [];
    const site = { folder: published, url: server.url, requests: server.requests, expectedFaults: [], open: (address = '') => page.goto(server.url + address) };
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    page.on('request', (request) => request.url().startsWith(server.url) || request.url().startsWith('data:') || faults.push(`asked for ${request.url()}`));
    await use(site);
    expect(server.referrers.filter((address) => address.includes('?'))).toEqual([]); // the query leaves with no request
    expect(faults.filter((fault) => !site.expectedFaults.some((pattern) => pattern.test(fault)))).toEqual([]);
  },
});

/** Types words as a visitor does and waits until they are ranked. */
export async function searchFor(page, words) {
  await page.getByRole('searchbox').fill(words);
  await ranked(page, words);
}

/** Adds pictures to the query, once the page can take them. */
export async function choosePictures(page, files) {
  await expect(page.getByRole('button', { name: 'Add pictures' })).toBeVisible();
  await page.locator('#files').setInputFiles(files);
}

/** The address carries the words (null: none), and the sentence says that they were ranked. */
export async function ranked(page, words) {
  await expect(page).toHaveURL((url) => url.searchParams.get('q') === words);
  await expect(page.locator('#sentence')).toContainText('ranked in your browser');
  await expect(page.locator('#cards')).toHaveAttribute('data-ranked', words ?? '');
}

/** The probabilities of the cards, in their order: the lengths of their bars. */
export const probabilities = (page) =>
  page.locator('#cards .fill').evaluateAll((bars) => bars.map((bar) => Number(/scaleX\((.*)\)/.exec(bar.style.transform)[1])));

/** By how many pixels the page is wider than the window: than the one that was asked for, since a phone's own grows with what is in it. */
export const sidewaysScroll = async (page) => (await page.evaluate(() => document.documentElement.scrollWidth)) - page.viewportSize().width;

export const slugs = (page) => page.locator('#cards > .card').evaluateAll((cards) => cards.map((card) => card.dataset.slug));
export const firstSlug = async (page) => (await slugs(page))[0];

// Sixteen models of the embedded zoo, searched by what they were made for.

import { readCatalog } from './published.js';
import { expect, firstSlug, searchFor, test } from './site-test.js';

/** What a visitor would call each generator that published.js takes from data/zoo. */
const WORDS = {
  birds: 'bird',
  boats: 'boat',
  buildings: 'building',
  cars: 'car',
  cats: 'cat',
  clocks: 'clock',
  digits: 'digit',
  dogs: 'dog',
  faces: 'face',
  fish: 'fish',
  flowers: 'flower',
  fruit: 'fruit',
  hearts: 'heart',
  instruments: 'musical instrument',
  moons: 'moon',
  trees: 'tree',
};
const SHARE = 10 / 12; // of the words must have their model first

test.skip(Boolean(process.env.GENSEARCH_PUBLISHED), 'a folder of other models');

test('the words are those of the zoo', () => {
  const tags = Object.fromEntries(readCatalog().map(({ slug, tags: [first] }) => [slug, first]));
  expect(tags).toEqual(WORDS);
  expect(Object.keys(tags).length).toBeGreaterThanOrEqual(12);
});

test('typing a concept puts its model first', async ({ page, site }) => {
  await site.open();
  const first = {};
  for (const [slug, word] of Object.entries(WORDS)) {
    await searchFor(page, word);
    first[slug] = await firstSlug(page);
  }
  const wrong = Object.entries(first).filter(([slug, found]) => slug !== found);
  expect(wrong.length, `not first: ${JSON.stringify(wrong)}`).toBeLessThanOrEqual(Math.floor((1 - SHARE) * Object.keys(WORDS).length));
});

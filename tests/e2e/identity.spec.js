// Over the same published folder the browser and the program rank alike: the same order, the same probabilities, by every method, for
// every kind of part, in mixes, and under filters. Both are given features that were encoded before, so that nothing but the ranking is
// compared.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, exactFolder } from './published.js';
import { expect, test } from './site-test.js';

test.use({ published: exactFolder });
test.skip(Boolean(process.env.GENSEARCH_PUBLISHED), 'published without what every method reads');

const METHODS = ['first-moment', 'centred-moment', 'first-second-moment', 'gaussian-density', 'gaussian-lowrank', 'monte-carlo'];
let scratch;
let text;
let image;
let sketch;

/** {kind, file, feature}: what the program encoded, as both take it. */
function encode(kind, ...words) {
  const [encoded] = ask('encode', ...words);
  const file = join(scratch, `${kind}.json`);
  writeFileSync(file, JSON.stringify({ ...encoded, kind }));
  return { kind, file, feature: encoded.feature };
}

test.beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'gensearch-e2e-'));
  const [first, second] = readdirSync(join(exactFolder, 'thumbs')).map((name) => join(exactFolder, 'thumbs', name));
  text = encode('text', '--text', 'a small animal');
  image = encode('image', '--image', first);
  sketch = encode('sketch', '--image', second);
});
test.afterAll(() => rmSync(scratch, { recursive: true }));

/** The program's words for a query. */
function wordsOf({ parts, conditions = [] }) {
  const words = parts.flatMap(({ file, slug, words: typed, weight = 1 }) => {
    if (typed) return ['--text', typed];
    return [...(slug ? ['--model', slug] : ['--feature', file]), `--weight=${weight}`];
  });
  const [method] = parts.map((part) => part.method).filter(Boolean);
  return [...words, ...conditions.flatMap(([field, value]) => [`--${field}`, value]), ...(method ? ['--method', method] : [])];
}

/** The answers of a search worker on the page to these queries, one after the other. */
function answers(page, queries) {
  return page.evaluate(async (asked) => {
    const base = document.baseURI;
    const read = async (path) => (await fetch(new URL(path, base))).json();
    const manifest = await read('manifest.json');
    const catalog = await read(manifest.roles.catalog.path);
    const worker = new Worker(new URL('app/search-worker.js', base), { type: 'module' });
    const answer = (message) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => {
          if (data.failed ?? data.error) reject(new Error(data.failed ?? data.error));
          if (data.opened || data.result) resolve(data.result);
        };
        worker.postMessage(message);
      });
    await answer({ open: { base, manifest, catalog } });
    const results = [];
    for (const [id, { parts, conditions = [] }] of asked.entries()) {
      const sent = parts.map(({ kind, words, feature, slug, weight, method }) => ({ kind, text: words, feature: feature && Float32Array.from(feature), slug, weight, method }));
      const { order, probabilities, compared, ...rest } = await answer({ search: { id, parts: sent, conditions } });
      const slugs = Array.from(order.slice(0, compared), (index) => catalog.slug[index]);
      results.push({ ...rest, slugs, probabilities: Array.from(order.slice(0, compared), (index) => probabilities[index]) });
    }
    worker.terminate();
    return results;
  }, queries);
}

async function compare(page, queries) {
  const found = await answers(page, queries);
  queries.forEach((query, i) => {
    const words = wordsOf(query);
    const expected = ask('search', exactFolder, '--closest', '--limit', '1000', ...words);
    const { slugs, probabilities, conflict, matched } = found[i];
    expect(expected.length, words.join(' ')).toBeGreaterThan(1);
    expect(slugs, words.join(' ')).toEqual(expected.map(({ slug }) => slug));
    expected.forEach(({ probability }, rank) => expect(Math.abs(probabilities[rank] - probability), words.join(' ')).toBeLessThan(1e-9));
    expect([conflict, ...matched], words.join(' ')).toEqual([expected[0].conflict, ...expected[0].parts.map((part) => part.matched)]);
  });
}

test('one part of every kind, by every method', async ({ page, site }) => {
  await site.open();
  const kinds = [text, image, sketch, { kind: 'model', slug: 'cats' }];
  const queries = kinds.flatMap((part) => METHODS.map((method) => ({ parts: [{ ...part, method }] })));
  await compare(page, [...queries, { parts: [{ kind: 'model', slug: 'cats', method: 'frechet-lowrank' }] }]);
});

test('one part of every kind, by the method that is its own', async ({ page, site }) => {
  await site.open();
  await compare(page, [text, image, sketch, { kind: 'model', slug: 'fruit' }].map((part) => ({ parts: [part] })));
});

test('mixes, and parts that steer away', async ({ page, site }) => {
  await site.open();
  const model = { kind: 'model', slug: 'dogs' };
  const mixes = [
    [text, image],
    [text, { ...image, weight: -0.5 }],
    [image, { ...sketch, weight: -1.5 }, { ...model, weight: 0.25 }],
    [{ ...text, weight: -1 }, model],
    [{ kind: 'model', slug: 'cats' }, { ...model, weight: -0.5 }],
  ];
  const forced = METHODS.map((method) => [{ ...text, weight: 2, method }, { ...image, weight: -0.5, method }, { ...model, method }]);
  await compare(page, [...mixes, ...forced].map((parts) => ({ parts })));
});

test('filters, among the words and beside them', async ({ page, site }) => {
  await site.open();
  const conditions = [['type', 'GAN'], ['type', 'VAE'], ['type', 'diffusion']];
  await compare(page, [
    { parts: [text], conditions },
    { parts: [{ ...image, method: 'gaussian-density' }], conditions },
    { parts: [image, { kind: 'text', words: '-cats -title:dogs' }] },
    { parts: [text, { ...image, weight: -1 }, { kind: 'text', words: 'tag:animals -type:flow' }] },
  ]);
});

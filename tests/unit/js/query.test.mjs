// The query as an address: what is written is read again, what cannot be meant is ignored, a picture keeps its direction.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readFeature, writeFeature } from '../../../site/app/feature-text.js';
import { MAX_PARTS, WORDS, condition, conditionsOf, formatAddress, isSearch, parseAddress, partsOf, questionOf, withPart, withSketch, withWeight, withoutPart } from '../../../site/app/query.js';

const PLAIN = parseAddress('');
const read = (address) => parseAddress(address === './' ? '' : address);
const filters = (chosen) => ({ ...PLAIN.filters, ...chosen });
const LIKE = { kind: 'model', slug: 'flat-cats-2', weight: 1, method: '' };
const IMAGE = { kind: 'image', feature: 'AbC_-xyz', weight: -0.5, method: 'gaussian-lowrank' };
const SKETCH = { kind: 'sketch', feature: 'AbC_-xyz', weight: 2, method: '' };

test('the page without an address asks nothing', () => {
  assert.deepEqual(PLAIN, {
    view: 'results', q: '', weight: 1, method: 'centred-moment', parts: [], filters: { type: [], tag: [], family: [], author: [], license: [], resolution: [] },
    sort: 'relevance', model: '', use: '', seed: null,
  });
  assert.equal(isSearch(PLAIN), false);
  assert.equal(formatAddress(PLAIN), './');
  assert.equal(formatAddress({ ...PLAIN, q: '  ' }), './');
});

test('an address is read as it was written', () => {
  for (const state of [
    PLAIN,
    { ...PLAIN, q: 'a red car & more = 50 %' },
    { ...PLAIN, q: 'кот 🐈', weight: -0.5, filters: filters({ type: ['GAN', 'VAE'], tag: ['a,b'], author: ['Jane "J" Doe'] }), method: 'first-moment', sort: 'name' },
    { ...PLAIN, parts: [SKETCH, LIKE, IMAGE, { ...LIKE, slug: 'a', weight: 0.25, method: 'frechet-lowrank' }], q: 'x' },
    { ...PLAIN, view: 'model', model: 'flat-cats-2', q: 'cat', parts: [IMAGE] },
    { ...PLAIN, view: 'model', model: 'flat-cats-2', use: 'interpolate', seed: 0 },
    { ...PLAIN, view: 'about' },
    { ...PLAIN, view: 'map', q: 'cat', filters: filters({ type: ['GAN'] }) },
    { ...PLAIN, view: 'kept' },
  ])
    assert.deepEqual(read(formatAddress(state)), state);
});

test('the address says no more than it must', () => {
  assert.equal(formatAddress({ ...PLAIN, view: 'map' }), '?map');
  assert.equal(formatAddress({ ...PLAIN, view: 'map', q: 'a=b' }), '?map&q=a%3Db');
  assert.equal(formatAddress({ ...PLAIN, parts: [LIKE, IMAGE] }), '?like=flat-cats-2&image=AbC_-xyz*-0.5*gaussian-lowrank');
  assert.equal(formatAddress({ view: 'model', model: 'a' }), '?model=a');
});

test('what an address cannot mean is ignored or refused', () => {
  for (const method of ['toString', '__proto__', 'frechet-lowrank']) assert.equal(parseAddress(`?method=${method}`).method, 'centred-moment');
  assert.equal(parseAddress('?model=../secret').model, '?');
  assert.equal(parseAddress('?model=a&seed=-1&use=destroy').seed, null);
  assert.equal(parseAddress('?model=a&seed=1&use=destroy').use, '');
  assert.equal(parseAddress('?model=').view, 'results');
  assert.deepEqual(parseAddress('?type=GAN&type=GAN&type=').filters.type, ['GAN']);
  assert.equal(parseAddress(`?q=${'x'.repeat(1000)}`).q.length, 500);
  assert.equal(parseAddress('?sort=random').sort, 'relevance');
  for (const weight of ['0', '-0', '5', '1e9', 'NaN', '0.123', '']) assert.equal(parseAddress(`?q=a&weight=${weight}`).weight, 1, weight);
  for (const part of ['image=<b>', 'image=short', 'like=../x', 'like=', 'toString=a', `image=${'A'.repeat(6001)}`]) assert.deepEqual(parseAddress(`?${part}`).parts, [], part);
  assert.deepEqual(parseAddress('?like=a*9*magic*more').parts, [{ ...LIKE, slug: 'a' }]);
  assert.equal(parseAddress(`?${'like=a&'.repeat(50)}`).parts.length, MAX_PARTS);
});

test('parts come and go without touching the state they came from', () => {
  const one = withPart(PLAIN, { kind: 'model', slug: 'flat-cats-2' });
  assert.deepEqual([one.parts, PLAIN.parts], [[LIKE], []]);
  assert.deepEqual(withPart(withPart(one, IMAGE), { kind: 'model', slug: 'flat-cats-2' }).parts, [IMAGE, LIKE]);
  const many = Array.from({ length: 12 }, (_, i) => ({ kind: 'model', slug: `m${i}` })).reduce(withPart, PLAIN);
  assert.deepEqual(many.parts.map(({ slug }) => slug), ['m4', 'm5', 'm6', 'm7', 'm8', 'm9', 'm10', 'm11']);
  const weighted = withWeight(withWeight({ ...one, q: 'cat' }, 0, 0.5), WORDS, -1);
  assert.deepEqual([weighted.weight, weighted.parts[0].weight, one.parts[0].weight], [-1, 0.5, 1]);
  assert.deepEqual(withoutPart(withoutPart(weighted, 0), WORDS), PLAIN);
});

test('a sketch that is drawn on stays one part, with its weight, wherever it stands', () => {
  const address = { ...PLAIN, parts: [SKETCH, LIKE] };
  assert.deepEqual(withSketch(address, SKETCH.feature, 'next-one').parts, [{ ...SKETCH, feature: 'next-one' }, LIKE]);
  assert.deepEqual(withSketch(address, 'gone-now', 'next-one').parts, [SKETCH, LIKE, { ...SKETCH, feature: 'next-one', weight: 1 }]);
  assert.deepEqual(withSketch(address, SKETCH.feature, '').parts, [LIKE]);
  assert.deepEqual(withSketch(address, 'gone-now', ''), address);
});

test('the worker is asked for words and parts, each by its method', () => {
  const address = { ...PLAIN, q: ' cat ', weight: 2, parts: [IMAGE, LIKE], filters: filters({ type: ['GAN'], tag: ['a', 'b'] }) };
  assert.deepEqual(partsOf(address), [{ kind: 'text', text: 'cat', weight: 2, method: 'centred-moment' }, IMAGE, { ...LIKE, method: undefined }]);
  assert.deepEqual(conditionsOf(address), [['type', 'GAN'], ['tag', 'a'], ['tag', 'b']]);
});

test('a condition is one word of a query', () => {
  assert.deepEqual(['cats', 'big  cats', 'the "best"', 'a"b'].map((value) => condition('tag', value)), ['tag:cats', 'tag:"big  cats"', 'tag:"the"', 'tag:a']);
});

test('two addresses ask the same when only the view or the order shown differs', () => {
  const asked = { ...PLAIN, q: 'cat', parts: [IMAGE] };
  assert.equal(questionOf({ ...asked, view: 'map', sort: 'name', model: 'a', seed: 3 }), questionOf(asked));
  for (const change of [{ q: 'dog' }, { weight: 2 }, { method: 'monte-carlo' }, { parts: [] }, { parts: [{ ...IMAGE, weight: 1 }] }, { filters: filters({ tag: ['a'] }) }])
    assert.notEqual(questionOf({ ...asked, ...change }), questionOf(asked), JSON.stringify(change));
});

const FINGERPRINT = '00ff10a0'.repeat(8);

test('a feature goes through its text with a cosine of 0.999, and through it again unchanged', () => {
  const feature = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * i) / 16);
  const text = writeFeature(feature, FINGERPRINT);
  const back = readFeature(text, FINGERPRINT);
  const dot = back.reduce((sum, value, i) => sum + value * feature[i], 0) / Math.hypot(...feature);
  assert.ok(dot > 0.999, `${dot}`);
  assert.ok(Math.abs(Math.hypot(...back) - 1) < 1e-6);
  assert.equal(writeFeature(back, FINGERPRINT), text);
  assert.match(text, /^[\w-]{688}$/);
  assert.deepEqual(parseAddress(`?image=${text}`).parts[0].feature, text);
});

test('the text of a feature is that of any base64url reader', () => {
  assert.equal(writeFeature(Float32Array.of(1, -1, 0.5, 0), FINGERPRINT), Buffer.from([0x00, 0xff, 0x10, 0xa0, 127, 129, 64, 0]).toString('base64url'));
});

test('a picture of another encoder, or a damaged one, is refused', () => {
  const text = writeFeature(Float32Array.of(1, 0, 0), FINGERPRINT);
  assert.throws(() => readFeature(text, '11'.repeat(32)), /another encoder/);
  assert.throws(() => readFeature(text.slice(0, 5), FINGERPRINT), /damaged/);
  assert.throws(() => readFeature(Buffer.from([0, 255, 16, 160, 0, 0]).toString('base64url'), FINGERPRINT), /damaged/);
});

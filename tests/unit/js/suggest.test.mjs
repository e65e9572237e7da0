// What the catalog's own words answer: completions, typing errors, a first order.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { distance, makeSuggest } from '../../../site/app/suggest.js';

const model = (title, ...tags) => ({ title, tags, family: 'DCGAN' });
const MODELS = [model('Birds', 'bird', 'animals'), model('Smiling faces', 'face', 'people'), model('Cats', 'cat', 'animals'), model('Élans', 'elk', 'big animals')];
const suggest = makeSuggest(MODELS);
const titles = (models) => models.map(({ title }) => title);

test('the word that is being typed is completed by tags and titles', () => {
  assert.deepEqual(suggest.complete('big ANI').tags, ['animals', 'big animals']);
  assert.deepEqual(titles(suggest.complete('fac').models), ['Smiling faces']);
  assert.deepEqual(titles(suggest.complete('el').models), ['Élans']);
  for (const nothing of ['', 'a', 'animals ', 'x tag:ani', '-ani', 'zebra']) assert.deepEqual(suggest.complete(nothing), { tags: [], models: [] }, nothing);
});

test('typing errors are mended, what the catalog knows and short words are left alone', () => {
  assert.equal(suggest.correct('Smilling fcae'), 'smiling face');
  assert.equal(suggest.correct('a  big amimals!'), 'a  big animals!');
  for (const right of ['', 'cat', 'cut', 'smil', 'helicopter', 'animals']) assert.equal(suggest.correct(right), '', right);
});

test('before the encoder has loaded the models come first that have the words, or nearly', () => {
  assert.deepEqual(titles(suggest.order('amimals')), ['Birds', 'Cats', 'Élans', 'Smiling faces']);
  assert.deepEqual(titles(suggest.order('cat animals')), ['Cats', 'Birds', 'Élans', 'Smiling faces']);
  assert.deepEqual(titles(suggest.order('elan')), ['Élans', 'Birds', 'Smiling faces', 'Cats']);
  assert.deepEqual(suggest.order('tag:cat -faces'), MODELS);
  assert.deepEqual(suggest.order(''), MODELS);
});

test('examples come from all over the catalog', () => {
  assert.deepEqual(suggest.examples(2), ['bird', 'cat']);
  assert.deepEqual(suggest.examples(9), ['bird', 'face', 'cat', 'elk']);
  assert.deepEqual(makeSuggest([]).examples(4), []);
});

/** By its definition, without a bound: optimal string alignment. */
function plainDistance(a, b) {
  if (!a || !b) return a.length + b.length;
  const [x, y] = [a.slice(0, -1), b.slice(0, -1)];
  const options = [plainDistance(x, b) + 1, plainDistance(a, y) + 1, plainDistance(x, y) + (a.at(-1) === b.at(-1) ? 0 : 1)];
  if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)) options.push(plainDistance(a.slice(0, -2), b.slice(0, -2)) + 1);
  return Math.min(...options);
}

test('the distance of two words is that of its definition, up to the bound', () => {
  const words = ['', 'a', 'ab', 'ba', 'abc', 'acb', 'cab', 'abcab', 'bacba', 'bbbbb', 'cabba'];
  for (const a of words) for (const b of words) for (const most of [0, 1, 2, 9]) assert.equal(Math.min(distance(a, b, most), most + 1), Math.min(plainDistance(a, b), most + 1), `${a} ${b} ${most}`);
});

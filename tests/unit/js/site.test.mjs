// The page's pure functions: sentences, filters, links, ranking around the core, downloads.

import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { downloader } from '../../../site/app/download.js';
import { webAddress } from '../../../site/app/links.js';
import { modelFiles } from '../../../site/app/model-files.js';
import { checkFingerprint, rankParts } from '../../../site/app/ranking.js';
import { formatProbability } from '../../../site/app/results.js';
import { describe, plainText } from '../../../site/app/sentence.js';
import { makeWaits } from '../../../site/app/waits.js';
import { makeFacets, matches } from '../../../site/app/facets.js';
import { fitsOf } from '../../../site/app/fits.js';
import { sorted } from '../../../site/app/sorting.js';

const SITE = new URL('../../../site/', import.meta.url);
globalThis.crypto ??= webcrypto; // Node 18 does not bring it along

/** A module's static imports, and theirs. */
function importsOf(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, next] of readFileSync(new URL(name, SITE), 'utf8').matchAll(/^import .* from '\.\/(.+)';$/gm)) importsOf(`app/${next}`, found);
  return found;
}

test('index.html preloads the modules of the first paint, all and no others', () => {
  const html = readFileSync(new URL('index.html', SITE), 'utf8');
  const preloaded = Array.from(html.matchAll(/rel="modulepreload" href="(.+?)"/g), ([, href]) => href);
  assert.deepEqual(preloaded, [...importsOf('app/main.js')].sort());
});

const say = (state) => plainText(describe({ shown: 12, total: 12, matching: 0, method: 'centred-moment', methods: ['centred-moment'], ...state }));

test('the sentence says what happened', () => {
  assert.equal(say({ phase: 'browse' }), '12 models · type what you want to see');
  assert.equal(say({ phase: 'browse', shown: 1 }), '1 model of 12 · type what you want to see');
  assert.equal(say({ phase: 'opening', loaded: 0, bytes: 0 }), 'Loading the search …');
  assert.equal(say({ phase: 'opening', loaded: 8.6e6, bytes: 20e6 }), 'Loading the search: 43 % of 20 MB');
  assert.equal(say({ phase: 'opening', loaded: 5, bytes: 5 }), 'Starting the search …');
  assert.equal(say({ phase: 'ranked', matching: 1, milliseconds: 4.4 }), '1 model of 12 matches · ranked in your browser in 4 ms by centred moment');
  assert.equal(say({ phase: 'ranked', matching: 3, milliseconds: 0.2 }), '3 models of 12 match · ranked in your browser in under 1 ms by centred moment');
  assert.equal(say({ phase: 'ranked', matching: null, milliseconds: 1, method: '' }), '12 models · ranked in your browser in 1 ms');
  assert.equal(say({ phase: 'browse', shown: 0, filtered: true }), 'No model passes these filters. Clear the filters');
  assert.equal(say({ phase: 'opening', loaded: 1e6, bytes: 4e6, what: 'what ranks them' }), 'Loading what ranks them: 25 % of 4.0 MB');
  assert.match(say({ phase: 'ranked', milliseconds: 1 }), /^No good match · the nearest models come first/);
  assert.equal(say({ phase: 'ranked', total: 0, milliseconds: 1 }), 'No model passes these filters. ');
  assert.equal(say({ phase: 'ranked', total: 0, filtered: true, milliseconds: 1 }), 'No model passes these filters. Clear the filters');
  assert.equal(say({ phase: 'failed', message: 'it broke' }), 'The search failed: it broke. Try again');
  assert.equal(say({ phase: 'failed', message: 'It broke. Reload.' }), 'The search failed: It broke. Reload. Try again');
  assert.throws(() => say({ phase: 'dreaming' }), /dreaming/);
});

/** A promise, and what settles it. */
function gate() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

test('time is that of the network while any download is open', async () => {
  let clock = 0;
  const waits = makeWaits(() => clock);
  const gates = [0, 1].map(() => gate());
  const [first, second] = gates.map(({ promise }) => waits.during(promise));
  clock = 5;
  assert.equal(waits.milliseconds(), 5);
  gates[0].resolve('file');
  assert.equal(await first, 'file');
  clock = 7;
  gates[1].reject(new Error('lost'));
  await assert.rejects(second, /lost/);
  clock = 20;
  assert.equal(waits.milliseconds(), 7);
});

test('a conflict is said, unless nothing matches at all', () => {
  const said = (state) => plainText(describe({ phase: 'ranked', total: 5, milliseconds: 1, method: '', methods: [], ...state }));
  assert.match(said({ matching: 2, conflict: true }), /^No model makes all of this · the best for each part come first/);
  assert.match(said({ matching: null, conflict: true }), /^No model makes all of this/);
  assert.match(said({ matching: 0, conflict: true }), /^No good match/);
  assert.match(said({ matching: 2, conflict: false }), /^2 models of 5 match/);
});

test('a model fits a part as far as it has come from the worst to the best', () => {
  const fits = fitsOf({ scores: [Float64Array.of(1, 3, NaN, 2), Float64Array.of(-5, -5, NaN, -5)] });
  assert.deepEqual([0, 1, 3].map(fits), [[0, 1], [1, 1], [0.5, 1]]);
  assert.equal(fits(2), null);
  assert.equal(fitsOf({ scores: [Float64Array.of(1, 2)] })(0), null, 'one part is told by the probability');
  assert.equal(fitsOf({})(0), null);
});

test('the method is a button that leads to the next one, where there is another', () => {
  const next = (method, methods) => describe({ phase: 'ranked', matching: 1, total: 2, milliseconds: 1, method, methods }).find((part) => part.action)?.value;
  assert.equal(next('centred-moment', ['centred-moment']), undefined);
  const methods = ['centred-moment', 'first-moment', 'monte-carlo'];
  assert.deepEqual(methods.map((method) => next(method, methods)), ['first-moment', 'monte-carlo', 'centred-moment']);
});

const MODELS = [
  { type: 'GAN', tags: ['cats', 'animals', 'emoji'], family: 'StyleGAN2', authors: ['Ann'], license: 'MIT', resolution: '64x64', title: 'b10', created: '2024-01-02' },
  { type: 'GAN', tags: ['dogs', 'animals', 'emoji'], family: 'StyleGAN', authors: ['Ann', 'Bo'], license: 'MIT (weights)', resolution: '', title: 'B9', created: '' },
  { type: 'VAE', tags: ['cars', 'emoji'], family: '', authors: [], license: 'CC0', resolution: '64x64', title: 'a', created: '2025-01-01' },
];

test('in one facet any of the chosen will do, over facets all must', () => {
  const passing = (chosen) => MODELS.map((model) => matches(model, { type: [], tag: [], ...chosen }));
  assert.deepEqual(passing({}), [true, true, true]);
  assert.deepEqual(passing({ type: ['GAN', 'VAE'] }), [true, true, true]);
  assert.deepEqual(passing({ type: ['GAN'], tag: ['cats', 'cars'] }), [true, false, false]);
  assert.deepEqual(passing({ family: ['stylegan'] }), [true, true, false], 'a family contains what is chosen, as in core/filter.h');
  assert.deepEqual(passing({ author: ['bo'], license: ['mit'] }), [false, true, false]);
  assert.deepEqual(passing({ resolution: ['64x64'] }), [true, false, true]);
});

test('a facet counts what a click would show, and offers only tags that divide the catalog', () => {
  const [types, tags] = makeFacets(MODELS)({ type: ['VAE'], tag: ['cats'] });
  assert.deepEqual(types.options, [
    { value: 'GAN', count: 1, chosen: false },
    { value: 'VAE', count: 0, chosen: true },
  ]);
  assert.deepEqual(tags.options, [
    { value: 'animals', count: 0, chosen: false },
    { value: 'cats', count: 0, chosen: true },
  ]);
});

test('licences are offered by their first name, and counted by what they contain', () => {
  const facets = makeFacets(MODELS)({ type: [], tag: [] });
  assert.deepEqual(facets.map(({ name, further }) => [name, further]), [['type', false], ['tag', false], ['author', true], ['license', true], ['resolution', true]]);
  assert.deepEqual(facets.find(({ name }) => name === 'license').options, [{ value: 'MIT', count: 2, chosen: false }]);
});

test('what a model does not say comes last in any order', () => {
  const titles = (sort) => sorted(MODELS, sort).map(({ title }) => title);
  assert.deepEqual(titles('relevance'), ['b10', 'B9', 'a']);
  assert.deepEqual(titles('name'), ['a', 'B9', 'b10']);
  assert.deepEqual(titles('date'), ['a', 'b10', 'B9']);
  assert.deepEqual(titles('family'), ['B9', 'b10', 'a']);
});

test('only absolute http(s) addresses become links', () => {
  assert.equal(webAddress(' https://example.org/a b '), 'https://example.org/a%20b');
  assert.equal(webAddress('http://example.org'), 'http://example.org/');
  for (const bad of ['javascript:alert(1)', 'JAVASCRIPT:alert(1)', '\tjava\nscript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', '//example.org', 'model.onnx', '', null, 7, {}])
    assert.equal(webAddress(bad), null, String(bad));
});

/** A core of the same interface as wasm/core.js for queries of one part, written the obvious way. */
const core = {
  mostCandidates: 2,
  needs: (method) => (method === 'first-moment' ? 'mean' : 'lowrank'),
  candidates: (parts, [cosines], tau, most) => core.rankTop(cosines, most).filter((index) => !Number.isNaN(cosines[index])),
  rank: ([{ method }], [scores], tau) => {
    const logs = scores.map((score) => (method === 'first-moment' ? tau : 1) * score);
    const total = Math.log(logs.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : Math.exp(value)), 0));
    return { logProbabilities: logs.map((value) => value - total), conflict: false };
  },
  rankTop: (scores, k) => {
    const value = (i) => (Number.isNaN(scores[i]) ? -Infinity : scores[i]);
    return Uint32Array.from([...scores.keys()].sort((a, b) => value(b) - value(a) || a - b).slice(0, k));
  },
};

/** Means with these first moments, whatever the query. */
const meansOf = (...cosines) => ({
  count: cosines.length,
  firstMoment: () => Float64Array.from(cosines),
  feature: (index) => Float32Array.of(index),
  scores: (parts, rows) => rows,
  matched: () => ({ matched: [true], found: true }),
});
const all = (means) => new Uint8Array(means.count).fill(1);

test('the first moment’s cosines become probabilities with tau', async () => {
  const means = meansOf(0.1, 0.3, 0.2);
  const { order, probabilities, compared, found } = await rankParts({ core, means, tau: 10 }, [{ method: 'first-moment' }], all(means));
  assert.deepEqual([...order], [1, 2, 0]);
  assert.equal(compared, 3);
  assert.equal(found, true);
  const [a, b, c] = [1, 3, 2].map(Math.exp);
  [a, b, c].forEach((value, i) => assert.ok(Math.abs(probabilities[i] - value / (a + b + c)) < 1e-12));
});

test('a second look reorders the head and leaves the tail as it was', async () => {
  const means = meansOf(0.2, 0.3, 0.1, 0.4); // 3, 1, 0, 2
  const asked = [];
  const read = async (...file) => (asked.push(file), { score: () => (file[0] === 1 ? -4 : -5) });
  const { order, probabilities, scores, compared } = await rankParts({ core, means, tau: 10, read }, [{ method: 'gaussian-lowrank' }], all(means));
  assert.deepEqual(asked, [[3, 'lowrank'], [1, 'lowrank']]);
  assert.deepEqual([...order], [1, 3, 0, 2]);
  assert.deepEqual([...scores[0]], [NaN, -4, NaN, -5]);
  assert.equal(compared, 2);
  assert.ok(Math.abs(probabilities[1] + probabilities[3] - 1) < 1e-12);
  assert.ok(Number.isNaN(probabilities[0]) && Number.isNaN(probabilities[2]));
});

test('what does not pass is no candidate, and neither is a model that is asked with', async () => {
  const means = meansOf(0.2, 0.3, 0.1, 0.4, 0.35);
  const read = async (index) => ({ index, score: ({ feature, model }) => (assert.deepEqual([...feature], [4]), assert.equal(model.index, 4), -index) });
  const parts = [{ method: 'frechet-lowrank', index: 4 }];
  const { order, compared } = await rankParts({ core, means, tau: 10, read }, parts, Uint8Array.of(1, 1, 1, 0, 1));
  assert.deepEqual([...order], [0, 1, 2]); // of 1 and 0, the leading ones, 0 scores higher
  assert.equal(compared, 2);
});

test('a file of another encoder is refused with both fingerprints', () => {
  const bytes = new Uint8Array(64);
  bytes.fill(0xab, 48);
  checkFingerprint(bytes, 'means.bin', 'ab'.repeat(32));
  assert.throws(() => checkFingerprint(bytes, 'means.bin', 'cd'.repeat(32)), /means\.bin was made with encoder abababab, the catalog with cdcdcdcd/);
});

test('of the models\' files those last read are kept, 256 of them, and the others freed', async () => {
  const slug = Array.from({ length: 300 }, (_, i) => `m${i}`);
  const fetched = [], freed = [];
  const fake = { model: (_, needs) => ({ needs, number: fetched.length - 1, free() { freed.push(this.number); } }) };
  const download = async (path) => {
    fetched.push(path);
    return new Uint8Array(64);
  };
  const { read, trim } = modelFiles(fake, download, { slug, second: slug.map(() => 'h') }, '0'.repeat(32));
  for (let i = 0; i < 300; i++) await read(i, 'lowrank');
  assert.equal((await read(0, 'lowrank')).number, 0);
  assert.deepEqual([fetched.length, freed], [300, []]); // all that one query reads stay until its end
  trim();
  await Promise.resolve();
  assert.deepEqual(freed, Array.from({ length: 44 }, (_, i) => i + 1));
  await read(0, 'lowrank');
  await read(44, 'lowrank');
  assert.deepEqual(fetched.slice(300), ['second/m44-h.bin']);
  await assert.rejects(read(0, 'gaussian'), /without what this method needs \(gaussian\/\)/);
});

test('a probability never shows as nothing', () => {
  assert.deepEqual([1, 0.914, 0.005, 0.0049, 0].map(formatProbability), ['1.00', '0.91', '0.01', '<0.01', '<0.01']);
});

test('a download is checked by its size and its SHA-256, and counted on the way', async (t) => {
  const body = Buffer.from('the very file');
  const server = createServer((request, response) => (request.url === '/a.bin' ? response.end(body) : response.writeHead(404).end()));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const base = new URL(`http://127.0.0.1:${server.address().port}/`);
  const sha256 = createHash('sha256').update(body).digest('hex');
  const fetchWith = (entry, onProgress) => downloader(base, { 'a.bin': entry, 'b.bin': entry }, onProgress);

  const seen = [];
  const bytes = await fetchWith({ size: body.length, sha256 }, (...numbers) => seen.push(numbers))('a.bin');
  assert.deepEqual(Buffer.from(bytes), body);
  assert.deepEqual(seen.at(-1), [body.length, body.length]);
  await assert.rejects(fetchWith({ size: body.length, sha256: 'f'.repeat(64) })('a.bin'), /SHA-256 differs/);
  await assert.rejects(fetchWith({ size: body.length + 1, sha256 })('a.bin'), /cut off after 13 of 14 bytes/);
  await assert.rejects(fetchWith({ size: body.length - 1, sha256 })('a.bin'), /longer than manifest/);
  await assert.rejects(fetchWith({ size: body.length, sha256 })('b.bin'), /b\.bin could not be loaded \(404\)/);
  await assert.rejects(fetchWith({ size: body.length, sha256 })('c.bin'), /not in manifest\.json/);
});

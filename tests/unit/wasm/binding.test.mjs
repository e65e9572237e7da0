// wasm/core.js over the built dist/: what core's own tests cannot see, the way through JavaScript. The truth is that of
// tests/golden/*_golden.h, read from there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const dist = process.env.GS_WASM_DIST;
const { loadCore } = await import(pathToFileURL(join(dist, 'core.js')).href);
const core = await loadCore(readFileSync(join(dist, 'gensearch.wasm')));

/** The numbers of an array in a golden header. */
function golden(file, name) {
  const text = readFileSync(new URL(`../../golden/${file}`, import.meta.url), 'utf8');
  const found = text.match(new RegExp(`\\b${name}\\[\\] = \\{([^;]*)\\};`));
  return found[1].match(/-?[\d.]+(?:e[+-]?\d+)?/g).map(Number);
}

/** random_floats() of core_test.h. */
function randomFloats(state, n) {
  return Float32Array.from({ length: n }, () => {
    state.value = (Math.imul(state.value, 1664525) + 1013904223) >>> 0;
    return ((state.value >>> 8) - 2 ** 23) / 2 ** 26;
  });
}

function header(magic, element, rows, dim, rest = 0) {
  const view = new DataView(new ArrayBuffer(64));
  new Uint8Array(view.buffer).set(new TextEncoder().encode(magic));
  view.setUint32(8, 1, true);
  view.setUint32(12, element, true);
  view.setUint32(16, rows, true);
  view.setUint32(24, dim, true);
  view.setFloat32(32, rest, true);
  return new Uint8Array(view.buffer);
}

/** One file of several arrays. */
function joinBytes(...arrays) {
  return new Uint8Array(Buffer.concat(arrays.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength))));
}

test('a catalog is ranked as the native core ranks it', () => {
  const [count, dim] = [600, 70];
  const state = { value: 8 };
  const table = randomFloats(state, count * dim);
  for (let i = 0; i < count / 2; i += 10) table.copyWithin((count / 2 + i) * dim, i * dim, (i + 1) * dim);
  const query = randomFloats(state, dim);
  const means = core.means(joinBytes(header('GSMEANS', 0, count, dim), table));
  assert.deepEqual([means.count, means.dim], [count, dim]);
  const order = golden('scores_golden.h', 'golden_catalog_order');
  assert.deepEqual([...core.rankTop(means.firstMoment(query), count)], order);
  assert.deepEqual([...core.rankTop(means.firstMoment(query), 10)], order.slice(0, 10));
});

test('texts are tokenized as CLIPTokenizer does', () => {
  const tokenizer = core.tokenizer(new Uint8Array(Uint32Array.from(golden('tokenizer_golden.h', 'tokenizer_bin')).buffer));
  const texts = Uint8Array.from(golden('tokenizer_golden.h', 'texts'));
  const tokens = golden('tokenizer_golden.h', 'tokens');
  const cases = golden('tokenizer_golden.h', 'cases');
  for (let i = 0; i < cases.length; i += 4) {
    const [text, length, token, count] = cases.slice(i, i + 4);
    const string = Buffer.from(texts.subarray(text, text + length)).toString(); // ill-formed bytes to U+FFFD, as anywhere
    assert.deepEqual([...tokenizer.encode(string)], tokens.slice(token, token + count), string);
  }
  assert.throws(() => tokenizer.encode('x'.repeat(9 << 20)), /too long/);
});

test('the low-rank density equals SciPy', () => {
  const [models, samples, dim] = [9, 150, 19];
  const state = { value: 7 };
  randomFloats(state, models * dim + models * samples * dim);
  const query = randomFloats(state, dim).map((v) => v * 2);
  const text = readFileSync(new URL('../../golden/scores_golden.h', import.meta.url), 'utf8');
  const number = (name) => Number(text.match(new RegExp(`\\b${name} = ([-\\d.e]+);`))[1]);
  const bytes = joinBytes(
    header('GSLOWRK', 0, 5, dim, number('lowrank_rest')),
    Float32Array.from(golden('scores_golden.h', 'golden_mean')),
    Float32Array.from(golden('scores_golden.h', 'lowrank_values')),
    Float32Array.from(golden('scores_golden.h', 'lowrank_vectors')),
  );
  const model = core.model(bytes, 'lowrank');
  assert.equal(model.dim, dim);
  const score = model.score({ method: 'gaussian-lowrank', feature: query }, 100);
  assert.ok(Math.abs(score / number('golden_lowrank') - 1) < 1e-5, `${score}`);
  assert.ok(Math.abs(model.score({ method: 'frechet-lowrank', model }, 100)) < 1e-6); // from itself
  const vectors = golden('scores_golden.h', 'lowrank_vectors');
  const made = core.lowrank({
    mean: Float32Array.from(golden('scores_golden.h', 'golden_mean')),
    values: golden('scores_golden.h', 'lowrank_values'),
    vectors: Array.from({ length: 5 }, (_, r) => Float32Array.from(vectors.slice(r * dim, (r + 1) * dim))),
    rest: number('lowrank_rest'),
  });
  assert.equal(made.score({ method: 'gaussian-lowrank', feature: query }, 100), score);
  assert.ok(Math.abs(made.score({ method: 'frechet-lowrank', model }, 100)) < 1e-6);
  const point = core.lowrank({ mean: new Float32Array(dim), values: [], vectors: [], rest: 0.001 });
  assert.ok(Number.isFinite(point.score({ method: 'frechet-lowrank', model }, 100)));
  assert.throws(() => core.lowrank({ mean: new Float32Array(2), values: [1], vectors: [[1]], rest: 0 }), /as long as the mean/);
  assert.throws(() => model.score({ method: 'frechet-lowrank' }, 100), /frechet-lowrank needs/);
  assert.throws(() => model.score({ method: 'gaussian-lowrank' }, 100), /gaussian-lowrank needs/);
  assert.throws(() => model.score({ method: 'gaussian-density', feature: query }, 100), /gaussian-density needs/);
  assert.throws(() => core.model(bytes, 'mean'), /no file of a model/);
});

test('a freed model gives its memory back and is refused', () => {
  const count = 1 << 20, dim = 4;
  const bytes = joinBytes(header('GSFEATS', 0, count, dim), new Float32Array(count * dim).fill(0.5));
  const ask = { method: 'monte-carlo', feature: new Float32Array(dim) };
  for (let i = 0; i < 300; i++) core.model(bytes, 'features').free(); // 5 GB, more than WebAssembly has
  const model = core.model(bytes, 'features');
  model.free();
  model.free();
  assert.throws(() => model.score(ask, 1), /a model that was freed/);
});

test('a Gaussian and kept features are scored as the formulas say', () => {
  const gaussian = header('GSGAUSS', 0, 2, 2);
  new DataView(gaussian.buffer).setFloat64(40, 2 * Math.log(2), true);
  const file = joinBytes(gaussian, Float32Array.of(0.5, 0), Float32Array.of(2, 1, 1)); // factor [[2, 0], [1, 1]]
  const feature = Float32Array.of(0.5, 1); // less the mean [0, 1], and [0, 1] solved by the factor
  const density = core.model(file, 'gaussian').score({ method: 'gaussian-density', feature }, 100);
  assert.ok(Math.abs(density + 0.5 * (1 + 2 * Math.log(2) + 2 * Math.log(2 * Math.PI))) < 1e-12);
  const kept = core.model(joinBytes(header('GSFEATS', 0, 2, 2), Float32Array.of(1, 0, 0, 1)), 'features');
  const expected = Math.log((Math.exp(1) + Math.exp(2)) / 2);
  assert.ok(Math.abs(kept.score({ method: 'monte-carlo', feature }, 2) - expected) < 1e-12);
  assert.deepEqual(['first-moment', 'centred-moment', 'first-second-moment', 'frechet-lowrank', 'monte-carlo'].map((name) => core.needs(name)), ['mean', 'mean', 'gaussian', 'lowrank', 'features']);
});

test('a background takes a model’s general advantage off, and tells what no model makes', () => {
  const vectors = Float32Array.of(1, 0, 0.8, 0.6, 0, 1);
  const background = { means: [0.5, 0.1, 0.2], cutoff: 0.45 };
  const means = core.means(joinBytes(header('GSMEANS', 0, 3, 2), vectors), { text: background, image: { means: [0, 0, 0] } });
  const parts = [{ kind: 'text', method: 'centred-moment' }, { kind: 'text', method: 'first-moment' }, { kind: 'sketch', method: 'centred-moment' }];
  const cosines = parts.map(() => means.firstMoment(Float32Array.of(1, 0)));
  const near = (row, expected) => expected.forEach((value, i) => assert.ok(Math.abs(row[i] - value) < 1e-6, `${row}`));
  means.scores(parts, cosines).forEach((row, p) => near(row, p === 0 ? [0.75, 0.75, -0.1] : [1, 0.8, 0]));
  near(means.feature(1), [0.8, 0.6]);
  const lead = (from) => means.matched([{ kind: 'text', method: 'first-moment' }], [cosines[0]], [cosines[0]], Float64Array.from(from));
  assert.deepEqual(lead([0, 0, 0]), { matched: [false], found: false, makes: Uint8Array.of(0, 0, 0) }); // 0.7 is 0.2 above the median, 0.5
  background.cutoff = 0.15;
  const lower = core.means(joinBytes(header('GSMEANS', 0, 3, 2), vectors), { text: background });
  assert.deepEqual(lower.matched(parts.slice(0, 1), [cosines[0]], [cosines[0]], Float64Array.of(0, 0, 0)), { matched: [true], found: true, makes: Uint8Array.of(0, 1, 0) });
  assert.deepEqual(lower.matched(parts.slice(0, 1), [cosines[0]], [cosines[0]], Float64Array.of(0, NaN, 0)), { matched: [false], found: false, makes: Uint8Array.of(0, 0, 0) });
  assert.equal(lower.matched(parts.slice(2), [cosines[2]], [cosines[2]], Float64Array.of(0, 0, 0)).makes, null); // of a sketch nothing is known
  const dense = core.means(joinBytes(header('GSMEANS', 0, 3, 2), vectors), { image: { means: [0, 0, 0], cutoff: -9, density_cutoff: 7, lowrank_cutoff: 9 } });
  const picture = (method, scores) => dense.matched([{ kind: 'image', method }], [cosines[0]], [Float64Array.from(scores)], Float64Array.of(0, 0, NaN)).found;
  assert.deepEqual([picture('gaussian-density', [6, 7, 0]), picture('gaussian-density', [6, 6, 8]), picture('gaussian-lowrank', [8, 8, 0]), picture('gaussian-lowrank', [9, 8, 0])], [true, false, false, true]);
  assert.throws(() => core.means(joinBytes(header('GSMEANS', 0, 3, 2), vectors), { text: { means: [1] } }), /background of 1 models, expected 3/);
});

test('conditions among words and beside them narrow a catalog', () => {
  const fields = core.fields({ title: ['Old cats', 'Dogs', 'Cats\0'], author: [['Ada', 'Bo'], [], undefined], tag: [['cat'], ['dog'], ['cat', 'new']], type: ['GAN', 'VAE', 'GAN'], family: ['', 'F', ''], license: ['MIT', '', ''] });
  const apply = (texts, conditions) => {
    const { words, passes } = core.filter(fields, texts, conditions);
    return [words, [...passes]];
  };
  assert.deepEqual(apply(['cat  in a hat'], []), [['cat in a hat'], [1, 1, 1]]);
  assert.deepEqual(apply(['a tag:CAT', '-old b'], []), [['a', 'b'], [0, 0, 1]]);
  assert.deepEqual(apply([], [['type', 'GAN'], ['author', 'bo']]), [[], [1, 0, 0]]);
  assert.deepEqual(apply(['title:cats', 'title:dogs'], []), [['', ''], [1, 1, 1]]); // alternatives, as of one text
  assert.throws(() => core.filter(fields, [], [['colour', 'red']]), /there is no 'colour': choose one of title, author/);
});

/** random_bytes() of core_test.h. */
function randomBytes(state, n) {
  return Uint8Array.from({ length: n }, () => {
    state.value = (Math.imul(state.value, 1664525) + 1013904223) >>> 0;
    return state.value >>> 24;
  });
}

/** checksum() of core_test.h. */
function checksum({ buffer, byteOffset, byteLength }) {
  let value = 0xcbf29ce484222325n;
  for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return value;
}

test('pictures are prepared as CLIPImageProcessor does, to the bit', () => {
  const text = readFileSync(new URL('../../golden/preprocess_golden.h', import.meta.url), 'utf8');
  const [, body] = text.match(/golden_prepared\[\] = \{([^;]*)\};/);
  const cases = Array.from(body.matchAll(/\{(.*)\}/g), ([, fields]) => fields.split(', ').map(BigInt));
  assert.ok(cases.length > 10);
  const state = { value: 12 };
  for (const [expected, ...numbers] of cases.map((fields) => [fields.at(-1), ...fields.slice(0, -1).map(Number)])) {
    const [width, height, edge, resizeWidth, resizeHeight, cropWidth, cropHeight, rescale, normalise, resample, outWidth, outHeight] = numbers;
    const rgb = randomBytes(state, width * height * 3);
    const settings = { resample };
    if (edge) settings.resize = { shortest_edge: edge };
    else if (resizeWidth) settings.resize = { width: resizeWidth, height: resizeHeight };
    if (cropWidth) settings.crop = { width: cropWidth, height: cropHeight };
    if (rescale) settings.rescale = 1 / 255;
    if (normalise) Object.assign(settings, { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] });
    const prepared = core.preprocess(settings).run({ width, height, rgb });
    assert.deepEqual([prepared.width, prepared.height], [outWidth, outHeight]);
    assert.equal(checksum(prepared.pixels), expected, `${width} x ${height}`);
  }
});

test('pictures that cannot be prepared are refused', () => {
  const prepare = core.preprocess({ resize: { shortest_edge: 8 }, resample: 3, crop: { width: 8, height: 8 } });
  assert.throws(() => prepare.run({ width: 2, height: 2, rgb: new Uint8Array(16) }), /16 bytes .* 2 x 2/);
  assert.throws(() => prepare.run({ width: 0, height: 2, rgb: new Uint8Array(0) }), /picture of 0 x 2/);
  assert.throws(() => core.preprocess({ resize: { shortest_edge: 8 }, resample: 9 }).run({ width: 1, height: 1, rgb: new Uint8Array(3) }), /picture of 1 x 1 in this way/);
});

test('parts are ranked as SciPy says, in conflict or not', () => {
  const weights = golden('query_golden.h', 'query_weights');
  const parts = ['gaussian-density', 'first-moment', 'monte-carlo'].map((method, p) => ({ method, weight: weights[p] }));
  for (const [name, expected] of [['agreeing', false], ['conflicting', true]]) {
    const scores = golden('query_golden.h', `${name}_scores`);
    const ranked = golden('query_golden.h', `${name}_ranked`);
    const rows = parts.map((_, p) => Float64Array.from(scores.slice(p * ranked.length, (p + 1) * ranked.length)));
    const { logProbabilities, conflict } = core.rank(parts, rows, 100);
    assert.equal(conflict, expected);
    ranked.forEach((value, i) => assert.ok(Math.abs(logProbabilities[i] - value) < 1e-9, `${logProbabilities[i]} ${value}`));
    rows[2][1] = NaN; // not scored by one part, not ranked by any
    const rest = core.rank(parts, rows, 100).logProbabilities;
    assert.ok(Number.isNaN(rest[1]));
    assert.ok(Math.abs(rest.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : Math.exp(value)), 0) - 1) < 1e-12);
  }
});

test('candidates lead by the weighted sum of the parts’ cosines', () => {
  const parts = [{ method: 'gaussian-lowrank' }, { method: 'first-moment', weight: -2 }];
  const cosines = [Float64Array.of(0.5, 0.9, NaN, 0.4), Float64Array.of(0.1, 0.4, 0, 0)];
  assert.deepEqual([...core.candidates(parts, cosines, 100, 4)], [3, 0, 1]); // 0.5 - 0.2, 0.9 - 0.8, left out, 0.4
  assert.deepEqual([...core.candidates(parts, cosines, 100, 1)], [3]);
  assert.equal(cosines[0][0], 0.5); // what was given is left alone
});

test('what cannot be ranked is refused in words', () => {
  const scores = [Float64Array.of(1, 2)];
  assert.throws(() => core.rank([{ method: 'guess' }], scores, 100), /there is no 'guess': choose one of first-moment, /);
  assert.throws(() => core.rank([{ method: 'monte-carlo', weight: 0 }], scores, 100), /part 1 has the weight 0/);
  assert.throws(() => core.rank([], scores, 100), /a row of scores for each part/);
  assert.throws(() => core.candidates([{ method: 'monte-carlo' }, { method: 'monte-carlo' }], [scores[0], new Float64Array(3)], 100, 1), /of one length/);
  assert.throws(() => core.defaultMethod('sound'), /no kind of query 'sound'/);
  assert.equal(core.defaultMethod('text'), 'centred-moment');
});

test('faults of files and arguments are errors that say what is wrong', () => {
  const good = joinBytes(header('GSMEANS', 1, 2, 4), new Uint16Array(8));
  assert.throws(() => core.means(good.subarray(0, 70)), /means\.bin: 70 bytes, expected 80/);
  assert.throws(() => core.means(new Uint8Array(0)), /too short/);
  assert.throws(() => core.tokenizer(good), /tokenizer\.bin/);
  assert.throws(() => core.model(good, 'lowrank'), /GSLOWRK/);
  assert.throws(() => core.means(good).firstMoment(new Float32Array(3)), /dimension 3, expected 4/);
  assert.throws(() => core.means(good).firstMoment(new Float32Array(4).fill(NaN)), /number 0 of the query's feature is nan/);
  const endless = joinBytes(header('GSMEANS', 1, 2, 4), new Uint16Array(8).fill(0x7c00));
  assert.throws(() => core.means(endless), /means\.bin: row 0 of 2 holds a number that is not finite/);
});

test('empty catalogs and rankings are no fault', () => {
  assert.equal(core.means(header('GSMEANS', 1, 0, 4)).firstMoment(new Float32Array(4)).length, 0);
  assert.equal(core.rankTop([], 10).length, 0);
  assert.equal(core.rankTop([1, 2], 0).length, 0);
  assert.deepEqual([...core.rankTop([1, NaN, 2], 10)], [2, 0, 1]);
});

test('files larger than the memory at the start fit', () => {
  const file = joinBytes(header('GSMEANS', 0, 4000, 512), new Float32Array(4000 * 512).fill(1));
  for (let round = 0; round < 5; round++) {
    const scores = core.means(file).firstMoment(new Float32Array(512).fill(1));
    assert.ok(Math.abs(scores[3999] - Math.sqrt(512)) < 1e-9);
  }
});
